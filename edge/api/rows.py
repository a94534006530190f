"""Rows of the index as the pages need them. What an object does not say stays empty."""

from typing import Any

from edge.api import local_time
from edge.api.object_shapes import InstanceView
from edge.api.shapes import SessionObject
from edge.api.views import kind_in_session, kind_of
from edge.core import dicom_time
from edge.store.index import Row

OUR_RECORD = "record"
"""The source that keep() is told by the record service."""


def text(row: Row, keyword: str) -> str:
    """Return a value as text; of several the first."""
    value = row.get(keyword, "")
    if isinstance(value, list):
        value = value[0] if value else ""
    return str(value)


def texts(row: Row, keyword: str) -> list[str]:
    """Return all values as text."""
    value = row.get(keyword, [])
    return [str(part) for part in value] if isinstance(value, list) else str(value).split("\\")


def numbers(row: Row, keyword: str) -> list[float]:
    """Return all values that are numbers."""
    value = row.get(keyword)
    values = value if isinstance(value, list) else [value]
    return [float(part) for part in values if isinstance(part, int | float)]


def number(row: Row, keyword: str) -> int | None:
    """Return a whole number; None when it is not there."""
    found = numbers(row, keyword)
    return int(found[0]) if found else None


def content_s(row: Row) -> float | None:
    """Return when the content was made; the object's own offset from UTC counts before ours."""
    zone = dicom_time.offset_zone(text(row, "TimezoneOffsetFromUTC")) or local_time.zone()
    for first, second in (("ContentDate", "ContentTime"), ("AcquisitionDate", "AcquisitionTime")):
        if row.get(first):
            return dicom_time.to_seconds(text(row, first) + text(row, second), zone=zone)
    return dicom_time.to_seconds(text(row, "AcquisitionDateTime"), zone=zone)


def is_recovered(row: Row) -> bool:
    """Tell whether our record finished this after a crash: its comment begins by saying so."""
    return text(row, "source") == OUR_RECORD and text(row, "ImageComments").startswith("Recovered ")


def gaps(row: Row) -> str:
    """Return what our record says of missing frames, in words; empty when none is missing."""
    if text(row, "source") != OUR_RECORD:
        return ""
    sentences = text(row, "ImageComments")
    return sentences.partition(". ")[2] if is_recovered(row) else sentences


def show_object(row: Row) -> SessionObject:
    """Return what a session's page needs of an object."""
    return SessionObject(
        sop_instance_uid=row["SOPInstanceUID"],
        kind=kind_in_session(row["SOPClassUID"]),
        series_instance_uid=str(row.get("SeriesInstanceUID", "")),
        frame_count=int(row.get("NumberOfFrames", 1)),
        at_s=content_s(row) or float(row["kept_s"]),
        is_recovered=is_recovered(row),
    )


def show_instance(row: Row) -> InstanceView:
    frame_time, vector = numbers(row, "FrameTime"), numbers(row, "FrameTimeVector")
    kind: Any = kind_of(row["SOPClassUID"])
    return InstanceView(
        sop_instance_uid=row["SOPInstanceUID"],
        sop_class_uid=row["SOPClassUID"],
        kind=kind,
        frame_count=int(row.get("NumberOfFrames", 1)),
        rows=number(row, "Rows") or 0,
        columns=number(row, "Columns") or 0,
        number=number(row, "InstanceNumber"),
        transfer_syntax_uid=text(row, "AvailableTransferSyntaxUID"),
        size_bytes=int(row["size_bytes"]),
        frame_time_ms=frame_time[0] if frame_time else None,
        frame_times_ms=vector or None,
        gaps=gaps(row),
        is_recovered=is_recovered(row),
        content_s=content_s(row),
    )
