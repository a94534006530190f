"""What pydicom does of character sets, and what it does not know yet: it is told here, before anything uses it."""

from collections.abc import Sequence

from pydicom import charset
from pydicom.charset import encode_string
from pydicom.valuerep import PersonName

_LATIN_9 = "iso8859_15"
charset.python_encoding.setdefault("ISO_IR 203", _LATIN_9)
charset.python_encoding.setdefault("ISO 2022 IR 203", _LATIN_9)
charset.CODES_TO_ENCODINGS.setdefault(b"\x1b-b", _LATIN_9)
charset.ENCODINGS_TO_CODES.setdefault(_LATIN_9, b"\x1b-b")
# Python's GB 2312 knows no escape sequences: they are to be taken off, and put on, as for the Korean set.
charset.handled_encodings = ("iso2022_jp", "iso2022_jp_2")


def encode(text: str, encodings: Sequence[str], *, is_name: bool) -> bytes:
    """Return the bytes of a value; what cannot be said is a question mark."""
    values = text.split("\\")
    if is_name:
        return b"\\".join(PersonName(value).encode(list(encodings)) for value in values)
    return b"\\".join(encode_string(value, list(encodings)) for value in values)
