"""Large objects that go to a destination in parts: which parts, and how far each is.

waiting ──accepted──▶ sent ──given back the same──▶ safe        any ──not the same, or not there──▶ waiting
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edge.store.database import Database


class PartState(StrEnum):
    """Where a part stands."""

    WAITING = "waiting"
    SENT = "sent"
    SAFE = "safe"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One part of an object at one destination."""

    number: int
    """From 1."""
    part_uid: str
    part_bytes_max: int
    """How the object was cut."""
    state: PartState


def of_object(database: Database, destination: str, sop_instance_uid: str) -> list[PartRow]:
    """Return the parts of an object in order; none for one that goes whole."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT number, part_uid, part_bytes_max, state FROM parts WHERE destination = ? AND sop_instance_uid = ?"
            " ORDER BY number",
            (destination, sop_instance_uid),
        )
        return [
            PartRow(
                number=row["number"], part_uid=row["part_uid"], part_bytes_max=row["part_bytes_max"],
                state=PartState(row["state"]),
            )
            for row in found
        ]  # fmt: skip


def begin(
    database: Database, destination: str, sop_instance_uid: str, part_uids: Sequence[str], *, part_bytes_max: int
) -> list[PartRow]:
    """Write down how an object is cut, before its first part goes; return its parts."""
    with database.write() as connection:
        connection.executemany(
            "INSERT OR IGNORE INTO parts (destination, sop_instance_uid, number, part_uid, part_bytes_max)"
            " VALUES (?,?,?,?,?)",
            [(destination, sop_instance_uid, number, uid, part_bytes_max) for number, uid in enumerate(part_uids, 1)],
        )
    return of_object(database, destination, sop_instance_uid)


def move(database: Database, destination: str, sop_instance_uid: str, number: int, state: PartState) -> None:
    """Write down how far a part is, durably."""

    def change(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE parts SET state = ? WHERE destination = ? AND sop_instance_uid = ? AND number = ?",
            (state, destination, sop_instance_uid, number),
        )

    database.write_grouped(change)


def again(database: Database, destination: str, sop_instance_uid: str) -> None:
    """Everything is to go again: somebody says so, or nothing of it is there any more."""
    with database.write() as connection:
        connection.execute(
            "UPDATE parts SET state = 'waiting' WHERE destination = ? AND sop_instance_uid = ?",
            (destination, sop_instance_uid),
        )
