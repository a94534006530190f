"""The built pages in a real browser, under the headers of the node: nothing they do is forbidden to them."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.api import pages
from tests.support.api import PASSWORD, ApiNode
from tests.support.browser import chromium

PATHS = ("/", "/studies", "/slides", "/sync", "/admin", "/live/none", "/sign-in")


class Served:
    """An api in a thread of its own, for a browser that blocks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.url = ""

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        async with ApiNode(self._folder) as node:
            await node.neighbours.start("capture", "record", "live")
            node.follow()
            await node.add_person("admin", "admin")
            self.url = node.url
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> "Served":
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    if pages.find_folder() is None:
        pytest.skip("pages absent: run make setup")
    with Served(tmp_path) as served:
        yield served


def test_a_person_signs_in_and_every_page_obeys_its_own_policy(served: Served) -> None:
    complaints: list[str] = []
    with chromium() as browser:
        page: Any = browser.new_page()  # type: ignore[attr-defined]
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(served.url + "/sign-in")
        page.wait_for_selector("input[type=password]")
        page.fill("input[name=name], input[autocomplete=username]", "admin")
        page.fill("input[type=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: not url.endswith("/sign-in"), timeout=15_000)
        for path in PATHS:
            page.goto(served.url + path)
            page.wait_for_selector("main, h1, [role=main]", timeout=15_000)
            page.wait_for_timeout(500)
    forbidden = [text for text in complaints if "Content Security Policy" in text or "Permissions" in text]
    assert forbidden == []
    # The session 'none' is not there: its 404 is the only complaint allowed, besides who is not signed in at first.
    assert [text for text in complaints if "401" not in text and "404" not in text] == []
