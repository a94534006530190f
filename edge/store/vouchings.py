"""Requests for storage commitment that peers have made of us, until their report is taken. They outlive the process."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from edge.store.database import Database

FORGET_S = 7 * 24 * 3600.0
"""A peer that has not taken its report by then asks again."""
Reference = tuple[str, str]
"""SOP class and SOP instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouching:
    """One request that is open."""

    caller: str
    transaction_uid: str
    attempt: int
    objects: tuple[Reference, ...]


def add(
    database: Database, caller: str, transaction_uid: str, objects: Sequence[Reference], *, now_s: float
) -> None:  # fmt: skip
    """Write a request down, durably; the same transaction of the same peer takes the place of what was there."""
    with database.write() as connection:
        connection.execute("DELETE FROM vouchings WHERE asked_s < ?", (now_s - FORGET_S,))
        connection.execute(
            "INSERT OR REPLACE INTO vouchings (caller, transaction_uid, asked_s, objects) VALUES (?,?,?,?)",
            (caller, transaction_uid, now_s, json.dumps(list(objects), separators=(",", ":"))),
        )


def note_attempt(database: Database, caller: str, transaction_uid: str, attempt: int) -> None:
    """Note which attempt to report is next."""
    with database.write() as connection:
        connection.execute(
            "UPDATE vouchings SET attempt = ? WHERE caller = ? AND transaction_uid = ?",
            (attempt, caller, transaction_uid),
        )


def drop(database: Database, caller: str, transaction_uid: str) -> None:
    """It is reported, or given up."""
    with database.write() as connection:
        connection.execute(
            "DELETE FROM vouchings WHERE caller = ? AND transaction_uid = ?", (caller, transaction_uid)
        )  # fmt: skip


def is_any(database: Database) -> bool:
    """Tell whether a request is open."""
    with database.read() as connection:
        return connection.execute("SELECT 1 FROM vouchings LIMIT 1").fetchone() is not None


def list_open(database: Database, *, limit: int) -> list[Vouching]:
    """Return what is open, the oldest first."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT caller, transaction_uid, attempt, objects FROM vouchings ORDER BY asked_s LIMIT ?", (limit,)
        )
        return [
            Vouching(
                caller=row["caller"], transaction_uid=row["transaction_uid"], attempt=row["attempt"],
                objects=tuple((str(one[0]), str(one[1])) for one in json.loads(row["objects"])),
            )
            for row in found
        ]  # fmt: skip
