"""One object, written once from front to back.

All sizes are known before the first byte: room is reserved, then come header, offset table and the frames in batches of
a megabyte. Each batch is read from the scan by one scattering read straight to its place, framed and written. Memory is
one batch whatever the slide. The file appears under its name whole and synced, or not at all.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsi import kernel, paged
from wsi.errors import OutputError, TruncatedSlideError
from wsi.plan import needs_extended_table
from wsi.source import FrameTable, Offsets

BATCH_BYTES = 1 << 20
"""Small enough to stay in a core's cache between the read and the write."""
BATCH_FRAMES_MAX = 900
"""Below IOV_MAX (1024) with room for gaps between tiles."""
_GAP_BYTES_MAX = 4096
_IOV_MAX = 1000
_ITEM = b"\xfe\xff\x00\xe0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
_NATIVE_BYTES_MAX = (1 << 32) - 2
_LARGE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where everything of one file stands, known before it is written."""

    header: bytes
    """The dataset before the offset tables."""
    tail: bytes
    item_starts: Offsets
    """Start of each frame's item, from the end of the head; one more entry for the end of the last."""
    item_header_bytes: int
    is_word: bool = False
    """Pixels without items are of 16 bit.  Standard: PS3.5 8.1.2"""

    @property
    def head_bytes(self) -> int:
        """Size of everything before the first frame's item."""
        return sum(map(len, self.head()))

    @property
    def file_bytes(self) -> int:
        """Size of the file."""
        return self.head_bytes + int(self.item_starts[-1]) + len(self.tail)

    def frame_lengths(self, first: int, end: int) -> Offsets:
        """Return the lengths of a run of frames, padded to even as item lengths are."""
        lengths: Offsets = np.diff(self.item_starts[first : end + 1]) - self.item_header_bytes
        return lengths

    def head(self) -> Iterator[bytes]:
        """Yield everything before the first frame's item in pieces, so that no whole table lies in memory."""
        yield self.header
        count, size_bytes = len(self.item_starts) - 1, int(self.item_starts[-1])
        if not self.item_header_bytes:
            kind = b"OW" if self.is_word else b"OB"
            yield b"\xe0\x7f\x10\x00" + kind + b"\x00\x00" + struct.pack("<I", size_bytes + len(self.tail))
            return
        pixels = b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff" + _ITEM
        # Offsets count from the first item after the table; table lengths leave the 8 bytes of the item header out.
        if not needs_extended_table(size_bytes):
            yield pixels + struct.pack("<I", 4 * count)
            yield from (self.item_starts[first:end].astype("<u4").tobytes() for first, end in paged.runs(count))
            return
        yield b"\xe0\x7f\x01\x00OV\x00\x00" + struct.pack("<I", 8 * count)
        yield from (self.item_starts[first:end].astype("<u8").tobytes() for first, end in paged.runs(count))
        yield b"\xe0\x7f\x02\x00OV\x00\x00" + struct.pack("<I", 8 * count)
        yield from (self.frame_lengths(first, end).astype("<u8").tobytes() for first, end in paged.runs(count))
        yield pixels + bytes(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a conversion is."""

    stage: str
    """"encode", "write" or "verify"."""
    frames_done: int
    """Frames times steps: a frame is made (if it must be), written and proven; a share of `frames_total`."""
    frames_total: int
    bytes_done: int
    bytes_total: int


def lay_out(header: bytes, table: FrameTable, *, is_native: bool, is_word: bool = False) -> Layout:
    """Decide every offset of a file.  Standard: PS3.5 A.4, PS3.3 C.7.6.3.1.8"""
    count = len(table.lengths)
    starts = paged.zeros(count + 1)
    for first, end in paged.runs(count):
        lengths = table.cut(first, end).frame_lengths()
        sizes = lengths if is_native else lengths + (lengths & 1) + 8
        starts[first + 1 : end + 1] = starts[first] + np.cumsum(sizes)
    if not is_native:
        return Layout(header=header, tail=_SEQUENCE_END, item_starts=starts, item_header_bytes=8)
    pad = bytes(int(starts[-1]) & 1)
    if int(starts[-1]) + len(pad) > _NATIVE_BYTES_MAX:
        raise OutputError("An uncompressed image of 4 GiB or more has no place in a DICOM file.")
    return Layout(header=header, tail=pad, item_starts=starts, item_header_bytes=0, is_word=is_word)


def batches(layout: Layout) -> Iterator[tuple[int, int]]:
    """Cut the frames into runs of at most BATCH_BYTES (or one frame) and BATCH_FRAMES_MAX: (first, end)."""
    starts, first = layout.item_starts, 0
    count = len(starts) - 1
    while first < count:
        limit = int(np.searchsorted(starts, starts[first] + BATCH_BYTES, side="right")) - 1
        end = min(max(limit, first + 1), first + BATCH_FRAMES_MAX, count)
        yield first, end
        first = end
        if count >= paged.LONG_MIN:
            paged.let_go()


class FrameReader:
    """Reads runs of frames from a scan into a buffer, framed as they will stand in the object."""

    def __init__(self, table: FrameTable, layout: Layout) -> None:
        self._table = table
        self._layout = layout
        self._file = os.open(table.path, os.O_RDONLY | os.O_CLOEXEC)
        self._gap = memoryview(bytearray(_GAP_BYTES_MAX))

    def close(self) -> None:
        """Close the scan."""
        os.close(self._file)

    def fill(self, target: memoryview, first: int, end: int) -> int:
        """Write the items of frames first … end-1 to the start of `target`; return their length in bytes.

        Raises: TruncatedSlideError
        """
        table, layout = self._table, self._layout
        base = int(layout.item_starts[first])
        starts = (layout.item_starts[first:end] - base).tolist()
        sizes = layout.frame_lengths(first, end).tolist()
        offsets = table.offsets[first:end].tolist()
        lengths = table.lengths[first:end].tolist()
        self._scatter(target, starts, offsets, lengths)
        self._frame(target, starts, sizes, lengths)
        return int(layout.item_starts[end]) - base

    def _scatter(self, target: memoryview, starts: list[int], offsets: list[int], lengths: list[int]) -> None:
        # Each tile lands so that its body stands right; the bytes it replaces lie under the prefix written later.
        lead = self._layout.item_header_bytes + len(self._table.prefix) - self._table.skip_bytes
        parts: list[memoryview] = []
        at = run_start = 0
        for start, offset, length in zip(starts, offsets, lengths, strict=True):
            if not length:
                continue
            gap = offset - at
            if parts and (gap < 0 or gap > _GAP_BYTES_MAX or len(parts) >= _IOV_MAX):
                self._read(parts, run_start, at)
                parts = []
            if not parts:
                run_start = offset
            elif gap:
                parts.append(self._gap[:gap])
            parts.append(target[start + lead : start + lead + length])
            at = offset + length
        if parts:
            self._read(parts, run_start, at)

    def _read(self, parts: list[memoryview], start: int, end: int) -> None:
        if os.preadv(self._file, parts, start) != end - start:
            raise TruncatedSlideError(f"{self._table.path.name} ends before byte {end}.")

    def _frame(self, target: memoryview, starts: list[int], sizes: list[int], lengths: list[int]) -> None:
        table, header_bytes = self._table, self._layout.item_header_bytes
        prefix, prefix_bytes = table.prefix, len(table.prefix)
        body_extra = prefix_bytes - table.skip_bytes
        pack = struct.Struct("<4sI").pack_into
        for start, size, length in zip(starts, sizes, lengths, strict=True):
            at = start + header_bytes
            if header_bytes:
                pack(target, start, _ITEM, size)
            if length:
                if prefix_bytes:
                    target[at : at + prefix_bytes] = prefix
                used = length + body_extra
            else:
                used = len(table.blank)
                target[at : at + used] = table.blank
            if used < size:
                target[at + used] = 0


def buffer_for(layout: Layout) -> memoryview:
    """Return memory for the largest batch."""
    largest = max(
        (int(layout.item_starts[end] - layout.item_starts[first]) for first, end in batches(layout)), default=0
    )
    return memoryview(bytearray(largest))


def write_file(
    path: Path, table: FrameTable, layout: Layout, *, on_frames: Callable[[int, int], None] | None = None
) -> None:
    """Write one object; `path` gets its name only when all is on the disk.

    `on_frames(frames, bytes)` is called after each batch and may raise to stop.
    Raises: OutputError, TruncatedSlideError
    """
    temporary = path.with_name(f"{path.name}.part")
    try:
        with open(temporary, "wb", buffering=0) as file:
            if layout.file_bytes > _LARGE_BYTES:
                kernel.reserve(file.fileno(), layout.file_bytes)
            _write(file.fileno(), table, layout, on_frames)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise output_error(path, error) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write(
    file_descriptor: int, table: FrameTable, layout: Layout, on_frames: Callable[[int, int], None] | None
) -> None:
    begun = at = 0
    for piece in layout.head():
        write_all(file_descriptor, memoryview(piece))
        at += len(piece)
    buffer, reader = buffer_for(layout), FrameReader(table, layout)
    try:
        for first, end in batches(layout):
            size_bytes = reader.fill(buffer, first, end)
            write_all(file_descriptor, buffer[:size_bytes])
            at += size_bytes
            if at - begun >= _LARGE_BYTES:
                kernel.begin_writing(file_descriptor, begun, at - begun)
                begun = at
            if on_frames is not None:
                on_frames(end - first, size_bytes)
    finally:
        reader.close()
    write_all(file_descriptor, memoryview(layout.tail))


def write_all(file_descriptor: int, data: memoryview) -> None:
    """Write all of it, however often the kernel wants to be asked."""
    while data:
        data = data[os.write(file_descriptor, data) :]


def sync_folder(path: Path) -> None:
    """Make the names in a folder last."""
    file_descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file_descriptor)
    finally:
        os.close(file_descriptor)


def output_error(path: Path, error: OSError) -> OutputError:
    """Return a clear error for a write that failed."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"The disk is full: {path} could not be written.")
    return OutputError(f"{path} cannot be written: {error.strerror or error}.")
