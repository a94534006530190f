"""Objects whose files have left this disk because they are safe elsewhere, and their way back.

    here ──evict──▶ away ──restore──▶ here

Only `evict` lets a file go. It looks at every condition and writes that the object is away in one transaction; the file
goes after that. A process killed in between leaves an object that is away and a file too many, which `settle` removes:
never an object that is neither here nor proven elsewhere. `restore` takes back the very bytes, or nothing.
"""

import logging
import sqlite3
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from edge.core.retention import Verdict, judge
from edge.runtime import kernel
from edge.runtime.log import event
from edge.store import audit_log, durable, rows
from edge.store.database import Database
from edge.store.rows import Instance
from edge.store.turns import delivery_of

log = logging.getLogger(__name__)
HEAD_BYTES_MAX = 32 * 1024 * 1024
"""An object with more than this before its pixels stays."""
ACTOR = "janitor"
_HERE = "evicted_s IS NULL AND scan_id IS NULL"
_TURN = "coalesce(fetched_s, instances.kept_s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An object that may perhaps leave."""

    instance: Instance
    turn_s: float
    """When it came, or came back: the oldest leave first."""
    modality: str
    descriptions: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What stays of a file that leaves."""

    head: bytes
    tail: bytes


Required = Callable[[Candidate], Collection[str]]
"""Tells which destinations must have an object, by the routes."""


def used_bytes(database: Database) -> int:
    """Return what the files of kept objects take."""
    with database.read() as connection:
        row = connection.execute(f"SELECT sum(size_bytes) FROM instances INDEXED BY instances_here WHERE {_HERE}")
        return int(row.fetchone()[0] or 0)


def away(database: Database) -> tuple[int, int]:
    """Return how many objects are away, and their bytes."""
    with database.read() as connection:
        row = connection.execute(
            "SELECT count(*), coalesce(sum(size_bytes), 0) FROM instances INDEXED BY instances_away"
            " WHERE evicted_s IS NOT NULL"
        ).fetchone()
        return int(row[0]), int(row[1])


def study_away(database: Database, digest: str) -> str | None:
    """Return the study of an object that is away, by its digest; None: it is here, or unknown."""
    with database.read() as connection:
        row = connection.execute(
            "SELECT study_instance_uid FROM instances JOIN series USING (series_key) JOIN studies USING (study_key)"
            " WHERE digest = ? AND evicted_s IS NOT NULL", (digest,),
        ).fetchone()  # fmt: skip
        return None if row is None else str(row[0])


def candidates(
    database: Database, *, before_s: float, after: tuple[float, str], limit: int, is_strict: bool = True
) -> list[Candidate]:
    """Return objects that are proven somewhere, the oldest first, from after (turn, UID) of the last one on.

    Strict: nothing waits to go to any other destination. What came, or whose study was opened, since `before_s` stays.
    """
    strict = (
        "AND NOT EXISTS (SELECT 1 FROM deliveries WHERE sop_instance_uid = instances.sop_instance_uid"
        " AND state IN ('waiting', 'sending'))" if is_strict else ""
    )  # fmt: skip
    with database.read() as connection:
        found = connection.execute(
            f"SELECT {_TURN} AS turn_s, sop_instance_uid, modality, study_description, series_description"
            " FROM instances INDEXED BY instances_here JOIN series USING (series_key) JOIN studies USING (study_key)"
            f" WHERE {_HERE} AND {_TURN} >= :after_s AND ({_TURN}, sop_instance_uid) > (:after_s, :after_uid)"
            f" AND {_TURN} < :before_s AND EXISTS (SELECT 1 FROM deliveries"
            "  WHERE sop_instance_uid = instances.sop_instance_uid AND state = 'safe' AND NOT is_other_form)"
            f" {strict} ORDER BY {_TURN}, sop_instance_uid LIMIT :limit",
            {"after_s": after[0], "after_uid": after[1], "before_s": before_s, "limit": limit},
        ).fetchall()
        return [_candidate(connection, row) for row in found]


def _candidate(connection: sqlite3.Connection, row: sqlite3.Row) -> Candidate:
    instance = rows.find_instance(connection, row["sop_instance_uid"])
    assert instance is not None, "one snapshot"
    return Candidate(
        instance=instance, turn_s=row["turn_s"], modality=row["modality"],
        descriptions=(row["study_description"], row["series_description"]),
    )  # fmt: skip


def take_remains(path: Path) -> Remains | None:
    """Return what must stay of a file so that it can be whole again; None: it has no pixels, or too much else.

    Raises: BadInputError, OSError.
    """
    from edge.dicom.body import find_body  # Heavy, and not needed by who only receives.

    body = find_body(path)
    if body is None or body.start > HEAD_BYTES_MAX or path.stat().st_size - body.end > HEAD_BYTES_MAX:
        return None
    with path.open("rb", buffering=0) as file:
        head = file.read(body.start)
        file.seek(body.end)
        return Remains(head=head, tail=file.read())


def evict(
    database: Database, candidate: Candidate, path: Path, remains: Remains, *, required: Collection[str],
    before_s: float, now_s: float,
) -> Verdict:  # fmt: skip
    """Let one object leave if it may, now and in this transaction; its row, its ends and an audit row stay."""
    instance, head, tail = candidate.instance, zlib.compress(remains.head), zlib.compress(remains.tail)
    with database.write() as connection:
        verdict = _may_leave(connection, candidate, required, before_s)
        if not verdict.may_leave:
            return verdict
        kernel.step("evict")
        connection.execute(
            "INSERT OR REPLACE INTO remains (sop_instance_uid, head, tail) VALUES (?,?,?)",
            (instance.sop_instance_uid, head, tail),
        )
        connection.execute(
            "UPDATE instances SET evicted_s = ? WHERE sop_instance_uid = ?", (now_s, instance.sop_instance_uid)
        )
        audit_log.add_within(
            connection, actor=ACTOR, action="object.evicted", object=instance.sop_instance_uid, at_s=now_s,
            detail={"digest": instance.digest, "size_bytes": instance.size_bytes, "safe_at": sorted(required)},
        )  # fmt: skip
        kernel.step("evict_commit")
    kernel.step("evicted")
    _remove(database, instance.sop_instance_uid, path)
    return verdict


def _may_leave(
    connection: sqlite3.Connection, candidate: Candidate, required: Collection[str], before_s: float
) -> Verdict:
    uid = candidate.instance.sop_instance_uid
    current = connection.execute(
        f"SELECT 1 FROM instances WHERE sop_instance_uid = ? AND digest = ? AND {_HERE} AND {_TURN} < ?",
        (uid, candidate.instance.digest, before_s),
    )
    if current.fetchone() is None:
        return Verdict(may_leave=False, reason="it is not the object it was a moment ago")
    deliveries = [
        delivery_of(row) for row in connection.execute("SELECT * FROM deliveries WHERE sop_instance_uid = ?", (uid,))
    ]
    verdict = judge(deliveries, required=required)
    if verdict.may_leave and _is_in_use(connection, candidate.instance, before_s):
        return Verdict(may_leave=False, reason="its study is open, or it is wanted here")
    return verdict


def _is_in_use(connection: sqlite3.Connection, instance: Instance, before_s: float) -> bool:
    study, uid = instance.study_instance_uid, instance.sop_instance_uid
    found = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM openings WHERE study_instance_uid = ? AND opened_s >= ?)"
        " OR EXISTS (SELECT 1 FROM sessions WHERE study_instance_uid = ? AND closed_s IS NULL)"
        " OR EXISTS (SELECT 1 FROM fetches WHERE sop_instance_uid = ?)"
        " OR EXISTS (SELECT 1 FROM conflicts WHERE sop_instance_uid = ? AND source = ?)",
        (study, before_s, study, uid, uid, rows.DAMAGE_SOURCE),
    )
    return bool(found.fetchone()[0])


def _remove(database: Database, sop_instance_uid: str, path: Path) -> None:
    """Take the file of an object that is away; whoever restores it holds the same lock as we do."""
    with database.write() as connection:
        found = connection.execute(
            "SELECT 1 FROM instances JOIN remains USING (sop_instance_uid) WHERE sop_instance_uid = ?"
            " AND evicted_s IS NOT NULL AND is_settled = 0", (sop_instance_uid,),
        )  # fmt: skip
        if found.fetchone() is None:
            return
        kernel.step("evict_unlink")
        path.unlink(missing_ok=True)
        connection.execute("UPDATE remains SET is_settled = 1 WHERE sop_instance_uid = ?", (sop_instance_uid,))


def settle(database: Database, path_of: Callable[[Instance], Path]) -> int:
    """Finish what a crash left in the middle; return how many objects."""
    with database.read() as connection:
        found = [
            rows.find_instance(connection, row[0])
            for row in connection.execute("SELECT sop_instance_uid FROM remains WHERE is_settled = 0")
        ]
    for instance in found:
        if instance is not None:
            _remove(database, instance.sop_instance_uid, path_of(instance))
    return len(found)


def remains_of(database: Database, sop_instance_uid: str) -> Remains | None:
    """Return what stayed of an object that is away."""
    with database.read() as connection:
        row = connection.execute(
            "SELECT head, tail FROM remains WHERE sop_instance_uid = ?", (sop_instance_uid,)
        ).fetchone()
        return None if row is None else Remains(head=zlib.decompress(row["head"]), tail=zlib.decompress(row["tail"]))


def complete(database: Database, instance: Instance, back: Path, spare: Path, *, ends: Remains | None = None) -> bool:
    """Make `back`, an object as a destination gives it, the very file that was kept; tell whether it is now.

    `ends` are those of a file that is still here, though damaged; else those that stayed are taken. `spare` is a path
    for a second file; it is gone afterwards.  Raises: BadInputError, OSError.
    """
    from edge.dicom.body import find_body, join

    if durable.digest_of(back).hex() == instance.digest:
        return True
    ends = ends or remains_of(database, instance.sop_instance_uid)
    body = find_body(back) if ends is not None else None
    if ends is None or body is None:
        return False
    try:
        join(ends.head, back, body, ends.tail, spare)
        if durable.digest_of(spare).hex() != instance.digest:
            return False
        spare.replace(back)
        return True
    finally:
        spare.unlink(missing_ok=True)


def restore(database: Database, instance: Instance, back: Path, final: Path, *, came_from: str, now_s: float) -> None:
    """Put the whole file, `back`, in its place again: durable when this returns; `back` stays the caller's.

    Its digest is the caller's to have checked.  Raises: OSError (a full disk).
    """
    durable.sync_file(back)
    uid = instance.sop_instance_uid
    with database.write() as connection:  # A crash from here on is put in order by `settle`.
        connection.execute("UPDATE remains SET is_settled = 0 WHERE sop_instance_uid = ?", (uid,))
    durable.make_folders(final.parent, below=final.parent.parent)
    with database.write() as connection:
        durable.put(back, final)
        was_away = connection.execute(
            "UPDATE instances SET evicted_s = NULL, fetched_s = ? WHERE sop_instance_uid = ?"
            " AND evicted_s IS NOT NULL", (now_s, uid),
        ).rowcount  # fmt: skip
        connection.execute("DELETE FROM remains WHERE sop_instance_uid = ?", (uid,))
        connection.execute("DELETE FROM fetches WHERE sop_instance_uid = ?", (uid,))
        rows.forget_damage(connection, instance)
        audit_log.add_within(
            connection, actor=ACTOR, action="object.returned" if was_away else "object.healed", object=uid,
            detail={"from": came_from, "digest": instance.digest}, at_s=now_s,
        )  # fmt: skip
        kernel.step("restore_commit")
    event(log, "store.healed", sop_instance_uid=uid, came_from=came_from)
