"""Modality worklist for local carts, from what the hospital said last: also while the hospital is out of reach.

Standard: PS3.4 K.6
"""

from collections.abc import Iterator

from edge.core.worklist import WorklistEntry
from edge.dicom import keys
from edge.dicom.keys import Identifier
from edge.net.finding import Matches
from edge.store import worklist
from edge.store.database import Database
from edge.store.matching import Kind, matches

STEPS = "ScheduledProcedureStepSequence"
MATCHED = {
    "PatientName": Kind.NAME, "PatientID": Kind.TEXT, "IssuerOfPatientID": Kind.TEXT, "PatientBirthDate": Kind.RANGE,
    "PatientSex": Kind.TEXT, "AccessionNumber": Kind.TEXT, "StudyInstanceUID": Kind.UID,
    "RequestedProcedureID": Kind.TEXT, "RequestedProcedureDescription": Kind.TEXT, "ReferringPhysicianName": Kind.NAME,
}  # fmt: skip
MATCHED_OF_STEP = {
    "ScheduledStationAETitle": Kind.TEXT, "ScheduledProcedureStepStartDate": Kind.RANGE,
    "ScheduledProcedureStepStartTime": Kind.RANGE, "Modality": Kind.TEXT, "ScheduledPerformingPhysicianName": Kind.NAME,
    "ScheduledProcedureStepID": Kind.TEXT, "ScheduledProcedureStepDescription": Kind.TEXT,
}  # fmt: skip
RETURNED = frozenset({*MATCHED, "PatientSize", "PatientWeight", "ResponsiblePerson", "ResponsiblePersonRole"})
RETURNED_OF_STEP = frozenset(MATCHED_OF_STEP)
_ALWAYS = frozenset({"SpecificCharacterSet", STEPS})


class Schedule:
    """Answers worklist queries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def search(self, _: str, asked: Identifier) -> Matches:
        """Search as `finding.Search` wants it.  Raises: BadInputError."""
        step = _step_of(asked)
        found = [entry for entry in worklist.entries(self._database) if _matches(entry, asked, step)]
        unknown = [key for key in asked.keys if key.keyword not in RETURNED | _ALWAYS]
        unknown += [key for key in step.keys if key.keyword not in RETURNED_OF_STEP | _ALWAYS]
        return Matches(rows=_rows(found, asked, step), are_all_keys_known=not unknown)


def _step_of(asked: Identifier) -> Identifier:
    sequence = asked.by_keyword.get(STEPS)
    return sequence.items[0] if sequence is not None and sequence.items else Identifier()


def _matches(entry: WorklistEntry, asked: Identifier, step: Identifier) -> bool:
    whole, of_step = as_keys(entry)
    return all(
        matches(keyword, kind, identifier.text(keyword), str(values.get(keyword) or ""))
        for identifier, values, kinds in ((asked, whole, MATCHED), (step, of_step, MATCHED_OF_STEP))
        for keyword, kind in kinds.items()
    )


def _rows(found: list[WorklistEntry], asked: Identifier, step: Identifier) -> Iterator[keys.Keys]:
    for entry in found:
        whole, of_step = as_keys(entry)
        row = {key.keyword: whole.get(key.keyword, "") for key in asked.keys if key.keyword and key.vr != "SQ"}
        row.pop("SpecificCharacterSet", None)
        if STEPS in asked.by_keyword:
            # A sequence without keys in it asks for all of it.
            wanted = [key.keyword for key in step.keys if key.keyword and key.vr != "SQ"] or sorted(of_step)
            row[STEPS] = [{keyword: of_step.get(keyword, "") for keyword in wanted}]
        yield row


def as_keys(entry: WorklistEntry) -> tuple[dict[str, keys.Value], dict[str, keys.Value]]:
    """Return the attributes of an entry, and those of its step."""
    patient, order = entry.patient, entry.order
    whole: dict[str, keys.Value] = {
        "PatientName": patient.name, "PatientID": patient.patient_id, "IssuerOfPatientID": patient.issuer_of_patient_id,
        "PatientBirthDate": patient.birth_date, "PatientSex": patient.sex, "PatientSize": patient.size_m,
        "PatientWeight": patient.weight_kg, "ResponsiblePerson": patient.responsible_person,
        "ResponsiblePersonRole": patient.responsible_person_role, "AccessionNumber": order.accession_number,
        "StudyInstanceUID": order.study_instance_uid, "RequestedProcedureID": order.requested_procedure_id,
        "RequestedProcedureDescription": order.requested_procedure_description,
        "ReferringPhysicianName": order.referring_physician_name,
    }  # fmt: skip
    step: dict[str, keys.Value] = {
        "ScheduledStationAETitle": entry.station_ae_title, "Modality": entry.modality,
        "ScheduledProcedureStepStartDate": entry.scheduled_at[:8],
        "ScheduledProcedureStepStartTime": entry.scheduled_at[8:],
        "ScheduledPerformingPhysicianName": entry.performing_physician_name,
        "ScheduledProcedureStepID": order.scheduled_procedure_step_id,
        "ScheduledProcedureStepDescription": order.scheduled_procedure_step_description,
    }  # fmt: skip
    return whole, step
