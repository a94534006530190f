"""How one search value becomes a condition of SQL.  Standard: PS3.4 C.2.2.2"""

import re
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest
from typing import Any

from edge.errors import BadInputError
from edge.store.folding import fold, fold_name, words

VALUE_CHARS_MAX = 20_000
UID_COUNT_MAX = 500
_RANGE = re.compile(r"(?P<first>[0-9.:]*)-(?P<last>[0-9.:]*)")


class Kind(Enum):
    """How a column is compared."""

    TEXT = "text"
    NAME = "name"
    """Folded: without case and diacritics."""
    UID = "uid"
    RANGE = "range"
    """Dates and times."""
    NUMBER = "number"
    LISTED = "listed"
    r"""Codes between backslashes: \MG\US\."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the index and how it is searched."""

    name: str
    kind: Kind = Kind.TEXT


def condition(keyword: str, column: Column, value: str, *, fuzzy: bool = False) -> tuple[str, list[Any]]:
    """Return SQL and its values for one keyword; an empty value, or `*`, matches everything.  Raises: BadInputError."""
    value = value.strip()
    if len(value) > VALUE_CHARS_MAX:
        raise BadInputError(f"The value for {keyword} is too long.")
    if value in ("", "*"):
        return "1", []
    match column.kind:
        case Kind.UID:
            return _uids(column.name, value)
        case Kind.RANGE:
            return _range(keyword, column.name, value)
        case Kind.NAME:
            return _name(column.name, value, fuzzy=fuzzy)
        case Kind.NUMBER:
            if not re.fullmatch(r"[+-]?[0-9]{1,15}", value):
                raise BadInputError(f"{keyword} must be a whole number, not {value!r}.")
            return f"{column.name} = ?", [int(value)]
        case Kind.LISTED:
            codes = [code for code in re.split(r"[\\,]", value) if code]
            return _any([(f"{column.name} GLOB ?", [f"*\\{_glob(code)}\\*"]) for code in codes])
        case Kind.TEXT:
            return _any([_text(column.name, part) for part in value.split("\\") if part])


def matches(keyword: str, kind: Kind, asked: str, value: str) -> bool:
    """Tell whether one value matches, by the rules of `condition`, without SQL.  Raises: BadInputError."""
    asked = asked.strip()
    if len(asked) > VALUE_CHARS_MAX:
        raise BadInputError(f"The value for {keyword} is too long.")
    if asked in ("", "*"):
        return True
    match kind:
        case Kind.UID | Kind.LISTED:
            return value in re.split(r"[\\,]", asked)
        case Kind.RANGE:
            return _is_in_range(keyword, asked, value)
        case Kind.NAME:
            groups = fold_name(value).split("=")
            parts = fold_name(asked).split("=")
            if len(parts) == 1:
                return any(_like(group, parts[0]) for group in groups)
            return all(
                _like(group, part) for group, part in zip_longest(groups, parts, fillvalue="") if part.strip("*")
            )
        case Kind.NUMBER | Kind.TEXT:
            return any(_like(value, part) for part in asked.split("\\") if part)


def free_text(text: str) -> str:
    """Return the full-text query for what somebody types: every word must begin some word of the study."""
    return " ".join(f'"{word}"*' for word in words(text)) or '""'


def _text(name: str, value: str) -> tuple[str, list[Any]]:
    if "*" in value or "?" in value:
        return f"{name} GLOB ?", [_glob(value)]
    return f"{name} = ?", [value]


def _name(name: str, value: str, *, fuzzy: bool) -> tuple[str, list[Any]]:
    """Compare folded: the whole name, or one of its groups (alphabetic, ideographic, phonetic).

    Fuzzy: each word that is asked for begins some word of the name.  Standard: PS3.4 C.2.2.2.1, PS3.18 8.3.4.2
    """
    if fuzzy:
        parts = [word for word in re.split(r"[ *?]+", fold(value)) if word]
        return _all([(f"' ' || replace({name}, '=', ' ') GLOB ?", [f"* {_glob(word)}*"]) for word in parts])
    asked = fold_name(value)
    groups = [(index, group) for index, group in enumerate(asked.split("=")) if group.strip("*")]
    if len(groups) != 1 or groups[0][0]:
        return _any([_text(name, asked), _all([_group(name, index, group) for index, group in groups])])
    first, more = _text(name, asked)
    inner = f"(instr({name}, '=') AND '=' || {name} || '=' GLOB ?)"
    return f"({first} OR {inner})", [*more, f"*={_glob(asked)}=*"]


def _group(name: str, index: int, asked: str) -> tuple[str, list[Any]]:
    """Compare one group of a name, in its place or after it: `*` of SQL passes over the end of a group."""
    return f"{name} || '==' GLOB ?", ["*=" * index + _glob(asked) + "=*"]


def _uids(name: str, value: str) -> tuple[str, list[Any]]:
    uids = [uid for uid in re.split(r"[\\,]", value) if uid]
    if len(uids) > UID_COUNT_MAX:
        raise BadInputError(f"More than {UID_COUNT_MAX} UIDs in one list.")
    return f"{name} IN ({','.join('?' * len(uids))})", list(uids)


def _range(keyword: str, name: str, value: str) -> tuple[str, list[Any]]:
    """`A-B`, `A-`, `-B` or one value, which covers what it leaves unsaid (a time `10` is the whole hour)."""
    if not re.fullmatch(r"[0-9.:\-]+", value):
        raise BadInputError(f"{keyword} must be a date, a time or a range FROM-TO, not {value!r}.")
    plain = value.replace(":", "")
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", plain):
        plain = plain.replace("-", "")
    if "-" not in plain:
        return f"{name} GLOB ?", [f"{plain}*"]
    matched = _RANGE.fullmatch(plain)
    if matched is None or (not matched["first"] and not matched["last"]):
        raise BadInputError(f"{keyword} must be a range FROM-TO, not {value!r}.")
    parts: list[tuple[str, list[Any]]] = [(f"{name} != ''", [])]
    if matched["first"]:
        parts.append((f"{name} >= ?", [matched["first"]]))
    if matched["last"]:
        parts.append((f"{name} < ?", [matched["last"] + ":"]))  # ":" sorts after every digit and the point.
    return _all(parts)


def _is_in_range(keyword: str, asked: str, value: str) -> bool:
    _range(keyword, "", asked)  # Refuses what cannot be read.
    plain = asked.replace(":", "")
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", plain):
        plain = plain.replace("-", "")
    if "-" not in plain:
        return value.startswith(plain)
    first, _, last = plain.partition("-")
    return bool(value) and (not first or value >= first) and (not last or value < last + ":")


def _like(value: str, asked: str) -> bool:
    pattern = re.escape(asked).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(pattern, value, re.DOTALL) is not None


def _glob(value: str) -> str:
    return value.replace("[", "[[]")


def _any(parts: list[tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    return _joined(parts, " OR ", "0")


def _all(parts: list[tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    return _joined(parts, " AND ", "1")


def _joined(parts: list[tuple[str, list[Any]]], word: str, empty: str) -> tuple[str, list[Any]]:
    sql = word.join(part for part, _ in parts) or empty
    return f"({sql})", [value for _, values in parts for value in values]
