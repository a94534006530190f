"""The slide viewer in Chromium: the first tile of a scan that is not converted, and the next field of view.

Times are what the page sees: from the click, or the key, to the picture after the one in which the tiles were drawn.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

from tests.bench.measure import alone, load_note
from tests.bench.mosaic import mosaic
from tests.bench.table import Promise, Table
from tests.support.browser import chromium
from tests.support.slide_node import NAME, PASSWORD, SlideNode

SIDE_PX = 40960
OPEN_COUNT = 8
PAN_COUNT = 40
FIRST_TILE_MS_MAX = 300.0
NEXT_VIEW_MS_MAX = 150.0
WAIT_MS = 20_000
SIZE = {"width": 1280, "height": 800}

HOVER_MS = 150
"""Between coming to a card and the click; people take longer."""
_LISTEN = """() => {
  performance.clearMarks();
  addEventListener('click', event => { window.clickedAt = event.timeStamp; }, { capture: true, once: true });
}"""
_MARK = "name => performance.getEntriesByName(name).length > 0"
_AT = "name => performance.getEntriesByName(name).at(-1).startTime"
_PAN = """key => new Promise(resolve => {
  performance.clearMarks('stage.whole');
  const begun = performance.now();
  dispatchEvent(new KeyboardEvent('keydown', { key, shiftKey: true, bubbles: true }));
  const look = () => {
    const mark = performance.getEntriesByName('stage.whole').at(-1);
    if (mark) resolve(mark.startTime - begun);
    else if (performance.now() - begun > 10000) resolve(10000);
    else setTimeout(look, 2);
  };
  look();
})"""


def run() -> Table:
    """Measure with the slide known from its scan only, then again with its files."""
    table = Table(title=f"Viewer, {SIDE_PX} x {SIDE_PX} px", columns=("what", "p50 ms", "p95 ms", "n"))
    with SlideNode(mosaic(SIDE_PX)) as node, alone(), chromium() as browser:
        table.notes.append(load_note())
        begun_s = time.perf_counter()
        node.announce()
        table.notes.append(
            f"known {time.perf_counter() - begun_s:.2f} s after it was seen, its reader's start included"
        )
        page = _signed_in(browser, node.url)
        before = _measure(table, page, node.url, "from the scan")
        node.convert()
        after = _measure(table, page, node.url, "from its files")
    first, views = before[0], before[1] + after[1]
    table.promises = [
        Promise(name="first tile of an unconverted scan, p95 ms", measured=p95(first), limit=FIRST_TILE_MS_MAX),
        Promise(name="next field of view, p95 ms", measured=p95(views), limit=NEXT_VIEW_MS_MAX),
    ]
    return table


def p95(values: list[float]) -> float:
    """Return the value that nineteen of twenty stay below."""
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]


def _measure(table: Table, page: Any, url: str, where: str) -> tuple[list[float], list[float]]:
    first, whole = [], []
    for _ in range(OPEN_COUNT):
        page.goto(f"{url}/slides")
        page.wait_for_selector(".slide-card")
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(400)
        page.evaluate(_LISTEN)
        page.hover(".slide-card")
        page.wait_for_timeout(HOVER_MS)
        page.mouse.down()
        page.mouse.up()
        page.wait_for_function(_MARK, arg="stage.whole", timeout=WAIT_MS)
        begun = page.evaluate("() => window.clickedAt")
        first.append(page.evaluate(_AT, "stage.first-tile") - begun)
        whole.append(page.evaluate(_AT, "stage.whole") - begun)
    page.wait_for_timeout(300)
    page.keyboard.press("4")
    page.wait_for_timeout(1500)
    views = [
        page.evaluate(_PAN, key) for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowDown") * (PAN_COUNT // 4)
    ]
    for name, times in (("first tile", first), ("whole first view", whole), ("next field of view", views)):
        table.rows.append((f"{name}, {where}", statistics.median(times), p95(times), len(times)))
    return first, views


def _signed_in(browser: Any, url: str) -> Any:
    page = browser.new_page(viewport=SIZE)
    page.goto(f"{url}/sign-in")
    page.wait_for_selector("input[type=password]")
    page.fill("input[name=name], input[autocomplete=username]", NAME)
    page.fill("input[type=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: not address.endswith("/sign-in"), timeout=WAIT_MS)
    return page
