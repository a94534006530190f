"""What is wanted back from where it was sent: evicted objects that somebody opens, and objects whose bytes rotted.

Anybody asks; `uplink` fetches, compares, puts back. An object that is here again is wanted no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.core.delivery import ARRIVED_STATES
from edge.store.database import Database

ASK_MAX = 20_000
"""Objects asked for at once: more than the largest slide or study has."""
OPENED_S_MAX = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One object that is wanted back."""

    sop_instance_uid: str
    study_instance_uid: str
    size_bytes: int
    why: str
    """opened, damaged or send."""
    asked_s: float
    due_s: float
    attempt_count: int
    reason: str
    """Why it is not here yet, in words."""
    temp: str
    """Name of the file in incoming/ that is being written; empty before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """How much of a study is not on this node, and what is done about it."""

    away_count: int
    away_bytes: int
    total_count: int
    total_bytes: int
    wanted_count: int
    reason: str
    """Why it takes long, in words; empty while it goes on."""
    next_try_s: float | None
    temp: str
    """Name of the file in incoming/ that is being written."""


def ask(database: Database, sop_instance_uids: Sequence[str], *, why: str, now_s: float) -> int:
    """Want objects back; what is wanted already is due at once. Return how many. Ring the bell of uplink after."""
    with database.write() as connection:
        return sum(
            connection.execute(
                "INSERT INTO fetches (sop_instance_uid, study_instance_uid, size_bytes, why, asked_s, due_s)"
                " SELECT sop_instance_uid, study_instance_uid, instances.size_bytes, ?, ?, ? FROM instances"
                " JOIN series USING (series_key) JOIN studies USING (study_key)"
                " WHERE sop_instance_uid = ? AND scan_id IS NULL"
                " ON CONFLICT DO UPDATE SET due_s = min(due_s, excluded.due_s)",
                (why, now_s, now_s, uid),
            ).rowcount
            for uid in sop_instance_uids[:ASK_MAX]
        )


def ask_study(database: Database, study_instance_uid: str, *, now_s: float) -> int:
    """Want everything of a study back that is not here; return how many objects that are."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT sop_instance_uid FROM instances JOIN series USING (series_key) JOIN studies USING (study_key)"
            " WHERE study_instance_uid = ? AND evicted_s IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM fetches WHERE fetches.sop_instance_uid = instances.sop_instance_uid) LIMIT ?",
            (study_instance_uid, ASK_MAX),
        ).fetchall()
    return ask(database, [row[0] for row in found], why="opened", now_s=now_s) if found else 0


def due(database: Database, *, now_s: float, limit: int) -> list[Wanted]:
    """Return what may be fetched now: the study that was opened last first, in it the small before the huge."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT fetches.* FROM fetches LEFT JOIN openings USING (study_instance_uid) WHERE due_s <= ?"
            " ORDER BY why = 'opened' DESC, coalesce(opened_s, asked_s) DESC, size_bytes, asked_s LIMIT ?",
            (now_s, limit),
        )
        return [Wanted(**row) for row in found]


def postpone(database: Database, wanted: Wanted, *, due_s: float, reason: str) -> None:
    """It could not be had now."""
    with database.write() as connection:
        connection.execute(
            "UPDATE fetches SET due_s = ?, reason = ?, temp = '', attempt_count = attempt_count + 1"
            " WHERE sop_instance_uid = ?",
            (due_s, reason, wanted.sop_instance_uid),
        )


def link_is_back(database: Database, destination: str, *, now_s: float) -> int:
    """A link has returned: what is wanted back and may be had over it is due at once. Return how many."""
    marks = ", ".join("?" * len(ARRIVED_STATES))
    with database.write() as connection:
        return connection.execute(
            "UPDATE fetches SET due_s = ? WHERE due_s > ? AND EXISTS (SELECT 1 FROM deliveries WHERE"
            " deliveries.sop_instance_uid = fetches.sop_instance_uid AND destination = ?"
            f" AND state IN ({marks}))",
            (now_s, now_s, destination, *ARRIVED_STATES),
        ).rowcount


def begin(database: Database, wanted: Wanted, *, temp: str) -> None:
    """It is being fetched into this file."""
    with database.write() as connection:
        connection.execute(
            "UPDATE fetches SET temp = ?, reason = '' WHERE sop_instance_uid = ?", (temp, wanted.sop_instance_uid)
        )


def forget(database: Database, sop_instance_uid: str) -> None:
    """It is here, or nobody wants it any more."""
    with database.write() as connection:
        connection.execute("DELETE FROM fetches WHERE sop_instance_uid = ?", (sop_instance_uid,))


def away(database: Database, study_instance_uid: str) -> Away | None:
    """Return how much of a study is away; None when all of it is here."""
    with database.read() as connection:
        row = connection.execute(
            "SELECT sum(evicted_s IS NOT NULL) AS away_count, count(*) AS total_count,"
            " sum(iif(evicted_s IS NOT NULL, instances.size_bytes, 0)) AS away_bytes,"
            " sum(instances.size_bytes) AS total_bytes, count(fetches.sop_instance_uid) AS wanted_count,"
            " coalesce(max(fetches.reason), '') AS reason, min(fetches.due_s) AS next_try_s,"
            " coalesce(max(fetches.temp), '') AS temp"
            " FROM instances JOIN series USING (series_key) JOIN studies USING (study_key)"
            " LEFT JOIN fetches USING (sop_instance_uid) WHERE studies.study_instance_uid = ? AND scan_id IS NULL",
            (study_instance_uid,),
        ).fetchone()
        return Away(**row) if row["away_count"] else None


def list_studies(database: Database, *, limit: int = 100) -> list[tuple[str, Away]]:
    """Return the studies that are being fetched back, those asked for last first."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT study_instance_uid FROM fetches GROUP BY 1 ORDER BY max(asked_s) DESC LIMIT ?", (limit,)
        ).fetchall()
    states = [(row[0], away(database, row[0])) for row in found]
    return [(uid, state) for uid, state in states if state is not None]


def open_study(database: Database, study_instance_uid: str, *, now_s: float) -> None:
    """Somebody opens a study: it stays here a while."""
    with database.write() as connection:
        connection.execute("DELETE FROM openings WHERE opened_s < ?", (now_s - OPENED_S_MAX,))
        connection.execute(
            "INSERT INTO openings VALUES (?, ?) ON CONFLICT DO UPDATE SET opened_s = excluded.opened_s",
            (study_instance_uid, now_s),
        )
