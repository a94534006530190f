"""What rots on the disk is found, told, and forgotten when it is whole again."""

import time
from pathlib import Path

import pytest

from edge.store import audit_log, fetches, scrub
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import make_dataset


@pytest.fixture
def store(tmp_path: Path) -> tuple[Database, Instances, list[str]]:
    database = Database(tmp_path / "edge.db")
    instances = Instances(database, tmp_path)
    uids = []
    for number in range(5):
        temp = instances.new_temp()
        make_dataset(pixel_seed=number).save_as(temp, enforce_file_format=True)
        uids.append(instances.keep(temp, source="test").instance.sop_instance_uid)
    return database, instances, uids


def rot(instances: Instances, uid: str) -> bytes:
    path = instances.path_of(instances.require(uid))
    whole = path.read_bytes()
    path.write_bytes(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
    return whole


def test_one_flipped_bit_is_found_among_the_others(store: tuple[Database, Instances, list[str]]) -> None:
    database, instances, uids = store
    assert scrub.walk(database, instances, rate_bytes_s=1e12).damaged_count == 0
    rot(instances, uids[2])
    done = scrub.walk(database, instances, rate_bytes_s=1e12)
    assert (done.object_count, done.damaged_count) == (5, 1)
    assert scrub.damaged(database) == [uids[2]]
    wanted = fetches.due(database, now_s=time.time(), limit=9)
    assert [(one.sop_instance_uid, one.why) for one in wanted] == [(uids[2], "damaged")]
    assert [row.action for row in audit_log.list_rows(database)] == ["object.damaged"]
    scrub.walk(database, instances, rate_bytes_s=1e12)
    assert len(audit_log.list_rows(database)) == 1


def test_a_file_that_is_gone_is_found(store: tuple[Database, Instances, list[str]]) -> None:
    database, instances, uids = store
    instances.path_of(instances.require(uids[0])).unlink()
    assert scrub.walk(database, instances, rate_bytes_s=1e12).damaged_count == 1
    assert scrub.damaged(database) == [uids[0]]


def test_the_object_that_comes_again_whole_takes_the_place_of_the_damaged_one(
    store: tuple[Database, Instances, list[str]],
) -> None:
    database, instances, uids = store
    whole = rot(instances, uids[1])
    scrub.walk(database, instances, rate_bytes_s=1e12)
    temp = instances.new_temp()
    temp.write_bytes(whole)
    assert instances.keep(temp, source="again").outcome == "known"
    assert instances.path_of(instances.require(uids[1])).read_bytes() == whole
    assert scrub.damaged(database) == []
    assert fetches.due(database, now_s=time.time(), limit=9) == []


def test_it_reads_no_faster_than_it_may(store: tuple[Database, Instances, list[str]]) -> None:
    database, instances, _ = store
    slept: list[float] = []
    size_bytes = scrub.walk(database, instances, rate_bytes_s=1000.0, sleep=slept.append).size_bytes
    assert sum(slept) == pytest.approx(5 * size_bytes / 1000 * 3 / 5, rel=0.5)  # The clock does not move meanwhile.
    assert max(slept) <= 1.0


def test_it_stops_in_the_middle_and_goes_on_from_there(store: tuple[Database, Instances, list[str]]) -> None:
    database, instances, _ = store
    seen: list[int] = []
    scrub.walk(database, instances, rate_bytes_s=1e12, is_stopping=lambda: len(seen) >= 2, on_object=seen.append)
    assert len(seen) == 2
    started_s = time.monotonic()
    rest: list[int] = []
    scrub.walk(database, instances, rate_bytes_s=1e12, after=seen[-1], on_object=rest.append)
    assert len(rest) == 3 and not set(rest) & set(seen)
    assert time.monotonic() - started_s < 5
