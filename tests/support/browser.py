"""Debian's Chromium, driven by Playwright, that talks to nothing but this machine."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns,Translate,MediaRouter",
    "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip


@contextmanager
def chromium() -> Iterator[object]:
    """Yield a Playwright browser; the test is skipped, and says so, where Chromium is absent."""
    with chromiums() as launch:
        yield launch()


@contextmanager
def chromiums() -> Iterator[Callable[..., Any]]:
    """Yield a function that launches a browser each time; all end with the block.

    `wrap` makes of the program's path that of one that runs it somewhere else, in a network of its own for example.
    """
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium absent (Debian package chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, ExitStack() as opened:

        def launch(*, wrap: Callable[[str], str] = str, arguments: Sequence[str] = ()) -> Any:
            browser = playwright.chromium.launch(executable_path=wrap(path), args=[*ARGUMENTS, *arguments])
            opened.callback(browser.close)
            return browser

        yield launch
