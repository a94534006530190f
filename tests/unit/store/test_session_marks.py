"""What the bedside has decided, over a restart."""

from dataclasses import replace
from pathlib import Path

from edge.core.session import Marks, Patient, Session
from edge.store import session_marks, sessions
from edge.store.database import Database

MARKS = Marks(guide_key="a", guide_name="Ann", is_stopped=True, is_published=True, consent_s=12.5)


def _session(database: Database, session_id: str) -> Session:
    session = Session(
        session_id=session_id, source="probe", patient=Patient(), study_instance_uid=f"1.2.{session_id}",
        series_instance_uid="1.3", opened_s=1.0,
    )  # fmt: skip
    sessions.save(database, session)
    return session


def test_the_newest_decision_of_an_open_exam_is_read_back(tmp_path: Path) -> None:
    database = Database(tmp_path / "edge.db")
    _session(database, "1")
    session_marks.save(database, "1", MARKS)
    session_marks.save(database, "1", replace(MARKS, is_stopped=False))
    database.close()
    assert session_marks.load(Database(tmp_path / "edge.db")) == {"1": replace(MARKS, is_stopped=False)}


def test_nothing_is_left_of_an_exam_that_is_closed(tmp_path: Path) -> None:
    database = Database(tmp_path / "edge.db")
    closed = _session(database, "1")
    _session(database, "2")
    session_marks.save(database, "1", MARKS)
    sessions.save(database, replace(closed, closed_s=2.0))
    assert session_marks.load(database) == {}
    session_marks.save(database, "2", MARKS)
    with database.read() as connection:
        assert [row[0] for row in connection.execute("SELECT session_id FROM session_marks")] == ["2"]
