"""What the bedside has decided in an open exam, so that a restart of the api forgets nothing of it.

One row a session; those of closed ones are never read and go with the next that is written.
"""

import msgspec

from edge.core.session import Marks
from edge.store.database import Database


def save(database: Database, session_id: str, marks: Marks) -> None:
    """Write what is decided now, durably."""
    text = msgspec.json.encode(marks).decode()
    with database.write() as connection:
        connection.execute(
            "INSERT INTO session_marks (session_id, marks) VALUES (?,?)"
            " ON CONFLICT DO UPDATE SET marks = excluded.marks",
            (session_id, text),
        )
        connection.execute(
            "DELETE FROM session_marks WHERE session_id IN (SELECT session_id FROM sessions WHERE closed_s IS NOT NULL)"
        )


def load(database: Database) -> dict[str, Marks]:
    """Return what is decided in each open session."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT session_id, marks FROM session_marks JOIN sessions USING (session_id) WHERE closed_s IS NULL"
        )
        return {row["session_id"]: msgspec.json.decode(row["marks"], type=Marks) for row in found}
