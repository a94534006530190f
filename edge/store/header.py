"""What the index needs to know of a DICOM file: read quickly, without pixels, from any bytes whatever.

The file is mapped, never loaded. Only top-level elements are looked at; sequences are stepped over without recursion.
Whatever the bytes are, the answer is a `Header` or a `BadInputError`.
"""

import mmap
import os
import re
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge.dicom import character_set
from edge.errors import BadInputError
from edge.store.header_tags import ATTRIBUTES, CHARACTER_SET, NUMBER_COUNT_MAX, STOP_GROUP, Attribute

Value = str | int | float | list[str] | list[int] | list[float]

DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
IMPLICIT = "1.2.840.10008.1.2"
INFLATED_BYTES_MAX = 8 * 1024 * 1024
"""Of a deflated dataset, so much is looked at: a bomb stays small."""
VALUE_BYTES_MAX = 256 * 1024
PEEK_BYTES = 256 * 1024
ELEMENT_COUNT_MAX = 1_000_000
"""Elements stepped over in one file."""
META_BYTES_MAX = 1024 * 1024
LONGEST_HEAD_BYTES = 12
"""Of an element before its value: tag, VR and length."""

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXEL_DATA = 0x7FE00010
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_NUMBER_FORMATS: Final = {b"US": "H", b"SS": "h", b"UL": "I", b"SL": "i", b"FL": "f", b"FD": "d"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The attributes of one object, by DICOM keyword; what is absent or unreadable is left out."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    dataset_offset: int
    """First byte after the file meta information."""
    values: dict[str, Value] = field(default_factory=dict)

    def text(self, keyword: str) -> str:
        """Return a value as text; empty when absent, the first of several."""
        value = self.values.get(keyword, "")
        if isinstance(value, list):
            return str(value[0]) if value else ""
        return str(value)

    def number(self, keyword: str) -> int | None:
        """Return a whole number; None when absent or not one."""
        value = self.values.get(keyword)
        return int(value) if isinstance(value, int | float) else None


def read(path: Path, *, head: bytes | bytearray = b"") -> Header:
    """Read the header of a DICOM file.  Raises: BadInputError that says what is wrong.  Standard: PS3.10 7.1

    `head`: the first bytes of the file, if they are at hand; it is opened only when they do not suffice.
    """
    try:
        if head:
            try:
                return _read(bytes(head), path.stat().st_size)
            except (_BeyondError, BadInputError, struct.error, IndexError):  # The whole file has the last word.
                pass
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
        with data:
            return _read(data, len(data))
    except BadInputError as error:
        raise BadInputError(f"{path.name} {error.message}") from error
    except (ValueError, struct.error, IndexError) as error:  # An empty file; a header that ends in its middle.
        raise BadInputError(f"{path.name} is empty or cut off in its header.") from error


def peek_study(path: Path) -> str:
    """Return the StudyInstanceUID of a file that is still being written; empty while it has not come."""
    try:
        with path.open("rb") as file:
            data = file.read(PEEK_BYTES)
        offset, syntax = _read_meta(data)
        if syntax == DEFLATED:
            return ""
        order = b">" if syntax == BIG_ENDIAN else b"<"
        values = _Scan(data, offset, order, is_implicit=syntax == IMPLICIT, is_cut=True).run()
        return _uid(values, "StudyInstanceUID")
    except (OSError, BadInputError, ValueError, struct.error, IndexError):  # Gone, nothing yet, or no DICOM.
        return ""


class _BeyondError(Exception):
    """What is wanted lies behind the bytes at hand."""


def _read(data: mmap.mmap | bytes, size: int) -> Header:
    """Read the header of a file of this size; of `data` there may be its beginning only.  Raises: _BeyondError"""
    if data[128:132] != b"DICM":
        raise BadInputError("is not a DICOM file: the letters DICM are not at byte 128.")
    offset, syntax = _read_meta(data)
    if syntax == DEFLATED:
        if len(data) < size:
            raise _BeyondError
        whole: mmap.mmap | bytes = _inflate(data, offset)
        values = _Scan(whole, 0, b"", is_implicit=False, is_cut=len(whole) >= INFLATED_BYTES_MAX).run()
    else:
        order = b">" if syntax == BIG_ENDIAN else b"<"
        values = _Scan(data, offset, order, is_implicit=syntax == IMPLICIT, size=size).run()
    identifiers = {
        keyword: _uid(values, keyword)
        for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
    }
    return Header(
        sop_class_uid=identifiers["SOPClassUID"], sop_instance_uid=identifiers["SOPInstanceUID"],
        study_instance_uid=identifiers["StudyInstanceUID"], series_instance_uid=identifiers["SeriesInstanceUID"],
        transfer_syntax_uid=syntax, dataset_offset=offset, values=values,
    )  # fmt: skip


def _uid(values: dict[str, Value], keyword: str) -> str:
    value = values.get(keyword)
    if value is None or value == "":
        raise BadInputError(f"has no {keyword}.")
    if not isinstance(value, str) or len(value) > 64 or not _UID.fullmatch(value):
        raise BadInputError(f"has a {keyword} that is not a UID.")
    return value


def _read_meta(data: mmap.mmap | bytes) -> tuple[int, str]:
    """Return where the dataset begins and its transfer syntax; always explicit, little endian.  Standard: PS3.10 7.1"""
    offset, syntax = 132, ""
    while offset + 8 <= min(len(data), META_BYTES_MAX):
        group, element, vr, length = struct.unpack_from("<HH2sH", data, offset)
        if group != 2:
            break
        offset += 8
        if vr in _LONG_VRS:
            (length,) = struct.unpack_from("<I", data, offset)
            offset += 4
        if offset + length > len(data):
            raise BadInputError("is cut off in its file meta information.")
        if element == 0x10:
            syntax = data[offset : offset + min(length, 64)].decode("ascii", "replace").rstrip("\0 ")
        offset += length
    if not _UID.fullmatch(syntax):
        raise BadInputError("does not say its transfer syntax in the file meta information.")
    return offset, syntax


def _inflate(data: mmap.mmap | bytes, offset: int) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[offset:], INFLATED_BYTES_MAX)
    except zlib.error as error:
        raise BadInputError("has a deflated dataset that cannot be inflated.") from error


class _Scan:
    """One walk over the top-level elements of a dataset."""

    def __init__(
        self, data: mmap.mmap | bytes, offset: int, order: bytes, *, is_implicit: bool, is_cut: bool = False,
        size: int | None = None,
    ) -> None:  # fmt: skip
        """Walk over `data` from `offset`; `size`: of the whole, when there may be only its beginning."""
        self._data = data
        self._size = len(data) if size is None else size
        self._is_partial = len(data) < self._size
        self._offset = offset
        self._order = (order or b"<").decode()
        self._read_head = struct.Struct(f"{self._order}HH2sH").unpack_from
        self._is_implicit = is_implicit
        self._is_cut = is_cut
        self._encodings = character_set.DEFAULT
        self._element_count = 0

    def run(self) -> dict[str, Value]:
        values: dict[str, Value] = {}
        data, size, read_head, is_implicit = self._data, self._size, self._read_head, self._is_implicit
        held = len(data)
        while self._offset + 8 <= size:
            if self._is_partial and self._offset + LONGEST_HEAD_BYTES > held:
                raise _BeyondError
            group, element, vr, length = read_head(data, self._offset)
            if vr in _SHORT_VRS and not is_implicit and group != 0xFFFE:  # As `_next`, for nearly all there are.
                tag = group << 16 | element
                self._offset += 8
                self._count_one()
            else:
                tag, vr, length = self._next()
            if tag >> 16 >= STOP_GROUP:
                self._check_rest(tag, length)
                break
            if length == _UNDEFINED:
                self._skip_undefined()
                continue
            if self._offset + length > size:
                if self._is_cut:
                    break
                raise BadInputError(f"is cut off in the element {tag >> 16:04X},{tag & 0xFFFF:04X}.")
            attribute = ATTRIBUTES.get(tag)
            if (attribute is not None or tag == CHARACTER_SET) and length <= VALUE_BYTES_MAX:
                if self._offset + length > held:
                    raise _BeyondError
                raw = data[self._offset : self._offset + length]
                if tag == CHARACTER_SET:
                    self._use_character_set(raw)
                elif attribute is not None and (value := self._decode(attribute, vr, raw)) is not None:
                    values[attribute.keyword] = value
            self._offset += length
        else:
            if self._is_partial:
                raise _BeyondError
            if any(self._data[self._offset :]) and not self._is_cut:
                raise BadInputError("is cut off between two elements.")
        return values

    def _next(self) -> tuple[int, bytes, int]:
        """Step over one element's tag, VR and length; implicit VR inside explicit is seen by its VR.  Std: PS3.5 7.1"""
        self._count_one()
        if self._is_partial and self._offset + LONGEST_HEAD_BYTES > len(self._data):
            raise _BeyondError
        group, element, vr, short = self._read_head(self._data, self._offset)
        tag = group << 16 | element
        if vr in _SHORT_VRS and not self._is_implicit and group != 0xFFFE:
            self._offset += 8
            return tag, vr, short
        if self._is_implicit or group == 0xFFFE or not (vr.isalpha() and vr.isupper()):
            (length,) = struct.unpack_from(f"{self._order}I", self._data, self._offset + 4)
            self._offset += 8
            return tag, b"", length
        if vr in _LONG_VRS:
            (length,) = struct.unpack_from(f"{self._order}I", self._data, self._offset + 8)
            self._offset += 12
            return tag, vr, length
        self._offset += 8
        return tag, vr, short

    def _count_one(self) -> None:
        self._element_count += 1
        if self._element_count > ELEMENT_COUNT_MAX:
            raise BadInputError("has more elements than can be looked at.")

    def _skip_undefined(self) -> None:
        """Step over a value of undefined length: items and, inside them, elements, until all that opened is closed."""
        open_count, size = 1, self._size
        while open_count and self._offset + 8 <= size:
            tag, _, length = self._next()
            if tag in (_ITEM_END, _SEQUENCE_END):
                open_count -= 1
            elif length == _UNDEFINED:
                open_count += 1
            else:
                self._offset += length
        if (open_count or self._offset > size) and not self._is_cut:
            raise BadInputError("is cut off inside a sequence.")

    def _check_rest(self, tag: int, length: int) -> None:
        """Look at pixel data, or what comes before it, as far as a cut can be seen without reading it."""
        size = self._size
        while length != _UNDEFINED and tag != _PIXEL_DATA and self._offset + length + 8 <= size:
            self._offset += length
            tag, _, length = self._next()
        if self._is_cut:
            return
        if length != _UNDEFINED:
            if self._offset + length > size:
                raise BadInputError("is cut off in its pixel data.")
        elif tag == _PIXEL_DATA and not self._ends_with_delimiter():
            self._skip_undefined()

    def _ends_with_delimiter(self) -> bool:
        if self._is_partial:
            raise _BeyondError
        return bytes(self._data[-8:]) == struct.pack(f"{self._order}HHI", 0xFFFE, 0xE0DD, 0)

    def _use_character_set(self, raw: bytes) -> None:
        self._encodings = character_set.encodings_of(raw.decode("ascii", "replace").rstrip("\0 ").split("\\"))

    def _decode(self, attribute: Attribute, vr: bytes, raw: bytes) -> Value | None:
        try:
            match attribute.kind:
                case "name":
                    return character_set.decode(raw, self._encodings, is_name=True)
                case "text":
                    text = character_set.decode(raw, self._encodings, is_name=False)
                    return _several([part.strip() for part in text.split("\\")]) if "\\" in text else text.strip()
                case "code":
                    text = raw.decode("latin-1").strip("\0 ")
                    return _several([part.strip(" \0") for part in text.split("\\")]) if "\\" in text else text
                case "number":
                    return self._decode_number(vr or attribute.vr, raw)
        except (LookupError, ValueError, struct.error, TypeError, AttributeError, OverflowError):
            return None

    def _decode_number(self, vr: bytes, raw: bytes) -> Value | None:
        if letter := _NUMBER_FORMATS.get(vr):
            count = min(len(raw) // struct.calcsize(letter), NUMBER_COUNT_MAX + 1)
            numbers = list(struct.unpack_from(f"{self._order}{count}{letter}", raw))
        elif vr in (b"IS", b"DS"):
            parts = raw.decode("ascii").strip("\0 ").split("\\", NUMBER_COUNT_MAX + 1)
            numbers = [int(part) if vr == b"IS" else float(part) for part in parts if part.strip("\0 ")]
        else:
            return None
        if not numbers or len(numbers) > NUMBER_COUNT_MAX or not all(abs(n) <= 2**53 for n in numbers):
            return None
        return numbers[0] if len(numbers) == 1 else numbers


def _several(parts: list[str]) -> Value:
    return parts[0] if len(parts) == 1 else parts
