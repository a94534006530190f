"""What is known of a slide besides its pixels: patient, study, specimen. Given, never invented."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from wsi.errors import MetadataFileError

_FILE_BYTES_MAX = 1 << 20
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_UID_FIELDS = ("study_instance_uid", "series_instance_uid")
_DATE_FIELDS = ("patient_birth_date", "study_date")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideMetadata:
    """Identity given with a slide. An empty text is unknown and becomes an empty type 2 attribute."""

    patient_name: str = ""
    """As in DICOM: FAMILY^GIVEN."""
    patient_id: str = ""
    patient_birth_date: str = ""
    """YYYYMMDD."""
    patient_sex: str = ""
    """M, F or O."""
    study_instance_uid: str = ""
    """Empty: derived from the scan, so that a repeat is the same."""
    study_id: str = ""
    study_date: str = ""
    """YYYYMMDD; empty: the day of the scan."""
    study_time: str = ""
    study_description: str = ""
    accession_number: str = ""
    referring_physician_name: str = ""
    series_instance_uid: str = ""
    series_number: int = 1
    series_description: str = ""
    container_id: str = ""
    """What the glass is called in the laboratory; empty: the name of the scan file."""
    specimen_id: str = ""
    """Empty: as container_id."""
    specimen_description: str = ""
    institution_name: str = ""
    manufacturer: str = ""
    """Of the scanner, where the scan does not say it rightly; as are the next three."""
    model_name: str = ""
    serial: str = ""
    software: str = ""
    label_text: str = ""
    barcode: str = ""
    slide: str = ""
    """Container, samples and stainings in wsidicom's JSON form."""

    def __post_init__(self) -> None:
        for name in _UID_FIELDS:
            uid = getattr(self, name)
            if uid and (len(uid) > 64 or not _UID.fullmatch(uid)):
                raise MetadataFileError(f"{name} is not a DICOM UID: digits and dots, 64 characters at most.")
        for name in _DATE_FIELDS:
            if getattr(self, name) and not re.fullmatch(r"[0-9]{8}", getattr(self, name)):
                raise MetadataFileError(f"{name} must be written YYYYMMDD.")
        if self.patient_sex not in ("", "M", "F", "O"):
            raise MetadataFileError("patient_sex must be M, F, O or left out.")

    def over(self, own: SlideMetadata) -> SlideMetadata:
        """Return what is given here, and where nothing is, what the scan itself says."""
        empty = SlideMetadata()
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(own, **{name: value for name, value in given.items() if value != getattr(empty, name)})

    def digest(self) -> str:
        """Return a digest that differs when anything given differs."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def load_metadata(path: Path) -> SlideMetadata:
    """Read metadata from JSON: an object of wsidicom's model, or one whose names are the fields of `SlideMetadata`.

    Raises: MetadataFileError, naming the wrong key or value, never the patient.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise MetadataFileError(f"{path} cannot be read: {error.strerror}.") from error
    if len(text) > _FILE_BYTES_MAX:
        raise MetadataFileError(f"{path} is larger than {_FILE_BYTES_MAX} bytes.")
    try:
        given = json.loads(text)
    except ValueError as error:
        raise MetadataFileError(f"{path} is not JSON: {error}.") from error
    if not isinstance(given, dict):
        raise MetadataFileError(f"{path} must hold one JSON object.")
    return _from_object(path, given)


def _from_object(path: Path, given: dict[str, object]) -> SlideMetadata:
    from wsi.metadata_model import is_model, read_model

    if is_model(given):
        try:
            return SlideMetadata(**read_model(given))
        except MetadataFileError as error:
            raise MetadataFileError(f"{path}: {error.what}") from error
    known = {field.name: int if field.name == "series_number" else str for field in fields(SlideMetadata)}
    for key, value in given.items():
        if key not in known:
            raise MetadataFileError(f"{path}: the key {key!r} is unknown; known are {', '.join(known)}.")
        if not isinstance(value, known[key]) or isinstance(value, bool):
            raise MetadataFileError(f"{path}: {key} must be a {'whole number' if known[key] is int else 'text'}.")
    return SlideMetadata(**given)  # type: ignore[arg-type]  # checked key by key above
