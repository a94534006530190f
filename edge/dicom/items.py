"""Where the items of compressed pixel data lie, learnt from the bytes as they pass: the file is not read for it again.

    watch = ItemWatch(begin=…)       # where the dataset begins in its file
    watch.feed(piece) …              # all of it, cut anywhere
    watch.table()                    # to keep; None: no compressed pixels, or not to be followed
    items(table)                     # → (offset, extent) of each, the basic offset table first

No I/O. Memory: four bytes an item.  Standard: PS3.5 A.4, 7.5
"""

import struct
import zlib
from array import array

ITEM_COUNT_MAX = 2_000_000
TABLE_BYTES_MAX = 8 + 4 * ITEM_COUNT_MAX
_HEADER_BYTES, _LONG_HEADER_BYTES = 8, 12
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXEL_DATA = 0x7FE00010
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UR UT UV".split())
_PLAIN_SYNTAXES = frozenset(
    {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"}
)


def may_have_items(transfer_syntax_uid: str) -> bool:
    """Tell whether pixels of this transfer syntax are compressed, each frame for itself."""
    return transfer_syntax_uid not in _PLAIN_SYNTAXES


class ItemWatch:
    """Follows one dataset: explicit VR, little endian, as all compressed ones are."""

    def __init__(self, *, begin: int) -> None:
        """`begin`: where the dataset begins in its file, in bytes."""
        self._seen = self._next = begin
        """How far it has come, and where the next header begins."""
        self._carry = b""
        """The beginning of a header that was cut."""
        self._depth = 0
        self._first: int | None = None
        """Where the first item begins, once the pixels have begun."""
        self._lengths = array("I")
        self._is_over = self._is_whole = False

    def feed(self, data: memoryview) -> None:
        """Take the next bytes."""
        base, self._seen = self._seen, self._seen + len(data)
        while not self._is_over and self._next < self._seen:
            at = self._next - base
            head = self._carry + bytes(data[: _LONG_HEADER_BYTES + at]) if at < 0 else bytes(
                data[at : at + _LONG_HEADER_BYTES]
            )  # fmt: skip
            if len(head) < _HEADER_BYTES or not self._take(head):
                self._carry = head
                return
            self._carry = b""

    def table(self) -> bytes | None:
        """Return what to keep; None when there are no compressed pixels, or they have not ended."""
        if not self._is_whole or self._first is None or len(self._lengths) < 2:
            return None
        return zlib.compress(struct.pack("<Q", self._first) + self._lengths.tobytes(), 1)

    def _take(self, head: bytes) -> bool:
        """Step over one header; tell whether it was whole."""
        group, element, vr, short = struct.unpack_from("<HH2sH", head)
        tag = group << 16 | element
        (length,) = struct.unpack_from("<I", head, 4)
        if self._first is not None:
            self._take_item(tag, length)
        elif group == 0xFFFE:
            self._depth += (tag == _ITEM and length == _UNDEFINED) - (tag in (_ITEM_END, _SEQUENCE_END))
            self._next += _HEADER_BYTES + (length if tag == _ITEM and length != _UNDEFINED else 0)
        elif vr in _SHORT_VRS:
            self._next += _HEADER_BYTES + short
        elif vr not in _LONG_VRS:  # What stands in here cannot be followed.
            self._is_over = True
        elif len(head) < _LONG_HEADER_BYTES:
            return False
        else:
            self._take_long(tag, *struct.unpack_from("<I", head, 8))
        return True

    def _take_long(self, tag: int, length: int) -> None:
        self._next += _LONG_HEADER_BYTES
        is_pixels = tag == _PIXEL_DATA and self._depth == 0
        if length != _UNDEFINED:
            self._next += length
            self._is_over = is_pixels
        elif is_pixels:
            self._first = self._next
        else:
            self._depth += 1

    def _take_item(self, tag: int, length: int) -> None:
        if tag == _ITEM and length != _UNDEFINED and len(self._lengths) < ITEM_COUNT_MAX:
            self._lengths.append(length)
            self._next += _HEADER_BYTES + length
        else:
            self._is_over, self._is_whole = True, tag == _SEQUENCE_END


def items(table: bytes) -> list[tuple[int, int]]:
    """Return (offset, extent) of each item, headers included, from what `ItemWatch.table` gave."""
    data = zlib.decompressobj().decompress(table, TABLE_BYTES_MAX)
    (offset,) = struct.unpack_from("<Q", data)
    found = []
    for length in array("I", data[8:]):
        found.append((offset, _HEADER_BYTES + length))
        offset += _HEADER_BYTES + length
    return found
