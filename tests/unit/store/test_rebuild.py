"""The index made anew from the objects alone."""

import os
from pathlib import Path

import pytest

from edge.core.access import UserRole
from edge.core.delivery import Outcome, State
from edge.store import audit_log, deliveries, index, users
from edge.store.database import Database
from edge.store.instances import Instances
from edge.store.rebuild import rebuild
from tests.support.objects import make_dataset


def keep(instances: Instances, **values: object) -> str:
    temp = instances.new_temp()
    make_dataset(**values).save_as(temp, enforce_file_format=True)
    return instances.keep(temp, source="cart").instance.sop_instance_uid


@pytest.fixture
def uids(tmp_path: Path) -> list[str]:
    """A closed store of three studies, one object delivered, one person, one audit row."""
    database = Database(tmp_path / "edge.db")
    instances = Instances(database, tmp_path, destinations=["vna"])
    made = [
        keep(instances, StudyInstanceUID=f"1.2.{number // 2}", PatientName="Müller^Änne", pixel_seed=number)
        for number in range(6)
    ]
    delivery = deliveries.find(database, made[0], "vna")
    assert delivery is not None
    sending = delivery.start()
    deliveries.save(database, sending, was=State.WAITING, now_s=1.0)
    deliveries.save(database, sending.finish(Outcome.ACCEPTED, now_s=2.0), was=State.SENDING, now_s=2.0)
    users.add(database, "jane", UserRole.ADMIN, "hash", now_s=1.0)
    audit_log.add(database, actor="jane", action="test", object="x", detail={}, at_s=1.0)
    database.close()
    return made


def studies(database: Database) -> list[tuple[str, int]]:
    rows = index.search_studies(database, {"PatientName": "muller*"}).rows
    return sorted((row["StudyInstanceUID"], row["NumberOfStudyRelatedInstances"]) for row in rows)


def test_a_lost_index_comes_back_from_the_objects(tmp_path: Path, uids: list[str]) -> None:
    for path in tmp_path.glob("edge.db*"):
        path.unlink()
    done = rebuild(tmp_path / "edge.db", tmp_path, destinations=["vna"])
    assert (done.object_count, done.damaged, done.waiting_count, done.before) == (6, (), 6, None)
    database = Database(tmp_path / "edge.db")
    assert studies(database) == [("1.2.0", 2), ("1.2.1", 2), ("1.2.2", 2)]
    assert {deliveries.find(database, uid, "vna").state for uid in uids} == {State.WAITING}  # type: ignore[union-attr]
    database.close()


def test_what_the_old_index_knows_besides_is_taken_over(tmp_path: Path, uids: list[str]) -> None:
    done = rebuild(tmp_path / "edge.db", tmp_path, destinations=["vna", "new"])
    assert (done.object_count, done.waiting_count) == (6, 6)
    assert done.before is not None and done.before.is_file()
    database = Database(tmp_path / "edge.db")
    assert deliveries.find(database, uids[0], "vna").state is State.SENT  # type: ignore[union-attr]
    assert [user.name for user in users.list_users(database)] == ["jane"]
    assert audit_log.verify(database) is None and audit_log.count(database) == 1
    instance = Instances(database, tmp_path).require(uids[0])
    assert instance.source == "cart"
    database.close()


def test_an_index_of_rubbish_is_put_beside_and_replaced(tmp_path: Path, uids: list[str]) -> None:
    (tmp_path / "edge.db").write_bytes(b"rubbish" * 1000)
    done = rebuild(tmp_path / "edge.db", tmp_path, destinations=["vna"])
    assert done.object_count == 6 and done.before is not None
    assert done.before.read_bytes().startswith(b"rubbish")
    database = Database(tmp_path / "edge.db")
    assert len(studies(database)) == 3
    assert uids
    database.close()


def test_a_rotten_object_and_a_stray_file_are_told_and_left(tmp_path: Path, uids: list[str]) -> None:
    database = Database(tmp_path / "edge.db")
    path = Instances(database, tmp_path).path_of(Instances(database, tmp_path).require(uids[3]))
    database.close()
    path.write_bytes(path.read_bytes()[:-1])
    done = rebuild(tmp_path / "edge.db", tmp_path, destinations=[])
    assert done.damaged == (path.name,) and done.object_count == 5
    assert path.exists()


def test_an_interrupted_rebuild_leaves_the_old_index_and_can_be_repeated(
    tmp_path: Path, uids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="Input"):
        rebuild(tmp_path / "edge.db", tmp_path, destinations=["vna"])
    monkeypatch.undo()
    database = Database(tmp_path / "edge.db")
    assert deliveries.find(database, uids[0], "vna").state is State.SENT  # type: ignore[union-attr]
    database.close()
    assert rebuild(tmp_path / "edge.db", tmp_path, destinations=["vna"]).object_count == 6


def test_objects_older_than_a_new_index_are_not_swept_away(tmp_path: Path, uids: list[str]) -> None:
    """An index that was lost must not take the objects with it."""
    files = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    for path in tmp_path.glob("edge.db*"):
        path.unlink()
    database = Database(tmp_path / "edge.db")
    with database.write() as connection:  # Made a while after the objects.
        number = connection.execute("PRAGMA application_id").fetchone()[0]
        connection.execute(f"PRAGMA application_id = {number + 60}")
    instances = Instances(database, tmp_path)
    assert instances.sweep(grace_s=0, now_s=4e9) == 0
    assert instances.count_strangers() == len(files) == len(uids)
    assert all(path.exists() for path in files)
    database.close()
