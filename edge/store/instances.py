"""Objects on disk, by digest, and the one way in.

What `keep()` promises when it returns "kept": the bytes, their name and the index rows survive a power cut, and a
delivery to every destination is in the outbox. What it promises when it raises: nothing of the object is left, or only
what `sweep()` takes away.

    data_dir/incoming/…            being written; named after the process that writes
    data_dir/objects/ab/<sha>      whole; never changed
    data_dir/aside/<sha>           the same UID as a kept object, but other bytes
"""

import itertools
import logging
import os
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.core.routing import Routing, to_all
from edge.errors import BadInputError, NotFoundError
from edge.runtime import kernel
from edge.runtime.clock import wall_s
from edge.runtime.doorbell import ring
from edge.runtime.log import event
from edge.store import audit_log, deliveries, durable, evictions, fetches, header, rows
from edge.store.database import Database
from edge.store.header import Header
from edge.store.room import Room
from edge.store.rows import Instance

__all__ = ["Instance", "Instances", "Kept"]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of an object that was handed in."""

    outcome: Literal["kept", "known", "conflict"]
    """known: the same object again, no second copy. conflict: put aside, because this UID has other bytes here."""
    instance: Instance
    """The object that this node serves under that UID."""


class Instances:
    """The store of objects. Every method blocks on the disk; safe from any thread."""

    def __init__(
        self,
        database: Database,
        data_dir: Path,
        *,
        destinations: Sequence[str] | Routing = (),
        bells: Path | None = None,
        reserve_bytes: int = 0,
        budget_bytes: int = 0,
    ) -> None:
        """Use this index and this folder; `bells` is rung after each new object.

        New work stops below the reserve of the disk, and at the budget of objects (0: none).
        """
        self._database = database
        self._data_dir = data_dir
        self._routing = destinations if isinstance(destinations, Routing) else to_all(destinations)
        self._bells = bells
        self.room = Room(database, data_dir, reserve_bytes=reserve_bytes, budget_bytes=budget_bytes)
        with durable.full_disk_explained(data_dir):
            for name in ("incoming", "objects", "aside"):
                (data_dir / name).mkdir(parents=True, exist_ok=True)
        self._owner = owner_mark(os.getpid())

    @property
    def data_dir(self) -> Path:
        """The folder of everything that is kept."""
        return self._data_dir

    def new_temp(self) -> Path:
        """Return a path, not yet used, to write an object to; leave it there or hand it to `keep`."""
        return self._data_dir / "incoming" / f"{self._owner}.{secrets.token_hex(8)}.part"

    def under_way(self, *, limit: int) -> list[Path]:
        """Return the files being written by living processes, at most so many."""
        with os.scandir(self._data_dir / "incoming") as entries:
            return [Path(entry.path) for entry in itertools.islice(entries, limit) if _is_alive(entry.name)]

    def prepare(self) -> None:
        """Make what the first objects would wait for: every folder, and the log of the index in its whole length."""
        self._database.reserve_log()
        objects = self._data_dir / "objects"
        with durable.full_disk_explained(objects):
            for number in range(256):
                (objects / f"{number:02x}").mkdir(exist_ok=True)
            durable.sync_folder(objects)

    def has_room(self) -> bool:
        """Tell whether new work may be taken."""
        return not self.room.problem()

    def require_room(self) -> None:
        """Refuse new work while there is no room for it.  Raises: StorageFullError."""
        self.room.require()

    def require_space(self, size_bytes: int) -> None:
        """Refuse only what the disk cannot hold: for a file that goes away again.  Raises: StorageFullError.

        A proof may use the reserve: only what is proven makes room.
        """
        self.room.require_space(size_bytes)

    def keep(
        self, temp: Path, *, digest: bytes | None = None, parsed: Header | None = None, source: str,
        items: bytes | None = None,
    ) -> Kept:  # fmt: skip
        """Take a DICOM file in, durably; `temp` (from `new_temp`) is gone afterwards, whatever happened.

        `digest` is the SHA-256 of the whole file, if the caller took it while writing; `parsed` its header, if read;
        `items` where those of its pixels lie, if noted (`edge.dicom.items`).
        Raises: BadInputError (not DICOM, cut off, no UIDs), StorageFullError.
        """
        try:
            with durable.full_disk_explained(self._data_dir):
                return self._keep(
                    temp, (digest or durable.digest_of(temp)).hex(), parsed or header.read(temp), source, items
                )  # fmt: skip
        except FileNotFoundError as error:
            raise BadInputError(f"{temp.name} is not there.") from error
        finally:
            _remove(temp)

    def ring(self) -> None:
        """Wake uplink: there is something to send, or to fetch."""
        if self._bells is not None:
            ring(self._bells)

    def recall(self, study_instance_uid: str) -> None:
        """Somebody needs what has left this disk of a study: want it back, and let all of it stay a while."""
        now_s = wall_s()
        if fetches.ask_study(self._database, study_instance_uid, now_s=now_s):
            fetches.open_study(self._database, study_instance_uid, now_s=now_s)
            self.ring()

    def find(self, sop_instance_uid: str, *, with_scans: bool = False) -> Instance | None:
        """Return one object by its UID; `with_scans` also one that is known from its scan and not written yet."""
        with self._database.read() as connection:
            return rows.find_instance(connection, sop_instance_uid, with_scans=with_scans)

    def require(self, sop_instance_uid: str) -> Instance:
        """Return one object.  Raises: NotFoundError."""
        instance = self.find(sop_instance_uid)
        if instance is None:
            raise NotFoundError(f"There is no object {sop_instance_uid}.")
        return instance

    def in_study(self, study_instance_uid: str, *, with_scans: bool = False) -> list[Instance]:
        """Return a study's objects: by series number, then instance number."""
        with self._database.read() as connection:
            return rows.instances_of_study(connection, study_instance_uid, with_scans=with_scans)

    def in_series(self, series_instance_uid: str, *, with_scans: bool = False) -> list[Instance]:
        """Return a series' objects: by instance number, time of content, UID."""
        with self._database.read() as connection:
            return rows.instances_of_series(connection, series_instance_uid, with_scans=with_scans)

    def items_of(self, digest: str) -> bytes | None:
        """Return where the items of an object's pixels lie, if that was noted while it came in."""
        with self._database.read() as connection:
            return rows.items_of(connection, digest)

    def path_of(self, instance: Instance) -> Path:
        """Return where the bytes are, if they are not away. They never change."""
        return self._object_path(instance.digest)

    def path_of_digest(self, digest: str) -> Path:
        """Return where the bytes with this digest are."""
        return self._object_path(digest)

    def thumbnail_of(self, instance: Instance) -> Path:
        """Return where the small picture of an evicted object is, if there is one."""
        return self._data_dir / "thumbnails" / instance.digest[:2] / f"{instance.digest}.jpg"

    def sweep(self, *, grace_s: float = 600.0, now_s: float | None = None) -> int:
        """Remove what a crash left: temporary files of dead processes, object files without a row; return how many.

        An object file younger than `grace_s` may belong to a `keep()` under way and stays. So does one that is older
        than the index: then it is the index that was lost, not the object (see `rebuild`).
        """
        removed_count = 0
        born_s = self._database.born_s
        for temp in (self._data_dir / "incoming").iterdir():
            if not _is_alive(temp.name):
                temp.unlink(missing_ok=True)
                removed_count += 1
        before_s = (wall_s() if now_s is None else now_s) - grace_s
        for folder in (self._data_dir / "objects").iterdir():
            removed_count += self._sweep_folder(folder, born_s, before_s)
        removed_count += self._sweep_aside(born_s, before_s)
        if (stranger_count := self.count_strangers()) > 0:
            event(
                log, "store.index_lost", level=logging.ERROR, object_count=stranger_count,
                advice="stop the node and run `edge store rebuild`",
            )  # fmt: skip
        if removed_count:
            event(log, "store.swept", removed_count=removed_count)
        return removed_count

    def count_strangers(self) -> int:
        """Return how many object files are older than the index and unknown to it. Looks at every name."""
        born_s, count = self._database.born_s, 0
        for folder in (self._data_dir / "objects").iterdir():
            old = {entry.name for entry in os.scandir(folder) if entry.stat().st_ctime < born_s}
            if old:
                count += len(old - self._known_digests(folder.name))
        return count

    def _keep(self, temp: Path, digest: str, parsed: Header, source: str, items: bytes | None) -> Kept:
        if self._database.read_one(rows.STANDING_SQL, (parsed.sop_instance_uid,)) is not None:
            known = self.find(parsed.sop_instance_uid)
            if known is not None:
                return self._keep_again(temp, digest, parsed, known, source)
        with self._database.announce():
            return self._keep_new(temp, digest, parsed, source, items)

    def _keep_new(self, temp: Path, digest: str, parsed: Header, source: str, items: bytes | None) -> Kept:
        size_bytes, final = temp.stat().st_size, self._object_path(digest)
        settle = durable.begin_place(temp, final, below=final.parent.parent)
        instance = Instance(
            sop_instance_uid=parsed.sop_instance_uid, sop_class_uid=parsed.sop_class_uid,
            series_instance_uid=parsed.series_instance_uid, study_instance_uid=parsed.study_instance_uid,
            digest=digest, size_bytes=size_bytes, transfer_syntax_uid=parsed.transfer_syntax_uid,
            frame_count=max(1, parsed.number("NumberOfFrames") or 1), kept_s=wall_s(), source=source,
        )  # fmt: skip
        try:
            winner = self._database.write_grouped(
                lambda connection: self._insert(connection, instance, parsed, temp, final, items), beside=settle
            )
        except OSError:
            self._forget(instance)
            raise
        kernel.step("committed")
        if winner is not None:  # Another thread or process kept this UID a moment before.
            return self._keep_again(temp, digest, parsed, winner, source)
        self.room.add(size_bytes)
        self.ring()
        return Kept(outcome="kept", instance=instance)

    def _insert(
        self, connection: sqlite3.Connection, instance: Instance, parsed: Header, temp: Path, final: Path,
        items: bytes | None,
    ) -> Instance | None:  # fmt: skip
        """Write every row of a new object, or return the one that is there already."""
        kernel.step("commit")
        standing = connection.execute(rows.STANDING_SQL, (instance.sop_instance_uid,)).fetchone()
        if standing is not None and standing["is_kept"]:
            return rows.find_instance(connection, instance.sop_instance_uid)
        if not final.exists():  # A sweep took the file for an orphan of long ago; it holds the same lock as we do.
            durable.put(temp, final)
        if standing is None:
            rows.insert(connection, instance, parsed)
        else:
            rows.replace_scanned(connection, instance, parsed)
        if items is not None:
            rows.insert_items(connection, instance.digest, items)
        modality = parsed.text("Modality")
        descriptions = [parsed.text("StudyDescription"), parsed.text("SeriesDescription")]
        deliveries.insert(
            connection, instance,
            self._routing.destinations_of(modality=modality, source=instance.source, descriptions=descriptions),
            priority=self._routing.priority_of(modality=modality, source=instance.source, descriptions=descriptions),
        )  # fmt: skip
        return None

    def _forget(self, instance: Instance) -> None:
        """Take the rows away of an object that was committed while the name of its file could not be synced."""
        with self._database.write() as connection:
            if rows.find_instance(connection, instance.sop_instance_uid) == instance:
                deliveries.remove(connection, instance.sop_instance_uid)
                rows.remove(connection, instance.sop_instance_uid)

    def _keep_again(self, temp: Path, digest: str, parsed: Header, known: Instance, source: str) -> Kept:
        """The UID is here already: the same object, or another that goes aside."""
        kept = self.path_of(known)
        if digest == known.digest:
            if not kept.exists() or kept.stat().st_size != known.size_bytes or self.is_damaged(known):
                self._heal(temp, kept, known, source)
            return Kept(outcome="known", instance=known)
        if kept.exists() and _same_dataset(temp, parsed, kept):
            return Kept(outcome="known", instance=known)
        if known.evicted_s is not None and evictions.complete(self._database, known, temp, self.new_temp()):
            self._heal(temp, kept, known, source)
            return Kept(outcome="known", instance=known)
        self._put_aside(temp, digest, known, source)
        return Kept(outcome="conflict", instance=known)

    def is_damaged(self, known: Instance) -> bool:
        """Tell whether its file was found damaged, and is not whole again since."""
        with self._database.read() as connection:
            return rows.is_damaged(connection, known)

    def _heal(self, temp: Path, kept: Path, known: Instance, source: str) -> None:
        """The same object came again, whole: put it in the place of what was lost, damaged, or safe elsewhere."""
        evictions.restore(self._database, known, temp, kept, came_from=source, now_s=wall_s())

    def _put_aside(self, temp: Path, digest: str, known: Instance, source: str) -> None:
        durable.sync_file(temp)
        size_bytes = temp.stat().st_size
        durable.put(temp, self._data_dir / "aside" / digest)
        now_s = wall_s()
        with self._database.write() as connection:
            is_new = rows.insert_conflict(connection, known, digest, size_bytes, source, now_s)
            if is_new:
                audit_log.add_within(
                    connection, actor=source, action="object.conflict", object=known.sop_instance_uid,
                    detail={"kept": known.digest, "aside": digest}, at_s=now_s,
                )  # fmt: skip
        event(
            log, "object.conflict", level=logging.WARNING, sop_instance_uid=known.sop_instance_uid,
            kept=known.digest, aside=digest, source=source,
        )  # fmt: skip

    def _sweep_folder(self, folder: Path, after_s: float, before_s: float) -> int:
        """Look at objects/ab: the rows of that prefix are compared with the files, under the writing lock to remove."""
        removed_count = 0
        old = {entry.name for entry in os.scandir(folder) if after_s <= entry.stat().st_ctime < before_s}
        if not old or not old - self._known_digests(folder.name):
            return 0
        with self._database.write() as connection:
            for name in old - rows.digests_with_prefix(connection, folder.name):
                path = folder / name
                if path.stat().st_ctime < before_s:
                    path.unlink()
                    removed_count += 1
        return removed_count

    def _sweep_aside(self, after_s: float, before_s: float) -> int:
        """Take away what was put aside without anybody being told: its sender was not answered either."""
        folder, removed_count = self._data_dir / "aside", 0
        old = {entry.name for entry in os.scandir(folder) if after_s <= entry.stat().st_ctime < before_s}
        if old:
            with self._database.write() as connection:
                for name in old - rows.digests_aside(connection):
                    (folder / name).unlink()
                    removed_count += 1
        return removed_count

    def _known_digests(self, prefix: str) -> set[str]:
        with self._database.read() as connection:
            return rows.digests_with_prefix(connection, prefix)

    def _object_path(self, digest: str) -> Path:
        return self._data_dir / "objects" / digest[:2] / digest


def _same_dataset(temp: Path, parsed: Header, kept: Path) -> bool:
    """Tell whether two files differ only in their file meta information, which names whoever wrote the file."""
    other = header.read(kept)
    if parsed.transfer_syntax_uid != other.transfer_syntax_uid:
        return False
    sizes = (temp.stat().st_size - parsed.dataset_offset, kept.stat().st_size - other.dataset_offset)
    if sizes[0] != sizes[1]:
        return False
    return durable.digest_from(temp, parsed.dataset_offset) == durable.digest_from(kept, other.dataset_offset)


def _remove(temp: Path) -> None:
    """Take the temporary name away. What keeps it here is no fault of the object: a sweep comes by."""
    try:
        kernel.unlink(temp)
    except OSError as error:
        event(log, "store.leftover", level=logging.ERROR, errno=error.errno, reason=error.strerror)


def owner_mark(process_id: int) -> str:
    """Return `pid-start`: a process identifier that comes again has another start."""
    with open(f"/proc/{process_id}/stat", "rb") as file:
        return f"{process_id}-{file.read().rpartition(b')')[2].split()[19].decode()}"


def _is_alive(temp_name: str) -> bool:
    mark = temp_name.partition(".")[0]
    process_id = mark.partition("-")[0]
    try:
        return process_id.isdigit() and owner_mark(int(process_id)) == mark
    except (FileNotFoundError, ProcessLookupError):
        return False
