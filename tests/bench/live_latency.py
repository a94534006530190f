"""How late the picture is on four screens: the node, and stock aiortc's MediaRelay, on the same source."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from tests.bench.live_content import Source, source
from tests.bench.live_cost import BITRATE_BPS
from tests.bench.live_peers import media_relay
from tests.bench.live_screen import Screen, View, view, watch
from tests.bench.table import Promise, Table
from tests.support.browser import chromium
from tests.support.live import LiveService

VIEWER_COUNT = 4
SETTLE_S = 8.0
WINDOW_S = 15.0
COLUMNS = ("what", "screen", "fps", "p50 ms", "p95 ms", "longest gap s", "width px")


def row_of(what: str, screen: str, seen: View) -> tuple[object, ...]:
    return (what, screen, seen.fps, seen.p50_ms, seen.p95_ms, seen.freeze_s_max, seen.width_px)


def latency() -> Table:
    """Measure both."""
    table = Table(title=f"{VIEWER_COUNT} Chromium viewers (software rendering), a real clip in 720p30", columns=COLUMNS)
    with LiveService(live_keys=f"bitrate_bps_max = {BITRATE_BPS}") as live, source(live.run_dir) as playing:
        edge = list(_measure(table, "edge", live.url, playing, None))
        with media_relay(live.run_dir / "ring-probe", bitrate_bps=BITRATE_BPS) as (url, _):
            relay = list(_measure(table, "MediaRelay", url, playing, "video/H264"))
    p50_ms = statistics.median(seen.p50_ms for seen in edge)
    table.promises = [
        Promise(name="capture to screen p50, ms", measured=p50_ms, limit=60.0),
        Promise(name="capture to screen p95, worst screen, ms", measured=max(s.p95_ms for s in edge), limit=100.0),
        Promise(name="slowest screen, fps", measured=min(s.fps for s in edge), limit=29.0, is_upper=False),
        Promise(name="p50, part of MediaRelay's", measured=p50_ms / statistics.median(s.p50_ms for s in relay),
                limit=0.5),
    ]  # fmt: skip
    return table


def _measure(table: Table, what: str, url: str, playing: Source, only: str | None) -> Iterator[View]:
    with chromium() as browser:
        screens = [watch(browser, url, f"v{number}", only=only) for number in range(VIEWER_COUNT)]
        time.sleep(SETTLE_S)
        yield from look(table, what, screens, playing, WINDOW_S)


def look(table: Table, what: str, screens: list[Screen], playing: Source, window_s: float) -> list[View]:
    """Watch all screens for a while and note each."""
    begin_s = time.time()
    time.sleep(window_s)
    end_s = time.time()
    found = [view(screen.shown(), playing, begin_s=begin_s, end_s=end_s) for screen in screens]
    for number, seen in enumerate(found, 1):
        table.rows.append(row_of(what, str(number), seen))
    return found
