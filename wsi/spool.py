"""Frames that must be made: on all cores, laid down in order, so that the object is still written in one pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from wsi.source import FrameTable, MadeImage
from wsi.writer import output_error, write_all

_AHEAD_PER_WORKER = 4
"""Frames in the making or waiting for their turn, per worker: bounds memory."""


def spool_frames(
    image: MadeImage, path: Path, *, workers: int, on_frames: Callable[[int, int], None] | None = None
) -> FrameTable:
    """Make every frame of an image into a file and return where each lies; the caller removes the file.

    Raises: OutputError, and whatever making a frame raises.
    """
    count = image.level.frame_count
    lengths = np.zeros(count, np.int64)
    waiting: deque[Future[bytes]] = deque()
    try:
        with open(path, "wb", buffering=0) as file, ThreadPoolExecutor(workers, "wsi-encode") as pool:
            try:
                asked = 0
                for index in range(count):
                    while asked < min(count, index + workers * _AHEAD_PER_WORKER):
                        waiting.append(pool.submit(image.make_frame, asked))
                        asked += 1
                    frame = waiting.popleft().result()
                    lengths[index] = len(frame)
                    write_all(file.fileno(), memoryview(frame))
                    if on_frames is not None:
                        on_frames(1, len(frame))
            finally:
                for future in waiting:
                    future.cancel()
    except OSError as error:
        raise output_error(path, error) from error
    offsets = np.zeros(count, np.int64)
    np.cumsum(lengths[:-1], out=offsets[1:])
    return FrameTable(path=path, offsets=offsets, lengths=lengths)
