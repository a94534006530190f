"""A probe for live tests: a ring that is written at a given rate, every frame carrying its own index as a barcode."""

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from edge.ring import Ring
from edge.runtime import doorbell

BIT_COUNT = 16
BLOCK_PX = 32


def draw(index: int, *, width_px: int = 640, height_px: int = 480, is_colour: bool = True) -> NDArray[np.uint8]:
    """Return a frame: a grey ramp that moves, and the index in 16 blocks at the top left, in two rows of eight."""
    ramp = (np.arange(width_px) + 3 * index) % 160 + 40
    pixels = np.broadcast_to(ramp.astype(np.uint8), (height_px, width_px)).copy()
    for bit in range(BIT_COUNT):
        top, left = bit // 8 * BLOCK_PX, bit % 8 * BLOCK_PX
        pixels[top : top + BLOCK_PX, left : left + BLOCK_PX] = 255 if index >> bit & 1 else 0
    return np.ascontiguousarray(np.repeat(pixels[:, :, None], 3, axis=2)) if is_colour else pixels


class Probe:
    """Writes a ring in a thread and rings the bells, as capture does."""

    def __init__(
        self, run_dir: Path, source: str, *, fps: float, first_index: int = 0,
        picture: Callable[[int], NDArray[np.uint8]] = draw,
    ) -> None:  # fmt: skip
        self._path = run_dir / f"ring-{source}"
        self._bells = run_dir / "bells" / f"ring-{source}"
        self.fps = fps
        self._picture = picture
        self._ring = Ring.create(self._path, frame_bytes=picture(0).nbytes, first_index=first_index)
        self._stop = threading.Event()
        self._is_paused = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.written_count = 0

    def __enter__(self) -> "Probe":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop(remove=True)

    def stop(self, *, remove: bool, is_killed: bool = False) -> None:
        """End; `is_killed` leaves the ring as a killed writer does."""
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join()
            if not is_killed:
                self._ring.close(remove=remove)

    def pause(self, is_paused: bool) -> None:
        self._is_paused.set() if is_paused else self._is_paused.clear()

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self._stop.is_set():
            if not self._is_paused.is_set():
                pixels = self._picture(self._ring.next_index)
                digest = hashlib.sha256(pixels).digest()
                self._ring.put(pixels, mono_ns=time.monotonic_ns(), wall_ns=time.time_ns(), digest=digest)
                self.written_count += 1
                doorbell.ring(self._bells)
            due_s = max(due_s + 1 / self.fps, time.monotonic() - 0.1)
            self._stop.wait(max(0.0, due_s - time.monotonic()))
