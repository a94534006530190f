"""One entry of the hospital's modality worklist: who is to be examined, for which order, when.

Pure: a dataset is anything with DICOM keywords as attributes. What is absent stays empty; nothing is invented.
Standard: PS3.4 K.6
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from edge.core.session import Order, Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistEntry:
    """One scheduled procedure step."""

    worklist_id: str
    """Ours: the same step has the same one at every refresh."""
    patient: Patient
    order: Order
    scheduled_at: str
    """YYYYMMDDHHMMSS in the hospital's local time; shorter, or empty, when it says less."""
    modality: str = ""
    station_ae_title: str = ""
    performing_physician_name: str = ""


def from_dataset(ds: Any) -> WorklistEntry:
    """Read one answer of a worklist query."""
    steps = getattr(ds, "ScheduledProcedureStepSequence", None) or [None]
    step = steps[0]
    order = Order(
        accession_number=_text(ds, "AccessionNumber"),
        study_instance_uid=_text(ds, "StudyInstanceUID"),
        requested_procedure_id=_text(ds, "RequestedProcedureID"),
        requested_procedure_description=_text(ds, "RequestedProcedureDescription"),
        scheduled_procedure_step_id=_text(step, "ScheduledProcedureStepID"),
        scheduled_procedure_step_description=_text(step, "ScheduledProcedureStepDescription"),
        referring_physician_name=_text(ds, "ReferringPhysicianName"),
    )
    patient = Patient(
        patient_id=_text(ds, "PatientID"),
        name=_text(ds, "PatientName"),
        birth_date=_text(ds, "PatientBirthDate"),
        sex=_text(ds, "PatientSex"),
        size_m=_number(ds, "PatientSize"),
        weight_kg=_number(ds, "PatientWeight"),
        responsible_person=_text(ds, "ResponsiblePerson"),
        responsible_person_role=_text(ds, "ResponsiblePersonRole"),
        issuer_of_patient_id=_text(ds, "IssuerOfPatientID"),
    )
    return WorklistEntry(
        worklist_id=_identity(patient, order),
        patient=patient,
        order=order,
        scheduled_at=_text(step, "ScheduledProcedureStepStartDate")
        + _text(step, "ScheduledProcedureStepStartTime").partition(".")[0],
        modality=_text(step, "Modality"),
        station_ae_title=_text(step, "ScheduledStationAETitle"),
        performing_physician_name=_text(step, "ScheduledPerformingPhysicianName"),
    )


def _identity(patient: Patient, order: Order) -> str:
    parts = (
        patient.issuer_of_patient_id, patient.patient_id, order.accession_number, order.study_instance_uid,
        order.requested_procedure_id, order.scheduled_procedure_step_id,
    )  # fmt: skip
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _text(ds: Any, keyword: str) -> str:
    """Return a value as text; of several the first."""
    value = getattr(ds, keyword, None)
    if value is None:
        return ""
    if isinstance(value, list) or (
        hasattr(value, "__iter__") and not isinstance(value, str) and not hasattr(value, "family_name")
    ):
        value = next(iter(value), "")
    return str(value).strip()


def _number(ds: Any, keyword: str) -> float | None:
    text = _text(ds, keyword)
    try:
        return float(text) if text else None
    except ValueError:
        return None
