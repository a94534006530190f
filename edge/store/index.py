"""Searching the index, with the matching of QIDO-RS and C-FIND: what both, and the pages, ask.

A row comes back as a dict: DICOM keyword -> value as text, number or list, and in lower case what is ours
(`kept_s`, `size_bytes`, `digest`, `source`). The newest studies come first.

Standard: PS3.4 C.2.2.2 (single value, list of UID, wild card, range), PS3.18 8.3.4
"""

import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge.errors import BadInputError
from edge.store.database import Database
from edge.store.folding import words
from edge.store.header_tags import ATTRIBUTES
from edge.store.matching import Column, Kind, condition, free_text
from edge.store.rows import Instance, instances_where

LIMIT_MAX = 5000
COMMON_COUNT = 2000

_STUDY = {
    "StudyInstanceUID": Column("study_instance_uid", Kind.UID),
    "PatientID": Column("patient_id"),
    "IssuerOfPatientID": Column("issuer_of_patient_id"),
    "PatientName": Column("patient_name_folded", Kind.NAME),
    "PatientBirthDate": Column("patient_birth_date", Kind.RANGE),
    "PatientSex": Column("patient_sex"),
    "StudyDate": Column("study_date", Kind.RANGE),
    "StudyTime": Column("study_time", Kind.RANGE),
    "AccessionNumber": Column("accession_number"),
    "StudyID": Column("study_id"),
    "StudyDescription": Column("study_description"),
    "ReferringPhysicianName": Column("referring_physician_name_folded", Kind.NAME),
    "ModalitiesInStudy": Column("modalities", Kind.LISTED),
}
_SERIES = {
    "SeriesInstanceUID": Column("series_instance_uid", Kind.UID),
    "Modality": Column("modality"),
    "SeriesNumber": Column("series_number", Kind.NUMBER),
    "SeriesDescription": Column("series_description"),
    "BodyPartExamined": Column("body_part_examined"),
    "Laterality": Column("laterality"),
    "SeriesDate": Column("series_date", Kind.RANGE),
    "SeriesTime": Column("series_time", Kind.RANGE),
    "PerformedProcedureStepStartDate": Column("step_start_date", Kind.RANGE),
    "PerformedProcedureStepStartTime": Column("step_start_time", Kind.RANGE),
    "Manufacturer": Column("manufacturer"),
    "StationName": Column("station_name"),
}
_INSTANCE = {
    "SOPInstanceUID": Column("sop_instance_uid", Kind.UID),
    "SOPClassUID": Column("sop_class_uid", Kind.UID),
    "InstanceNumber": Column("instance_number", Kind.NUMBER),
    "NumberOfFrames": Column("frame_count", Kind.NUMBER),
}
SEARCHABLE = {
    "study": frozenset({*_STUDY, *_SERIES, *_INSTANCE}),
    "series": frozenset({*_STUDY, *_SERIES, *_INSTANCE}),
    "instance": frozenset({*_STUDY, *_SERIES, *_INSTANCE}),
}

KEPT_TAGS = frozenset({*ATTRIBUTES, 0x00080061, 0x00201206, 0x00201208, 0x00201209, 0x00083002, 0x00080062})
"""Tags of everything the index keeps of objects, or counts: none of it is looked for in their files."""

_STUDY_FIELDS = {
    "StudyInstanceUID": "study_instance_uid", "PatientID": "patient_id", "IssuerOfPatientID": "issuer_of_patient_id",
    "PatientName": "patient_name", "PatientBirthDate": "patient_birth_date", "PatientSex": "patient_sex",
    "StudyDate": "study_date", "StudyTime": "study_time", "AccessionNumber": "accession_number",
    "StudyID": "study_id", "StudyDescription": "study_description",
    "ReferringPhysicianName": "referring_physician_name", "ModalitiesInStudy": "modalities",
}  # fmt: skip
_STUDY_COUNTS = {
    "NumberOfStudyRelatedSeries": "studies.series_count", "NumberOfStudyRelatedInstances": "studies.instance_count",
    "size_bytes": "studies.size_bytes", "kept_s": "studies.kept_s", "changed_s": "studies.changed_s",
    "complete_s": "studies.complete_s",
}  # fmt: skip
_SERIES_FIELDS = {keyword: column.name for keyword, column in _SERIES.items()}
_SERIES_COUNTS = {
    "NumberOfSeriesRelatedInstances": "series.instance_count", "size_bytes": "series.size_bytes",
    "kept_s": "series.kept_s",
}  # fmt: skip
_INSTANCE_FIELDS = {
    "SOPInstanceUID": "sop_instance_uid", "SOPClassUID": "sop_class_uid", "InstanceNumber": "instance_number",
    "AvailableTransferSyntaxUID": "transfer_syntax_uid", "NumberOfFrames": "frame_count", "digest": "digest",
    "size_bytes": "instances.size_bytes", "kept_s": "instances.kept_s", "source": "source", "scan_id": "scan_id",
    "_more": "attributes",
}  # fmt: skip

# Scans are few: only what one of them touches is looked at twice.
_SCANNED = "SELECT series_key FROM instances WHERE scan_id IS NOT NULL"
_SERIES_IS_KEPT = (
    f"(series.series_key NOT IN ({_SCANNED}) OR EXISTS"
    " (SELECT 1 FROM instances AS kept WHERE kept.series_key = series.series_key AND kept.scan_id IS NULL))"
)
_STUDY_IS_KEPT = (
    f"(studies.study_key NOT IN (SELECT study_key FROM series WHERE series_key IN ({_SCANNED})) OR EXISTS"
    " (SELECT 1 FROM instances AS kept JOIN series AS of_kept USING (series_key)"
    " WHERE of_kept.study_key = studies.study_key AND kept.scan_id IS NULL))"
)

_PATIENT_FIELDS = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")
_PATIENT_COUNTS = {
    "NumberOfPatientRelatedStudies": "count(*)", "NumberOfPatientRelatedSeries": "sum(series_count)",
    "NumberOfPatientRelatedInstances": "sum(instance_count)",
}  # fmt: skip
_PATIENT_SQL = ", ".join(
    [f'{_STUDY_FIELDS[keyword]} AS "{keyword}"' for keyword in _PATIENT_FIELDS[:2]]
    # Of several studies the newest is believed: SQLite takes all bare columns from the row that has the greatest.
    + [f'{_STUDY_FIELDS[keyword]} AS "{keyword}"' for keyword in _PATIENT_FIELDS[2:]]
    + [f'{column} AS "{keyword}"' for keyword, column in _PATIENT_COUNTS.items()]
    + ["max(study_date || study_time || kept_s)"]
)

# The partial index is taken only where its own condition stands, word for word.
_OF_OPEN = (
    "studies.study_instance_uid IN (SELECT deliveries.study_instance_uid FROM deliveries INDEXED BY deliveries_open"
    " WHERE state IN ('waiting', 'sending', 'held')"
)
_HAS_ARRIVED = (
    "EXISTS (SELECT 1 FROM deliveries WHERE deliveries.study_instance_uid = studies.study_instance_uid"
    " AND state IN ('sent', 'committed', 'safe'))"
)
DELIVERY_STATES = {
    "held": f"{_OF_OPEN} AND state = 'held')",
    "waiting": f"{_OF_OPEN} AND state != 'held') AND NOT {_OF_OPEN} AND state = 'held')",
    "arrived": f"NOT {_OF_OPEN}) AND {_HAS_ARRIVED}",
    "none": (
        f"NOT {_OF_OPEN}) AND studies.study_instance_uid NOT IN"
        " (SELECT study_instance_uid FROM deliveries WHERE state IN ('sent', 'committed', 'safe'))"
    ),
}
"""How far a study is, over all destinations, as `deliveries.of_studies` says it."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of an answer."""

    total: int
    """How many match without paging; -1 when nobody asked."""
    rows: list[Row]


STUDY_ORDERS = {
    "-date": "study_date DESC, study_time DESC, study_key DESC",
    "date": "study_date, study_time, study_key",
    "patient": "patient_name_folded, study_date DESC, study_key DESC",
    "-patient": "patient_name_folded DESC, study_date, study_key",
    "description": "study_description COLLATE NOCASE, study_date DESC, study_key DESC",
    "-description": "study_description COLLATE NOCASE DESC, study_date, study_key",
    "kept": "studies.kept_s, study_key",
    "-kept": "studies.kept_s DESC, study_key DESC",
}
"""What a list of studies can be sorted by; a minus turns it round."""


def search_studies(
    database: Database, filters: Mapping[str, str], *, limit: int = 100, offset: int = 0, fuzzy: bool = False,
    text: str = "", holding: Mapping[str, str] | None = None, order: str = "-date", count: bool = True,
    with_scans: bool = False, delivery: str = "", label: str = "",
) -> Found:  # fmt: skip
    """Search studies. `filters` maps keywords to values as in a query; `text` is what somebody types.

    `holding` maps keywords of a study to what they must contain, whatever the case of its letters. `with_scans`, here
    and in the other searches, also finds what is known from a scan and not written yet. `delivery` is one of
    `DELIVERY_STATES`, `label` a word that somebody put on studies.
    Raises: BadInputError for a keyword that cannot be searched, a value that cannot be read, or an unknown order.
    """
    if order not in STUDY_ORDERS:
        raise BadInputError(f"Studies cannot be sorted by {order!r}; there is {', '.join(STUDY_ORDERS)}.")
    where, values = _studies_where(filters, fuzzy=fuzzy)
    # What a fuzzy name begins with begins a word of the study: the words are found without reading every name.
    begun = filters.get("PatientName", "").replace("*", " ").replace("?", " ") if fuzzy else ""
    for sought in (text.strip(), begun if words(begun) else ""):
        if sought:
            where.append("studies.study_key IN (SELECT rowid FROM study_words WHERE study_words MATCH ?)")
            values.append(free_text(sought))
    for keyword, part in (holding or {}).items():
        where.append(f"{_STUDY[keyword].name} LIKE ? ESCAPE '\\'")
        values.append("%" + re.sub(r"([%_\\])", r"\\\1", part) + "%")
    if delivery:
        if delivery not in DELIVERY_STATES:
            raise BadInputError(f"A study is never {delivery[:20]!r}; it is {', '.join(DELIVERY_STATES)}.")
        where.append(DELIVERY_STATES[delivery])
    if label:
        where.append("study_instance_uid IN (SELECT study_instance_uid FROM labels WHERE label = ?)")
        values.append(label)
    if not with_scans:
        where.append(_STUDY_IS_KEPT)
    return _search(
        database, {**_STUDY_FIELDS, **_STUDY_COUNTS}, "studies", where, values, STUDY_ORDERS[order], limit, offset,
        count=count,
    )  # fmt: skip


def search_series(
    database: Database, filters: Mapping[str, str], *, limit: int = 100, offset: int = 0, fuzzy: bool = False,
    count: bool = False, with_scans: bool = False,
) -> Found:  # fmt: skip
    """Search series, of one study when StudyInstanceUID is among the filters.  Raises: BadInputError."""
    inner = {keyword: value for keyword, value in filters.items() if keyword in _INSTANCE}
    where, values = _where(filters, _STUDY | _SERIES, fuzzy=fuzzy, others=inner)
    for keyword, value in inner.items():
        part, more = condition(keyword, _INSTANCE[keyword], value, fuzzy=fuzzy)
        where.append(f"series.series_key IN (SELECT instances.series_key FROM instances WHERE {part})")
        values += more
    if not with_scans:
        where.append(_SERIES_IS_KEPT)
    order = (
        "study_date DESC, study_time DESC, study_key DESC, series_number, series_date, series_time, series_instance_uid"
    )
    fields = {**_STUDY_FIELDS, **_SERIES_FIELDS, **_STUDY_COUNTS, **_SERIES_COUNTS}
    tables = "series JOIN studies USING (study_key)"
    inner = {keyword: value for keyword, value in filters.items() if keyword not in _STUDY}
    if not inner or (inner.keys() == {"Modality"} and _is_common(database, inner["Modality"])):
        tables = "studies CROSS JOIN series INDEXED BY sqlite_autoindex_series_1 USING (study_key)"
    return _search(database, fields, tables, where, values, order, limit, offset, count=count)


def search_instances(
    database: Database, filters: Mapping[str, str], *, limit: int = 1000, offset: int = 0, fuzzy: bool = False,
    count: bool = False, with_scans: bool = False,
) -> Found:  # fmt: skip
    """Search instances, of one study or series when its UID is among the filters.  Raises: BadInputError."""
    where, values = _where(filters, _STUDY | _SERIES | _INSTANCE, fuzzy=fuzzy, others={})
    if not with_scans:
        where.append("scan_id IS NULL")
    order = (
        "study_date DESC, study_time DESC, study_key DESC, series_number, series_instance_uid,"
        " instance_number, content_at, sop_instance_uid"
    )
    fields = {**_STUDY_FIELDS, **_SERIES_FIELDS, **_INSTANCE_FIELDS}
    tables = "instances JOIN series USING (series_key) JOIN studies USING (study_key)"
    if all(keyword in _STUDY for keyword in filters):  # Study after study, until there are enough.
        tables = "studies CROSS JOIN series USING (study_key) CROSS JOIN instances USING (series_key)"
    return _search(database, fields, tables, where, values, order, limit, offset, count=count)


def search_patients(database: Database, filters: Mapping[str, str], *, limit: int = 100, offset: int = 0) -> Found:
    """Search patients: a row for each identifier and its issuer.  Raises: BadInputError.  Standard: PS3.4 C.6.1.1.2"""
    where, values = _studies_where(filters, fuzzy=False)
    where.append(_STUDY_IS_KEPT)
    grouped = f"(SELECT {_PATIENT_SQL} FROM studies WHERE {' AND '.join(where)} GROUP BY 1, 2)"
    fields = {keyword: f'"{keyword}"' for keyword in (*_PATIENT_FIELDS, *_PATIENT_COUNTS)}
    return _search(
        database, fields, grouped, [], values, '"PatientName", "PatientID", "IssuerOfPatientID"', limit, offset,
        count=False,
    )  # fmt: skip


def select_instances(database: Database, filters: Mapping[str, str], *, limit: int) -> list[Instance]:
    """Return the kept objects that match, studies together and each in the order of its series."""
    where, values = _where(filters, _STUDY | _SERIES | _INSTANCE, fuzzy=False, others={})
    with database.read() as connection:
        return instances_where(connection, " AND ".join(where) or "1", values, limit=limit)


def _is_common(database: Database, modality: str) -> bool:
    """Tell whether so many series are of this kind that going through the newest studies finds enough soon."""
    with database.read() as connection:
        sql = "SELECT 1 FROM series WHERE modality = ? LIMIT 1 OFFSET ?"
        return connection.execute(sql, (modality, COMMON_COUNT)).fetchone() is not None


def kind_of(keyword: str) -> str:
    """Return how a keyword is compared, a value of `matching.Kind`; empty when it is not."""
    column = (_STUDY | _SERIES | _INSTANCE).get(keyword)
    return column.kind.value if column is not None else ""


def is_empty(database: Database) -> bool:
    """Tell whether nothing is kept at all."""
    with database.read() as connection:
        return connection.execute("SELECT 1 FROM instances LIMIT 1").fetchone() is None


def find_study(database: Database, study_instance_uid: str, *, with_scans: bool = False) -> Row | None:
    """Return one study's row."""
    filters = {"StudyInstanceUID": study_instance_uid}
    found = search_studies(database, filters, limit=1, count=False, with_scans=with_scans)
    return found.rows[0] if found.rows else None


def _studies_where(filters: Mapping[str, str], *, fuzzy: bool) -> tuple[list[str], list[Any]]:
    inner = {keyword: value for keyword, value in filters.items() if keyword not in _STUDY}
    where, values = _where(filters, _STUDY, fuzzy=fuzzy, others=inner)
    for keyword, value in inner.items():
        part, more = condition(keyword, (_SERIES | _INSTANCE)[keyword], value, fuzzy=fuzzy)
        joined = "series JOIN instances USING (series_key)" if keyword in _INSTANCE else "series"
        where.append(f"studies.study_key IN (SELECT series.study_key FROM {joined} WHERE {part})")
        values += more
    return where, values


def _where(
    filters: Mapping[str, str], columns: Mapping[str, Column], *, fuzzy: bool, others: Mapping[str, str]
) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    values: list[Any] = []
    for keyword, value in filters.items():
        if keyword in columns:
            part, more = condition(keyword, columns[keyword], value, fuzzy=fuzzy)
            where.append(part)
            values += more
        elif keyword not in others or keyword not in SEARCHABLE["study"]:
            raise BadInputError(
                f"{keyword} cannot be searched.",
                next_step=f"Search by one of: {', '.join(sorted(SEARCHABLE['study']))}.",
            )
    return where, values


def _search(
    database: Database, fields: Mapping[str, str], tables: str, where: list[str], values: list[Any], order: str,
    limit: int, offset: int, *, count: bool,
) -> Found:  # fmt: skip
    if limit < 0 or offset < 0:
        raise BadInputError("limit and offset are whole numbers from 0.")
    condition_sql = " AND ".join(where) or "1"
    selected = ", ".join(f'{column} AS "{keyword}"' for keyword, column in fields.items())
    with database.read() as connection:
        found = connection.execute(
            f"SELECT {selected} FROM {tables} WHERE {condition_sql} ORDER BY {order} LIMIT ? OFFSET ?",
            [*values, min(limit, LIMIT_MAX), offset],
        )
        rows = [_row(row) for row in found]
        total = offset + len(rows) if count else -1
        if count and (len(rows) >= min(limit, LIMIT_MAX) or (offset and not rows)):
            total = connection.execute(f"SELECT count(*) FROM {tables} WHERE {condition_sql}", values).fetchone()[0]
        return Found(total=total, rows=rows)


def _row(row: sqlite3.Row) -> Row:
    """Leave out what is not known; open the lists."""
    answer: Row = {keyword: row[keyword] for keyword in row.keys() if row[keyword] not in (None, "")}  # noqa: SIM118
    more = json.loads(answer.pop("_more", "{}"))
    if "ModalitiesInStudy" in answer:
        answer["ModalitiesInStudy"] = [code for code in answer["ModalitiesInStudy"].split("\\") if code]
    return {**more, **answer}
