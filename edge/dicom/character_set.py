"""Text in every character set of DICOM: from bytes, to bytes, and which one an answer can use.

Reading is done here, from the standard's tables: every object that arrives is read, and its process stays small.
Writing is pydicom's (see `charset_library`), loaded when something has to be written that is not plain ASCII.
Standard: PS3.3 C.12.1.1.2, PS3.5 6.1
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

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

_DELIMITERS = frozenset(b"\n\f\r\t\\")
_NAME_DELIMITERS = frozenset(b"^")
_PARTS = re.compile(rb"^[^\x1b]+|\x1b[^\x1b]*")
_CODECS = {
    "": "iso8859", "6": "iso8859", "13": "shift_jis", "100": "latin_1", "101": "iso8859_2", "109": "iso8859_3",
    "110": "iso8859_4", "126": "iso_ir_126", "127": "iso_ir_127", "138": "iso_ir_138", "144": "iso_ir_144",
    "148": "iso_ir_148", "166": "iso_ir_166", "203": "iso8859_15", "87": "iso2022_jp", "159": "iso2022_jp_2",
    "149": "euc_kr", "58": "iso_ir_58",
}  # fmt: skip
"""Number of a registration -> Python's name of it."""
PYTHON = {
    "": "iso8859", **{term: _CODECS[term.rpartition(" ")[2]] for term in (*SINGLE, *EXTENDED)}, UTF_8: "UTF8",
    "GB18030": "GB18030", "GBK": "GBK",
}  # fmt: skip
"""Defined term -> Python's name."""
_UTF_8_NAMES = frozenset({"UTF-8", "UTF8", "UTF_8"})
_ESCAPES = {
    b"\x1b(B": "iso8859", b"\x1b-A": "latin_1", b"\x1b)I": "shift_jis", b"\x1b(J": "shift_jis", b"\x1b-B": "iso8859_2",
    b"\x1b-C": "iso8859_3", b"\x1b-D": "iso8859_4", b"\x1b-F": "iso_ir_126", b"\x1b-G": "iso_ir_127",
    b"\x1b-H": "iso_ir_138", b"\x1b-L": "iso_ir_144", b"\x1b-M": "iso_ir_148", b"\x1b-T": "iso_ir_166",
    b"\x1b-b": "iso8859_15", b"\x1b$B": "iso2022_jp", b"\x1b$(D": "iso2022_jp_2", b"\x1b$)C": "euc_kr",
    b"\x1b$)A": "iso_ir_58",
}  # fmt: skip
"""Escape sequence -> Python's name of what follows.  Standard: PS3.3 Tables C.12-3 and C.12-4"""
_KEEP_ESCAPES = frozenset({"iso2022_jp", "iso2022_jp_2"})
"""Python reads these with their escape sequences; from the others they are taken off."""

DEFAULT: tuple[str, ...] = ("iso8859",)


def encodings_of(terms: Sequence[str]) -> tuple[str, ...]:
    """Return Python's names for the values of SpecificCharacterSet; a value that is unknown counts as the default."""
    terms = [term.strip() for term in terms]
    if not any(terms):
        return DEFAULT
    if terms[0] in ALONE:  # No code extensions beside it.
        return (PYTHON[terms[0]],)
    return tuple(_codec_of(term) for index, term in enumerate(terms) if not index or term not in ALONE)


def _codec_of(term: str) -> str:
    """Return Python's name for a term; what is misspelt in a known way is understood."""
    if term in PYTHON:
        return PYTHON[term]
    likely = re.sub("^ISO.2022.IR.", "ISO 2022 IR ", re.sub("^ISO[^_]IR", "ISO_IR", term))
    return PYTHON.get(likely) or (PYTHON[UTF_8] if term.upper() in _UTF_8_NAMES else DEFAULT[0])


def decode(raw: bytes, encodings: Sequence[str], *, is_name: bool) -> str:
    """Return the text of a value; several values stay joined by backslashes."""
    raw = raw.rstrip(b"\0 ")
    if raw.isascii() and b"\x1b" not in raw and b"=" not in raw:  # The same in every character set.
        return raw.decode("ascii")
    if not is_name:
        return _decode(raw, encodings, _DELIMITERS)
    return "=".join(_decode(group, encodings, _NAME_DELIMITERS) for group in raw.split(b"=")).rstrip("=")


def _decode(raw: bytes, encodings: Sequence[str], delimiters: frozenset[int]) -> str:
    """Decode a value, each part after an escape sequence in its own character set.  Standard: PS3.5 6.1.2.5"""
    if b"\x1b" not in raw:
        return _decode_as(raw, encodings[0])
    return "".join(_decode_part(part, encodings, delimiters) for part in _PARTS.findall(raw))


def _decode_part(part: bytes, encodings: Sequence[str], delimiters: frozenset[int]) -> str:
    length = 4 if part.startswith((b"\x1b$(", b"\x1b$)")) else 3
    encoding = _ESCAPES.get(part[:length], "")
    if encoding not in encodings and encoding != DEFAULT[0]:  # Not announced, or no escape sequence at all.
        return part.decode(encodings[0], "replace")
    try:
        if encoding in _KEEP_ESCAPES:
            return part.decode(encoding)
        text = part[length:]
        end = next((index for index, byte in enumerate(text) if byte in delimiters), len(text))
        return text[:end].decode(encoding) + text[end:].decode(encodings[0])  # A delimiter ends the extension.
    except UnicodeError:
        return part.decode(encodings[0], "replace")


def _decode_as(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding, "replace")
    except LookupError:
        return raw.decode(DEFAULT[0])


def encode(text: str, encodings: Sequence[str], *, is_name: bool) -> bytes:
    """Return the bytes of a value; what cannot be said is a question mark (see `fits`)."""
    if text.isascii():
        return text.encode("ascii")
    from edge.dicom import charset_library

    return charset_library.encode(text, encodings, is_name=is_name)


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
