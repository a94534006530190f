"""Objects on disk, cut into P-DATA PDUs: read between headers that are there already, one buffer for all of them."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from edge.net import pdu
from edge.net.pdu import PduType, ProtocolError
from edge.net.peer import PDU_BYTES_MAX
from edge.runtime import kernel

BLOCK_BYTES = 256 * 1024
"""So much is read and handed on at once: it stays in the processor's cache."""
SLOT_COUNT_MAX = 512
HEAD_BYTES_MAX = 1024
_HEADER_BYTES = 12
_VALUE_BYTES_MIN = 1024
_META_BYTES_FIRST, _META_BYTES_MAX = 2048, 1024 * 1024
_LONG_VRS = frozenset({b"OB", b"OW", b"UN", b"UT", b"SQ"})


class CutShortError(OSError):
    """A file ends before the object does."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A dataset within an open file, the opener's to close."""

    descriptor: int
    offset: int
    size_bytes: int

    def read(self, rooms: list[memoryview], at_bytes: int, wanted_bytes: int) -> None:
        """Fill rooms with what begins there.  Raises: CutShortError, OSError."""
        _read(self.descriptor, rooms, self.offset + at_bytes, wanted_bytes)


class Flow:
    """A dataset that lies nowhere: its bytes come piece by piece, in order, and how many there are is known."""

    def __init__(self, pieces: Iterator[bytes], size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._pieces = pieces
        self._rest = memoryview(b"")
        self._done_bytes = 0

    def read(self, rooms: list[memoryview], at_bytes: int, wanted_bytes: int) -> None:
        """Fill rooms with what comes next.  Raises: CutShortError, and what the pieces raise."""
        assert at_bytes == self._done_bytes, "a flow cannot go back"
        for room in rooms:
            filled = 0
            while filled < len(room):
                if not self._rest:
                    self._rest = memoryview(next(self._pieces, b""))
                    if not self._rest:
                        raise CutShortError("the stream ends before the object does")
                taken = min(len(self._rest), len(room) - filled)
                room[filled : filled + taken] = self._rest[:taken]
                self._rest = self._rest[taken:]
                filled += taken
        self._done_bytes += wanted_bytes


def dataset_of(descriptor: int) -> Extent:
    """Return the dataset of a DICOM file: what follows its meta information.  Raises: CutShortError, OSError.

    Standard: PS3.10 7.1
    """
    size_bytes = os.fstat(descriptor).st_size
    data = os.pread(descriptor, _META_BYTES_FIRST, 0)
    if data[128:132] != b"DICM":
        raise CutShortError("the file is no DICOM file")
    offset = 132
    while True:
        if offset + _HEADER_BYTES > len(data) < min(size_bytes, _META_BYTES_MAX):
            data = os.pread(descriptor, _META_BYTES_MAX, 0)
        if offset + 8 > len(data):
            raise CutShortError("the file ends before its dataset")
        group, _, vr, length = struct.unpack_from("<HH2sH", data, offset)
        if group != 2:
            return Extent(descriptor, offset, size_bytes - offset)
        if vr in _LONG_VRS:
            (length,) = struct.unpack_from("<I", data.ljust(offset + _HEADER_BYTES, b"\0"), offset + 8)
            offset += 4
        offset += 8 + length


class Fragmenter:
    """Cuts for one association. Its blocks are views of one buffer: each is void when the next is asked for."""

    def __init__(self, pdu_bytes_max: int) -> None:
        """Cut for a peer that takes PDUs whose body has at most so many bytes; 0: any.  Raises: ProtocolError."""
        taken = min(pdu_bytes_max or PDU_BYTES_MAX, PDU_BYTES_MAX) - 6
        self._value_bytes = taken - taken % 2
        if self._value_bytes < _VALUE_BYTES_MIN:
            raise ProtocolError(f"The peer takes PDUs of {pdu_bytes_max} bytes only.")
        slot_bytes = _HEADER_BYTES + self._value_bytes
        count = max(1, min(SLOT_COUNT_MAX, BLOCK_BYTES // slot_bytes))
        self._buffer = memoryview(bytearray(HEAD_BYTES_MAX + slot_bytes * count))
        self._begins = [HEAD_BYTES_MAX + slot_bytes * index for index in range(count)]

    def blocks(self, head: bytes, context_id: int, extent: Extent | Flow) -> Iterator[memoryview]:
        """Give the command's PDU and the dataset's, in a few large pieces.  Raises: CutShortError, OSError."""
        assert len(head) <= HEAD_BYTES_MAX
        for slot in self._begins:
            self._write_header(slot, context_id, self._value_bytes)
        begin = HEAD_BYTES_MAX - len(head)
        self._buffer[begin:HEAD_BYTES_MAX] = head
        done_bytes = 0
        while True:
            left_bytes = extent.size_bytes - done_bytes
            taken_bytes = min(left_bytes, self._value_bytes * len(self._begins))
            slot, last_bytes = self._fill(extent, done_bytes, taken_bytes)
            if taken_bytes == left_bytes:
                self._write_header(slot, context_id, last_bytes, is_last=True)
            end = slot + _HEADER_BYTES + last_bytes
            yield self._buffer[begin:end]
            done_bytes += taken_bytes
            if done_bytes >= extent.size_bytes:
                return
            begin = HEAD_BYTES_MAX

    def _fill(self, extent: Extent | Flow, done_bytes: int, taken_bytes: int) -> tuple[int, int]:
        """Read the next values into their slots; return where the last slot begins and how long its value is."""
        slot_count = max(1, -(-taken_bytes // self._value_bytes))
        last_bytes = taken_bytes - (slot_count - 1) * self._value_bytes
        sizes = [self._value_bytes] * (slot_count - 1) + [last_bytes]
        rooms = [
            self._buffer[begin + _HEADER_BYTES : begin + _HEADER_BYTES + size]
            for begin, size in zip(self._begins, sizes, strict=False)
        ]
        extent.read(rooms, done_bytes, taken_bytes)
        return self._begins[slot_count - 1], last_bytes

    def _write_header(self, begin: int, context_id: int, value_bytes: int, *, is_last: bool = False) -> None:
        control = pdu.LAST if is_last else 0
        struct.pack_into(
            ">BBIIBB", self._buffer, begin, PduType.DATA, 0, value_bytes + 6, value_bytes + 2, context_id, control
        )  # fmt: skip


def _read(descriptor: int, rooms: list[memoryview], offset: int, wanted_bytes: int) -> None:
    found = kernel.read_into(descriptor, rooms, offset)
    while found < wanted_bytes:
        skipped, rest = found, []
        for room in rooms:
            rest.append(room[min(skipped, len(room)) :])
            skipped -= min(skipped, len(room))
        more = kernel.read_into(descriptor, [room for room in rest if room], offset + found)
        if more == 0:
            raise CutShortError("the file ends before the object does")
        found += more
