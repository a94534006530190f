"""The index made anew from the objects alone, for the day it is lost or wrong. Nothing may be running.

Every file is read and hashed: one whose bytes are not those of its name is left where it is and told. What the old
index knew besides (people, sessions, audit, deliveries, the worklist) is taken over as far as it can be read; an object
whose deliveries nobody remembers waits for every destination again, which answers that it has it already.

    edge.db.new is written whole, synced, and takes the place of edge.db; the old one stays as edge.db.before-<time>
"""

import itertools
import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.core.routing import Routing
from edge.errors import BadInputError
from edge.runtime.clock import wall_s
from edge.runtime.log import event
from edge.store import deliveries, durable, header, rows
from edge.store.database import Database
from edge.store.rebuild_away import copy_away
from edge.store.rows import Instance

log = logging.getLogger(__name__)
SOURCE = "rebuild"
GROUP = 500
"""Objects in one transaction."""
_FROM_OBJECTS = frozenset({"studies", "series", "instances", "scans"})
"""Tables that are made from the objects, or from what is not written yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What became of it."""

    object_count: int
    damaged: tuple[str, ...]
    """Digests by which files are named whose bytes are others."""
    refused: tuple[str, ...]
    """Files that are no objects of DICOM."""
    aside_count: int
    """Objects whose UID another, older one has."""
    waiting_count: int
    """Deliveries that nobody remembered."""
    before: Path | None
    """Where the old index is now."""


def rebuild(path: Path, data_dir: Path, *, destinations: Sequence[str] | Routing) -> Rebuilt:
    """Rebuild the index at `path`.  Raises: StorageFullError; then the old index is still in its place."""
    fresh = path.with_name(path.name + ".new")
    for leftover in _files_of(fresh):
        leftover.unlink(missing_ok=True)
    database = Database(fresh)
    try:
        with durable.full_disk_explained(data_dir):
            found = _Walk(database, data_dir)
            found.run()
        is_taken_over = path.is_file() and _take_over(database, path)
        waiting_count = _complete_deliveries(database, destinations)
        _settle(database)
    finally:
        database.close()
    before = _swap(fresh, path)
    event(log, "store.rebuilt", object_count=found.object_count, damaged_count=len(found.damaged), old=is_taken_over)
    return Rebuilt(
        object_count=found.object_count, damaged=tuple(found.damaged), refused=tuple(found.refused),
        aside_count=found.aside_count, waiting_count=waiting_count, before=before,
    )  # fmt: skip


class _Walk:
    """One walk over `objects/`, the oldest file of each folder first."""

    def __init__(self, database: Database, data_dir: Path) -> None:
        self._database = database
        self._data_dir = data_dir
        self.object_count = 0
        self.aside_count = 0
        self.damaged: list[str] = []
        self.refused: list[str] = []

    def run(self) -> None:
        group: list[tuple[Path, Instance, header.Header]] = []
        for path in _objects(self._data_dir / "objects"):
            read = self._read(path)
            if read is not None:
                group.append((path, *read))
            if len(group) >= GROUP:
                self._insert(group)
                group = []
        self._insert(group)

    def _read(self, path: Path) -> tuple[Instance, header.Header] | None:
        digest = durable.digest_of(path).hex()
        if digest != path.name:
            self.damaged.append(path.name)
            return None
        try:
            said = header.read(path)
        except BadInputError:
            self.refused.append(path.name)
            return None
        status = path.stat()
        return Instance(
            sop_instance_uid=said.sop_instance_uid, sop_class_uid=said.sop_class_uid,
            series_instance_uid=said.series_instance_uid, study_instance_uid=said.study_instance_uid, digest=digest,
            size_bytes=status.st_size, transfer_syntax_uid=said.transfer_syntax_uid,
            frame_count=max(1, said.number("NumberOfFrames") or 1), kept_s=status.st_mtime, source=SOURCE,
        ), said  # fmt: skip

    def _insert(self, group: list[tuple[Path, Instance, header.Header]]) -> None:
        with self._database.write() as connection:
            for path, instance, said in group:
                known = rows.find_instance(connection, instance.sop_instance_uid)
                if known is None:
                    rows.insert(connection, instance, said)
                    self.object_count += 1
                    continue
                durable.put(path, self._data_dir / "aside" / instance.digest)
                rows.insert_conflict(connection, known, instance.digest, instance.size_bytes, SOURCE, instance.kept_s)
                path.unlink()
                self.aside_count += 1


def _objects(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from sorted((Path(place, name) for name in names), key=lambda path: path.stat().st_mtime)


def _take_over(database: Database, old: Path) -> bool:
    """Copy what the objects do not say; tell whether the old index could be read."""
    try:
        with database.write() as connection:
            names = [
                row[0]
                for row in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE%'"
                )
                if row[0] not in _FROM_OBJECTS and not row[0].startswith(("sqlite_", "study_words"))
            ]
            columns = {name: _columns(connection, name) for name in [*names, "instances"]}
        source = sqlite3.connect(f"file:{old}?mode=ro", uri=True)
    except sqlite3.Error:
        return False
    source.row_factory = sqlite3.Row
    is_read = _copy_away(database, source)
    try:
        for name in names:
            is_read &= _copy_table(database, source, name, columns[name])
        is_read &= _copy_origins(database, source)
    finally:
        source.close()
    return is_read


def _copy_away(database: Database, source: sqlite3.Connection) -> bool:
    try:
        copy_away(database, source)
    except sqlite3.Error as error:
        event(log, "store.table_lost", level=logging.ERROR, table="instances", reason=str(error))
        return False
    return True


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row["name"] for row in connection.execute(f'PRAGMA table_info("{table}")')]


def _copy_table(database: Database, source: sqlite3.Connection, name: str, columns: list[str]) -> bool:
    """Copy the rows that still mean something; a table that cannot be read is left empty, and told."""
    try:
        old = [column for column in _columns(source, name) if column in columns]
        if not old:
            return True
        listed = ", ".join(f'"{column}"' for column in old)
        found = source.execute(f'SELECT {listed} FROM "{name}"')
        with database.write() as connection:
            connection.execute("PRAGMA defer_foreign_keys = ON")
            if name == "worklist_state":
                connection.execute("DELETE FROM worklist_state")
            for row in found:
                if "sop_instance_uid" not in old or name == "commitment_instances" or _is_kept(connection, row):
                    marks = ",".join("?" * len(old))
                    connection.execute(f'INSERT OR IGNORE INTO "{name}" ({listed}) VALUES ({marks})', tuple(row))
    except sqlite3.Error as error:
        event(log, "store.table_lost", level=logging.ERROR, table=name, reason=str(error))
        return False
    return True


def _is_kept(connection: sqlite3.Connection, row: sqlite3.Row) -> bool:
    return rows.find_instance(connection, row["sop_instance_uid"]) is not None


def _copy_origins(database: Database, source: sqlite3.Connection) -> bool:
    """Who handed an object in, and when, the file does not say."""
    try:
        found = source.execute("SELECT digest, kept_s, source FROM instances").fetchall()
    except sqlite3.Error:
        return False
    with database.write() as connection:
        connection.executemany(
            "UPDATE instances SET kept_s = ?, source = ? WHERE digest = ?",
            [(row["kept_s"], row["source"], row["digest"]) for row in found],
        )
    return True


def _complete_deliveries(database: Database, destinations: Sequence[str] | Routing) -> int:
    """Let what nobody remembers wait for every destination; return how many."""
    before = sum(sum(one.counts.values()) for one in deliveries.counts(database))
    deliveries.recover(database, now_s=wall_s(), destinations=destinations)
    return sum(sum(one.counts.values()) for one in deliveries.counts(database)) - before


def _settle(database: Database) -> None:
    """A study is as old as its oldest object."""
    with database.write() as connection:
        connection.execute(
            "UPDATE studies SET kept_s = (SELECT min(instances.kept_s) FROM instances JOIN series USING (series_key)"
            " WHERE series.study_key = studies.study_key)"
        )


def _swap(fresh: Path, path: Path) -> Path | None:
    """Put the new index in the old one's place: at every moment one of them is there, with nothing of the other."""
    _fold_log(fresh)
    durable.sync_file(fresh)
    before = None
    if path.exists():
        stem = f"{path.name}.before-{int(wall_s())}"
        names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
        before = next(one for one in map(path.with_name, names) if not one.exists())
        _fold_log(path)
        for suffix in ("-wal", "-shm"):  # Of an index that cannot be opened; it belongs to no other.
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                os.replace(beside, before.with_name(before.name + suffix))
        os.link(path, before)
    os.replace(fresh, path)
    durable.sync_folder(path.parent)
    return before


def _fold_log(path: Path) -> None:
    """Bring everything from the write-ahead log into the file itself: the file alone is moved."""
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        event(log, "store.log_unreadable", level=logging.ERROR, path=path.name, reason=str(error))
    finally:
        connection.close()


def _files_of(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]
