"""Metadata in wsidicom's own JSON form: patient, study, series, equipment, slide with its stainings, label.

The slide part stands for the Specimen module: wsidicom writes its sequences.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wsi.errors import MetadataFileError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MODEL_KEYS = frozenset({"patient", "study", "series", "equipment", "slide", "label"})


def is_model(given: dict[str, object]) -> bool:
    """Tell whether a JSON object has the parts of wsidicom's model rather than single names and values."""
    return bool(given) and any(key in MODEL_KEYS and isinstance(value, dict) for key, value in given.items())


def read_model(given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of `SlideMetadata` that a JSON object of wsidicom's model gives.

    Raises: MetadataFileError, naming what is wrong, never its value
    """
    from marshmallow.exceptions import ValidationError
    from wsidicom.metadata.schema.json import WsiMetadataJsonSchema

    if unknown := sorted(given.keys() - MODEL_KEYS):
        raise MetadataFileError(f"the part {unknown[0]!r} is unknown; known are {', '.join(sorted(MODEL_KEYS))}.")
    try:
        model = WsiMetadataJsonSchema().load(given)
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        where = ", ".join(map(str, getattr(error, "messages", {}) or [type(error).__name__]))
        raise MetadataFileError(f"the metadata do not follow wsidicom's model: look at {where}.") from error
    patient, study, series, equipment = model.patient, model.study, model.series, model.equipment
    found = {
        "patient_name": patient.name,
        "patient_id": patient.identifier,
        "patient_birth_date": patient.birth_date and f"{patient.birth_date:%Y%m%d}",
        "patient_sex": patient.sex and patient.sex.name,
        "study_instance_uid": study.uid,
        "study_id": study.identifier,
        "study_date": study.date and f"{study.date:%Y%m%d}",
        "study_time": study.time and f"{study.time:%H%M%S}",
        "study_description": study.description,
        "accession_number": study.accession_number,
        "referring_physician_name": study.referring_physician_name,
        "series_instance_uid": series.uid,
        "series_number": series.number,
        "series_description": series.description,
        "manufacturer": equipment.manufacturer,
        "model_name": equipment.model_name,
        "serial": equipment.device_serial_number,
        "software": ", ".join(equipment.software_versions or ()),
        "label_text": model.label.text,
        "barcode": model.label.barcode,
        "container_id": _text(model.slide.identifier),
        "slide": json.dumps(given["slide"], sort_keys=True) if given.get("slide") else "",
    }
    return {name: value if isinstance(value, int) else str(value) for name, value in found.items() if value}


def specimen_dataset(slide: str, *, container_id: str, specimen_id: str, specimen_uid: str) -> Dataset:
    """Return the Specimen module of a slide in wsidicom's JSON form; a sample is added where it names none.

    Raises: MetadataFileError
    """
    from marshmallow.exceptions import ValidationError
    from pydicom.uid import UID
    from wsidicom.metadata.sample import SlideSample
    from wsidicom.metadata.schema.dicom.slide import SlideDicomSchema
    from wsidicom.metadata.schema.json import WsiMetadataJsonSchema

    try:
        model = WsiMetadataJsonSchema().load({"slide": json.loads(slide)}).slide
        changes: dict[str, Any] = {} if model.identifier else {"identifier": container_id}
        if not model.samples:
            changes["samples"] = [SlideSample(identifier=specimen_id, uid=UID(specimen_uid))]
        dataset: Dataset = SlideDicomSchema().dump(replace(model, **changes))
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise MetadataFileError(f"the slide part of the metadata cannot be written: {type(error).__name__}.") from error
    return dataset


def _text(identifier: Any) -> str:
    return str(getattr(identifier, "value", identifier) or "")
