"""The outbox on disk."""

from pathlib import Path

import pytest

from edge.core.delivery import Outcome, State
from edge.core.routing import Route, Routing
from edge.store import deliveries, turns
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import make_dataset


@pytest.fixture
def store(tmp_path: Path) -> Instances:
    return Instances(Database(tmp_path / "edge.db"), tmp_path, destinations=["vna"])


@pytest.fixture
def database(store: Instances) -> Database:
    return store._database


def keep(store: Instances, **values: object) -> str:
    temp = store.new_temp()
    make_dataset(**values).save_as(temp, enforce_file_format=True)
    return store.keep(temp, source="test").instance.sop_instance_uid


def test_a_new_object_is_due_at_once_and_a_failed_one_after_its_delay(store: Instances, database: Database) -> None:
    uid = keep(store)
    (due,) = turns.due(database, "vna", now_s=10.0, limit=9)
    assert due.delivery.sop_instance_uid == uid and due.size_bytes > 4096
    started = due.delivery.start()
    assert deliveries.save(database, started, was=State.WAITING, now_s=10.0)
    assert turns.due(database, "vna", now_s=10.0, limit=9) == []
    failed = started.finish(Outcome.FAILED, now_s=10.0, reason="no answer")
    assert deliveries.save(database, failed, was=State.SENDING, now_s=10.0)
    assert turns.due(database, "vna", now_s=10.5, limit=9) == []
    assert len(turns.due(database, "vna", now_s=13.0, limit=9)) == 1
    assert deliveries.link_is_back(database, "vna", now_s=10.5) == 1
    assert len(turns.due(database, "vna", now_s=10.5, limit=9)) == 1


def test_a_move_from_a_state_the_row_is_no_longer_in_changes_nothing(store: Instances, database: Database) -> None:
    uid = keep(store)
    (due,) = turns.due(database, "vna", now_s=0, limit=1)
    assert deliveries.hold(database, now_s=1.0, sop_instance_uid=uid) == 1
    assert not deliveries.save(database, due.delivery.start(), was=State.WAITING, now_s=2.0)
    found = deliveries.find(database, uid, "vna")
    assert found is not None and found.state is State.HELD


def test_after_a_restart_nothing_is_being_sent_and_a_new_destination_gets_everything(
    store: Instances, database: Database
) -> None:
    uid = keep(store)
    (due,) = turns.due(database, "vna", now_s=0, limit=1)
    deliveries.save(database, due.delivery.start(), was=State.WAITING, now_s=1.0)
    assert deliveries.recover(database, now_s=5.0, destinations=["vna", "late"]) == 1
    rows = {row.destination: row for row in deliveries.of_instance(database, uid)}
    assert rows["vna"].state is State.WAITING and rows["vna"].reason == "interrupted" and rows["vna"].attempt_count == 1
    assert rows["late"].state is State.WAITING


@pytest.mark.parametrize(
    ("wish", "from_states", "to_state"),
    [
        (deliveries.hold, {State.WAITING}, State.HELD),
        (deliveries.release, {State.HELD}, State.WAITING),
        (deliveries.cancel, {State.WAITING, State.HELD}, State.CANCELLED),
        (deliveries.retry, {State.WAITING, State.HELD, State.CANCELLED}, State.WAITING),
    ],
)
def test_a_wish_moves_only_what_it_may(store: Instances, database: Database, wish, from_states, to_state) -> None:  # type: ignore[no-untyped-def]
    from dataclasses import replace

    for number, state in enumerate(State):
        uid = keep(store, pixel_seed=number)
        row = deliveries.find(database, uid, "vna")
        assert row is not None
        deliveries.save(database, replace(row, state=state), was=State.WAITING, now_s=1.0)
        count = wish(database, now_s=2.0, sop_instance_uid=uid)
        found = deliveries.find(database, uid, "vna")
        assert found is not None
        assert (count, found.state) == ((1, to_state) if state in from_states else (0, state))


def test_wishes_can_name_a_study_or_a_destination(store: Instances, database: Database) -> None:
    keep(store, StudyInstanceUID="1.2.3")
    keep(store, StudyInstanceUID="1.2.3", pixel_seed=1)
    keep(store, StudyInstanceUID="1.2.4", pixel_seed=2)
    assert deliveries.hold(database, now_s=1.0, study_instance_uid="1.2.3") == 2
    assert deliveries.hold(database, now_s=1.0, destination="other") == 0
    assert deliveries.first(database, now_s=1.0, destination="vna") == 1
    assert turns.due(database, "vna", now_s=1.0, limit=9)[0].delivery.priority == deliveries.PRIORITY_FIRST


def test_the_numbers_add_up_by_destination_and_study(store: Instances, database: Database) -> None:
    uids = [keep(store, StudyInstanceUID="1.2.3", pixel_seed=number) for number in range(3)]
    (row,) = [due for due in turns.due(database, "vna", now_s=0, limit=9) if due.delivery.sop_instance_uid == uids[0]]
    started = row.delivery.start()
    deliveries.save(database, started, was=State.WAITING, now_s=1.0)
    deliveries.save(database, started.finish(Outcome.ACCEPTED, now_s=1.0), was=State.SENDING, now_s=1.0)
    (numbers,) = deliveries.counts(database)
    assert numbers.counts["sent"] == 1 and numbers.counts["waiting"] == 2 and numbers.counts["held"] == 0
    assert numbers.bytes_done == row.size_bytes and numbers.bytes_left > 0
    (study,) = deliveries.list_studies(database)
    assert (study.state, study.done, study.total, study.patient_name) == ("waiting", 1, 3, "Test^Object")
    assert deliveries.of_studies(database, ["1.2.3", "9"]) == {"1.2.3": ("waiting", 1, 3), "9": ("none", 0, 0)}


def test_routes_hold_for_new_objects_and_for_those_kept_before_a_destination_was_added(tmp_path: Path) -> None:
    database = Database(tmp_path / "edge.db")
    before = Instances(database, tmp_path, destinations=["vna"])
    old_us, old_sm = (keep(before, Modality=modality) for modality in ("US", "SM"))
    routing = Routing(("vna", "research"), (Route(destinations=("research",), modality=("US",), source=("test",)),))
    assert deliveries.recover(database, now_s=5.0, destinations=routing) == 0
    after = Instances(database, tmp_path, destinations=routing)
    new_us, new_sm = (keep(after, Modality=modality) for modality in ("US", "SM"))

    def where(uid: str) -> list[str]:
        return sorted(one.destination for one in deliveries.of_instance(database, uid))

    assert [where(uid) for uid in (old_us, new_us)] == [["research", "vna"]] * 2
    assert [where(uid) for uid in (old_sm, new_sm)] == [["vna"]] * 2
