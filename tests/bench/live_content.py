"""What the live benchmarks show: a real clip brought to 720p, or speckle over the whole sector, with an index in it.

`python -m tests.bench.live_content RING BELL TABLE KIND FPS` writes a ring as capture does, in a process of its own,
and the time of every frame into TABLE, so that whoever reads an index off a screen knows when it was captured.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from edge.ring import Ring
from edge.runtime import doorbell
from tests.support.probe import BIT_COUNT, BLOCK_PX

WIDTH_PX, HEIGHT_PX = 1280, 720
FRAME_COUNT = 48
TABLE_ROWS = 1 << BIT_COUNT
GRAIN_PX = (2, 4)
"""Depth and width of a speckle."""
CLIP = "us/video/pocus-ccby/convex_Cov_recommendations_lightbeam_mov6.mov"
DATA = Path(os.environ.get("EDGE_REAL_DATA", "/nonexistent"))
START_S_MAX = 30.0

Pixels = NDArray[np.uint8]


def frames(kind: str) -> list[Pixels]:
    """Return frames of 1280 x 720, RGB: `clip`, played there and back, or `speckle`."""
    made = _clip() if kind == "clip" and (DATA / CLIP).exists() else _speckle()
    return made + made[-2:0:-1]


def has_clip() -> bool:
    return (DATA / CLIP).exists()


def _clip() -> list[Pixels]:
    """The square of the scan fills the height: upscaled, as a scanner's monitor output is."""
    found: list[Pixels] = []
    with av.open(str(DATA / CLIP)) as container:
        for image in container.decode(video=0):
            side = image.reformat(HEIGHT_PX, HEIGHT_PX, "rgb24", interpolation="BICUBIC").to_ndarray()
            pixels = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
            left = (WIDTH_PX - HEIGHT_PX) // 2
            pixels[:, left : left + HEIGHT_PX] = side
            found.append(pixels)
            if len(found) == FRAME_COUNT:
                break
    return found


def _speckle() -> list[Pixels]:
    """Fully developed speckle in a sector, new in every frame: the most that ultrasound asks of an encoder."""
    random = np.random.default_rng(7)
    sector = _sector()
    found = []
    for _ in range(FRAME_COUNT // 2):
        field = (
            _smooth(random.standard_normal((HEIGHT_PX, WIDTH_PX))),
            _smooth(random.standard_normal((HEIGHT_PX, WIDTH_PX))),
        )
        power = field[0] ** 2 + field[1] ** 2
        decibel = 10 * np.log10(power / power.mean() + 1e-6)
        grey = np.clip(110 + 4.2 * decibel, 0, 230) * sector
        found.append(np.ascontiguousarray(np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)))
    return found


def _smooth(field: NDArray[np.float64]) -> NDArray[np.float64]:
    for axis, width in enumerate(GRAIN_PX):
        kernel = np.hanning(2 * width + 1)
        spectrum = np.fft.rfft(field, axis=axis) * np.expand_dims(
            np.fft.rfft(kernel / np.linalg.norm(kernel), field.shape[axis]), 1 - axis
        )
        field = np.fft.irfft(spectrum, field.shape[axis], axis=axis)
    return field


def _sector() -> NDArray[np.bool_]:
    down, across = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
    x, y = across - WIDTH_PX / 2, down + 60.0
    radius = np.hypot(x, y)
    return np.asarray((radius > 130) & (radius < 770) & (np.abs(np.arctan2(x, y)) < 0.95))


def mark(pixels: Pixels, index: int) -> Pixels:
    """Return a copy with the index as a barcode: 16 blocks at the top left, in two rows of eight."""
    marked = pixels.copy()
    for bit in range(BIT_COUNT):
        top, left = bit // 8 * BLOCK_PX, bit % 8 * BLOCK_PX
        marked[top : top + BLOCK_PX, left : left + BLOCK_PX] = 255 if index >> bit & 1 else 0
    return marked


class Source:
    """A running source and the time of every frame of it."""

    def __init__(self, process: subprocess.Popen[bytes], table: Path) -> None:
        """The table is mapped: it is read while it is written."""
        self._process = process
        self._table = np.memmap(table, np.int64, "r", shape=(TABLE_ROWS,))
        self._digests = np.memmap(_digests_beside(table), np.uint8, "r", shape=(TABLE_ROWS, 32))

    def captured_s(self, index: int) -> float:
        """Return the wall clock time of a frame, in seconds."""
        return float(self._table[index % TABLE_ROWS]) / 1e9

    def digests(self) -> list[bytes]:
        """Return the digest of every frame so far, in order."""
        return [bytes(row) for row in self._digests[: int(self._table.argmax()) + 1]]


def _digests_beside(table: Path) -> Path:
    return table.with_suffix(".digests")


@contextmanager
def source(
    run_dir: Path, name: str = "probe", *, kind: str = "clip", fps: float = 30.0, has_digests: bool = False
) -> Iterator[Source]:
    """Play until the end of the block; a digest of every frame is taken only where somebody compares it."""
    table = run_dir / f"{name}.times"
    np.memmap(table, np.int64, "w+", shape=(TABLE_ROWS,)).flush()
    np.memmap(_digests_beside(table), np.uint8, "w+", shape=(TABLE_ROWS, 32)).flush()
    ring, bell = run_dir / f"ring-{name}", run_dir / "bells" / f"ring-{name}"
    command = [
        sys.executable,
        "-m",
        __spec__.name,
        str(ring),
        str(bell),
        str(table),
        kind,
        str(fps),
        str(int(has_digests)),
    ]
    process = subprocess.Popen(command)
    try:
        until_s = time.monotonic() + START_S_MAX
        while not ring.exists():
            assert process.poll() is None and time.monotonic() < until_s, "the source did not start"
            time.sleep(0.02)
        yield Source(process, table)
    finally:
        process.terminate()
        process.wait(10)


def _play(ring_path: Path, bell: Path, table_path: Path, kind: str, fps: float, *, has_digests: bool) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    pictures = frames(kind)
    table: Any = np.memmap(table_path, np.int64, "r+", shape=(TABLE_ROWS,))
    digests: Any = np.memmap(_digests_beside(table_path), np.uint8, "r+", shape=(TABLE_ROWS, 32))
    ring = Ring.create(ring_path, frame_bytes=pictures[0].nbytes)
    begun_s, count = time.monotonic(), 0
    while not stop.is_set():
        pixels = mark(pictures[count % len(pictures)], count)
        digest = hashlib.sha256(pixels).digest() if has_digests else bytes(32)
        digests[count % TABLE_ROWS] = np.frombuffer(digest, np.uint8)
        stop.wait(max(0.0, begun_s + count / fps - time.monotonic()))
        table[count % TABLE_ROWS] = wall_ns = time.time_ns()
        ring.put(pixels, mono_ns=time.monotonic_ns(), wall_ns=wall_ns, digest=digest)
        doorbell.ring(bell)
        count += 1
    ring.close(remove=True)


if __name__ == "__main__":
    _play(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        Path(sys.argv[3]),
        sys.argv[4],
        float(sys.argv[5]),
        has_digests=sys.argv[6] == "1",
    )
