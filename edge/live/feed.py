"""The ring as the hub reads it: every frame while there is time, the newest when there is not.

The ring may not be there yet, may end, or may be replaced by a capture service that was killed and started again:
the feed waits and follows. Belongs to one thread.
"""

from enum import StrEnum
from pathlib import Path

from edge.ring import Frame, FrameGap, Reader, RingAbsent, reading

BACKLOG_FRAMES_MAX = 3
"""More than this behind, and the feed goes on with the newest frame."""
STALE_S = 0.5
"""A picture that has not changed for so long must not look live."""


class PictureState(StrEnum):
    """What the source gives, as the people in front of a screen must know it."""

    LIVE = "live"
    STALE = "stale"
    ABSENT = "absent"


def first_wanted(last_index: int | None, next_index: int) -> int:
    """Return the frame to take next, given the last one taken and the ring's next index."""
    newest = next_index - 1
    if last_index is None or newest - last_index > BACKLOG_FRAMES_MAX or newest < last_index:
        return newest
    return last_index + 1


def peek_size_px(path: Path) -> tuple[int, int] | None:
    """Return width and height of the newest frame, or None when there is none."""
    try:
        with reading(path) as reader:
            frame = reader.latest()
    except RingAbsent:
        return None
    return None if frame is None else (frame.info.width_px, frame.info.height_px)


class Feed:
    """Frames of one source."""

    def __init__(self, path: Path) -> None:
        """Opens nothing yet."""
        self._path = path
        self._reader: Reader | None = None
        self._file_id: tuple[int, int] | None = None
        self._last_index: int | None = None
        self._last_s: float | None = None
        self.restart_count = 0
        """How often frame indices began anew."""

    def take(self, now_s: float) -> Frame | None:
        """Return the next frame, or None when there is nothing new."""
        reader = self._reader or self._open()
        if reader is None:
            return None
        next_index = reader.next_index
        if next_index == 0 or next_index - 1 == self._last_index:
            self._look_for_another(now_s)
            return None
        if self._last_index is not None and next_index - 1 < self._last_index:
            self.restart_count += 1
        try:
            frame = reader.after(first_wanted(self._last_index, next_index) - 1)
        except FrameGap:
            frame = reader.latest()
        if frame is not None:
            self._last_index, self._last_s = frame.info.index, now_s
        return frame

    def state(self, now_s: float) -> PictureState:
        if self._last_s is not None and now_s - self._last_s < STALE_S:
            return PictureState.LIVE
        return PictureState.ABSENT if self._reader is None or not self._path.exists() else PictureState.STALE

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open(self) -> Reader | None:
        file_id = self._identify()
        if file_id is None:
            return None
        try:
            self._reader = Reader(self._path)
        except RingAbsent:
            return None
        # Taken before opening: a file replaced in between looks foreign and is opened once more, which is harmless.
        self._file_id = file_id
        return self._reader

    def _look_for_another(self, now_s: float) -> None:
        """A writer that was killed marks nothing: see whether the name leads to another file by now."""
        if self._last_s is not None and now_s - self._last_s < STALE_S:
            return
        if self._identify() != self._file_id:
            self.close()

    def _identify(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino
