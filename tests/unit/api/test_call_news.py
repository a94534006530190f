"""What pages in a call are told: small, and never less than they need."""

from typing import Any

import msgspec

from edge.api.call_news import CallNews
from edge.api.shapes import Recording, SessionObject, SessionView
from edge.api.situation import Situation
from edge.api.views import view_session
from edge.core.session import Patient, Session

SESSION = Session(
    session_id="s", source="probe", patient=Patient(patient_id="T-1", name="Sample^Ada"), study_instance_uid="2.25.1",
    series_instance_uid="2.25.2", opened_s=1.0,
)  # fmt: skip


def view(still_count: int = 0, **more: Any) -> SessionView:
    situation = Situation()
    situation.sources["probe"] = {"name": "probe", "fps": 29.97 + still_count / 1000, "next_index": still_count}
    objects = [
        SessionObject(sop_instance_uid=f"2.25.{n}", kind="still", frame_count=1, at_s=1.0, is_recovered=False)
        for n in range(still_count)
    ]
    return msgspec.structs.replace(view_session(SESSION, situation, objects, public_url=""), **more)


def test_whoever_comes_hears_everything_but_the_patient_and_then_only_what_has_changed() -> None:
    news = CallNews()
    first = news.of(view(), is_whole=True)
    assert first["session_id"] == "s" and first["state"] == "open" and first["source_state"]["name"] == "probe"
    assert first["patient"] is None and "Sample" not in str(first)
    assert news.of(view(), is_whole=False) == {}
    recording = Recording(is_recording=True, frame_count=3)
    assert news.of(view(recording=recording), is_whole=False) == {"recording": msgspec.to_builtins(recording)}
    assert news.of(view(), is_whole=True) == first, "somebody new has heard nothing yet"


def test_an_exam_with_a_thousand_stills_tells_of_one_more_in_a_few_bytes() -> None:
    news = CallNews()
    whole = news.of(view(1000), is_whole=True)
    assert len(msgspec.json.encode(whole)) < 4096
    assert news.of(view(1001), is_whole=False) == {"object_counts": {"still": 1001}}


def test_what_was_told_of_one_exam_is_not_taken_for_another() -> None:
    news = CallNews()
    news.of(view(), is_whole=False)
    assert news.of(view(session_id="t"), is_whole=False)["session_id"] == "t"
