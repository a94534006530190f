"""What the hospital's worklist said last: the clinic sees it also while the link is down. Written by `uplink`.

A person's wish to refresh is a row as well (`ask`), followed by a ring of uplink's bell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from edge.core.worklist import WorklistEntry
from edge.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistState:
    """How fresh the list is."""

    refreshed_s: float | None
    """When the hospital last answered; None: never."""
    asked_s: float | None
    """When somebody last asked for a refresh."""
    reason: str
    """Why the last try failed, in words; empty when it did not."""


def replace(database: Database, entries: Sequence[WorklistEntry], *, now_s: float) -> None:
    """Put the hospital's answer in place of the last one."""
    with database.write() as connection:
        connection.execute("DELETE FROM worklist")
        connection.executemany(
            "INSERT OR REPLACE INTO worklist (worklist_id, scheduled_at, entry) VALUES (?,?,?)",
            [(entry.worklist_id, entry.scheduled_at, msgspec.json.encode(entry).decode()) for entry in entries],
        )
        connection.execute("UPDATE worklist_state SET refreshed_s = ?, reason = ''", (now_s,))


def fail(database: Database, reason: str) -> None:
    """Note why the list could not be refreshed; the entries stay."""
    with database.write() as connection:
        connection.execute("UPDATE worklist_state SET reason = ?", (reason,))


def ask(database: Database, *, now_s: float) -> None:
    """Wish for a refresh."""
    with database.write() as connection:
        connection.execute("UPDATE worklist_state SET asked_s = ?", (now_s,))


def entries(database: Database) -> list[WorklistEntry]:
    """Return the list, in the order of its times."""
    with database.read() as connection:
        found = connection.execute("SELECT entry FROM worklist ORDER BY scheduled_at, worklist_id")
        return [msgspec.json.decode(row["entry"], type=WorklistEntry) for row in found]


def find(database: Database, worklist_id: str) -> WorklistEntry | None:
    """Return one entry."""
    with database.read() as connection:
        row = connection.execute("SELECT entry FROM worklist WHERE worklist_id = ?", (worklist_id,)).fetchone()
    return None if row is None else msgspec.json.decode(row["entry"], type=WorklistEntry)


def state(database: Database) -> WorklistState:
    """Return how fresh the list is."""
    with database.read() as connection:
        row = connection.execute("SELECT refreshed_s, asked_s, reason FROM worklist_state").fetchone()
    return WorklistState(**row)
