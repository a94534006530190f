"""What a session looks like to those who take part in it."""

from dataclasses import replace

from edge.api.shapes import PatientShape, SessionView
from edge.api.situation import Situation
from edge.api.views import for_principal, kind_of, read_patient, view_session
from edge.core.access import Principal, UserRole
from edge.core.session import Order, Patient, Role, Session

SESSION = Session(
    session_id="s1", source="probe", patient=Patient(name="KUDU^KIM"), order=Order(accession_number="A1"),
    study_instance_uid="1.2", series_instance_uid="1.3", description="Lung", opened_s=1.0,
)  # fmt: skip


def view(situation: Situation | None = None) -> SessionView:
    return view_session(SESSION, situation or Situation(), [], public_url="https://x")


def guest(role: Role, session_id: str = "s1") -> Principal:
    return Principal(name="g", role=UserRole.GUEST, session_id=session_id, session_role=role)


def test_each_sees_what_it_needs() -> None:
    whole = view()
    assert for_principal(whole, Principal(name="o", role=UserRole.OPERATOR)) == whole
    assert for_principal(whole, guest(Role.SPECIALIST)) == whole
    assert for_principal(whole, guest(Role.SPECIALIST, "s2")) is None
    assert for_principal(whole, Principal(name="a", role=UserRole.AUDITOR)) is None
    observed = for_principal(whole, guest(Role.OBSERVER))
    assert observed is not None
    assert (observed.patient, observed.order, observed.description) == (None, None, "")


def test_the_situation_is_part_of_the_view_and_unknown_words_of_record_do_no_harm() -> None:
    situation = Situation()
    pending = {"clip_id": "c1", "kind": "clip", "state": "finalising", "frame_count": 9, "done_count": 3, "reason": ""}
    situation.take_recordings(
        [{"session_id": "s1", "is_recording": True, "clip_id": "c2", "frame_count": 5, "gap_count": 1,
          "started_s": 2.0, "pending": [pending], "new_word": 1}]
    )  # fmt: skip
    situation.take_sources([{"name": "probe", "state": "live"}])
    seen = view(situation)
    assert (seen.recording.is_recording, seen.recording.gap_count, seen.recording.pending[0].done_count) == (True, 1, 3)
    assert seen.source_state == {"name": "probe", "state": "live"}


def test_a_service_that_is_gone_leaves_no_stale_word() -> None:
    situation = Situation()
    situation.take_recordings([{"session_id": "s1", "is_recording": True}])
    situation.take_sources([{"name": "probe", "state": "live", "reason": ""}])
    situation.peers["s1"] = [{"peer_id": "p"}]
    for service in ("record", "capture", "live"):
        situation.lose(service)
    seen = view(situation)
    assert not seen.recording.is_recording
    assert seen.peers == []
    assert seen.source_state is not None
    assert (seen.source_state["state"], "capture" in seen.source_state["reason"]) == ("waiting", True)


def test_a_closed_session_says_so() -> None:
    closed = replace(SESSION, closed_s=2.0)
    assert view_session(closed, Situation(), [], public_url="https://x").state == "closed"


def test_stray_blanks_are_not_part_of_a_name_and_nothing_is_invented() -> None:
    patient = read_patient(PatientShape(name=" KUDU^KIM ", patient_id="1 "))
    assert patient == Patient(name="KUDU^KIM", patient_id="1")


def test_objects_are_called_what_people_call_them() -> None:
    assert kind_of("1.2.840.10008.5.1.4.1.1.3.1") == "clip"
    assert kind_of("1.2.840.10008.5.1.4.1.1.6.1") == "still"
    assert kind_of("1.2.840.10008.5.1.4.1.1.77.1.6") == "slide"
    assert kind_of("1.2.3") == "other"
