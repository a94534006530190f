"""The identifiers of queries: attributes with values, read from any bytes whatever and written in any character set.

Unlike a dataset of pydicom, nothing is converted or judged: a key may hold a range, a wild card, a list or nonsense.
Standard: PS3.4 C.2.2, PS3.5 7
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from edge.dicom import character_set
from edge.errors import BadInputError

BIG_ENDIAN = "1.2.840.10008.1.2.2"
IMPLICIT = "1.2.840.10008.1.2"
BYTES_MAX = 1024 * 1024
DEPTH_MAX = 8
KEY_COUNT_MAX = 2000

Value = str | int | float | Sequence[str] | Sequence[int] | Sequence[float] | Sequence["Keys"] | None
Keys = Mapping[str, Value]
"""Keyword -> value; for a sequence its items."""

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_CHARACTER_SET = 0x00080005
_LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
_TEXT_VRS = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
_NUMBERS: Final = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
_NEAR: Final = {
    0x00080018: ("SOPInstanceUID", "UI"), 0x00080052: ("QueryRetrieveLevel", "CS"),
    0x00081150: ("ReferencedSOPClassUID", "UI"), 0x00081155: ("ReferencedSOPInstanceUID", "UI"),
    0x00081195: ("TransactionUID", "UI"), 0x00081197: ("FailureReason", "US"), 0x00081198: ("FailedSOPSequence", "SQ"),
    0x00081199: ("ReferencedSOPSequence", "SQ"), 0x0020000D: ("StudyInstanceUID", "UI"),
    0x0020000E: ("SeriesInstanceUID", "UI"),
}  # fmt: skip
"""What commitment and fetching back speak of: who does only that needs no dictionary of the whole standard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One attribute that is asked for."""

    tag: int
    keyword: str
    """Empty for a private or unknown attribute."""
    vr: str
    value: str = ""
    """As text; several values with backslashes between them. Empty: return it, whatever it is."""
    items: tuple["Identifier", ...] = ()
    """Of a sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """What somebody asks for."""

    keys: tuple[Key, ...] = ()
    character_set: tuple[str, ...] = ()
    """Values of SpecificCharacterSet; empty when it was not said."""
    by_keyword: Mapping[str, Key] = field(default_factory=dict)

    def text(self, keyword: str) -> str:
        """Return the value asked for; empty when none."""
        key = self.by_keyword.get(keyword)
        return key.value if key is not None else ""


def read(
    data: bytes, transfer_syntax_uid: str, *, bytes_max: int = BYTES_MAX, key_count_max: int = KEY_COUNT_MAX
) -> Identifier:
    """Read an identifier.  Raises: BadInputError."""
    if len(data) > bytes_max:
        raise BadInputError(f"The identifier has more than {bytes_max} bytes.")
    order = ">" if transfer_syntax_uid == BIG_ENDIAN else "<"
    try:
        return _Reader(data, order, is_implicit=transfer_syntax_uid == IMPLICIT, key_count_max=key_count_max).read()
    except (struct.error, IndexError) as error:
        raise BadInputError("The identifier is cut off.") from error


def write(keys: Keys, terms: Sequence[str], transfer_syntax_uid: str) -> bytes:
    """Return the keys as a dataset. `terms` is their SpecificCharacterSet, which is written when it says anything."""
    order = ">" if transfer_syntax_uid == BIG_ENDIAN else "<"
    said = {**keys, "SpecificCharacterSet": list(terms)} if any(terms) else keys
    encodings = character_set.encodings_of(terms)
    return _write(said, encodings, order, is_implicit=transfer_syntax_uid == IMPLICIT)


def texts(keys: Keys) -> Iterator[tuple[str, bool]]:
    """Yield every text that depends on the character set, and whether it is a name."""
    for keyword, value in keys.items():
        vr = _described(keyword)[1]
        if vr == "SQ":
            for item in value if isinstance(value, Sequence) else ():
                yield from texts(item)  # type: ignore[arg-type]
        elif vr == "PN" or vr in _TEXT_VRS:
            yield _joined(value), vr == "PN"


class _Reader:
    """One walk over an identifier."""

    def __init__(self, data: bytes, order: str, *, is_implicit: bool, key_count_max: int) -> None:
        self._data = data
        self._order = order
        self._is_implicit = is_implicit
        self._offset = 0
        self._count = 0
        self._count_max = key_count_max

    def read(self) -> Identifier:
        return self._level(len(self._data), (), 0)

    def _level(self, end: int, terms: tuple[str, ...], depth: int) -> Identifier:
        """Read elements up to `end`, or to the end of an item of undefined length."""
        if depth > DEPTH_MAX:
            raise BadInputError(f"The identifier has sequences more than {DEPTH_MAX} deep.")
        found: list[Key] = []
        said, encodings = terms, character_set.encodings_of(terms)
        while self._offset + 8 <= end:
            tag, vr, length = self._next()
            if tag == _ITEM_END:
                break
            if vr == "SQ" or (length == _UNDEFINED and vr in ("UN", "")):
                found.append(self._sequence(tag, length, end, said, depth))
                continue
            if length > end - self._offset:
                raise BadInputError("The identifier is cut off.")
            raw = self._data[self._offset : self._offset + length]
            self._offset += length
            if tag == _CHARACTER_SET:
                said = tuple(term.strip() for term in raw.decode("ascii", "replace").rstrip("\0 ").split("\\"))
                encodings = character_set.encodings_of(said)
            elif tag & 0xFFFF:  # Not the length of a group.
                found.append(Key(tag=tag, keyword=_keyword(tag), vr=vr, value=self._text(vr, raw, said, encodings)))
        return Identifier(
            keys=tuple(found), character_set=said, by_keyword={key.keyword: key for key in found if key.keyword}
        )

    def _next(self) -> tuple[int, str, int]:
        self._count += 1
        if self._count > self._count_max:
            raise BadInputError(f"The identifier has more than {self._count_max} attributes.")
        group, element, short_vr, short = struct.unpack_from(f"{self._order}HH2sH", self._data, self._offset)
        tag = group << 16 | element
        self._offset += 8
        if self._is_implicit or group == 0xFFFE:
            (length,) = struct.unpack_from(f"{self._order}I", self._data, self._offset - 4)
            return tag, "" if group == 0xFFFE else _vr(tag), length
        vr = short_vr.decode("latin-1")
        if vr in _LONG_VRS:
            (length,) = struct.unpack_from(f"{self._order}I", self._data, self._offset)
            self._offset += 4
            return tag, vr, length
        return tag, vr, short

    def _sequence(self, tag: int, length: int, end: int, terms: tuple[str, ...], depth: int) -> Key:
        items: list[Identifier] = []
        stop = end if length == _UNDEFINED else self._offset + length
        if stop > end:
            raise BadInputError("The identifier is cut off.")
        while self._offset + 8 <= stop:
            inner, _, inner_length = self._next()
            if inner != _ITEM:
                if inner != _SEQUENCE_END:
                    raise BadInputError("The identifier has a sequence without items.")
                break
            inner_end = stop if inner_length == _UNDEFINED else self._offset + inner_length
            if inner_end > stop:
                raise BadInputError("The identifier is cut off.")
            items.append(self._level(inner_end, terms, depth + 1))
        return Key(tag=tag, keyword=_keyword(tag), vr="SQ", items=tuple(items))

    def _text(self, vr: str, raw: bytes, terms: tuple[str, ...], encodings: tuple[str, ...]) -> str:
        if letter := _NUMBERS.get(vr):
            count = len(raw) // struct.calcsize(letter)
            return "\\".join(str(n) for n in struct.unpack_from(f"{self._order}{count}{letter}", raw))
        if vr != "PN" and vr not in _TEXT_VRS:
            return raw.decode("latin-1").strip("\0 ")
        if not any(terms) and not raw.isascii():  # It should have said which; UTF-8 shows itself.
            encodings = ("utf-8",) if _is_utf_8(raw) else encodings
        return character_set.decode(raw, encodings, is_name=vr == "PN").strip()


def _is_utf_8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _write(keys: Keys, encodings: tuple[str, ...], order: str, *, is_implicit: bool) -> bytes:
    parts: list[bytes] = []
    for (tag, vr), value in sorted((_described(keyword), value) for keyword, value in keys.items()):
        if vr == "SQ":
            content = b"".join(
                struct.pack(f"{order}HHI", 0xFFFE, 0xE000, len(item)) + item
                for item in (_write(one, encodings, order, is_implicit=is_implicit) for one in value or ())  # type: ignore[union-attr, arg-type]
            )
        else:
            content = _content(vr, value, encodings, order)
        parts.append(_head(tag, vr, len(content), order, is_implicit=is_implicit) + content)
    return b"".join(parts)


def _head(tag: int, vr: str, length: int, order: str, *, is_implicit: bool) -> bytes:
    group, element = tag >> 16, tag & 0xFFFF
    if is_implicit:
        return struct.pack(f"{order}HHI", group, element, length)
    if vr in _LONG_VRS:
        return struct.pack(f"{order}HH2sHI", group, element, vr.encode(), 0, length)
    return struct.pack(f"{order}HH2sH", group, element, vr.encode(), length)


def _content(vr: str, value: Value, encodings: tuple[str, ...], order: str) -> bytes:
    if letter := _NUMBERS.get(vr):
        numbers = value if isinstance(value, list | tuple) else [] if value in (None, "") else [value]
        try:
            return struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
        except struct.error:  # A damaged object's value, which this VR cannot hold.
            return b""
    text = _joined(value)
    if vr == "PN" or vr in _TEXT_VRS:
        raw = character_set.encode(text, encodings, is_name=vr == "PN")
    else:
        raw = text.encode("latin-1", "replace")
    if vr not in _LONG_VRS and len(raw) > 0xFFFE:
        raw = b""  # It does not fit; half of it would be wrong.
    return raw + (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)


def _joined(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return "\\".join(_plain(part) for part in value)
    return _plain(value)


def _plain(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


@lru_cache(maxsize=4096)
def _described(keyword: str) -> tuple[int, str]:
    """Return the tag and the VR of a keyword, one where the standard allows several."""
    known = next(((tag, vr) for tag, (name, vr) in _NEAR.items() if name == keyword), None)
    if known is not None:
        return known
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return tag, _vr(tag)


def _vr(tag: int) -> str:
    if tag in _NEAR:
        return _NEAR[tag][1]
    from pydicom.datadict import dictionary_VR

    try:
        return str(dictionary_VR(tag)).partition(" ")[0]
    except KeyError:
        return "UN"


def _keyword(tag: int) -> str:
    """Return the keyword of a tag; empty when it has none of its own, as overlays and private attributes have not."""
    if tag in _NEAR:
        return _NEAR[tag][0]
    from pydicom.datadict import dictionary_keyword, tag_for_keyword

    try:
        keyword = str(dictionary_keyword(tag))
    except KeyError:
        return ""
    return keyword if tag_for_keyword(keyword) == tag else ""
