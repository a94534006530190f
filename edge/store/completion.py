"""Which studies are still arriving, and which are complete. `edge.core.quiet` decides, `receive` asks and tells."""

from collections.abc import Mapping

from edge.store.database import Database

ARRIVING_MAX = 10_000
"""Studies looked at in one go; the others follow."""


def arriving(database: Database) -> dict[str, float]:
    """Return study -> when it last changed, of those that may be complete: no exam and no conversion adds to them."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT study_instance_uid, changed_s FROM studies INDEXED BY studies_arriving WHERE complete_s IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM sessions"
            "  WHERE sessions.study_instance_uid = studies.study_instance_uid AND closed_s IS NULL)"
            " AND NOT EXISTS (SELECT 1 FROM scans WHERE scans.study_instance_uid = studies.study_instance_uid)"
            " ORDER BY study_key LIMIT ?",
            (ARRIVING_MAX,),
        )
        return {row["study_instance_uid"]: row["changed_s"] for row in found}


def complete(database: Database, studies: Mapping[str, float], *, now_s: float) -> list[str]:
    """Mark studies complete that have not changed since they were looked at; return those that are now. Durable."""
    change = "UPDATE studies SET complete_s = ? WHERE study_instance_uid = ? AND changed_s = ? AND complete_s IS NULL"
    with database.write() as connection:
        return [
            uid for uid, changed_s in studies.items() if connection.execute(change, (now_s, uid, changed_s)).rowcount
        ]


def completed_since(database: Database, after_s: float, *, limit: int = 1000) -> list[tuple[str, float]]:
    """Return (study, when) of those that have become complete after a moment, the first first."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT study_instance_uid, complete_s FROM studies INDEXED BY studies_by_completion"
            " WHERE complete_s > ? ORDER BY complete_s LIMIT ?",
            (after_s, limit),
        )
        return [(row["study_instance_uid"], row["complete_s"]) for row in found]
