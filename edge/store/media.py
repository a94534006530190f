"""Studies on exchange media: the files as they are kept, under names that every reader knows, and a DICOMDIR.

Standard: PS3.10 8 (file names), PS3.3 F (DICOMDIR), PS3.12
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pydicom
from pydicom.errors import InvalidDicomError

from edge.dicom import directory, keys
from edge.dicom.directory import Entry
from edge.errors import AwayError, ConflictError
from edge.store import durable, header
from edge.store.header import Header
from edge.store.instances import Instances
from edge.store.rows import Instance

CHUNK_BYTES = 1024 * 1024
UNKNOWN_ID = "UNKNOWN"
UNKNOWN_DATE = "19000101"
UNKNOWN_TIME = "000000"


def write(instances: Instances, found: Sequence[Instance], out: Path) -> None:
    """Write objects, grouped by study and series, and their DICOMDIR into an empty folder.

    Every file is compared with its digest on its way.
    Raises: ConflictError for one that rotted, AwayError for one that has left, StorageFullError.
    """
    with durable.full_disk_explained(out):
        out.mkdir(parents=True, exist_ok=True)
        entries = []
        for file_id, instance in _named(found):
            target = out.joinpath(*file_id)
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(instances.path_of(instance), target, instance)
            entries.append(entry_of(instances.path_of(instance), file_id))
        (out / directory.NAME).write_bytes(directory.directory(entries))


def entry_of(path: Path, file_id: tuple[str, ...]) -> Entry:
    """Return what a DICOMDIR says of an object; what the standard wants and the object lacks says so."""
    said = header.read(path)
    kind = directory.record_type(said.sop_class_uid)
    more: dict[str, keys.Value] = {"InstanceNumber": str(said.number("InstanceNumber") or 1)}
    if kind in directory.MORE_KEYS:
        more |= _more(path, directory.MORE_KEYS[kind])
    return Entry(
        file_id=file_id, sop_class_uid=said.sop_class_uid, sop_instance_uid=said.sop_instance_uid,
        transfer_syntax_uid=said.transfer_syntax_uid, more=more,
        patient={"PatientName": said.text("PatientName"), "PatientID": said.text("PatientID") or UNKNOWN_ID},
        study={
            "StudyDate": said.text("StudyDate") or UNKNOWN_DATE, "StudyTime": said.text("StudyTime") or UNKNOWN_TIME,
            "StudyDescription": said.text("StudyDescription"), "StudyInstanceUID": said.study_instance_uid,
            "StudyID": said.text("StudyID") or UNKNOWN_ID, "AccessionNumber": said.text("AccessionNumber"),
        },
        series={
            "Modality": said.text("Modality") or "OT", "SeriesInstanceUID": said.series_instance_uid,
            "SeriesNumber": _series_number(said), "SeriesDescription": said.text("SeriesDescription"),
        },
    )  # fmt: skip


def _series_number(said: Header) -> str:
    number = said.number("SeriesNumber")
    return str(1 if number is None else number)


def _named(found: Sequence[Instance]) -> Iterator[tuple[tuple[str, ...], Instance]]:
    """Give each object a file identifier: a folder a study, a folder a series."""
    studies: dict[str, int] = {}
    series: dict[tuple[str, str], int] = {}
    counts: dict[tuple[str, str], int] = {}
    for one in found:
        key = (one.study_instance_uid, one.series_instance_uid)
        study_number = studies.setdefault(one.study_instance_uid, len(studies) + 1)
        if key not in series:
            series[key] = 1 + sum(study == one.study_instance_uid for study, _ in series)
        counts[key] = counts.get(key, 0) + 1
        yield ("DICOM", f"ST{study_number:06}", f"SE{series[key]:06}", f"IM{counts[key]:06}"), one


def _copy(source: Path, target: Path, instance: Instance) -> None:
    digest = hashlib.sha256()
    try:
        with source.open("rb", buffering=0) as file, target.open("xb") as out:
            while piece := file.read(CHUNK_BYTES):
                digest.update(piece)
                out.write(piece)
    except FileNotFoundError as error:
        raise AwayError(f"{instance.sop_instance_uid} is not on this disk.", next_step="Try again.") from error
    if digest.hexdigest() != instance.digest:
        target.unlink()
        raise ConflictError(
            f"{instance.sop_instance_uid} has changed on the disk: it is not written.",
            next_step="Run `edge store scrub` to see what else has; send the object here again.",
        )


def _more(path: Path, wanted: Sequence[str]) -> dict[str, keys.Value]:
    """Return further attributes as they are, sequences too; an object that cannot be read gives none."""
    try:
        ds = pydicom.dcmread(path, specific_tags=[*wanted, "SpecificCharacterSet"], stop_before_pixels=True)
        return {keyword: _value(ds[keyword]) for keyword in wanted if keyword in ds}
    except (InvalidDicomError, ValueError, LookupError, AttributeError, TypeError, OSError, struct.error):
        return {}


def _value(element: Any) -> keys.Value:
    if element.VR == "SQ":
        return [{inner.keyword: _value(inner) for inner in item if inner.keyword} for item in element.value]
    value = element.value
    if isinstance(value, pydicom.multival.MultiValue):
        return [str(part) for part in value]
    return value if isinstance(value, int) else str(value if value is not None else "")
