"""Answers about commitment: early, late, twice, or about something else."""

from pathlib import Path

import pytest

from edge.core.delivery import Outcome, State
from edge.net.commitment import Report
from edge.store import commitments, deliveries
from edge.store.database import Database
from edge.store.instances import Instances
from edge.uplink.committer import take
from tests.support.objects import make_dataset


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "edge.db")


def sent_object(database: Database, seed: int = 0) -> str:
    store = Instances(database, database.path.parent, destinations=["vna"])
    temp = store.new_temp()
    make_dataset(pixel_seed=seed).save_as(temp, enforce_file_format=True)
    uid = store.keep(temp, source="test").instance.sop_instance_uid
    delivery = deliveries.find(database, uid, "vna")
    assert delivery is not None
    started = delivery.start()
    deliveries.save(database, started, was=State.WAITING, now_s=1.0)
    deliveries.save(database, started.finish(Outcome.ACCEPTED, now_s=1.0), was=State.SENDING, now_s=1.0)
    return uid


def state_of(database: Database, uid: str) -> State:
    found = deliveries.find(database, uid, "vna")
    assert found is not None
    return found.state


def report(transaction_uid: str, committed: set[str], failed: dict[str, str] | None = None) -> Report:
    return Report(transaction_uid=transaction_uid, committed=frozenset(committed), failed=failed or {})


def test_committed_objects_are_committed_and_refused_ones_go_again_later(database: Database) -> None:
    good, bad, silent = (sent_object(database, seed) for seed in range(3))
    commitments.write_down(database, "2.25.1", "vna", [good, bad, silent], now_s=5.0)
    take(database, report("2.25.1", {good}, {bad: "it does not have the object"}))
    assert state_of(database, good) is State.COMMITTED
    assert state_of(database, silent) is State.SENT
    again = deliveries.find(database, bad, "vna")
    assert again is not None and again.state is State.WAITING
    assert "does not have the object" in again.reason and again.due_s > 5.0


def test_an_answer_counts_once_and_only_to_a_question_that_was_asked(database: Database) -> None:
    uid = sent_object(database)
    take(database, report("2.25.9", {uid}))
    assert state_of(database, uid) is State.SENT
    commitments.write_down(database, "2.25.1", "vna", [uid], now_s=5.0)
    take(database, report("2.25.1", {uid}))
    take(database, report("2.25.1", set(), {uid: "lost"}))
    assert state_of(database, uid) is State.COMMITTED


def test_an_answer_about_objects_that_were_not_asked_about_moves_nothing(database: Database) -> None:
    asked, other = sent_object(database, 0), sent_object(database, 1)
    commitments.write_down(database, "2.25.1", "vna", [asked], now_s=5.0)
    take(database, report("2.25.1", {asked, other}))
    assert (state_of(database, asked), state_of(database, other)) == (State.COMMITTED, State.SENT)


def test_an_object_both_committed_and_refused_is_not_believed_to_be_safe(database: Database) -> None:
    uid = sent_object(database)
    commitments.write_down(database, "2.25.1", "vna", [uid], now_s=5.0)
    take(database, report("2.25.1", {uid}, {uid: "lost"}))
    assert state_of(database, uid) is State.WAITING


def test_what_an_open_question_is_about_is_not_asked_again_until_the_question_is_void(database: Database) -> None:
    uid = sent_object(database)
    assert [row[1] for row in commitments.unasked(database, "vna", asked_before_s=0.0, limit=9)] == [uid]
    commitments.write_down(database, "2.25.1", "vna", [uid], now_s=100.0)
    assert commitments.unasked(database, "vna", asked_before_s=50.0, limit=9) == []
    assert len(commitments.unasked(database, "vna", asked_before_s=100.0, limit=9)) == 1
    commitments.withdraw(database, "2.25.1")
    assert len(commitments.unasked(database, "vna", asked_before_s=50.0, limit=9)) == 1
