"""An outbox with as many objects waiting as a long outage leaves: rows as `keep()` writes them, files of that size."""

import hashlib
import os
import random
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from edge.core.outbox import ROUTINE, STAT
from edge.store import deliveries, rows
from edge.store.database import Database
from edge.store.header import Header
from edge.store.instances import Instances
from edge.store.rows import Instance
from tests.support.objects import SECONDARY_CAPTURE, make_dataset

UID_ROOT = "1.2.826.0.1.3680043.10.2"
SYNTAX = "1.2.840.10008.1.2.1"
DAYS = 14
STAT_EVERY = 100


@dataclass(frozen=True)
class Queued:
    """One object."""

    uid: str
    study: str
    size_bytes: int
    priority: int
    made_s: float


def fill(
    database: Database, store: Instances, count: int, *, now_s: float, destination: str = "vna", are_real: bool = False,
    seed: int = 3,
) -> list[Queued]:  # fmt: skip
    """Queue objects of `count // 20` studies, made over the last two weeks; real ones can be sent to an archive."""
    chance, queued = random.Random(seed), []
    template = _template() if are_real else b""
    for number in range(256):
        store.path_of_digest(f"{number:02x}").parent.mkdir(parents=True, exist_ok=True)
    with database.write() as connection:
        for number in range(count):
            made_s = now_s - DAYS * 86400.0 * (1 - number / count)
            study = f"{UID_ROOT}.{1000000 + number // 20}"
            uid = f"{UID_ROOT}.9.{1000000 + number}"
            data = template.replace(b"UID-OF-THE-OBJECT".ljust(len(uid)), uid.encode()) if are_real else b""
            size = len(data) or chance.choice((600, 900, 1200, 5000))
            digest = hashlib.sha256(data or uid.encode()).hexdigest()
            _write(store.path_of_digest(digest), data, size)
            priority = STAT if number % STAT_EVERY == 0 else ROUTINE
            header = Header(
                sop_class_uid=SECONDARY_CAPTURE, sop_instance_uid=uid, study_instance_uid=study,
                series_instance_uid=f"{study}.1", transfer_syntax_uid=SYNTAX, dataset_offset=0,
                values={"Modality": "US", "PatientName": "Queue^Test"},
            )  # fmt: skip
            instance = Instance(
                sop_instance_uid=uid, sop_class_uid=SECONDARY_CAPTURE, series_instance_uid=f"{study}.1",
                study_instance_uid=study, digest=digest, size_bytes=size, transfer_syntax_uid=SYNTAX, frame_count=1,
                kept_s=made_s, source="bench",
            )  # fmt: skip
            rows.insert(connection, instance, header)
            deliveries.insert(connection, instance, [destination], priority=priority)
            queued.append(Queued(uid, study, size, priority, made_s))
    return queued


def _write(path: Path, data: bytes, size: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    if data:
        os.write(descriptor, data)
    else:
        os.ftruncate(descriptor, size)
    os.close(descriptor)


def _template() -> bytes:
    """Return a small object with a place for its UID of the right length, in both headers."""
    length = len(f"{UID_ROOT}.9.1000000")
    place = "UID-OF-THE-OBJECT".ljust(length)
    ds = make_dataset(rows=8, columns=8)
    stand_in = "9" * length
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = stand_in
    out = BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue().replace(stand_in.encode(), place.encode())
