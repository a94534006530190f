"""The shape of requests and answers of `/api/v1/`: what all share, people, sessions, worklist.

OpenAPI is made from these and from `object_shapes` and `node_shapes`.

Times `…_s` are wall clock seconds since 1970 UTC. Requests refuse unknown fields: a typing mistake is told.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Name = Annotated[str, Meta(min_length=1, max_length=64)]
Short = Annotated[str, Meta(max_length=64)]
"""DICOM's LO and SH at most."""
PersonName = Annotated[str, Meta(max_length=324)]
Uid = Annotated[str, Meta(max_length=64, pattern=r"^[0-9.]*$")]
Date = Annotated[str, Meta(pattern=r"^([0-9]{8})?$")]
UserRoleName = Literal["operator", "specialist", "pathologist", "admin", "auditor"]
Password = Annotated[str, Meta(min_length=1, max_length=256)]
NewPassword = Annotated[str, Meta(min_length=8, max_length=256)]


class Request(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is sent to the node."""


class Answer(Struct, kw_only=True):
    """What the node answers."""


class ErrorView(Answer):
    """What went wrong, and what to do next."""

    code: str
    message: str
    next_step: str


# People


class SignIn(Request):
    name: Name
    password: Password


class SignedIn(Answer):
    name: str
    role: str


class Me(Answer):
    name: str
    role: str
    node_name: str
    permissions: list[str]
    session_id: str | None = None
    session_role: str | None = None
    study_instance_uid: str | None = None
    """The only study of somebody who came by a shared link."""
    viewers: list[str] = []
    """Installed beside our own pages: `ohif`."""


class UserView(Answer):
    name: str
    role: str
    is_disabled: bool
    created_s: float = 0.0


class NewUser(Request):
    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._@-]+$")]
    password: NewPassword
    role: UserRoleName


class PasswordChange(Request):
    password: NewPassword


class AuditRow(Answer):
    number: int
    at_s: float
    actor: str
    action: str
    object: str
    detail: dict[str, Any]


class AuditPage(Answer):
    total: int
    is_intact: bool
    """As proven within the last minutes; `/api/v1/audit/verify` proves it now."""
    items: list[AuditRow]


class AuditProof(Answer):
    is_intact: bool
    """The chain of digests was followed from the first row to the last."""
    broken_at: int | None


# Sessions


class PatientShape(Request):
    patient_id: Short = ""
    name: PersonName = ""
    birth_date: Date = ""
    sex: Literal["", "M", "F", "O"] = ""
    size_m: Annotated[float, Meta(gt=0, lt=3)] | None = None
    weight_kg: Annotated[float, Meta(gt=0, lt=700)] | None = None
    responsible_person: PersonName = ""
    responsible_person_role: Annotated[str, Meta(max_length=16)] = ""
    issuer_of_patient_id: Short = ""


class OrderView(Answer):
    accession_number: str = ""
    study_instance_uid: str = ""
    requested_procedure_id: str = ""
    requested_procedure_description: str = ""
    scheduled_procedure_step_id: str = ""
    scheduled_procedure_step_description: str = ""
    referring_physician_name: str = ""


class OpenSession(Request):
    source: Name
    worklist_id: Annotated[str, Meta(max_length=200)] | None = None
    patient: PatientShape | None = None
    description: Short = ""


class Pending(Answer):
    clip_id: str
    kind: str = "clip"
    state: str = "finalising"
    frame_count: int = 0
    done_count: int = 0
    reason: str = ""


class Recording(Answer):
    is_recording: bool = False
    clip_id: str | None = None
    started_s: float | None = None
    frame_count: int = 0
    gap_count: int = 0
    pending: list[Pending] = []


class SessionObject(Answer):
    sop_instance_uid: str
    kind: str
    """clip, still, annotation (a drawing on a still), report (its measurements) or other."""
    frame_count: int
    at_s: float
    is_recovered: bool
    series_instance_uid: str = ""


class PersonView(Answer):
    key: str
    """The beginning of every peer identifier of this person."""
    name: str


class GuideView(Answer):
    """Who guides: the one specialist whose wishes change something."""

    key: str | None = None
    name: str = ""
    is_away: bool = False
    """The connection is gone; the lease is kept for a minute."""
    asking: list[PersonView] = []


class WaitingView(Answer):
    key: str
    name: str
    role: str
    since_s: float


class PublishView(Answer):
    """The way to a media server that distributes the picture."""

    state: str
    """connecting, live or waiting."""
    reason: str = ""


class SessionView(Answer):
    session_id: str
    source: str
    state: str
    patient: PatientShape | None
    """None for those who may not see it."""
    order: OrderView | None
    study_instance_uid: str
    series_instance_uid: str
    operator_name: str
    description: str
    opened_s: float
    closed_s: float | None
    recording: Recording
    peers: list[dict[str, Any]]
    source_state: dict[str, Any] | None
    objects: list[SessionObject]
    bedside_url: str
    object_counts: dict[str, int] = {}
    """How many of each kind: all that a page in the call needs of them."""
    guide: GuideView | None = None
    waiting: list[WaitingView] | None = None
    """Who asks to be let in; None for those who do not decide it."""
    is_picture_stopped: bool = False
    """The bedside shows the guests nothing; the record goes on."""
    consent_s: float | None = None
    """When the bedside said that the patient agrees to be watched."""
    publish: PublishView | None = None
    """How it stands with the media server outside; None: nobody asked for it."""
    may_publish: bool = False
    """A media server is configured."""


class SessionOpened(SessionView, kw_only=True):
    specialist_url: str
    whep_url: str
    token: str


class InviteRequest(Request):
    role: Literal["specialist", "observer", "camera"] = "specialist"
    """camera: sends a second picture by WHIP and sees nothing."""


class Invite(Answer):
    token_id: str
    token: str
    role: str
    specialist_url: str
    whep_url: str
    whip_url: str
    """Where a camera sends its picture."""
    code: str
    """Six digits, for those who cannot open a link; short-lived."""
    code_expires_s: float
    qr_svg: str
    expires_s: float


class Join(Request):
    token: Annotated[str, Meta(max_length=200)] = ""
    code: Annotated[str, Meta(max_length=12)] = ""
    name: Annotated[str, Meta(max_length=64)] = ""
    """How the bedside is told who waits."""


class Joined(Answer):
    token: str
    bearer: str
    session_id: str
    role: str
    is_waiting: bool = False
    """The bedside decides; token and bearer are empty until then. Ask again with the ticket every two seconds."""
    ticket: str = ""


class WaitingAnswer(Request):
    is_let_in: bool


class PictureWish(Request):
    is_shown: bool


class PublishWish(Request):
    is_on: bool


class StillRequest(Request):
    frame_index: Annotated[int, Meta(ge=0)] | None = None


class SaveLast(Request):
    seconds: Annotated[float, Meta(gt=0, le=600)]


class ClipStarted(Answer):
    clip_id: str
    first_index: int = 0
    started_s: float = 0.0


class ClipStopped(Answer):
    clip_id: str
    frame_count: int = 0


class StillTaken(Answer):
    still_id: str
    frame_index: int


# Worklist


class WorklistRow(Answer):
    worklist_id: str
    patient: PatientShape
    order: OrderView
    scheduled_s: float | None
    scheduled_at: str
    """As the hospital said it, its local time: YYYYMMDDHHMMSS, or shorter."""
    modality: str


class WorklistView(Answer):
    items: list[WorklistRow]
    refreshed_s: float | None
    reason: str
    """Why it is missing or old, in words; empty when all is well."""


class Done(Answer):
    is_done: bool = True
