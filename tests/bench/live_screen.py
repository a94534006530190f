"""Browsers that watch: what stood on the screen when, read from the barcode in the picture itself."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.live_content import WIDTH_PX, Source

CLOCK_TRIES = 15
FREEZE_S = 1.0

_WATCH = """sourceWidth => {
  const video = document.getElementById("picture");
  window.seen = [];
  const luma = new Uint8Array(1 << 16);
  const read = (frame, rect, layout) => {
    let index = 0;
    const scale = frame.codedWidth / sourceWidth, block = 32 * scale, { offset, stride } = layout[0];
    for (let bit = 0; bit < 16; bit++) {
      const x = Math.floor((bit % 8 + 0.5) * block), y = Math.floor(((bit >> 3) + 0.5) * block);
      if (luma[offset + y * stride + x] > 127) index |= 1 << bit;
    }
    return index;
  };
  const step = async (now, shown) => {
    const row = { at: performance.now(), due: shown.expectedDisplayTime, width: shown.width, index: -1,
                  count: shown.presentedFrames };
    window.seen.push(row);
    video.requestVideoFrameCallback(step);
    // The luma of the barcode alone: reading the whole picture back would cost more than showing it.
    const frame = new VideoFrame(video);
    try {
      const scale = frame.codedWidth / sourceWidth;
      const rect = { x: 0, y: 0, width: Math.ceil(128 * scale) * 2, height: Math.ceil(32 * scale) * 2 };
      row.index = read(frame, rect, await frame.copyTo(luma, { rect }));
    } finally { frame.close(); }
  };
  video.requestVideoFrameCallback(step);
}"""
_CONTROLS = """({ count, gapMs }) => new Promise((resolve) => {
  const sent = new Map(), took = [];
  call.ctl.addEventListener("message", (event) => {
    const { type, number } = JSON.parse(event.data);
    if (type !== "echo" || !sent.has(number)) return;
    took.push(performance.now() - sent.get(number));
    sent.delete(number);
  });
  let number = 0;
  const timer = setInterval(() => {
    sent.set(number, performance.now());
    call.ctl.send(JSON.stringify({ v: 1, type: "bench", number: number++ }));
    if (number === count) { clearInterval(timer); setTimeout(() => resolve(took), 2000); }
  }, gapMs);
})"""


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture on a screen."""

    at_s: float
    """Wall clock, when the page was told that it is composed for the screen."""
    index: int
    width_px: int
    number: int
    """Of the pictures that were given to the screen: a page that is busy is not told of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one screen showed over a while."""

    fps: float
    p50_ms: float
    p95_ms: float
    freeze_s_max: float
    width_px: int
    count: int


class Screen:
    """One page that watches."""

    def __init__(self, page: Any, clock_s: float, *, joined_ms: float, whole_ms: float) -> None:
        """`clock_s` is what its clock must be added to, to be ours; the joining took so long from the offer to the
        first picture, and with the gathering of addresses before it."""
        self.page = page
        self.joined_ms = joined_ms
        self.whole_ms = whole_ms
        self._clock_s = clock_s

    def shown(self) -> list[Shown]:
        rows = self.page.evaluate("seen.filter(row => row.index >= 0)")
        return [Shown(self._clock_s + row["at"] / 1000, row["index"], row["width"], row["count"]) for row in rows]

    def stats(self) -> Any:
        return self.page.evaluate("stats().then(found => found.video)")

    def controls(self, count: int, gap_ms: float) -> list[float]:
        """Return how long each control took to come back, in milliseconds."""
        return list(self.page.evaluate(_CONTROLS, {"count": count, "gapMs": gap_ms}))


def view(shown: Sequence[Shown], source: Source, *, begin_s: float, end_s: float) -> View:
    """Sum up what was shown in a stretch of time."""
    within = [row for row in shown if begin_s <= row.at_s <= end_s]
    late_ms = sorted((row.at_s - source.captured_s(row.index)) * 1000 for row in within)
    edges = [begin_s, *(row.at_s for row in within), end_s]
    return View(
        fps=(within[-1].number - within[0].number + 1 if within else 0) / (end_s - begin_s),
        p50_ms=statistics.median(late_ms) if late_ms else float("inf"),
        p95_ms=late_ms[int(len(late_ms) * 0.95)] if late_ms else float("inf"),
        freeze_s_max=max(after - before for before, after in itertools.pairwise(edges)),
        width_px=within[-1].width_px if within else 0,
        count=len(within),
    )


_JOIN = """async (options) => {
  const begun = performance.now();
  return { fromOffer: await join(options), whole: performance.now() - begun };
}"""


def watch(browser: Any, url: str, name: str, *, only: str | None = None, ice: dict[str, Any] | None = None) -> Screen:
    """Open a page of its own, join, and read every picture from then on."""
    page = browser.new_context().new_page()
    page.goto(url)
    clock_s = _clock(page)
    page.evaluate(_WATCH, WIDTH_PX)
    options = {"peer": name, "role": "specialist", "audio": False, "reads": False, "only": only,
               "ice": ice or {}}  # fmt: skip
    took = page.evaluate(_JOIN, options)
    return Screen(page, clock_s, joined_ms=took["fromOffer"], whole_ms=took["whole"])


def _clock(page: Any) -> float:
    """Return our wall clock at the page's time zero, by the quickest of several looks."""
    tries = []
    for _ in range(CLOCK_TRIES):
        before_s = time.time()
        at_s = page.evaluate("performance.now()") / 1000
        after_s = time.time()
        tries.append((after_s - before_s, (before_s + after_s) / 2 - at_s))
    return float(min(tries)[1])
