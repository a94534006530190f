"""Text as people search for it: without case, diacritics or DICOM's separators."""

import re
import unicodedata

_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})
_SEPARATORS = re.compile(r"[\s^=]+")


def fold(text: str) -> str:
    """Return `Müller^Ânna=…` as `muller anna …`."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return _SEPARATORS.sub(" ", plain.translate(_LETTERS)).strip()


def words(text: str) -> list[str]:
    """Return the folded words that a full-text query may name: letters and digits only."""
    return re.findall(r"\w+", fold(text))
