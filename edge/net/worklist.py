"""Asking the hospital what is scheduled.  Standard: PS3.4 K"""

from pydicom import Dataset
from pydicom.sequence import Sequence
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import ModalityWorklistInformationFind

from edge.core.worklist import WorklistEntry, from_dataset
from edge.errors import UnreachableError
from edge.net.association import Association, Peer

ENTRY_COUNT_MAX = 1000

STEP_KEYS = (
    "ScheduledProcedureStepStartTime", "ScheduledPerformingPhysicianName", "ScheduledProcedureStepDescription",
    "ScheduledStationName", "ScheduledProcedureStepLocation", "ScheduledProcedureStepID", "ScheduledStationAETitle",
)  # fmt: skip
KEYS = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientSize", "PatientWeight",
    "ResponsiblePerson", "ResponsiblePersonRole", "AccessionNumber", "StudyInstanceUID", "RequestedProcedureID",
    "RequestedProcedureDescription", "ReferringPhysicianName", "SpecificCharacterSet",
)  # fmt: skip


def query(peer: Peer, *, date_from: str, date_to: str, modality: str = "") -> list[WorklistEntry]:
    """Return what is scheduled on these days (YYYYMMDD, both included), in the order of its times.

    Raises: UnreachableError, NotAcceptedError.
    """
    entries: list[WorklistEntry] = []
    with Association(peer, [build_context(ModalityWorklistInformationFind)]) as association:
        for status, ds in association.inner.send_c_find(
            _identifier(f"{date_from}-{date_to}", modality), ModalityWorklistInformationFind
        ):
            if "Status" not in status:
                raise UnreachableError(f"{peer.name} broke off the worklist query.")
            if status.Status not in (0x0000, 0xFF00, 0xFF01):
                raise UnreachableError(f"{peer.name} answered the worklist query with status 0x{status.Status:04X}.")
            if ds is not None:
                entries.append(from_dataset(ds))
            if len(entries) >= ENTRY_COUNT_MAX:
                association.abort()
                break
    return sorted(entries, key=lambda entry: entry.scheduled_at)


def _identifier(dates: str, modality: str) -> Dataset:
    step = Dataset()
    step.ScheduledProcedureStepStartDate = dates
    step.Modality = modality
    for keyword in STEP_KEYS:
        setattr(step, keyword, None)
    ds = Dataset()
    for keyword in KEYS:
        setattr(ds, keyword, None)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ScheduledProcedureStepSequence = Sequence([step])
    return ds
