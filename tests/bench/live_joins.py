"""Joining: how soon the first picture is there; and what two hundred joins and leaves leave behind."""

from __future__ import annotations

import statistics
import time
from typing import Any

import psutil

from edge.core.turn import relay_password
from tests.bench.live_content import source
from tests.bench.live_screen import watch
from tests.bench.table import Promise, Table
from tests.support.browser import chromium
from tests.support.coturn import SECRET, coturn
from tests.support.live import LiveService

JOIN_COUNT = 30
RELAY_COUNT = 20
FIRST_MS_MAX = 200.0
RELAY_MS_MAX = 800.0
CHURN_COUNT = 200
WARM_COUNT = 20
GROWTH_MIB_MAX = 20.0
LEFT_S_MAX = 20.0
_LEAVE = "call.pc.close()"


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def joins() -> Table:
    """From the offer to the first picture on the screen, on this machine; and through a relay, gathering included."""
    table = Table(title="Join to first picture, Chromium, 720p30", columns=("what", "p50 ms", "p95 ms", "n"))
    with LiveService() as live, source(live.run_dir), chromium() as browser:
        near_ms = _join_often(browser, live, {}, JOIN_COUNT)
        with coturn() as relay:
            username = f"{int(time.time()) + 3600}:bench"
            server = {"urls": relay.url, "username": username, "credential": relay_password(SECRET, username)}
            far_ms = _join_often(browser, live, {"iceServers": [server], "iceTransportPolicy": "relay"}, RELAY_COUNT)
    for what, took_ms in (("offer to first picture", near_ms), ("through coturn, from the click", far_ms)):
        table.rows.append((what, statistics.median(took_ms), p95(took_ms), len(took_ms)))
    table.promises = [
        Promise(name="join to first picture p95, ms", measured=p95(near_ms), limit=FIRST_MS_MAX),
        Promise(name="through coturn p95, ms", measured=p95(far_ms), limit=RELAY_MS_MAX),
    ]
    return table


def _join_often(browser: Any, live: LiveService, ice: dict[str, Any], count: int) -> list[float]:
    took_ms = []
    for number in range(count):
        screen = watch(browser, live.url, f"j{len(ice)}-{number}", ice=ice)
        took_ms.append(float(screen.whole_ms if ice else screen.joined_ms))
        screen.page.evaluate(_LEAVE)
        screen.page.context.close()
    return took_ms


def churn() -> Table:
    """Two hundred joins and leaves of a browser with sound and both channels."""
    table = Table(title="Joins and leaves", columns=("after", "files", "threads", "MiB"))
    with LiveService() as live, source(live.run_dir), chromium() as browser:
        page = browser.new_context().new_page()
        for number in range(WARM_COUNT):
            _visit(page, live, number)
        before = _note(table, live.process, WARM_COUNT)
        for number in range(WARM_COUNT, WARM_COUNT + CHURN_COUNT):
            _visit(page, live, number)
        after = _note(table, live.process, WARM_COUNT + CHURN_COUNT)
    table.promises = [
        Promise(name="more open files", measured=after[0] - before[0], limit=0.0),
        Promise(name="more memory, MiB", measured=after[1] - before[1], limit=GROWTH_MIB_MAX),
    ]
    return table


def _visit(page: Any, live: LiveService, number: int) -> None:
    page.goto(live.url)
    options = {"peer": f"p{number}", "role": "specialist", "reads": False, "microphone": False}
    page.evaluate("options => join(options)", options)
    page.evaluate(_LEAVE)
    live.wait_until(lambda: len(live.seen("peer.left")) > number, "left", timeout_s=LEFT_S_MAX)


def _note(table: Table, process: psutil.Process, count: int) -> tuple[int, float]:
    time.sleep(1.0)
    files, mib = process.num_fds(), process.memory_info().rss / 2**20
    table.rows.append((f"{count} joins", files, process.num_threads(), mib))
    return files, mib
