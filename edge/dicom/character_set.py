"""Text in every character set of DICOM: from bytes, to bytes, and which one an answer can use.

The table is the standard's; pydicom does the work of code extensions. What it does not know yet, it is told here.
Standard: PS3.3 C.12.1.1.2, PS3.5 6.1
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from pydicom import charset
from pydicom.charset import convert_encodings, decode_bytes, encode_string
from pydicom.valuerep import PersonName

UTF_8 = "ISO_IR 192"

SINGLE = {
    "ISO_IR 6": "ASCII", "ISO_IR 100": "Latin alphabet No. 1", "ISO_IR 101": "Latin alphabet No. 2",
    "ISO_IR 109": "Latin alphabet No. 3", "ISO_IR 110": "Latin alphabet No. 4", "ISO_IR 144": "Cyrillic",
    "ISO_IR 127": "Arabic", "ISO_IR 126": "Greek", "ISO_IR 138": "Hebrew", "ISO_IR 148": "Latin alphabet No. 5",
    "ISO_IR 203": "Latin alphabet No. 9", "ISO_IR 13": "Japanese (katakana and romaji)", "ISO_IR 166": "Thai",
}  # fmt: skip
"""Without code extensions, single-byte.  Standard: PS3.3 Table C.12-2"""
EXTENDED = {
    **{term.replace("ISO_IR", "ISO 2022 IR"): name for term, name in SINGLE.items()},
    "ISO 2022 IR 87": "Japanese (kanji, JIS X 0208)", "ISO 2022 IR 159": "Japanese (supplementary kanji, JIS X 0212)",
    "ISO 2022 IR 149": "Korean (KS X 1001)", "ISO 2022 IR 58": "Simplified Chinese (GB 2312)",
}  # fmt: skip
"""With code extensions; several may be mixed in one value.  Standard: PS3.3 Tables C.12-3 and C.12-4"""
ALONE = {UTF_8: "Unicode in UTF-8", "GB18030": "Chinese (GB 18030)", "GBK": "Chinese (GBK)"}
"""Without code extensions, multi-byte.  Standard: PS3.3 Table C.12-5"""
TERMS = frozenset({*SINGLE, *EXTENDED, *ALONE})

_DELIMITERS = {0x0A, 0x0C, 0x0D, 0x09, 0x5C}
_LATIN_9 = "iso8859_15"
charset.python_encoding.setdefault("ISO_IR 203", _LATIN_9)
charset.python_encoding.setdefault("ISO 2022 IR 203", _LATIN_9)
charset.CODES_TO_ENCODINGS.setdefault(b"\x1b-b", _LATIN_9)
charset.ENCODINGS_TO_CODES.setdefault(_LATIN_9, b"\x1b-b")
# Python's GB 2312 knows no escape sequences: they are to be taken off, and put on, as for the Korean set.
charset.handled_encodings = ("iso2022_jp", "iso2022_jp_2")

DEFAULT: tuple[str, ...] = ("iso8859",)


def encodings_of(terms: Sequence[str]) -> tuple[str, ...]:
    """Return Python's names for the values of SpecificCharacterSet; a value that is unknown counts as the default."""
    try:
        return tuple(convert_encodings([term.strip() for term in terms])) if any(terms) else DEFAULT
    except (LookupError, ValueError):
        return DEFAULT


def decode(raw: bytes, encodings: Sequence[str], *, is_name: bool) -> str:
    """Return the text of a value; several values stay joined by backslashes."""
    raw = raw.rstrip(b"\0 ")
    if raw.isascii() and b"\x1b" not in raw and b"=" not in raw:  # The same in every character set.
        return raw.decode("ascii")
    if is_name:
        return str(PersonName(raw, list(encodings)).decode())
    text: str = decode_bytes(raw, list(encodings), _DELIMITERS)
    return text


def encode(text: str, encodings: Sequence[str], *, is_name: bool) -> bytes:
    """Return the bytes of a value; what cannot be said is a question mark (see `fits`)."""
    if text.isascii():
        return text.encode("ascii")
    values = text.split("\\")
    if is_name:
        return b"\\".join(PersonName(value).encode(list(encodings)) for value in values)
    return b"\\".join(encode_string(value, list(encodings)) for value in values)


def fits(text: str, encodings: Sequence[str], *, is_name: bool) -> bool:
    """Tell whether the text comes back the same from these encodings."""
    if text.isascii():
        return True
    if not all(_has(letter, tuple(encodings)) for letter in set(text)):
        return False
    back = decode(encode(text, encodings, is_name=is_name), encodings, is_name=is_name)
    return back == (text.rstrip("=") if is_name else text)


def choose(asked: Sequence[str], texts: Iterable[tuple[str, bool]]) -> tuple[str, ...]:
    """Return the SpecificCharacterSet for an answer: the asker's own if all (text, is it a name) fit, else UTF-8.

    Standard: PS3.4 C.4.1.1.3.1
    """
    terms = tuple(term.strip() for term in asked)
    is_known = all(term in TERMS or (not term and index == 0) for index, term in enumerate(terms))
    if any(terms) and is_known:
        encodings = encodings_of(terms)
        return terms if all(fits(text, encodings, is_name=is_name) for text, is_name in texts) else (UTF_8,)
    return () if all(text.isascii() for text, _ in texts) else (UTF_8,)


@lru_cache(maxsize=65536)
def _has(letter: str, encodings: tuple[str, ...]) -> bool:
    if letter.isascii():
        return True
    for encoding in encodings:
        if encoding == DEFAULT[0]:  # The default repertoire is ASCII, whatever Python would let through.
            continue
        try:
            letter.encode(encoding)
            return True
        except UnicodeEncodeError:
            continue
    return False
