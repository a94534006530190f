"""Frames from one writer to many readers, through a memory-mapped file on tmpfs.

    writer: Ring.create(path, …).put(…)          one process, one thread
    reader: Reader(path).latest()                may skip frames: for the live picture
            Reader(path).after(n)                every frame or `FrameGap`: for the record

Each slot carries a sequence number that is odd while the slot is being written (a seqlock): a reader that sees it
change has been overtaken and looks again. When the picture's size no longer fits, the writer makes a new file under
the same name and marks the old one closed; readers follow by themselves. Frame indices go on across files.
"""

import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.core.frame import FrameInfo
from edge.errors import EdgeError, UnreachableError

MAGIC = b"EDGERING"
VERSION = 1
HEADER_BYTES = 4096
SLOT_HEADER_BYTES = 128
SLOT_COUNT_MAX = 512
RING_BYTES_MAX = 256 * 1024 * 1024
"""Three seconds of 720p in colour: how long a reader that must not miss a frame may be held up."""
FIRST_FRAMES_MIN = 4

_HEADER = struct.Struct("<8sIIQ")  # magic, version, slot count, slot bytes
_NEXT_OFFSET = 64  # u64: index of the next frame to be written
_CLOSED_OFFSET = 72  # u64: 1 when the writer has left this file
_FIRST_OFFSET = 80  # u64: index of the first frame ever put into this file
_U64 = struct.Struct("<Q")
_SLOT = struct.Struct("<QQQQIII32s")  # sequence, index, monotonic ns, wall ns, width, height, channels, digest

Pixels = NDArray[np.uint8]


class FrameGap(EdgeError):
    """Frames were overwritten before the reader took them: the record must say so."""

    code = "ring.gap"

    def __init__(self, first_index: int, next_index: int) -> None:
        """Frames `first_index` up to, not including, `next_index` are lost to this reader."""
        super().__init__(f"Frames {first_index} to {next_index - 1} were overwritten before they were read.")
        self.first_index = first_index
        self.next_index = next_index


class RingAbsent(UnreachableError):
    """The source has not made its ring, or has left it."""

    code = "ring.absent"
    next_step = "Check that the capture service runs and that the source is connected."


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame and its own copy of the pixels, shape (height, width) or (height, width, 3)."""

    info: FrameInfo
    pixels: Pixels


def slot_count_for(frame_bytes: int) -> int:
    """Return how many frames of that size a ring holds within its memory limit."""
    return max(FIRST_FRAMES_MIN, min(SLOT_COUNT_MAX, RING_BYTES_MAX // (frame_bytes + SLOT_HEADER_BYTES)))


class Ring:
    """The writer's side: one process, one thread."""

    def __init__(self, path: Path, *, slot_bytes: int, slot_count: int, first_index: int) -> None:
        """Make the file under a temporary name, then rename: a reader never sees half a header."""
        self._path = path
        self._slot_bytes = slot_bytes
        self._slot_count = slot_count
        self._stride = SLOT_HEADER_BYTES + slot_bytes
        self.next_index = first_index
        temporary = path.with_name(path.name + ".new")
        size = HEADER_BYTES + self._stride * slot_count
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o640)
        try:
            os.posix_fallocate(descriptor, 0, size)
            self._map = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)
        _HEADER.pack_into(self._map, 0, MAGIC, VERSION, slot_count, slot_bytes)
        _U64.pack_into(self._map, _NEXT_OFFSET, first_index)
        _U64.pack_into(self._map, _FIRST_OFFSET, first_index)
        os.replace(temporary, path)

    @classmethod
    def create(cls, path: Path, *, frame_bytes: int, first_index: int = 0) -> "Ring":
        """Make a ring for frames of at most `frame_bytes`."""
        return cls(path, slot_bytes=frame_bytes, slot_count=slot_count_for(frame_bytes), first_index=first_index)

    def fits(self, frame_bytes: int) -> bool:
        return frame_bytes <= self._slot_bytes

    def put(self, pixels: Pixels, *, mono_ns: int, wall_ns: int, digest: bytes) -> int:
        """Write one frame and return its index.  `pixels` is C-contiguous, uint8, (h, w) or (h, w, 3)."""
        height_px, width_px = pixels.shape[:2]
        channel_count = pixels.shape[2] if pixels.ndim == 3 else 1
        index = self.next_index
        start = HEADER_BYTES + (index % self._slot_count) * self._stride
        (sequence,) = _U64.unpack_from(self._map, start)
        busy = sequence | 1
        _U64.pack_into(self._map, start, busy)
        end = start + SLOT_HEADER_BYTES + pixels.nbytes
        self._map[start + SLOT_HEADER_BYTES : end] = pixels.data.cast("B")
        _SLOT.pack_into(self._map, start, busy, index, mono_ns, wall_ns, width_px, height_px, channel_count, digest)
        _U64.pack_into(self._map, start, busy + 1)
        self.next_index = index + 1
        _U64.pack_into(self._map, _NEXT_OFFSET, self.next_index)
        return index

    def close(self, *, remove: bool = False) -> None:
        """Tell readers that nothing more comes here."""
        _U64.pack_into(self._map, _CLOSED_OFFSET, 1)
        self._map.close()
        if remove:
            self._path.unlink(missing_ok=True)


def retire(path: Path) -> int:
    """Close the ring that a writer left without a word; return the index its next frame would have got.

    Raises: RingAbsent when there is none.
    """
    with reading(path) as reader:
        next_index = reader.next_index
    with open(path, "r+b") as file:
        file.seek(_CLOSED_OFFSET)
        file.write(_U64.pack(1))
    return next_index


class Reader:
    """A reader's side: any number of them, none can hold up the writer."""

    def __init__(self, path: Path) -> None:
        """Open the ring of a source.  Raises: RingAbsent when it is not there yet."""
        self._path = path
        self._map = self._open()

    def _open(self) -> mmap.mmap:
        try:
            with open(self._path, "rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (FileNotFoundError, ValueError) as error:
            raise RingAbsent(f"The source {self._path.name} has no frames yet.") from error
        magic, version, self._slot_count, self._slot_bytes = _HEADER.unpack_from(mapped, 0)
        if magic != MAGIC or version != VERSION:
            mapped.close()
            raise RingAbsent(f"The file {self._path.name} is not a ring of this version.")
        self._stride = SLOT_HEADER_BYTES + self._slot_bytes
        return mapped

    @property
    def next_index(self) -> int:
        """The index that the next frame will get."""
        self._follow()
        return self._next_here()

    @property
    def oldest_index(self) -> int:
        """The oldest frame that can still be read."""
        # One slot is given up to the writer, who may be in it.
        return max(self._first_here(), int(self.next_index - self._slot_count + 1))

    def latest(self) -> Frame | None:
        """Return the newest frame, or None before the first one. May skip frames."""
        while (next_index := self.next_index) > self._first_here():
            frame = self._read(next_index - 1)
            if frame is not None:
                return frame
        return None

    def after(self, index: int) -> Frame | None:
        """Return frame `index + 1`, or None if it has not been captured yet.

        Raises: FrameGap when it was overwritten; reading goes on from `FrameGap.next_index - 1`.
        """
        wanted = index + 1
        if wanted >= self._next_here():
            self._follow()  # Only once everything in a closed file has been read.
        next_here = self._next_here()
        if wanted >= next_here:
            return None
        oldest = max(self._first_here(), next_here - self._slot_count + 1)
        frame = self._read(wanted) if wanted >= oldest else None
        if frame is None:
            raise FrameGap(wanted, max(wanted + 1, self.oldest_index))
        return frame

    def _next_here(self) -> int:
        return int(_U64.unpack_from(self._map, _NEXT_OFFSET)[0])

    def _first_here(self) -> int:
        return int(_U64.unpack_from(self._map, _FIRST_OFFSET)[0])

    def _read(self, index: int) -> Frame | None:
        """Copy one slot out; None if the writer overtook us."""
        start = HEADER_BYTES + (index % self._slot_count) * self._stride
        sequence, stored, mono_ns, wall_ns, width_px, height_px, channel_count, digest = _SLOT.unpack_from(
            self._map, start
        )
        if sequence & 1 or stored != index:
            return None
        info = FrameInfo(
            index=index, mono_ns=mono_ns, wall_ns=wall_ns, width_px=width_px, height_px=height_px,
            channel_count=channel_count, digest=digest,
        )  # fmt: skip
        data = self._map[start + SLOT_HEADER_BYTES : start + SLOT_HEADER_BYTES + info.size_bytes]
        if _U64.unpack_from(self._map, start)[0] != sequence or len(data) != info.size_bytes:
            return None
        shape = (height_px, width_px) if channel_count == 1 else (height_px, width_px, channel_count)
        return Frame(info, np.frombuffer(data, np.uint8).reshape(shape))

    def _is_closed(self) -> bool:
        return bool(_U64.unpack_from(self._map, _CLOSED_OFFSET)[0])

    def _follow(self) -> None:
        """Move to the file the writer has made since, if this one is closed and a successor is there."""
        if not self._is_closed():
            return
        old = self._map
        try:
            self._map = self._open()
        except RingAbsent:
            return
        old.close()

    def close(self) -> None:
        self._map.close()


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """Open a reader for the length of a `with` block."""
    reader = Reader(path)
    try:
        yield reader
    finally:
        reader.close()
