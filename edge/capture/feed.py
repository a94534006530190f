"""Plays one source into its ring: decode in one thread, pace and put in another, try again when it goes away.

    open ──▶ live ──played out──▶ ended
     ▲  │      │
     │  └──────┴─SourceAbsent─▶ waiting ── delay, doubling up to 15 s ──▶ open

A file is paced by its own times on the monotonic clock, without drift: a picture that is late is late, never left out.
A device is never held up: what it gives is put at once.
"""

import hashlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edge.capture.factory import open_source
from edge.capture.source import Description, Opened, Picture, Pixels, SourceAbsent, calibrations, fits
from edge.config import Source
from edge.core.frame import Calibration
from edge.errors import ConfigError, EdgeError
from edge.ring import Ring, RingAbsent, retire
from edge.runtime import doorbell
from edge.runtime.log import event
from edge.runtime.priority import go_first

log = logging.getLogger(__name__)
DECODED_COUNT_MAX = 8
"""Decoded pictures waiting for their time."""
RETRY_S_FIRST = 0.5
RETRY_S_MAX = 15.0
LATE_NS_MAX = 5_000_000_000
"""Later than this and the clock of a file is set again: a machine that slept must not pour out what it missed."""
STOP_TIMEOUT_S = 3.0
HELD_UP_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What the rest of the product may know of a source."""

    name: str
    kind: str
    state: str = "waiting"
    """live, waiting or ended."""
    reason: str = "Looking for the probe."
    fps: float = 0.0
    width_px: int = 0
    height_px: int = 0
    channel_count: int = 0
    manufacturer: str = ""
    model: str = ""
    regions: tuple[Calibration, ...] = ()
    lossy_method: str = ""
    lossy_ratio: float | None = None

    def as_row(self, next_index: int) -> dict[str, Any]:
        """Return the row of the contract."""
        return asdict(self) | {"regions": [asdict(region) for region in self.regions], "next_index": next_index}


@dataclass(frozen=True, slots=True)
class _Ready:
    """A picture whose digest is taken."""

    picture: Picture
    digest: bytes


class _Stopped(Exception):
    """The feed is being stopped."""


class Pace:
    """When each picture of a file is due. The times in the file rule; what is late catches up at double speed."""

    def __init__(self) -> None:
        self._start_ns: int | None = None
        self._last_offset_ns = 0
        self._last_put_ns = 0

    def place(self, offset_ns: int, now_ns: int) -> tuple[int, int]:
        """Return the picture's time, and how long to wait before it is put."""
        if self._start_ns is None:
            self._start_ns = now_ns - offset_ns
        if now_ns - self._start_ns - offset_ns > LATE_NS_MAX:
            self._start_ns = now_ns - offset_ns
        at_ns = self._start_ns + offset_ns
        # Pictures poured out all at once would run over the readers of the ring.
        soonest_ns = self._last_put_ns + (offset_ns - self._last_offset_ns) // 2
        put_ns = max(at_ns, soonest_ns, now_ns)
        self._last_offset_ns, self._last_put_ns = offset_ns, put_ns
        return at_ns, put_ns - now_ns


class Feed:
    """One source, from `start()` to `stop()`."""

    def __init__(
        self, settings: Source, *, ring_path: Path, bells: Path, on_change: Callable[[SourceState], None]
    ) -> None:
        """Nothing is opened yet.  `on_change` is called from the feed's own thread."""
        self._settings = settings
        self._ring_path = ring_path
        self._bells = bells
        self._on_change = on_change
        self._stopping = threading.Event()
        self._ring: Ring | None = None
        self._next_index = first_index(ring_path)
        self.state = SourceState(
            name=settings.name, kind=settings.kind, manufacturer=settings.manufacturer, model=settings.model,
            regions=calibrations(settings),
        )  # fmt: skip
        self._thread = threading.Thread(target=self._run, name=f"feed-{settings.name}", daemon=True)

    @property
    def next_index(self) -> int:
        return self._next_index

    def row(self) -> dict[str, Any]:
        return self.state.as_row(self._next_index)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the threads and leave the ring."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive() or self.state.state == "ended"

    def _run(self) -> None:
        go_first()  # The decoder's thread is its child and inherits this.
        delay_s = RETRY_S_FIRST
        while not self._stopping.is_set():
            count_before = self._next_index
            try:
                self._play_once()
            except _Stopped:
                return
            except ConfigError as error:
                self._change(state="ended", reason=str(error.message))
                return
            except EdgeError as error:
                self._change(state="waiting", reason=error.message)
            else:
                self._change(state="ended", reason=self.state.reason or "The file has been played.")
                return
            # What was missed in between is unknown: one index is left out, so that the record shows the gap.
            if self._next_index > count_before:
                self._next_index += 1
                delay_s = RETRY_S_FIRST
            self._stopping.wait(delay_s)
            delay_s = min(RETRY_S_MAX, delay_s * 2)

    def _play_once(self) -> None:
        opened = open_source(self._settings)
        decoded: queue.Queue[_Ready | EdgeError | None] = queue.Queue(DECODED_COUNT_MAX)
        ended = threading.Event()
        decoder = threading.Thread(
            target=self._decode, args=(opened, decoded, ended), name=f"decode-{self._settings.name}", daemon=True
        )
        decoder.start()
        try:
            self._put_all(opened, decoded)
        finally:
            ended.set()
            decoder.join(STOP_TIMEOUT_S)

    def _decode(
        self, opened: Opened, decoded: "queue.Queue[_Ready | EdgeError | None]", ended: threading.Event
    ) -> None:
        """Decode ahead until told to end; the last thing said is None or the error."""
        last: EdgeError | None = None
        try:
            for picture in opened.pictures():
                if not _offer(decoded, _Ready(picture, hashlib.sha256(picture.pixels.data).digest()), ended):
                    return
        except SourceAbsent as error:
            last = error
        finally:
            opened.close()
        _offer(decoded, last, ended)

    def _put_all(self, opened: Opened, decoded: "queue.Queue[_Ready | EdgeError | None]") -> None:
        """Put pictures at their times.  Raises: what the decoder said, _Stopped."""
        description = opened.description
        pace = Pace()
        while True:
            ready = self._take(decoded)
            if ready is None:
                return
            if isinstance(ready, EdgeError):
                raise ready
            now_ns = time.monotonic_ns()
            at_ns = min(ready.picture.offset_ns, now_ns)
            if description.is_paced:
                at_ns, wait_ns = pace.place(ready.picture.offset_ns, now_ns)
                if wait_ns > 0 and self._stopping.wait(wait_ns / 1e9):
                    raise _Stopped
            self._put(ready, at_ns)
            self._say_live(description, ready.picture.pixels, opened.reason)

    def _take(self, decoded: "queue.Queue[_Ready | EdgeError | None]") -> _Ready | EdgeError | None:
        while not self._stopping.is_set():
            try:
                return decoded.get(timeout=HELD_UP_S)
            except queue.Empty:
                continue
        raise _Stopped

    def _put(self, ready: _Ready, at_ns: int) -> None:
        pixels = ready.picture.pixels
        if self._ring is None or not self._ring.fits(pixels.nbytes):
            old = self._ring
            self._ring = Ring.create(self._ring_path, frame_bytes=pixels.nbytes, first_index=self._next_index)
            if old is not None:
                old.close()
        self._ring.next_index = self._next_index
        wall_ns = time.time_ns() - (time.monotonic_ns() - at_ns)
        self._ring.put(pixels, mono_ns=at_ns, wall_ns=wall_ns, digest=ready.digest)
        self._next_index = self._ring.next_index
        doorbell.ring(self._bells)

    def _say_live(self, description: Description, pixels: Pixels, reason: str) -> None:
        height_px, width_px = pixels.shape[:2]
        state = SourceState(
            name=self._settings.name, kind=self._settings.kind, state="live", reason=reason, fps=description.fps,
            width_px=width_px, height_px=height_px, channel_count=1 if pixels.ndim == 2 else pixels.shape[2],
            manufacturer=description.manufacturer, model=description.model,
            # A calibration made for another picture size would measure wrong.
            regions=tuple(region for region in description.regions if fits(region, width_px, height_px)),
            lossy_method=description.lossy_method, lossy_ratio=description.lossy_ratio,
        )  # fmt: skip
        if state != self.state:
            self._tell(state)

    def _change(self, *, state: str, reason: str) -> None:
        changed = replace(self.state, state=state, reason=reason)
        if changed != self.state:
            self._tell(changed)

    def _tell(self, state: SourceState) -> None:
        self.state = state
        event(log, "source.changed", source=state.name, state=state.state, why=state.reason or "-")
        self._on_change(state)


def first_index(ring_path: Path) -> int:
    """Return where a new ring begins: above every index that was ever used for this source.

    After the ring that a process left behind, with one index left out for what was missed; without one (a restart of
    the machine) at the milliseconds since 1970, which rise faster than any probe's frames.
    """
    try:
        left_at = retire(ring_path)
    except RingAbsent:
        return time.time_ns() // 1_000_000
    return left_at + 1


def _offer(
    decoded: "queue.Queue[_Ready | EdgeError | None]", ready: _Ready | EdgeError | None, ended: threading.Event
) -> bool:
    """Hand over, waiting for room; False when nobody takes any more."""
    while not ended.is_set():
        try:
            decoded.put(ready, timeout=HELD_UP_S)
        except queue.Full:
            continue
        return True
    return False
