"""Who and when: UIDs, patient, study, series. What is not known stays empty; nothing is invented."""

import re
from dataclasses import fields
from datetime import date, datetime

from pydicom import Dataset
from pydicom.sequence import Sequence

from edge.core.session import Order, Patient, Session
from edge.dicom.implementation import new_uid
from edge.errors import BadInputError

__all__ = [
    "check_session", "describe_patient", "describe_study", "dicom_date", "dicom_time", "local_time", "new_uid",
    "patient_age", "utc_offset",
]  # fmt: skip

DAYS_IN_D_MAX = 28
DAYS_IN_W_MAX = 91
MONTHS_IN_M_MAX = 36
"""Ages are said as paediatricians say them: days for a newborn (under 4 weeks), weeks under 13 weeks, months under
3 years (where infant growth charts end), years from then on."""
YEARS_MAX = 150
ROLES = frozenset(
    {"OWNER", "PARENT", "CHILD", "SPOUSE", "SIBLING", "RELATIVE", "GUARDIAN", "CUSTODIAN", "AGENT", "INVESTIGATOR"}
)
"""Defined terms of Responsible Person Role for humans.  Standard: PS3.3 C.7.1.1"""
_SEXES = ("M", "F", "O")


_LENGTHS_MAX = {
    "patient_id": 64, "issuer_of_patient_id": 64, "name": 194, "responsible_person": 194,
    "referring_physician_name": 194, "operator_name": 194, "accession_number": 16, "study_id": 16,
    "requested_procedure_id": 16, "scheduled_procedure_step_id": 16,
}  # fmt: skip
"""What must not be cut: an identifier that was shortened is another identifier.  Standard: PS3.5 6.2"""
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")


def check_session(session: Session) -> None:
    """Refuse words that DICOM cannot hold, before the first frame is kept.  Raises: BadInputError."""
    for part in (session.patient, session.order, session):
        for field in fields(part):
            value = getattr(part, field.name)
            if isinstance(value, str):
                _check_text(field.name, value)
    for uid in (session.study_instance_uid, session.series_instance_uid, session.order.study_instance_uid):
        if uid and (len(uid) > 64 or not _UID.fullmatch(uid)):
            raise BadInputError(f"{uid[:70]!r} is not a UID.")
    if not session.study_instance_uid or not session.series_instance_uid:
        raise BadInputError("The session has no study or series UID.")


def _check_text(name: str, value: str) -> None:
    """The value stays out of the message: it may be a patient's name."""
    if "\\" in value or any(ord(character) < 32 for character in value):
        raise BadInputError(f"The field {name} holds a backslash or a control character.")
    if len(value) > _LENGTHS_MAX.get(name, len(value)):
        raise BadInputError(f"The field {name} is longer than {_LENGTHS_MAX[name]} characters.")


def local_time(wall_s: float) -> datetime:
    """Return the node's own civil time, with its offset from UTC."""
    return datetime.fromtimestamp(wall_s).astimezone()


def dicom_date(moment: datetime) -> str:
    return moment.strftime("%Y%m%d")


def dicom_time(moment: datetime) -> str:
    return moment.strftime("%H%M%S.%f")


def utc_offset(moment: datetime) -> str:
    return moment.strftime("%z")[:5]


def patient_age(birth_date: str, on: date) -> str:
    """Return the age on a day as nnnD, nnnW, nnnM or nnnY; empty when it cannot be known.  Standard: PS3.5 6.2 AS"""
    born = _date(birth_date)
    if born is None or born > on:
        return ""
    days = (on - born).days
    if days < DAYS_IN_D_MAX:
        return f"{days:03d}D"
    if days < DAYS_IN_W_MAX:
        return f"{days // 7:03d}W"
    months = (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)
    if months < MONTHS_IN_M_MAX:
        return f"{months:03d}M"
    years = months // 12
    return f"{years:03d}Y" if years <= YEARS_MAX else ""


def describe_patient(ds: Dataset, patient: Patient, study_day: date) -> None:
    """Fill the Patient and Patient Study modules.  Standard: PS3.3 C.7.1.1, C.7.2.2"""
    ds.PatientName = patient.name
    ds.PatientID = patient.patient_id
    ds.PatientBirthDate = patient.birth_date if _date(patient.birth_date) else ""
    ds.PatientSex = patient.sex if patient.sex in _SEXES else ""
    if patient.issuer_of_patient_id:
        ds.IssuerOfPatientID = patient.issuer_of_patient_id
    if age := patient_age(patient.birth_date, study_day):
        ds.PatientAge = age
    if patient.size_m is not None and patient.size_m > 0:
        ds.PatientSize = f"{patient.size_m:.4g}"
    if patient.weight_kg is not None and patient.weight_kg > 0:
        ds.PatientWeight = f"{patient.weight_kg:.6g}"
    _describe_responsible_person(ds, patient)


def _describe_responsible_person(ds: Dataset, patient: Patient) -> None:
    """The role is required with the person; without a valid one the person is kept as a comment, not with a guess."""
    role = patient.responsible_person_role.strip().upper()
    if patient.responsible_person and role in ROLES:
        ds.ResponsiblePerson = patient.responsible_person
        ds.ResponsiblePersonRole = role
    elif patient.responsible_person:
        stated = f" ({patient.responsible_person_role})" if role else ""
        ds.PatientComments = f"Responsible person: {patient.responsible_person.replace('^', ' ').strip()}{stated}"


def describe_study(ds: Dataset, session: Session) -> None:
    """Fill the General Study and General Series modules.  Standard: PS3.3 C.7.2.1, C.7.3.1"""
    order = session.order
    opened = local_time(session.opened_s)
    ds.StudyInstanceUID = session.study_instance_uid
    ds.StudyDate, ds.StudyTime = dicom_date(opened), dicom_time(opened)
    ds.TimezoneOffsetFromUTC = utc_offset(opened)
    ds.AccessionNumber = order.accession_number
    ds.ReferringPhysicianName = order.referring_physician_name
    ds.StudyID = session.study_id
    if description := session.description or order.requested_procedure_description:
        ds.StudyDescription = description[:64]
    ds.Modality = "US"
    ds.SeriesInstanceUID = session.series_instance_uid
    ds.SeriesNumber = 1
    ds.SeriesDate, ds.SeriesTime = ds.StudyDate, ds.StudyTime
    ds.OperatorsName = session.operator_name
    ds.Laterality = ""
    ds.PerformedProcedureStepStartDate, ds.PerformedProcedureStepStartTime = ds.StudyDate, ds.StudyTime
    if order.requested_procedure_id or order.scheduled_procedure_step_id:
        ds.RequestAttributesSequence = Sequence([_request(order)])


def _request(order: Order) -> Dataset:
    item = Dataset()
    if order.requested_procedure_id:
        item.RequestedProcedureID = order.requested_procedure_id
    if order.requested_procedure_description:
        item.RequestedProcedureDescription = order.requested_procedure_description[:64]
    if order.scheduled_procedure_step_id:
        item.ScheduledProcedureStepID = order.scheduled_procedure_step_id
    if order.scheduled_procedure_step_description:
        item.ScheduledProcedureStepDescription = order.scheduled_procedure_step_description[:64]
    return item


def _date(text: str) -> date | None:
    """Return the day, or None for anything that is not YYYYMMDD."""
    if len(text) != 8 or not text.isdigit():
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
