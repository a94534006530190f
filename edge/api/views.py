"""What a session looks like to those who take part in it."""

from collections import Counter
from dataclasses import asdict

import msgspec

from edge.api.shapes import OrderView, PatientShape, Recording, SessionObject, SessionView
from edge.api.situation import Situation
from edge.core.access import Action, Principal
from edge.core.session import Order, Patient, Session

_KINDS = {
    "1.2.840.10008.5.1.4.1.1.3.1": "clip",
    "1.2.840.10008.5.1.4.1.1.6.1": "still",
    "1.2.840.10008.5.1.4.1.1.77.1.6": "slide",
}
_DRAWN = {
    "1.2.840.10008.5.1.4.1.1.11.1": "annotation",
    "1.2.840.10008.5.1.4.1.1.11.2": "annotation",
    "1.2.840.10008.5.1.4.1.1.88.33": "report",
}


def view_session(
    session: Session, situation: Situation, objects: list[SessionObject], *, public_url: str
) -> SessionView:
    """Return everything known of a session, patient included; see `for_principal`."""
    said = situation.recordings.get(session.session_id, {})
    return SessionView(
        session_id=session.session_id,
        source=session.source,
        state=session.state.value,
        patient=show_patient(session.patient),
        order=show_order(session.order),
        study_instance_uid=session.study_instance_uid,
        series_instance_uid=session.series_instance_uid,
        operator_name=session.operator_name,
        description=session.description,
        opened_s=session.opened_s,
        closed_s=session.closed_s,
        recording=msgspec.convert({key: value for key, value in said.items() if value is not None}, Recording),
        peers=situation.peers.get(session.session_id, []),
        source_state=situation.sources.get(session.source),
        objects=objects,
        object_counts=dict(Counter(one.kind for one in objects)),
        bedside_url=f"{public_url}/?session={session.session_id}",
    )


def for_principal(view: SessionView, principal: Principal) -> SessionView | None:
    """Return what this one may see: nothing of others' sessions, and the patient only where it is needed."""
    if not principal.may(Action.JOIN_SESSION, session_id=view.session_id):
        return None
    if not principal.may(Action.RUN_SESSION, session_id=view.session_id):
        view = msgspec.structs.replace(view, waiting=None)
    if principal.may_see_patient(view.session_id):
        return view
    return without_patient(view)


def without_patient(view: SessionView) -> SessionView:
    """Return the same without who is examined and why."""
    return msgspec.structs.replace(view, patient=None, order=None, description="", waiting=None)


def kind_of(sop_class_uid: str) -> str:
    """Return what people call an object of this class.  Standard: PS3.6 A"""
    return _KINDS.get(sop_class_uid, "other")


def kind_in_session(sop_class_uid: str) -> str:
    """Return what the pages of an exam call an object: drawings and reports beside clips and stills."""
    return _DRAWN.get(sop_class_uid) or kind_of(sop_class_uid)


def show_patient(patient: Patient) -> PatientShape:
    return PatientShape(**asdict(patient))


def show_order(order: Order) -> OrderView:
    return OrderView(**asdict(order))


def read_patient(shape: PatientShape) -> Patient:
    """Return the patient a person typed in, without stray blanks; nothing is added."""
    values = {
        name: value.strip() if isinstance(value, str) else value
        for name, value in msgspec.structs.asdict(shape).items()
    }
    return msgspec.convert(values, Patient)
