"""Storage commitment that was asked for: written down before the question goes out, so that any answer finds it."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.store.database import Database

FORGET_S = 7 * 24 * 3600.0
"""So long an answer that comes late still counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One question and what it was about."""

    transaction_uid: str
    destination: str
    asked_s: float
    sop_instance_uids: tuple[str, ...]


def unasked(database: Database, destination: str, *, asked_before_s: float, limit: int) -> list[tuple[str, str]]:
    """Return (SOP class, SOP instance) of sent objects that no open question is about; older questions are void."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT sop_class_uid, sop_instance_uid FROM deliveries JOIN instances USING (sop_instance_uid)"
            " WHERE destination = ? AND state = 'sent' AND NOT EXISTS ("
            "  SELECT 1 FROM commitment_instances JOIN commitments USING (transaction_uid)"
            "  WHERE commitment_instances.sop_instance_uid = deliveries.sop_instance_uid"
            "  AND commitments.destination = deliveries.destination AND answered_s IS NULL AND asked_s > ?)"
            " ORDER BY changed_s LIMIT ?",
            (destination, asked_before_s, limit),
        )
        return [(row["sop_class_uid"], row["sop_instance_uid"]) for row in found]


def write_down(
    database: Database, transaction_uid: str, destination: str, sop_instance_uids: Sequence[str], *, now_s: float
) -> None:
    """Note a question, durably, before it is asked; forget those of long ago."""
    with database.write() as connection:
        connection.execute("DELETE FROM commitments WHERE asked_s < ?", (now_s - FORGET_S,))
        connection.execute(
            "INSERT INTO commitments (transaction_uid, destination, asked_s) VALUES (?,?,?)",
            (transaction_uid, destination, now_s),
        )
        connection.executemany(
            "INSERT OR IGNORE INTO commitment_instances (transaction_uid, sop_instance_uid) VALUES (?,?)",
            [(transaction_uid, uid) for uid in sop_instance_uids],
        )


def answer(database: Database, transaction_uid: str, *, now_s: float) -> Transaction | None:
    """Note that a question was answered and return it; None when nobody asked, or the answer came before."""
    with database.write() as connection:
        row = connection.execute(
            "UPDATE commitments SET answered_s = ? WHERE transaction_uid = ? AND answered_s IS NULL"
            " RETURNING transaction_uid, destination, asked_s",
            (now_s, transaction_uid),
        ).fetchone()
        if row is None:
            return None
        found = connection.execute(
            "SELECT sop_instance_uid FROM commitment_instances WHERE transaction_uid = ?", (transaction_uid,)
        )
        return Transaction(**row, sop_instance_uids=tuple(uid for (uid,) in found))


def withdraw(database: Database, transaction_uid: str) -> None:
    """Forget a question that could not be asked."""
    with database.write() as connection:
        connection.execute("DELETE FROM commitments WHERE transaction_uid = ?", (transaction_uid,))
