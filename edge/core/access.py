"""Who may do what. Pure: one table."""

from dataclasses import dataclass
from enum import StrEnum

from edge.core.session import Role


class UserRole(StrEnum):
    """What a signed-in person is on this node."""

    OPERATOR = "operator"
    SPECIALIST = "specialist"
    PATHOLOGIST = "pathologist"
    ADMIN = "admin"
    AUDITOR = "auditor"
    GUEST = "guest"
    """Invited to one session by a link."""
    NODE = "node"
    """Another node that sends its objects here; named in the configuration, not a person."""


class Action(StrEnum):
    """What can be asked of the node."""

    READ_IMAGES = "read_images"
    SEE_WORKLIST = "see_worklist"
    RUN_SESSION = "run_session"
    """Open, record, invite, close."""
    JOIN_SESSION = "join_session"
    ASK_CAPTURE = "ask_capture"
    """Ask for a still or a clip from within a session."""
    SEND_PICTURE = "send_picture"
    """Send a second picture into a session."""
    SEE_SLIDES = "see_slides"
    RUN_JOBS = "run_jobs"
    SEE_OUTBOX = "see_outbox"
    RUN_OUTBOX = "run_outbox"
    SEE_AUDIT = "see_audit"
    RUN_USERS = "run_users"
    SEE_HEALTH = "see_health"
    STORE = "store"
    MARK_STUDIES = "mark_studies"
    """Put labels on studies."""
    SHARE_STUDIES = "share_studies"
    """Give somebody without an account a link to one study."""
    UPLOAD = "upload"
    """Send whole objects here in pieces, as nodes do to a hub."""


_EVERYTHING = frozenset(Action) - {Action.UPLOAD}
_ALLOWED: dict[UserRole, frozenset[Action]] = {
    UserRole.OPERATOR: frozenset(
        {
            Action.READ_IMAGES, Action.SEE_WORKLIST, Action.RUN_SESSION, Action.JOIN_SESSION, Action.ASK_CAPTURE,
            Action.SEND_PICTURE, Action.SEE_SLIDES, Action.SEE_OUTBOX, Action.RUN_OUTBOX, Action.SEE_HEALTH,
            Action.STORE, Action.RUN_JOBS, Action.MARK_STUDIES, Action.SHARE_STUDIES,
        }
    ),
    UserRole.SPECIALIST: frozenset(
        {
            Action.READ_IMAGES, Action.JOIN_SESSION, Action.ASK_CAPTURE, Action.SEE_SLIDES, Action.SEE_OUTBOX,
            Action.MARK_STUDIES, Action.SHARE_STUDIES,
        }
    ),
    UserRole.PATHOLOGIST: frozenset(
        {
            Action.READ_IMAGES, Action.SEE_SLIDES, Action.RUN_JOBS, Action.SEE_OUTBOX, Action.STORE,
            Action.MARK_STUDIES, Action.SHARE_STUDIES,
        }
    ),
    UserRole.ADMIN: _EVERYTHING,
    UserRole.AUDITOR: frozenset({Action.SEE_AUDIT, Action.SEE_OUTBOX, Action.SEE_HEALTH}),
    UserRole.GUEST: frozenset({Action.JOIN_SESSION, Action.ASK_CAPTURE}),
    UserRole.NODE: frozenset({Action.UPLOAD}),
}  # fmt: skip
_ONLY_WATCHES = frozenset({Action.JOIN_SESSION})
"""What an invited observer may do."""
_ONLY_SENDS = frozenset({Action.SEND_PICTURE})
"""What an invited camera may do."""
_ONLY_READS = frozenset({Action.READ_IMAGES, Action.SEE_SLIDES})
"""What somebody with a link to one study may do, in that study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A signed-in person or an invited guest."""

    name: str
    role: UserRole
    session_id: str | None = None
    """A guest's only session; None for everybody else."""
    session_role: Role | None = None
    """What a guest was invited as."""
    token_id: str = ""
    """Which invitation a guest holds; the same for all its reconnects."""
    study_instance_uid: str | None = None
    """The only study of somebody who came by a shared link; None for everybody else."""

    def may(self, action: Action, *, session_id: str | None = None, study_instance_uid: str | None = None) -> bool:
        """Tell whether this is allowed; a guest only ever within the own session, or the one study."""
        if self.study_instance_uid is not None:
            return action in self.actions and study_instance_uid == self.study_instance_uid
        return action in self.actions and (self.session_id is None or session_id == self.session_id)

    @property
    def actions(self) -> frozenset[Action]:
        """Everything this principal may do; a guest's only within the own session or study."""
        if self.study_instance_uid is not None:
            return _ONLY_READS
        if self.session_role is Role.OBSERVER:
            return _ONLY_WATCHES
        if self.session_role is Role.CAMERA:
            return _ONLY_SENDS
        return _ALLOWED[self.role]

    def role_in(self, session_id: str) -> Role:
        """Return what this principal is once in a session: the operator is at the bedside."""
        if self.session_role is not None:
            return self.session_role
        if self.may(Action.RUN_SESSION, session_id=session_id):
            return Role.BEDSIDE
        return Role.SPECIALIST

    def may_see_patient(self, session_id: str) -> bool:
        """Tell whether the patient of a session is shown: to those who read images, and to its invited specialist."""
        if self.may(Action.READ_IMAGES, session_id=session_id) and self.session_id is None:
            return True
        return self.session_id == session_id and self.session_role is Role.SPECIALIST
