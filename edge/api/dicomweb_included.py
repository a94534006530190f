"""`includefield` beyond what the index keeps: read from the objects' own headers.  Standard: PS3.18 8.3.4.3

A study or a series answers with its first object that says something of it.
"""

import struct
import zlib
from typing import Any

import pydicom

from edge.api.dicomweb_objects import Objects, address_of
from edge.dicom import charset_library as _told  # noqa: F401 - before pydicom decodes anything
from edge.dicom.dicom_json import to_json
from edge.store import index
from edge.store.rows import Instance

ROW_COUNT_MAX = 500
"""Results of one answer whose objects are opened for it."""
TAG_COUNT_MAX = 64
_PIXEL_GROUP = 0x7F00
UNREADABLE = (
    OSError, ValueError, LookupError, TypeError, AttributeError, NotImplementedError, RecursionError, EOFError,
    struct.error, zlib.error, pydicom.errors.InvalidDicomError,
)  # fmt: skip
"""What pydicom raises at headers that are not what they claim."""


def read_included(
    objects: Objects, rows: list[index.Row], level: str, tags: frozenset[int]
) -> list[dict[str, Any]]:  # fmt: skip
    """Return, for each row, the attributes with these tags, as DICOM JSON; what is not there is left out. Blocks."""
    wanted = sorted(tag for tag in tags if tag >> 16 < _PIXEL_GROUP)[:TAG_COUNT_MAX]
    if not wanted:
        return [{} for _ in rows]
    return [
        _attributes(objects, row, level, wanted) if number < ROW_COUNT_MAX else {} for number, row in enumerate(rows)
    ]


def _attributes(objects: Objects, row: index.Row, level: str, tags: list[int]) -> dict[str, Any]:
    instance = _representative(objects, row, level)
    if instance is None:
        return {}
    try:
        ds = pydicom.dcmread(
            objects.path_of(instance), stop_before_pixels=True, specific_tags=[*tags, 0x00080005], force=True
        )
        address = address_of(instance)
        found = to_json(ds, lambda path: f"{address}/bulkdata/{path}")
    except UNREADABLE:  # What cannot be read is not there; the object itself is still served as it is.
        return {}
    return {f"{tag:08X}": found[f"{tag:08X}"] for tag in tags if f"{tag:08X}" in found}


def _representative(objects: Objects, row: index.Row, level: str) -> Instance | None:
    """Return the object that speaks for a row: one whose file is here."""
    if level == "instance":
        found = [objects.instances.find(row["SOPInstanceUID"])]
    elif level == "series":
        found = list(objects.instances.in_series(row["SeriesInstanceUID"])[:1])
    else:
        found = list(objects.instances.in_study(row["StudyInstanceUID"])[:1])
    return next((one for one in found if one is not None and one.evicted_s is None and one.scan_id is None), None)
