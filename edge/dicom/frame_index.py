"""Where each frame of a stored object lies in its file, so that serving one is a single read.

    offset table or walk ──▶ FrameIndex(offsets, extents) ──read(fd, n)──▶ the bytes of frame n

An extent of encapsulated pixel data starts at its first item header. Each read checks that header, so an offset
table that lies is noticed on use, at no cost, and answered by walking the items.
Standard: PS3.5 A.4 (encapsulation), PS3.3 C.7.6.3.1.8 (extended offset table)
"""

import os
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.dicom.items import items as noted_items
from edge.dicom.pixel_layout import Opened, PixelLayout, open_object
from edge.errors import BadInputError, NotFoundError

ITEM = b"\xfe\xff\x00\xe0"
DELIMITER = b"\xfe\xff\xdd\xe0"
ITEM_HEADER_BYTES = 8
FRAGMENT_COUNT_MAX = 16_000_000
FRAME_BYTES_MAX = 1 << 30
INLINE_BYTES_MAX = 2 << 20
"""A larger frame is read in a thread even when it is in memory: copying it would hold up everybody else."""
INDEX_COUNT_MAX = 256
"""Objects whose frames stay indexed; 16 bytes a frame."""
VIDEO_SYNTAXES = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (*range(100, 109), "100.1", "101.1"))
_START_MARKERS = (b"\xff\xd8", b"\xff\x4f")

Offsets = NDArray[np.int64]


class LyingTableError(BadInputError):
    """An offset table points beside the items."""


@dataclass(slots=True)
class FrameIndex:
    """Offsets and extents in bytes, one pair a frame, in the file (or in `inflated`, when the file is deflated)."""

    layout: PixelLayout
    offsets: Offsets
    extents: Offsets
    is_encapsulated: bool
    body: tuple[int, int] = (0, 0)
    """Where the pixel data element's value begins and ends."""
    is_walked: bool = False
    inflated: bytes | None = field(default=None, repr=False)

    @property
    def frame_count(self) -> int:
        return len(self.offsets)

    def extent(self, number: int) -> tuple[int, int]:
        """Return offset and length of a frame, from 1, item headers included.  Raises: NotFoundError."""
        if not 1 <= number <= len(self.offsets):
            raise NotFoundError(f"Frame {number} does not exist.", next_step=f"There are {len(self.offsets)} frames.")
        offset, length = int(self.offsets[number - 1]), int(self.extents[number - 1])
        if length > FRAME_BYTES_MAX:
            raise BadInputError(f"Frame {number} is larger than can be sent at once.", next_step="Ask for the object.")
        return offset, length

    def unpack(self, number: int, raw: bytes) -> bytes:
        """Return a frame's bytes from what lies at its extent; native pixels little endian, starting at a byte.

        Raises: LyingTableError when no frame lies there; BadInputError when the file ends too early.
        """
        if self.is_encapsulated:
            return _join_fragments(raw, int(self.extents[number - 1]), is_last=number == len(self.offsets))
        return self.layout.unpack_native(number - 1, raw)

    def read(self, fd: int, number: int) -> bytes:
        """Read one frame, from 1.  Raises: NotFoundError, LyingTableError, BadInputError."""
        offset, length = self.extent(number)
        return self.unpack(number, self.read_at(fd, offset, length))

    def read_at(self, fd: int, offset: int, length: int) -> bytes:
        if self.inflated is not None:
            return self.inflated[offset : offset + length]
        return _pread_all(fd, offset, length)


def build(path: Path) -> FrameIndex:
    """Index the frames of a file.  Raises: BadInputError (no DICOM, broken), NotFoundError (no pixels)."""
    with open(path, "rb") as file:
        return index_opened(open_object(file), file.fileno())


def rebuild_by_walking(path: Path) -> FrameIndex:
    """Index again without believing any table."""
    with open(path, "rb") as file:
        return index_opened(open_object(file), file.fileno(), is_table_trusted=False)


def index_opened(
    opened: Opened, fd: int, *, is_table_trusted: bool = True, items_of: Callable[[], bytes | None] = lambda: None
) -> FrameIndex:
    """Index an object whose header has been read. `items_of` gives what was noted while it came in, if it was."""
    layout = opened.layout
    if layout is None or opened.pixels is None:
        raise NotFoundError("This object holds no pixels.", next_step="Ask for its metadata instead.")
    inflated = opened.inflated
    size = len(inflated) if inflated is not None else os.fstat(fd).st_size
    start = opened.pixels.value_offset

    def reader(offset: int, length: int) -> bytes:
        return inflated[offset : offset + length] if inflated is not None else _pread_all(fd, offset, length)

    if not opened.pixels.is_undefined_length:
        offsets, extents = _native(layout, start, min(size, start + opened.pixels.length))
        end = min(size, start + opened.pixels.length)
        return FrameIndex(layout, offsets, extents, False, (start, end), True, inflated)
    offsets, extents, end, is_walked = _encapsulated(opened, reader, start, size, is_table_trusted, items_of)
    return FrameIndex(layout, offsets, extents, True, (start, end), is_walked, inflated)


def _native(layout: PixelLayout, start: int, end: int) -> tuple[Offsets, Offsets]:
    bits = layout.frame_bits
    if bits == 0:
        raise BadInputError("The object says its picture has no size.", next_step="Check Rows and Columns.")
    available_count = min(layout.frame_count, (end - start) * 8 // bits)
    if available_count == 0:
        raise BadInputError("The pixel data ends before its first frame does.", next_step="Send the object again.")
    numbers = np.arange(available_count, dtype=np.int64)
    first = numbers * bits // 8
    last = -(-((numbers + 1) * bits) // 8)
    if layout.word_bytes > 1 and layout.is_big_endian:  # bytes are swapped in words: read whole words
        first -= first % layout.word_bytes
        last += -last % layout.word_bytes
    return start + first, np.minimum(last, end - start) - first


def _encapsulated(
    opened: Opened,
    reader: Callable[[int, int], bytes],
    start: int,
    size: int,
    is_table_trusted: bool,
    items_of: Callable[[], bytes | None],
) -> tuple[Offsets, Offsets, int, bool]:
    header = reader(start, ITEM_HEADER_BYTES)
    if len(header) < ITEM_HEADER_BYTES or header[:4] != ITEM:
        raise BadInputError("The pixel data holds no items.", next_step="Send the object again.")
    table_bytes = int.from_bytes(header[4:], "little")
    first_item = start + ITEM_HEADER_BYTES + table_bytes
    if first_item > size:
        raise BadInputError("The basic offset table is longer than the file.", next_step="Send the object again.")
    assert opened.layout is not None
    frame_count = 1 if opened.layout.transfer_syntax_uid in VIDEO_SYNTAXES else opened.layout.frame_count
    basic = np.frombuffer(reader(start + ITEM_HEADER_BYTES, table_bytes)[: table_bytes // 4 * 4], "<u4").astype(
        np.int64
    )
    if is_table_trusted and opened.extended_offsets is not None and opened.extended_lengths is not None:
        found = _from_extended(opened.extended_offsets, opened.extended_lengths, frame_count, first_item, size)
        if found is not None:
            return (*found, size, False)
    if is_table_trusted and len(basic) == frame_count > 1 and _is_rising(basic) and first_item + basic[-1] < size:
        last_items, _ = _walk(reader, int(first_item + basic[-1]), size)
        if last_items:
            end = last_items[-1][0] + last_items[-1][1]
            offsets = first_item + basic
            return offsets, np.diff(np.append(offsets, end)), end, False
    items, is_whole = _noted(items_of(), start, first_item, size) if is_table_trusted else ([], False)
    if not items:
        items, is_whole = _walk(reader, first_item, size)
    if not items:
        raise BadInputError("The pixel data holds no frame.", next_step="Send the object again.")
    offsets, extents = _group(items, frame_count, basic, first_item, reader)
    if not is_whole and frame_count == len(offsets):
        offsets, extents = offsets[:], extents[:]
    return offsets, extents, items[-1][0] + items[-1][1], True


def _from_extended(
    offsets_raw: bytes, lengths_raw: bytes, frame_count: int, first_item: int, size: int
) -> tuple[Offsets, Offsets] | None:
    """Return the extents an Extended Offset Table tells, or None when it cannot be true."""
    if len(offsets_raw) // 8 != frame_count or len(lengths_raw) // 8 != frame_count:
        return None
    offsets = np.frombuffer(offsets_raw, "<u8", frame_count)
    lengths = np.frombuffer(lengths_raw, "<u8", frame_count)
    if int(offsets.max()) >= size or int(lengths.max()) >= size:
        return None
    starts = offsets.astype(np.int64) + first_item
    extents = (lengths.astype(np.int64) + 1) // 2 * 2 + ITEM_HEADER_BYTES
    if not _is_rising(starts) or int((starts + extents).max()) > size:
        return None
    return starts, extents


def _is_rising(values: Offsets) -> bool:
    return bool(values[0] >= 0 and (np.diff(values) > 0).all())


def _walk(reader: Callable[[int, int], bytes], position: int, size: int) -> tuple[list[tuple[int, int]], bool]:
    """Return (offset, extent) of each item from `position` on, and whether the delimiter was met."""
    items: list[tuple[int, int]] = []
    while position + ITEM_HEADER_BYTES <= size and len(items) < FRAGMENT_COUNT_MAX:
        header = reader(position, ITEM_HEADER_BYTES)
        if header[:4] != ITEM:
            return items, header[:4] == DELIMITER
        extent = ITEM_HEADER_BYTES + int.from_bytes(header[4:], "little")
        if position + extent > size:  # the file was cut inside this fragment: what is left of it is kept
            items.append((position, size - position))
            return items, False
        items.append((position, extent))
        position += extent
    return items, False


def _noted(table: bytes | None, start: int, first_item: int, size: int) -> tuple[list[tuple[int, int]], bool]:
    """Return the items that were noted while the object came in; none when they are not those of this file."""
    if table is None:
        return [], False
    found = noted_items(table)
    fits = len(found) > 1 and found[0][0] == start and found[1][0] == first_item and sum(found[-1]) <= size
    return (found[1:], True) if fits else ([], False)


def _group(
    items: list[tuple[int, int]], frame_count: int, basic: Offsets, first_item: int, reader: Callable[[int, int], bytes]
) -> tuple[Offsets, Offsets]:
    """Say which fragments make up each frame."""
    starts = np.array([offset for offset, _ in items], dtype=np.int64)
    end = items[-1][0] + items[-1][1]
    if frame_count == 1:
        firsts = starts[:1]
    elif len(items) <= frame_count:
        firsts = starts
    elif len(basic) == frame_count and _is_rising(basic) and bool(np.isin(basic + first_item, starts).all()):
        firsts = basic + first_item
    else:
        is_start = [reader(offset + ITEM_HEADER_BYTES, 2) in _START_MARKERS for offset, _ in items]
        firsts = starts[np.array(is_start)]
        if len(firsts) < frame_count and len(items) % frame_count == 0:
            firsts = starts[:: len(items) // frame_count]
        firsts = firsts[:frame_count]
        if len(firsts) == 0:
            raise BadInputError("The frames cannot be told apart in the pixel data.", next_step="Send it again.")
    return firsts, np.diff(np.append(firsts, end))


def _join_fragments(raw: bytes, extent: int, *, is_last: bool) -> bytes:
    """Take the item headers off.  Raises: LyingTableError."""
    if raw[:4] != ITEM:
        raise LyingTableError("An offset table points beside a frame.", next_step="Send the object again.")
    length = int.from_bytes(raw[4:8], "little")
    if ITEM_HEADER_BYTES + length == extent == len(raw):
        return raw[ITEM_HEADER_BYTES:]
    parts = []
    position = 0
    while position + ITEM_HEADER_BYTES <= len(raw):
        if raw[position : position + 4] != ITEM:
            raise LyingTableError("An offset table points beside a frame.", next_step="Send the object again.")
        length = int.from_bytes(raw[position + 4 : position + 8], "little")
        position += ITEM_HEADER_BYTES
        if position + length > len(raw) + 1:  # a last byte of padding may be missing
            if is_last:
                raise BadInputError("The file ends inside this frame.", next_step="Send the object again.")
            raise LyingTableError("An offset table cuts a frame short.", next_step="Send the object again.")
        parts.append(raw[position : position + length])
        position += length
    return b"".join(parts)


def _pread_all(fd: int, offset: int, length: int) -> bytes:
    """Read `length` bytes, or as many as the file has."""
    data = os.pread(fd, length, offset)
    if len(data) == length or not data:
        return data
    parts = [data]
    done = len(data)
    while done < length and (data := os.pread(fd, length - done, offset + done)):
        parts.append(data)
        done += len(data)
    return b"".join(parts)


class OpenFrames:
    """An indexed object with its file held open; closed when nobody refers to it any more."""

    __slots__ = ("__weakref__", "_file", "digest", "index", "path")

    def __init__(
        self, path: Path, digest: str, items_of: Callable[[str], bytes | None] = lambda _: None
    ) -> None:  # fmt: skip
        """Open and index.  Raises: NotFoundError, BadInputError."""
        try:
            self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - owned by this object
        except FileNotFoundError as error:
            raise NotFoundError("The object's file is gone from the disk.", next_step="Run `edge doctor`.") from error
        self.path = path
        self.digest = digest
        self.index = index_opened(open_object(self._file), self._file.fileno(), items_of=lambda: items_of(digest))

    def fileno(self) -> int:
        return self._file.fileno()

    def read(self, number: int) -> bytes:
        """Read one frame, from 1; a lying table is repaired on the way.  Raises: NotFoundError, BadInputError."""
        try:
            return self.index.read(self._file.fileno(), number)
        except LyingTableError:
            self._repair()
            return self.index.read(self._file.fileno(), number)

    def read_if_cached(self, number: int) -> bytes | None:
        """Read one frame without ever waiting for the disk: None when it would have to wait."""
        index = self.index
        if index.inflated is not None:
            return index.read(0, number)
        offset, length = index.extent(number)
        if length > INLINE_BYTES_MAX:
            return None
        buffer = bytearray(length)
        try:
            if os.preadv(self._file.fileno(), [buffer], offset, os.RWF_NOWAIT) != length:
                return None
            return index.unpack(number, bytes(buffer))
        except (BlockingIOError, OSError, LyingTableError):
            return None

    def _repair(self) -> None:
        if not self.index.is_walked:
            self.index = rebuild_by_walking(self.path)


class FrameCache:
    """Opened objects by digest, the least used one let go first. Safe between threads."""

    def __init__(
        self, count_max: int = INDEX_COUNT_MAX, *, items_of: Callable[[str], bytes | None] = lambda _: None
    ) -> None:
        """Hold at most `count_max` files open. `items_of` gives, by digest, what was noted while an object came in."""
        self._items_of = items_of
        self._count_max = count_max
        self._opened: OrderedDict[str, OpenFrames] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, digest: str) -> OpenFrames | None:
        """Return an object already open."""
        with self._lock:
            found = self._opened.get(digest)
            if found is not None:
                self._opened.move_to_end(digest)
            return found

    def open(self, path: Path, digest: str) -> OpenFrames:
        """Return an object, opening and indexing it if needed; blocking.  Raises: NotFoundError, BadInputError."""
        found = self.find(digest)
        if found is None:
            found = OpenFrames(path, digest, self._items_of)
            with self._lock:
                found = self._opened.setdefault(digest, found)
                while len(self._opened) > self._count_max:
                    self._opened.popitem(last=False)
        return found


def pack_item(data: bytes) -> bytes:
    """Return a fragment with its item header, padded to even length."""
    padded = data + b"\0" * (len(data) % 2)
    return ITEM + struct.pack("<I", len(padded)) + padded
