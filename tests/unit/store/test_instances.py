"""The one way in."""

import os
from pathlib import Path

import pytest

from edge.errors import BadInputError, NotFoundError
from edge.runtime.doorbell import Doorbell
from edge.store import audit_log, deliveries
from edge.store.database import Database
from edge.store.instances import Instances, Kept
from tests.support.objects import make_dataset


@pytest.fixture
def store(tmp_path: Path) -> Instances:
    return Instances(Database(tmp_path / "edge.db"), tmp_path, destinations=["vna", "share"])


def keep(store: Instances, **values: object) -> Kept:
    temp = store.new_temp()
    make_dataset(**values).save_as(temp, enforce_file_format=True)
    return store.keep(temp, source="test")


def test_a_kept_object_is_found_again_byte_for_byte_under_its_digest(store: Instances, tmp_path: Path) -> None:
    temp = store.new_temp()
    ds = make_dataset(frames=3)
    ds.save_as(temp, enforce_file_format=True)
    data = temp.read_bytes()
    kept = store.keep(temp, source="cart")
    assert kept.outcome == "kept"
    assert kept.instance == store.find(ds.SOPInstanceUID)
    assert kept.instance.frame_count == 3 and kept.instance.size_bytes == len(data)
    path = store.path_of(kept.instance)
    assert path.read_bytes() == data
    assert path == tmp_path / "objects" / kept.instance.digest[:2] / kept.instance.digest
    assert not temp.exists()


def test_each_destination_gets_a_delivery_and_the_bell_rings(tmp_path: Path) -> None:
    bell = Doorbell(tmp_path / "bells", "uplink")
    store = Instances(Database(tmp_path / "edge.db"), tmp_path, destinations=["vna", "share"], bells=tmp_path / "bells")
    kept = keep(store)
    assert bell.wait(0.05)
    uid = kept.instance.sop_instance_uid
    assert {row.destination for row in deliveries.of_instance(Database(tmp_path / "edge.db"), uid)} == {"vna", "share"}
    bell.close()


def test_the_same_object_with_another_file_meta_is_known(store: Instances) -> None:
    ds = make_dataset()
    first = store.new_temp()
    ds.save_as(first, enforce_file_format=True)
    assert store.keep(first, source="cart").outcome == "kept"
    ds.file_meta.SourceApplicationEntityTitle = "OTHER"
    second = store.new_temp()
    ds.save_as(second, enforce_file_format=True)
    assert store.keep(second, source="import").outcome == "known"


def test_the_same_uid_with_other_bytes_goes_aside_and_is_raised(store: Instances, tmp_path: Path) -> None:
    uid = keep(store).instance.sop_instance_uid
    served = store.path_of(store.require(uid)).read_bytes()
    other = make_dataset(SOPInstanceUID=uid, pixel_seed=9)
    for _ in range(2):
        temp = store.new_temp()
        other.save_as(temp, enforce_file_format=True)
        assert store.keep(temp, source="test").outcome == "conflict"
    assert store.path_of(store.require(uid)).read_bytes() == served
    assert len(os.listdir(tmp_path / "aside")) == 1
    rows = audit_log.list_rows(Database(tmp_path / "edge.db"))
    assert [(row.action, row.object) for row in rows] == [("object.conflict", uid)]


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 128 + b"DICM", b"\0" * 5000, bytes(range(256)) * 20])
def test_what_is_not_dicom_is_refused_and_leaves_nothing(store: Instances, tmp_path: Path, content: bytes) -> None:
    temp = store.new_temp()
    temp.write_bytes(content)
    with pytest.raises(BadInputError):
        store.keep(temp, source="test")
    assert os.listdir(tmp_path / "incoming") == [] and os.listdir(tmp_path / "objects") == []


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID"])
def test_an_object_without_one_of_its_uids_is_refused_by_name(store: Instances, keyword: str) -> None:
    temp = store.new_temp()
    make_dataset(**{keyword: None}).save_as(temp, enforce_file_format=True)
    with pytest.raises(BadInputError, match=keyword):
        store.keep(temp, source="test")


def test_a_path_as_a_uid_is_refused(store: Instances) -> None:
    ds = make_dataset()
    temp = store.new_temp()
    ds.save_as(temp, enforce_file_format=True)
    uid = ds.SOPInstanceUID.encode()
    temp.write_bytes(temp.read_bytes().replace(uid, b"../../x".ljust(len(uid), b"\0")))
    with pytest.raises(BadInputError, match="not a UID"):
        store.keep(temp, source="test")


def test_an_object_cut_off_in_an_element_or_in_its_pixels_is_refused(store: Instances) -> None:
    whole = store.new_temp()
    make_dataset().save_as(whole, enforce_file_format=True)
    data = whole.read_bytes()
    name = data.index(b"Test^Object")
    for length in [*range(len(data) - 4096, len(data) - 1, 97), name - 3, name + 2, 100, 135, 200]:
        temp = store.new_temp()
        temp.write_bytes(data[:length])
        with pytest.raises(BadInputError):
            store.keep(temp, source="test")


def test_a_study_lists_its_objects_by_series_and_instance_number(store: Instances) -> None:
    study, one, two = "1.2.3", "1.2.3.1", "1.2.3.2"
    for series, series_number, number in [(two, 2, 1), (one, 1, 2), (one, 1, 1)]:
        keep(store, StudyInstanceUID=study, SeriesInstanceUID=series, SeriesNumber=series_number, InstanceNumber=number)
    assert [instance.series_instance_uid for instance in store.in_study(study)] == [one, one, two]
    assert len(store.in_series(one)) == 2
    with pytest.raises(NotFoundError):
        store.require("9.9")


def test_new_work_stops_below_the_reserve(tmp_path: Path) -> None:
    database = Database(tmp_path / "edge.db")
    assert Instances(database, tmp_path).has_room()
    assert not Instances(database, tmp_path, reserve_bytes=2**62).has_room()
