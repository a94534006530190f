"""Complete is said once, after quiet time, by what is in the index and in `incoming/`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.receive.announcer import Announcer
from edge.store import completion
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import make_dataset

STUDY = "1.2.826.0.1.3680043.10.9999.1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Instances]:
    database = Database(tmp_path / "edge.db")
    yield Instances(database, tmp_path)
    database.close()


def keep(store: Instances, **values: object) -> float:
    """Keep an object of the study and return when."""
    temp = store.new_temp()
    make_dataset(StudyInstanceUID=STUDY, **values).save_as(temp, enforce_file_format=True)
    return store.keep(temp, source="test").instance.kept_s


@pytest.fixture
def announcer(store: Instances) -> Announcer:
    return Announcer(store._database, store, quiet_s=30.0)


def test_a_study_is_announced_once_and_again_when_more_of_it_has_come(store: Instances, announcer: Announcer) -> None:
    kept_s = keep(store)
    assert announcer.look(now_s=kept_s + 29) == []
    assert announcer.look(now_s=kept_s + 30) == [STUDY]
    assert announcer.look(now_s=kept_s + 90) == []
    assert completion.completed_since(store._database, kept_s) == [(STUDY, kept_s + 30)]
    again_s = keep(store, pixel_seed=2)
    assert STUDY in completion.arriving(store._database)
    assert announcer.look(now_s=again_s + 31) == [STUDY]


@pytest.mark.parametrize("size_bytes", [0, 200, 3000])
def test_while_some_of_an_object_is_there_its_study_is_not_complete(
    store: Instances, announcer: Announcer, size_bytes: int
) -> None:
    kept_s = keep(store)
    whole = store.new_temp()
    make_dataset(StudyInstanceUID=STUDY, pixel_seed=5, rows=80, columns=80).save_as(whole, enforce_file_format=True)
    half = store.new_temp()
    half.write_bytes(whole.read_bytes()[:size_bytes])
    whole.unlink()
    assert announcer.look(now_s=kept_s + 100) == []
    half.unlink()
    if size_bytes >= 3000:  # Its study was known: the time begins anew.
        assert announcer.look(now_s=kept_s + 110) == []
    assert announcer.look(now_s=kept_s + 140) == [STUDY]


def test_another_study_that_is_coming_in_does_not_hold_it_up(store: Instances, announcer: Announcer) -> None:
    kept_s = keep(store)
    make_dataset(StudyInstanceUID="1.2.3").save_as(store.new_temp(), enforce_file_format=True)
    assert announcer.look(now_s=kept_s + 31) == [STUDY]


def test_what_a_process_left_that_died_is_nobodys(store: Instances, announcer: Announcer, tmp_path: Path) -> None:
    kept_s = keep(store)
    (tmp_path / "incoming" / "999999-1.ab.part").write_bytes(b"")
    assert announcer.look(now_s=kept_s + 31) == [STUDY]


def test_a_restart_announces_what_was_still_open(store: Instances) -> None:
    kept_s = keep(store)
    assert Announcer(store._database, store, quiet_s=30.0).look(now_s=kept_s + 31) == [STUDY]
