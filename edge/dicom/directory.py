"""DICOMDIR: the directory of exchange media, as bytes; and which files one names.

    PATIENT ─▶ STUDY ─▶ SERIES ─▶ IMAGE (SR DOCUMENT, PRESENTATION, …) ─▶ a file, by its identifier
        each record points to the next of its level and to the first below it, by its offset in the file

Standard: PS3.3 F, PS3.10 8
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from edge.dicom import character_set, keys
from edge.dicom.header import IMPLEMENTATION_CLASS_UID, product_version
from edge.dicom.identity import new_uid
from edge.errors import BadInputError

NAME = "DICOMDIR"
FILE_SET_ID = "EDGE"
RECORD_COUNT_MAX = 500_000
DIRECTORY_BYTES_MAX = 512 * 1024 * 1024

_TYPES = {
    "1.2.840.10008.5.1.4.1.1.88.59": "KEY OBJECT DOC", "1.2.840.10008.5.1.4.1.1.481.2": "RT DOSE",
    "1.2.840.10008.5.1.4.1.1.481.3": "RT STRUCTURE SET", "1.2.840.10008.5.1.4.1.1.481.5": "RT PLAN",
    "1.2.840.10008.5.1.4.1.1.66": "RAW DATA", "1.2.840.10008.5.1.4.1.1.66.1": "REGISTRATION",
    "1.2.840.10008.5.1.4.1.1.66.2": "FIDUCIAL",
}  # fmt: skip
_TYPE_PREFIXES = {
    "1.2.840.10008.5.1.4.1.1.88.": "SR DOCUMENT", "1.2.840.10008.5.1.4.1.1.104.": "ENCAP DOC",
    "1.2.840.10008.5.1.4.1.1.11.": "PRESENTATION", "1.2.840.10008.5.1.4.1.1.9.": "WAVEFORM",
}  # fmt: skip
MORE_KEYS = {
    "SR DOCUMENT": ("CompletionFlag", "VerificationFlag", "ContentDate", "ContentTime", "VerificationDateTime",
                    "ConceptNameCodeSequence"),
    "KEY OBJECT DOC": ("ContentDate", "ContentTime", "ConceptNameCodeSequence"),
    "ENCAP DOC": ("ContentDate", "ContentTime", "DocumentTitle", "MIMETypeOfEncapsulatedDocument",
                  "ConceptNameCodeSequence"),
    "PRESENTATION": ("PresentationCreationDate", "PresentationCreationTime", "ContentLabel", "ContentDescription",
                     "ContentCreatorName", "ReferencedSeriesSequence"),
    "WAVEFORM": ("ContentDate", "ContentTime"),
    "RT DOSE": ("DoseSummationType",), "RT STRUCTURE SET": ("StructureSetLabel", "StructureSetDate",
                                                            "StructureSetTime"),
    "RT PLAN": ("RTPlanLabel", "RTPlanDate", "RTPlanTime"),
    "RAW DATA": ("ContentDate", "ContentTime"), "REGISTRATION": ("ContentDate", "ContentTime"),
    "FIDUCIAL": ("ContentDate", "ContentTime"),
}  # fmt: skip
"""What the record of an object holds besides its number.  Standard: PS3.3 F.5"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file on the media."""

    file_id: tuple[str, ...]
    """Up to 8 components of up to 8 characters, A to Z, 0 to 9 and _.  Standard: PS3.10 8.2"""
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    patient: keys.Keys
    study: keys.Keys
    series: keys.Keys
    more: keys.Keys = field(default_factory=dict)
    """Of the object's own record."""


@dataclass(slots=True)
class _Record:
    keys: dict[str, keys.Value]
    below: "list[_Record]" = field(default_factory=list)
    size_bytes: int = 0
    offset: int = 0


def record_type(sop_class_uid: str) -> str:
    """Return what the record of such an object is called."""
    found = _TYPES.get(sop_class_uid)
    return found or next((name for prefix, name in _TYPE_PREFIXES.items() if sop_class_uid.startswith(prefix)), "IMAGE")


def directory(entries: Iterable[Entry]) -> bytes:
    """Return the whole file. Entries of one series come together, as do those of a study and of a patient."""
    patients = _tree(entries)
    flat = list(_flatten(patients))
    if len(flat) > RECORD_COUNT_MAX:
        raise BadInputError(f"More than {RECORD_COUNT_MAX} records do not go on one medium.")
    head = _head()
    # Offsets have a fixed size: what they will be does not change where the records are.
    fixed_bytes = len(_before({}, 0))
    offset = len(head) + fixed_bytes
    for record in flat:
        record.offset = offset
        record.size_bytes = 8 + len(_encode(record.keys))
        offset += record.size_bytes
    _link(patients)
    body = b"".join(_item(_encode(record.keys)) for record in flat)
    roots = {
        "OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity": patients[0].offset if patients else 0,
        "OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity": patients[-1].offset if patients else 0,
    }
    return head + _before(roots, len(body)) + body


def files_of(path: Path) -> list[tuple[str, ...]]:
    """Return the identifiers of the files that a DICOMDIR names.  Raises: BadInputError."""
    if path.stat().st_size > DIRECTORY_BYTES_MAX:
        raise BadInputError(f"{path} is larger than a directory can be.")
    try:
        ds = pydicom.dcmread(path)
        if ds.file_meta.get("MediaStorageSOPClassUID") != MediaStorageDirectoryStorage:
            raise BadInputError(f"{path} is not a DICOMDIR.")
        named = [record.get("ReferencedFileID") for record in ds.get("DirectoryRecordSequence") or []]
        return [(one,) if isinstance(one, str) else tuple(map(str, one)) for one in named if one]
    except (InvalidDicomError, ValueError, AttributeError, LookupError, TypeError, struct.error, EOFError) as error:
        raise BadInputError(f"{path} cannot be read as a DICOMDIR: {error}.") from error


def resolve(root: Path, file_id: Sequence[str]) -> Path | None:
    """Return the file that an identifier means below `root`; None when it is not there, or would be outside.

    Media are mounted with names in capitals or not, with version numbers or not.
    """
    found = root
    for part in file_id:
        if part in ("", ".", "..") or "/" in part or not found.is_dir():
            return None
        exact = found / part
        if not exact.exists():
            plain = part.casefold().rstrip(".")
            match = (one for one in found.iterdir() if one.name.casefold().partition(";")[0].rstrip(".") == plain)
            candidate = next(match, None)
            if candidate is None:
                return None
            exact = candidate
        found = exact
    return found if found.is_file() and found.resolve().is_relative_to(root.resolve()) else None


def _tree(entries: Iterable[Entry]) -> list[_Record]:
    patients: dict[object, _Record] = {}
    studies: dict[object, _Record] = {}
    series: dict[object, _Record] = {}
    for entry in entries:
        patient_key = (entry.patient.get("PatientID"), entry.patient.get("PatientName"))
        study_key = (patient_key, entry.study["StudyInstanceUID"])
        series_key = (study_key, entry.series["SeriesInstanceUID"])
        if patient_key not in patients:
            patients[patient_key] = _record("PATIENT", entry.patient)
        if study_key not in studies:
            studies[study_key] = _record("STUDY", entry.study)
            patients[patient_key].below.append(studies[study_key])
        if series_key not in series:
            series[series_key] = _record("SERIES", entry.series)
            studies[study_key].below.append(series[series_key])
        series[series_key].below.append(
            _record(
                record_type(entry.sop_class_uid),
                {
                    **entry.more, "ReferencedFileID": list(entry.file_id),
                    "ReferencedSOPClassUIDInFile": entry.sop_class_uid,
                    "ReferencedSOPInstanceUIDInFile": entry.sop_instance_uid,
                    "ReferencedTransferSyntaxUIDInFile": entry.transfer_syntax_uid,
                },
            )
        )  # fmt: skip
    return list(patients.values())


def _record(kind: str, more: Mapping[str, keys.Value]) -> _Record:
    return _Record(
        {
            "OffsetOfTheNextDirectoryRecord": 0, "RecordInUseFlag": 0xFFFF,
            "OffsetOfReferencedLowerLevelDirectoryEntity": 0, "DirectoryRecordType": kind, **more,
        }
    )  # fmt: skip


def _flatten(records: Iterable[_Record]) -> Iterable[_Record]:
    for record in records:
        yield record
        yield from _flatten(record.below)


def _link(records: Sequence[_Record]) -> None:
    for record, following in zip_longest(records, records[1:]):
        record.keys["OffsetOfTheNextDirectoryRecord"] = following.offset if following is not None else 0
        record.keys["OffsetOfReferencedLowerLevelDirectoryEntity"] = record.below[0].offset if record.below else 0
        _link(record.below)


def _encode(record: keys.Keys) -> bytes:
    return keys.write(record, character_set.choose((), keys.texts(record)), ExplicitVRLittleEndian)


def _item(content: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def _before(roots: keys.Keys, sequence_bytes: int) -> bytes:
    """Return the dataset up to the first record."""
    said: dict[str, keys.Value] = {
        "FileSetID": FILE_SET_ID, "OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity": 0,
        "OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity": 0, "FileSetConsistencyFlag": 0, **roots,
    }  # fmt: skip
    return keys.write(said, (), ExplicitVRLittleEndian) + struct.pack("<HH2sHI", 4, 0x1220, b"SQ", 0, sequence_bytes)


def _head() -> bytes:
    """Return preamble and file meta information.  Standard: PS3.10 7.1"""
    meta = keys.write(
        {
            "MediaStorageSOPClassUID": MediaStorageDirectoryStorage, "MediaStorageSOPInstanceUID": new_uid(),
            "TransferSyntaxUID": ExplicitVRLittleEndian, "ImplementationClassUID": IMPLEMENTATION_CLASS_UID,
            "ImplementationVersionName": f"EDGE_{product_version()}"[:16],
        },
        (), ExplicitVRLittleEndian,
    )  # fmt: skip
    meta = struct.pack("<HH2sHI", 2, 1, b"OB", 0, 2) + b"\0\1" + meta
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta
