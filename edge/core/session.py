"""One live exam: for whom, from which source, who may join.

Pure: identifiers and times are handed in.
"""

import uuid
from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What somebody is in one session."""

    BEDSIDE = "bedside"
    SPECIALIST = "specialist"
    OBSERVER = "observer"
    CAMERA = "camera"
    """Sends a second picture; sees and hears nothing."""


class SessionState(StrEnum):
    """A session is open until somebody closes it."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Who is examined. Empty is unknown; nothing is invented.  Standard: PS3.3 C.7.1.1, C.7.2.2"""

    patient_id: str = ""
    name: str = ""
    """DICOM person name, FAMILY^GIVEN."""
    birth_date: str = ""
    """YYYYMMDD."""
    sex: str = ""
    """M, F, O or empty."""
    size_m: float | None = None
    weight_kg: float | None = None
    responsible_person: str = ""
    responsible_person_role: str = ""
    issuer_of_patient_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the worklist said. All empty without an order: an accession number is never invented."""

    accession_number: str = ""
    study_instance_uid: str = ""
    requested_procedure_id: str = ""
    requested_procedure_description: str = ""
    scheduled_procedure_step_id: str = ""
    scheduled_procedure_step_description: str = ""
    referring_physician_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One exam. `study_instance_uid` is fixed before the first frame is kept."""

    session_id: str
    source: str
    patient: Patient
    order: Order = field(default_factory=Order)
    study_instance_uid: str
    series_instance_uid: str
    """One series of clips and stills a session.  Standard: PS3.3 A.6, A.7"""
    study_id: str = ""
    description: str = ""
    operator_name: str = ""
    opened_s: float
    """Wall clock, seconds since 1970 UTC."""
    closed_s: float | None = None

    @property
    def state(self) -> SessionState:
        return SessionState.OPEN if self.closed_s is None else SessionState.CLOSED

    @property
    def presentation_series_uid(self) -> str:
        """Of the drawings: another modality is another series.  Standard: PS3.3 C.7.3.1"""
        return _derived_uid(self.series_instance_uid, "PR")

    @property
    def report_series_uid(self) -> str:
        """Of the measurements."""
        return _derived_uid(self.series_instance_uid, "SR")

    @property
    def series_uids(self) -> tuple[str, str, str]:
        """Every series this exam makes."""
        return self.series_instance_uid, self.presentation_series_uid, self.report_series_uid


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """Somebody who came by six digits and waits for the bedside, as a restart must find them again."""

    key: str
    """What the bedside answers by."""
    ticket_digest: str
    sealed: str
    """The way in; only the ticket, which the guest's page alone has, opens it."""
    name: str
    role: str
    token_id: str
    since_s: float
    is_let_in: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What the bedside has decided while an exam is open."""

    guide_key: str = ""
    guide_name: str = ""
    is_stopped: bool = False
    """The guests are shown nothing."""
    is_published: bool = False
    """It is to be shown through the media server outside."""
    consent_s: float | None = None
    """When the patient agreed to be watched."""
    knocks: tuple[Knock, ...] = ()


def _derived_uid(uid: str, purpose: str) -> str:
    """Return a UID that anybody who knows the first works out again.  Standard: PS3.5 B.2"""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{uid}/{purpose}').int}"
