"""Who did what, in rows that vouch for each other: each holds the digest of itself and of the row before.

A row that was changed or taken out is found by `verify()`. Details never hold patient data: UIDs and names of things.
"""

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge.store.database import Database

DETAIL_CHARS_MAX = 4000
_FIRST = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One deed."""

    row_number: int
    at_s: float
    actor: str
    action: str
    """noun.verb."""
    object: str
    detail: dict[str, Any]
    digest: str


def add(
    database: Database,
    *,
    actor: str,
    action: str,
    object: str,
    detail: Mapping[str, object] | None = None,
    at_s: float,
) -> AuditRow:
    """Write one row, durably."""
    return database.write_grouped(
        lambda connection: add_within(
            connection, actor=actor, action=action, object=object, detail=detail or {}, at_s=at_s
        )
    )


def add_within(
    connection: sqlite3.Connection, *, actor: str, action: str, object: str, detail: Mapping[str, object], at_s: float
) -> AuditRow:
    """Write one row as part of the caller's transaction."""
    at_s = float(at_s)  # As the column gives it back.
    text = json.dumps(detail, sort_keys=True, ensure_ascii=False)
    if len(text) > DETAIL_CHARS_MAX:
        text = json.dumps({"cut": text[: DETAIL_CHARS_MAX // 2]}, ensure_ascii=False)
    last = connection.execute("SELECT row_number, digest FROM audit ORDER BY row_number DESC LIMIT 1").fetchone()
    number, before = (last["row_number"] + 1, last["digest"]) if last else (1, _FIRST)
    digest = _digest(before, number, at_s, actor, action, object, text)
    connection.execute(
        "INSERT INTO audit (row_number, at_s, actor, action, object, detail, digest) VALUES (?,?,?,?,?,?,?)",
        (number, at_s, actor, action, object, text, digest),
    )
    return AuditRow(
        row_number=number, at_s=at_s, actor=actor, action=action, object=object, detail=json.loads(text), digest=digest
    )


def list_rows(
    database: Database, *, limit: int = 100, offset: int = 0, action: str = "", object: str = ""
) -> list[AuditRow]:
    """Return the newest rows first; `action` and `object` narrow it, by their beginning and whole."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT * FROM audit WHERE (? = '' OR substr(action, 1, length(?)) = ?) AND (? = '' OR object = ?)"
            " ORDER BY row_number DESC LIMIT ? OFFSET ?",
            (action, action, action, object, object, limit, offset),
        )
        return [AuditRow(**{**dict(row), "detail": json.loads(row["detail"])}) for row in found]


def count(database: Database) -> int:
    """Return how many rows there are."""
    with database.read() as connection:
        return int(connection.execute("SELECT count(*) FROM audit").fetchone()[0])


def verify(database: Database) -> int | None:
    """Return the number of the first row that was changed, or follows a hole; None when all hold."""
    before, expected = _FIRST, 1
    with database.read() as connection:
        for row in connection.execute("SELECT * FROM audit ORDER BY row_number"):
            digest = _digest(
                before, row["row_number"], row["at_s"], row["actor"], row["action"], row["object"], row["detail"]
            )
            if row["row_number"] != expected or digest != row["digest"]:
                return int(row["row_number"])
            before, expected = digest, expected + 1
    return None


def _digest(before: str, number: int, at_s: float, actor: str, action: str, object: str, detail: str) -> str:
    text = json.dumps([before, number, repr(at_s), actor, action, object, detail], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
