"""Frames that must be made: on all cores, ahead of the object they go into, so that it is still written in one pass.

A spool is scratch. Its frames lie as they were finished, and only the object written from it has them in order.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event, Lock

import numpy as np

from wsi import paged
from wsi.errors import ConversionStoppedError
from wsi.source import FrameTable, MadeImage
from wsi.writer import output_error, write_all

_BATCH_FRAMES = 16
"""Taken by a thread at a time: neighbours, which mostly lie together in the scan."""
_HELD_BYTES_MAX = 512 << 10
"""Of made frames in a thread's hands, and one frame more: bounds memory."""
_TOLD_EVERY_S = 0.1


class Maker:
    """Makes the frames of images, one image after the other, while its owner writes and proves others."""

    def __init__(self, folder: Path, workers: int) -> None:
        # With one thread a core, a core stands still whenever its own waits for the interpreter's lock or the disk.
        self._threads = workers + 1 if workers > 1 else 1
        self._folder, self._count = folder, 0
        self._pool = ThreadPoolExecutor(self._threads, "wsi-make")
        self._is_stopped = Event()

    def begin(self, bind: Callable[[], MadeImage], frame_count: int) -> Spool:
        """Have an image made when its turn comes. `bind` gives it then, and may wait for spools begun before."""
        self._count += 1
        spool = Spool(bind, frame_count, self._folder / f"frames-{self._count}.spool", self._is_stopped)
        spool.begin(self._pool, self._threads)
        return spool

    def close(self) -> None:
        """Stop after the frames in hand."""
        self._is_stopped.set()
        self._pool.shutdown(cancel_futures=True)


class Spool:
    """The frames of one image, on their way into a file of their own."""

    def __init__(self, bind: Callable[[], MadeImage], frame_count: int, path: Path, is_stopped: Event) -> None:
        self._bind, self._path, self._is_stopped = bind, path, is_stopped
        self._image: MadeImage | None = None
        self._offsets, self._lengths = paged.zeros(frame_count), paged.zeros(frame_count)
        self._asked = self._made = self._end = 0
        self._has_failed = False
        self._binding, self._lock = Lock(), Lock()
        self._threads: list[Future[None]] = []

    def begin(self, pool: ThreadPoolExecutor, threads: int) -> None:
        """Make the frames with so many threads of the pool."""
        self._threads = [pool.submit(self._work) for _ in range(threads)]

    @property
    def image(self) -> MadeImage:
        """The image; bound now where no thread has come to it yet."""
        with self._binding:
            if self._image is None:
                self._image = self._bind()
            return self._image

    def wait(self, on_frames: Callable[[int, int], None] | None = None) -> FrameTable:
        """Return where each frame lies, when all are there.

        `on_frames(frames, bytes)` is called several times a second and may raise to stop.
        Raises: OutputError, ConversionStoppedError, and whatever making a frame raises.
        """
        told_frames = told_bytes = 0
        every_s = _TOLD_EVERY_S if on_frames is not None else None
        while True:
            waiting = wait(self._threads, every_s, FIRST_EXCEPTION).not_done
            with self._lock:
                made, end = self._made, self._end
            if on_frames is not None:
                on_frames(made - told_frames, end - told_bytes)
                told_frames, told_bytes = made, end
            if self._has_failed or not waiting:
                break
        self._raise()
        if made < len(self._lengths):
            raise ConversionStoppedError("The making of a level was stopped.")
        return FrameTable(path=self._path, offsets=self._offsets, lengths=self._lengths)

    def remove(self) -> None:
        """Give the room on the disk back."""
        self._path.unlink(missing_ok=True)

    def _raise(self) -> None:
        try:
            for thread in wait(self._threads, None, FIRST_EXCEPTION).done:
                thread.result()
        except OSError as error:
            raise output_error(self._path, error) from error

    def _work(self) -> None:
        try:
            make_frame = self.image.make_frame
            while (first := self._take()) < len(self._lengths):
                self._make(make_frame, first, min(first + _BATCH_FRAMES, len(self._lengths)))
        except BaseException:
            self._has_failed = True
            raise

    def _take(self) -> int:
        with self._lock:
            first = self._asked
            self._asked += _BATCH_FRAMES
        return len(self._lengths) if self._is_stopped.is_set() or self._has_failed else first

    def _make(self, make_frame: Callable[[int], bytes], first: int, end: int) -> None:
        held: list[bytes] = []
        held_bytes = 0
        for index in range(first, end):
            frame = make_frame(index)
            held.append(frame)
            held_bytes += len(frame)
            if held_bytes >= _HELD_BYTES_MAX or index == end - 1:
                self._lay_down(index + 1 - len(held), held, held_bytes)
                held, held_bytes = [], 0

    def _lay_down(self, first: int, frames: list[bytes], size_bytes: int) -> None:
        with self._lock:
            at = self._end
            self._end += size_bytes
        lengths = np.array([len(frame) for frame in frames], np.int64)
        file_descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.lseek(file_descriptor, at, os.SEEK_SET)
            write_all(file_descriptor, memoryview(b"".join(frames)))
        finally:
            os.close(file_descriptor)
        self._lengths[first : first + len(frames)] = lengths
        self._offsets[first : first + len(frames)] = at + np.cumsum(lengths) - lengths
        with self._lock:
            self._made += len(frames)
