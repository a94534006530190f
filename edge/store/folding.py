"""Text as people search for it: without case, diacritics or DICOM's separators."""

import re
import unicodedata

_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})
_SEPARATORS = re.compile(r"[\s^=]+")
_VOICING = frozenset("\u3099\u309a")
"""Marks that make another kana, not the same with an accent."""


def fold(text: str) -> str:
    """Return `Müller^Ânna=…` as `muller anna …`; a syllable of Hangul stays one letter."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in decomposed if letter in _VOICING or not unicodedata.combining(letter))
    return _SEPARATORS.sub(" ", unicodedata.normalize("NFC", plain.translate(_LETTERS))).strip()


def fold_name(name: str) -> str:
    """Return a person's name folded, its alphabetic, ideographic and phonetic groups still apart, by `=`."""
    return "=".join(fold(group) for group in name.split("=")).rstrip("=")


def words(text: str) -> list[str]:
    """Return the folded words that a full-text query may name: letters and digits only."""
    return re.findall(r"\w+", fold(text))
