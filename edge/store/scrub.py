"""Reading what is kept again: bytes that changed on the disk are found before somebody needs them.

the file is gone, or its SHA-256 is another  →  a row in `conflicts` with the source `scrub`, an audit row, and the
                                                object is wanted back from where it is safe (`fetches`)
the same object comes again, whole           →  the file is put back, and the row taken away (`instances.keep`)
"""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.runtime.clock import wall_s
from edge.runtime.log import event
from edge.store import audit_log, fetches, rows
from edge.store.database import Database
from edge.store.instances import Instances
from edge.store.rows import Instance

log = logging.getLogger(__name__)
CHUNK_BYTES = 1024 * 1024
PAGE_ROWS = 500
MISSING = "missing"


class _Stopped(Exception):
    """The walk was told to end in the middle of an object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One walk over everything that is kept."""

    object_count: int
    damaged_count: int
    size_bytes: int


def examine(
    database: Database, instances: Instances, instance: Instance, *, on_bytes: Callable[[int], None] = lambda _: None
) -> bool:
    """Read an object and compare; note what is damaged, and want it back. Memory is one chunk."""
    found = _digest(instances, instance, on_bytes)
    if found == instance.digest:
        return True
    current = instances.find(instance.sop_instance_uid)
    if current is None or current.digest != instance.digest:  # Something else is kept under this UID by now.
        return True
    _note(database, instance, found or MISSING)
    instances.ring()
    return False


def walk(
    database: Database, instances: Instances, *, rate_bytes_s: float, is_stopping: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep, after: int = 0, on_object: Callable[[int], None] = lambda _: None,
) -> Round:  # fmt: skip
    """Examine everything once, no faster than this rate; return what was seen. Ends early when told to stop.

    `on_object` is told the key of each object that is done: a later walk can begin `after` it.
    """
    object_count = damaged_count = size_bytes = 0
    begun_s = time.monotonic()

    def pause(count: int) -> None:
        nonlocal size_bytes
        if is_stopping():
            raise _Stopped
        size_bytes += count
        ahead_s = size_bytes / rate_bytes_s - (time.monotonic() - begun_s)
        while ahead_s > 0 and not is_stopping():
            sleep(min(ahead_s, 1.0))
            ahead_s -= 1.0

    for key, instance in _all(database, after):
        try:
            damaged_count += not examine(database, instances, instance, on_bytes=pause)
        except _Stopped:
            break
        object_count += 1
        on_object(key)
    event(log, "store.scrubbed", object_count=object_count, damaged_count=damaged_count, size_bytes=size_bytes)
    return Round(object_count=object_count, damaged_count=damaged_count, size_bytes=size_bytes)


def damaged(database: Database, *, limit: int = 100) -> list[str]:
    """Return the SOPInstanceUIDs of objects found damaged and not whole again since."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT DISTINCT sop_instance_uid FROM conflicts WHERE source = ? ORDER BY conflict_key LIMIT ?",
            (rows.DAMAGE_SOURCE, limit),
        )
        return [row[0] for row in found]


def _digest(instances: Instances, instance: Instance, on_bytes: Callable[[int], None]) -> str:
    """Return the digest of the file; empty when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with instances.path_of(instance).open("rb", buffering=0) as file:
            while piece := file.read(CHUNK_BYTES):
                digest.update(piece)
                on_bytes(len(piece))
    except OSError as error:
        event(
            log, "object.unreadable", level=logging.ERROR, sop_instance_uid=instance.sop_instance_uid,
            reason=error.strerror,
        )  # fmt: skip
        return ""
    return digest.hexdigest()


def _note(database: Database, instance: Instance, found: str) -> None:
    now_s = wall_s()
    with database.write() as connection:
        if rows.insert_conflict(connection, instance, found, instance.size_bytes, rows.DAMAGE_SOURCE, now_s):
            fetches.ask(database, [instance.sop_instance_uid], why="damaged", now_s=now_s)
            audit_log.add_within(
                connection, actor=rows.DAMAGE_SOURCE, action="object.damaged", object=instance.sop_instance_uid,
                detail={"kept": instance.digest, "found": found}, at_s=now_s,
            )  # fmt: skip
    event(
        log, "object.damaged", level=logging.ERROR, sop_instance_uid=instance.sop_instance_uid,
        kept=instance.digest, found=found,
    )  # fmt: skip


def _all(database: Database, last: int) -> Iterator[tuple[int, Instance]]:
    """Yield everything kept after a key, page by page: no snapshot is held while the disk is read."""
    while True:
        with database.read() as connection:
            page = rows.instances_after(connection, last, limit=PAGE_ROWS)
        if not page:
            return
        yield from page
        last = page[-1][0]
