"""The rows of studies, series and instances: how a header becomes rows, and how they are read back.

Only `instances` writes through here; the connection is inside its transaction.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any

import msgspec

from edge.store.folding import fold_name, words
from edge.store.header import Header

STUDY_COLUMNS = {
    "patient_id": "PatientID", "issuer_of_patient_id": "IssuerOfPatientID", "patient_name": "PatientName",
    "patient_birth_date": "PatientBirthDate", "patient_sex": "PatientSex", "study_date": "StudyDate",
    "study_time": "StudyTime", "accession_number": "AccessionNumber", "study_id": "StudyID",
    "study_description": "StudyDescription", "referring_physician_name": "ReferringPhysicianName",
}  # fmt: skip
SERIES_COLUMNS = {
    "modality": "Modality", "series_description": "SeriesDescription", "body_part_examined": "BodyPartExamined",
    "laterality": "Laterality", "series_date": "SeriesDate", "series_time": "SeriesTime",
    "step_start_date": "PerformedProcedureStepStartDate", "step_start_time": "PerformedProcedureStepStartTime",
    "manufacturer": "Manufacturer", "station_name": "StationName",
}  # fmt: skip
_ELSEWHERE = frozenset(
    {*STUDY_COLUMNS.values(), *SERIES_COLUMNS.values(), "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID",
     "SeriesInstanceUID", "SeriesNumber", "InstanceNumber"}
)  # fmt: skip
_WORD_COLUMNS = ("patient_name", "patient_id", "accession_number", "study_description", "study_id")

DAMAGE_SOURCE = "scrub"
"""Of a conflict that is one with the object's own digest: its bytes have changed on the disk."""

_INSTANCE_SQL = """
SELECT sop_instance_uid, sop_class_uid, series_instance_uid, study_instance_uid, digest, instances.size_bytes,
       transfer_syntax_uid, frame_count, instances.kept_s, source, scan_id, evicted_s
FROM instances JOIN series USING (series_key) JOIN studies USING (study_key)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One object of the store."""

    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    study_instance_uid: str
    digest: str
    """SHA-256 of the whole file, hex: also its place on disk."""
    size_bytes: int
    transfer_syntax_uid: str
    frame_count: int
    kept_s: float
    source: str
    """Who handed it in."""
    scan_id: str | None = None
    """Of the scan that still holds its frames: no file is written yet, and `digest` only names it. None: kept."""
    evicted_s: float | None = None
    """When its file left this disk, safe elsewhere. None: it is here."""


def find_instance(
    connection: sqlite3.Connection, sop_instance_uid: str, *, with_scans: bool = False
) -> Instance | None:
    where = f"sop_instance_uid = ?{_among(with_scans)}"
    row = connection.execute(f"{_INSTANCE_SQL} WHERE {where}", (sop_instance_uid,)).fetchone()
    return None if row is None else Instance(**row)


STANDING_SQL = "SELECT scan_id IS NULL AS is_kept FROM instances WHERE sop_instance_uid = ?"
"""Of an object whose UID is known: kept, or only known from its scan."""


def _among(with_scans: bool) -> str:
    return "" if with_scans else " AND scan_id IS NULL"


def instances_of_study(
    connection: sqlite3.Connection, study_instance_uid: str, *, with_scans: bool = False
) -> list[Instance]:
    order = "ORDER BY series_number, series_date, series_time, series_instance_uid, instance_number, content_at"
    found = connection.execute(
        f"{_INSTANCE_SQL} WHERE study_instance_uid = ?{_among(with_scans)} {order}, sop_instance_uid",
        (study_instance_uid,),
    )
    return [Instance(**row) for row in found]


def instances_of_series(
    connection: sqlite3.Connection, series_instance_uid: str, *, with_scans: bool = False
) -> list[Instance]:
    order = "ORDER BY instance_number, content_at, sop_instance_uid"
    where = f"series_instance_uid = ?{_among(with_scans)}"
    found = connection.execute(f"{_INSTANCE_SQL} WHERE {where} {order}", (series_instance_uid,))
    return [Instance(**row) for row in found]


def instances_where(connection: sqlite3.Connection, where: str, values: list[Any], *, limit: int) -> list[Instance]:
    """Return kept objects by a condition of `matching`, studies together and each in the order of its series."""
    order = (
        "study_key, series_number, series_date, series_time, series_instance_uid, instance_number, content_at,"
        " sop_instance_uid"
    )
    found = connection.execute(
        f"{_INSTANCE_SQL} WHERE {where} AND scan_id IS NULL ORDER BY {order} LIMIT ?", [*values, limit]
    )
    return [Instance(**row) for row in found]


def instances_after(connection: sqlite3.Connection, key: int, *, limit: int) -> list[tuple[int, Instance]]:
    """Return objects whose files are here as they came, from after an `instance_key` on, each with its own."""
    found = connection.execute(
        f"{_INSTANCE_SQL.replace('SELECT', 'SELECT instance_key,', 1)} WHERE instance_key > ? AND scan_id IS NULL"
        " AND evicted_s IS NULL ORDER BY instance_key LIMIT ?",
        (key, limit),
    )
    return [(row["instance_key"], Instance(**{k: row[k] for k in row.keys()[1:]})) for row in found]


def is_damaged(connection: sqlite3.Connection, instance: Instance) -> bool:
    """Tell whether these bytes were found changed on the disk."""
    found = connection.execute(
        "SELECT 1 FROM conflicts WHERE sop_instance_uid = ? AND source = ? AND kept_digest = ?",
        (instance.sop_instance_uid, DAMAGE_SOURCE, instance.digest),
    )
    return found.fetchone() is not None


def forget_damage(connection: sqlite3.Connection, instance: Instance) -> None:
    """The object is whole again."""
    connection.execute(
        "DELETE FROM conflicts WHERE sop_instance_uid = ? AND source = ?", (instance.sop_instance_uid, DAMAGE_SOURCE)
    )


def digests_with_prefix(connection: sqlite3.Connection, prefix: str) -> set[str]:
    found = connection.execute("SELECT digest FROM instances WHERE digest >= ? AND digest < ?", (prefix, prefix + "g"))
    return {row[0] for row in found}


def digests_aside(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT digest FROM conflicts")}


def insert(connection: sqlite3.Connection, instance: Instance, header: Header) -> None:
    """Write the instance, make or amend its series and study, and keep their counts right."""
    study_key = _upsert_study(connection, instance, header)
    series_key = _upsert_series(connection, study_key, instance, header)
    attributes = {keyword: value for keyword, value in header.values.items() if keyword not in _ELSEWHERE}
    connection.execute(
        "INSERT INTO instances (series_key, sop_instance_uid, sop_class_uid, digest, size_bytes, transfer_syntax_uid,"
        " instance_number, frame_count, content_at, attributes, source, kept_s, scan_id)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            series_key, instance.sop_instance_uid, instance.sop_class_uid, instance.digest, instance.size_bytes,
            instance.transfer_syntax_uid, header.number("InstanceNumber"), instance.frame_count,
            _content_at(header), msgspec.json.encode(attributes).decode(), instance.source, instance.kept_s,
            instance.scan_id,
        ),
    )  # fmt: skip


def insert_items(connection: sqlite3.Connection, digest: str, items: bytes) -> None:
    connection.execute("INSERT OR REPLACE INTO item_tables (digest, items) VALUES (?,?)", (digest, items))


def items_of(connection: sqlite3.Connection, digest: str) -> bytes | None:
    row = connection.execute("SELECT items FROM item_tables WHERE digest = ?", (digest,)).fetchone()
    return None if row is None else bytes(row["items"])


def replace_scanned(connection: sqlite3.Connection, instance: Instance, header: Header) -> None:
    """Write the row of an object whose file has come; what was known of it from its scan gives way."""
    before = connection.execute(
        "SELECT series_key, study_key FROM instances JOIN series USING (series_key)"
        " WHERE sop_instance_uid = ? AND scan_id IS NOT NULL", (instance.sop_instance_uid,),
    ).fetchone()  # fmt: skip
    if before is not None:
        _remove_scanned(connection, "sop_instance_uid", instance.sop_instance_uid)
    insert(connection, instance, header)
    if before is not None:
        _drop_empty(connection, {before["series_key"]}, {before["study_key"]})


def remove_scan(connection: sqlite3.Connection, scan_id: str) -> int:
    """Take away the objects known from a scan only, and the series and study that hold no other; return how many."""
    parents = connection.execute(
        "SELECT DISTINCT series_key, study_key FROM instances JOIN series USING (series_key) WHERE scan_id = ?",
        (scan_id,),
    ).fetchall()
    count = _remove_scanned(connection, "scan_id", scan_id)
    _drop_empty(connection, {row["series_key"] for row in parents}, {row["study_key"] for row in parents})
    return count


def remove(connection: sqlite3.Connection, sop_instance_uid: str) -> None:
    """Take away the row of an object that nobody was told of, and the series and study that hold no other."""
    connection.execute(
        "DELETE FROM item_tables WHERE digest IN (SELECT digest FROM instances WHERE sop_instance_uid = ?)",
        (sop_instance_uid,),
    )
    found = connection.execute(
        "DELETE FROM instances WHERE sop_instance_uid = ? RETURNING series_key, size_bytes", (sop_instance_uid,)
    ).fetchall()
    study_keys = {_count_down(connection, row["series_key"], row["size_bytes"]) for row in found}
    _drop_empty(connection, {row["series_key"] for row in found}, study_keys)


def _count_down(connection: sqlite3.Connection, series_key: int, size_bytes: int) -> int:
    """Count one object less in a series and its study; return the study's key."""
    study = connection.execute(
        "UPDATE series SET instance_count = instance_count - 1, size_bytes = size_bytes - ? WHERE series_key = ?"
        " RETURNING study_key", (size_bytes, series_key),
    ).fetchone()  # fmt: skip
    connection.execute(
        "UPDATE studies SET instance_count = instance_count - 1, size_bytes = size_bytes - ? WHERE study_key = ?",
        (size_bytes, study["study_key"]),
    )
    return int(study["study_key"])


def _remove_scanned(connection: sqlite3.Connection, column: str, value: str) -> int:
    gone = connection.execute(
        f"DELETE FROM instances WHERE {column} = ? AND scan_id IS NOT NULL RETURNING series_key, size_bytes", (value,)
    ).fetchall()
    for row in gone:
        _count_down(connection, row["series_key"], row["size_bytes"])
    return len(gone)


def _drop_empty(connection: sqlite3.Connection, series_keys: set[int], study_keys: set[int]) -> None:
    for key in series_keys:
        connection.execute("DELETE FROM series WHERE series_key = ? AND instance_count = 0", (key,))
    for key in study_keys:
        held = connection.execute("SELECT modality FROM series WHERE study_key = ?", (key,)).fetchall()
        if not held:
            connection.execute("DELETE FROM studies WHERE study_key = ?", (key,))
            connection.execute("DELETE FROM study_words WHERE rowid = ?", (key,))
            continue
        modalities = "\\".join(sorted({row["modality"] for row in held} - {""}))
        connection.execute(
            "UPDATE studies SET series_count = ?, modalities = ? WHERE study_key = ?",
            (len(held), f"\\{modalities}\\" if modalities else "\\", key),
        )


def insert_conflict(
    connection: sqlite3.Connection, known: Instance, digest: str, size_bytes: int, source: str, seen_s: float
) -> bool:
    """Note that other bytes came under a known UID; tell whether these are new."""
    cursor = connection.execute(
        "INSERT OR IGNORE INTO conflicts (sop_instance_uid, digest, kept_digest, size_bytes, source, seen_s)"
        " VALUES (?,?,?,?,?,?)",
        (known.sop_instance_uid, digest, known.digest, size_bytes, source, seen_s),
    )
    return cursor.rowcount == 1


def _upsert_study(connection: sqlite3.Connection, instance: Instance, header: Header) -> int:
    """Make the study's row, or fill what is empty in it: the first object that says something is believed."""
    row = connection.execute(
        "SELECT * FROM studies WHERE study_instance_uid = ?", (instance.study_instance_uid,)
    ).fetchone()
    said = {column: header.text(keyword) for column, keyword in STUDY_COLUMNS.items()}
    modality = header.text("Modality")
    if row is None:
        said |= _folded(said)
        columns = ", ".join(said)
        cursor = connection.execute(
            "INSERT INTO studies"
            f" (study_instance_uid, modalities, instance_count, size_bytes, kept_s, changed_s, {columns})"
            f" VALUES (?,?,1,?,?,?{',?' * len(said)})",
            (
                instance.study_instance_uid, f"\\{modality}\\" if modality else "\\", instance.size_bytes,
                instance.kept_s, instance.kept_s, *said.values(),
            ),
        )  # fmt: skip
        _index_words(connection, int(cursor.lastrowid or 0), said, is_new=True)
        return int(cursor.lastrowid or 0)
    changed = {column: value for column, value in said.items() if value and not row[column]}
    if changed:
        changed |= _folded(changed)
        _index_words(connection, row["study_key"], {**dict(row), **changed}, is_new=False)
    if modality and f"\\{modality}\\" not in row["modalities"]:
        changed["modalities"] = (
            "\\" + "\\".join(sorted({*row["modalities"].strip("\\").split("\\"), modality} - {""})) + "\\"
        )
    assignments = "".join(f", {column} = ?" for column in changed)
    connection.execute(
        "UPDATE studies SET instance_count = instance_count + 1, size_bytes = size_bytes + ?, changed_s = ?,"
        f" complete_s = NULL{assignments} WHERE study_key = ?",
        (instance.size_bytes, instance.kept_s, *changed.values(), row["study_key"]),
    )
    return int(row["study_key"])


def _upsert_series(connection: sqlite3.Connection, study_key: int, instance: Instance, header: Header) -> int:
    row = connection.execute(
        "UPDATE series SET instance_count = instance_count + 1, size_bytes = size_bytes + ?"
        " WHERE study_key = ? AND series_instance_uid = ? RETURNING series_key",
        (instance.size_bytes, study_key, instance.series_instance_uid),
    ).fetchone()
    if row is not None:
        return int(row["series_key"])
    said = {column: header.text(keyword) for column, keyword in SERIES_COLUMNS.items()}
    cursor = connection.execute(
        f"INSERT INTO series (study_key, series_instance_uid, series_number, instance_count, size_bytes, kept_s,"
        f" {', '.join(said)}) VALUES (?,?,?,1,?,?{',?' * len(said)})",
        (
            study_key, instance.series_instance_uid, header.number("SeriesNumber"), instance.size_bytes,
            instance.kept_s, *said.values(),
        ),
    )  # fmt: skip
    connection.execute("UPDATE studies SET series_count = series_count + 1 WHERE study_key = ?", (study_key,))
    return int(cursor.lastrowid or 0)


def _folded(said: dict[str, str]) -> dict[str, str]:
    return {
        f"{column}_folded": fold_name(said[column])
        for column in ("patient_name", "referring_physician_name")
        if column in said
    }


def _index_words(connection: sqlite3.Connection, study_key: int, row: dict[str, str], *, is_new: bool) -> None:
    if not is_new:
        connection.execute("DELETE FROM study_words WHERE rowid = ?", (study_key,))
    text = " ".join(word for column in _WORD_COLUMNS for word in words(row[column]))
    connection.execute("INSERT INTO study_words (rowid, words) VALUES (?, ?)", (study_key, text))


def index_words(connection: sqlite3.Connection, study_key: int, row: dict[str, str]) -> None:
    """Make a new study's row found by its words."""
    _index_words(connection, study_key, row, is_new=True)


def _content_at(header: Header) -> str:
    """Return when the content was made, as text that sorts."""
    for date, time in (("ContentDate", "ContentTime"), ("AcquisitionDate", "AcquisitionTime")):
        if header.text(date):
            return header.text(date) + header.text(time)
    return header.text("AcquisitionDateTime")
