"""Which deliveries are next, read from the index: `edge.core.outbox` in SQL, over a queue of any length.

Every waiting row counts, not only the first few: the small object of a study that came last is found behind a hundred
thousand others. One pass over one index: 100,000 rows are some tenths of a second, once a thousand objects sent.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from edge.core.delivery import Delivery, State
from edge.core.outbox import AGED_MAX, AGING_S, OLDEST_EVERY, PATIENCE_S, give_turns
from edge.store.database import Database

_DELIVERY = "sop_instance_uid, destination, state, attempt_count, due_s, reason, priority, is_other_form"
_TURNS = f"""
WITH waiting AS (
    SELECT sop_instance_uid, study_instance_uid, size_bytes, made_s,
           priority + min({AGED_MAX}, max(0, CAST((:now_s - made_s) / {AGING_S} AS INTEGER))) AS priority
    FROM deliveries INDEXED BY deliveries_waiting
    WHERE destination = :destination AND state = 'waiting' AND due_s <= :now_s AND priority >= :priority_min),
billed AS (
    SELECT *, sum(size_bytes) OVER (PARTITION BY study_instance_uid ORDER BY priority DESC, size_bytes, made_s
                                    ROWS UNBOUNDED PRECEDING) AS bill FROM waiting)
SELECT sop_instance_uid FROM billed
ORDER BY priority DESC, bill + charged_bytes(study_instance_uid), made_s LIMIT :limit
"""
_OLDEST = """
SELECT sop_instance_uid FROM deliveries INDEXED BY deliveries_waiting
WHERE destination = :destination AND state = 'waiting' AND due_s <= :now_s AND priority >= :priority_min
  AND made_s <= :patient_s ORDER BY made_s LIMIT :limit
"""
LOWEST = -1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A delivery that may go, with what sending it needs."""

    delivery: Delivery
    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    digest: str
    size_bytes: int
    made_s: float
    is_here: bool
    """False: its file was evicted, and has to be fetched back first."""


def due(
    database: Database, destination: str, *, now_s: float, limit: int, charged_bytes: Mapping[str, int] | None = None,
    priority_min: int = LOWEST,
) -> list[Due]:  # fmt: skip
    """Return what goes next, in its order; `priority_min` leaves out what is less urgent, however long it waited."""
    asked = {
        "destination": destination, "now_s": now_s, "limit": limit, "priority_min": priority_min,
        "patient_s": now_s - PATIENCE_S,
    }  # fmt: skip
    bills = dict(charged_bytes or {})
    with database.read() as connection:
        # Bills joined as a table were searched from end to end for each row: half a minute with 4,096 of them.
        connection.create_function("charged_bytes", 1, lambda study: bills.get(study, 0), deterministic=True)
        ordered = [row[0] for row in connection.execute(_TURNS, asked)]
        asked["limit"] = limit // OLDEST_EVERY + 1
        oldest = [row[0] for row in connection.execute(_OLDEST, asked)]
        turns = give_turns(ordered, oldest)[:limit]
        return [found for uid in turns if (found := _find(connection, uid, destination)) is not None]


def _find(connection: sqlite3.Connection, sop_instance_uid: str, destination: str) -> Due | None:
    row = connection.execute(
        f"SELECT {_DELIVERY}, deliveries.study_instance_uid AS study_instance_uid, series_instance_uid, sop_class_uid,"
        " transfer_syntax_uid, digest, deliveries.size_bytes AS size_bytes, made_s, evicted_s FROM deliveries"
        " JOIN instances USING (sop_instance_uid) JOIN series USING (series_key)"
        " WHERE sop_instance_uid = ? AND destination = ?",
        (sop_instance_uid, destination),
    ).fetchone()
    if row is None:  # Its row is gone: so will be the delivery's.
        return None
    return Due(
        delivery=delivery_of(row), study_instance_uid=row["study_instance_uid"],
        series_instance_uid=row["series_instance_uid"], sop_class_uid=row["sop_class_uid"],
        transfer_syntax_uid=row["transfer_syntax_uid"], digest=row["digest"], size_bytes=row["size_bytes"],
        made_s=row["made_s"], is_here=row["evicted_s"] is None,
    )  # fmt: skip


def delivery_of(row: sqlite3.Row) -> Delivery:
    """Return the delivery of a row that has all its columns."""
    return Delivery(
        sop_instance_uid=row["sop_instance_uid"], destination=row["destination"], state=State(row["state"]),
        attempt_count=row["attempt_count"], due_s=row["due_s"], reason=row["reason"], priority=row["priority"],
        is_other_form=bool(row["is_other_form"]),
    )  # fmt: skip
