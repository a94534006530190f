"""Scans that are served as the objects they will become. Written by `convert`.

remember ─▶ each object known, no file ──keep() of its file──▶ kept
                └──────────────── forget ────────────────────▶ gone
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from edge.store import rows
from edge.store.database import Database
from edge.store.header import Header
from edge.store.rows import Instance

SOURCE = "scan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A scan, and how it is converted: from this its series follows, UIDs included."""

    scan_id: str
    """The job that converts it."""
    path: str
    metadata_path: str
    """The JSON file with patient and study; empty: none."""
    levels: str
    study_instance_uid: str
    series_instance_uid: str
    opened_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedObject:
    """One object to be."""

    header: Header
    size_bytes: int
    """Of the file to be; 0 while it cannot be known."""


def remember(
    database: Database, scan: Scan, objects: Sequence[ScannedObject], *, is_wanted: Callable[[], bool] = lambda: True
) -> int:
    """Make a scan's objects known, all at once, in place of what was known of it; return how many are new.

    Objects whose files are here already stay as they are. `is_wanted` is asked inside the transaction.
    """
    with database.write() as connection:
        rows.remove_scan(connection, scan.scan_id)
        connection.execute("DELETE FROM scans WHERE scan_id = ?", (scan.scan_id,))
        if not is_wanted():
            return 0
        count = 0
        for each in objects:
            if rows.find_instance(connection, each.header.sop_instance_uid, with_scans=True) is None:
                rows.insert(connection, _instance(scan, each), each.header)
                count += 1
        if count:
            connection.execute(
                "INSERT INTO scans (scan_id, study_instance_uid, series_instance_uid, scan) VALUES (?,?,?,?)",
                (
                    scan.scan_id, scan.study_instance_uid, scan.series_instance_uid,
                    msgspec.json.encode(scan).decode(),
                ),
            )  # fmt: skip
        return count


def forget(database: Database, scan_id: str) -> int:
    """Take away a scan and what is known from it only; return how many objects that were."""
    with database.read() as connection:
        if connection.execute("SELECT 1 FROM scans WHERE scan_id = ?", (scan_id,)).fetchone() is None:
            return 0
    with database.write() as connection:
        connection.execute("DELETE FROM scans WHERE scan_id = ?", (scan_id,))
        return rows.remove_scan(connection, scan_id)


def find(database: Database, scan_id: str) -> Scan | None:
    """Return one scan."""
    with database.read() as connection:
        row = connection.execute("SELECT scan FROM scans WHERE scan_id = ?", (scan_id,)).fetchone()
    return None if row is None else msgspec.json.decode(row["scan"], type=Scan)


def list_ids(database: Database) -> list[str]:
    """Return the identifiers of all scans."""
    with database.read() as connection:
        return [row["scan_id"] for row in connection.execute("SELECT scan_id FROM scans")]


def _instance(scan: Scan, each: ScannedObject) -> Instance:
    header = each.header
    return Instance(
        sop_instance_uid=header.sop_instance_uid, sop_class_uid=header.sop_class_uid,
        series_instance_uid=header.series_instance_uid, study_instance_uid=header.study_instance_uid,
        # No digest of a file that is not there yet; the UID follows from all that shapes the bytes.
        digest=f"{SOURCE}-{hashlib.sha256(header.sop_instance_uid.encode()).hexdigest()}",
        size_bytes=each.size_bytes, transfer_syntax_uid=header.transfer_syntax_uid,
        frame_count=max(1, header.number("NumberOfFrames") or 1), kept_s=scan.opened_s, source=SOURCE,
        scan_id=scan.scan_id,
    )  # fmt: skip
