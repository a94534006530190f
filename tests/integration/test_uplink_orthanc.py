"""The uplink against a real Orthanc: whatever happens on the way, everything arrives, once, and is the same."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest

from edge.core.delivery import State
from edge.store import deliveries, links
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import dataset_bytes, make_dataset, write_object
from tests.support.orthanc import Orthanc, free_port, orthanc  # noqa: F401 - a fixture
from tests.support.services import Service, write_config


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the names of Unix sockets are."""
    path = Path(tempfile.mkdtemp(prefix="edge-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Clinic:
    """The store of a node whose uplink runs in another process."""

    def __init__(self, folder: Path, hospital: Orthanc, *, more: str = "") -> None:
        self.config = write_config(
            folder,
            f'[[destination]]\nname = "hospital"\nhost = "127.0.0.1"\nport = {hospital.dimse_port}\n'
            f'ae_title = "{hospital.ae_title}"\n{more}',
        )
        self.database = Database(folder / "data" / "edge.db")
        self.instances = Instances(
            self.database, folder / "data", destinations=["hospital"], bells=folder / "run" / "bells" / "uplink"
        )

    def keep(self, ds: pydicom.Dataset) -> str:
        """Put an object into the store and return its UID."""
        temp = self.instances.new_temp()
        ds.save_as(temp, enforce_file_format=True)
        return self.instances.keep(temp, source="test").instance.sop_instance_uid

    def keep_many(self, count: int, *, rows: int = 64) -> list[str]:
        return [self.keep(make_dataset(pixel_seed=n, rows=rows, InstanceNumber=n + 1)) for n in range(count)]

    def bytes_of(self, uid: str) -> bytes:
        return self.instances.path_of(self.instances.require(uid)).read_bytes()

    def counts(self) -> dict[str, int]:
        found = deliveries.counts(self.database)
        return found[0].counts if found else {}

    def arrived_count(self) -> int:
        counts = self.counts()
        return sum(counts.get(state, 0) for state in ("sent", "committed", "safe"))


def wait_for(look: Callable[[], object], *, timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(0.05)


def check_all_equal(clinic: Clinic, hospital: Orthanc, uids: list[str]) -> None:
    assert sorted(hospital.sop_instance_uids()) == sorted(uids)
    for uid in uids:
        assert dataset_bytes(hospital.file_of(uid)) == dataset_bytes(clinic.bytes_of(uid))


def test_an_object_arrives_equal_to_the_byte_within_a_second_of_being_kept(folder: Path, orthanc: Orthanc) -> None:  # noqa: F811
    clinic = Clinic(folder, orthanc)
    with Service("uplink", clinic.config):
        wait_for(lambda: links.links(clinic.database) and links.links(clinic.database)[0].state == "up")
        began_s = time.monotonic()
        uid = clinic.keep(make_dataset())
        wait_for(lambda: clinic.arrived_count() == 1)
        assert time.monotonic() - began_s < 3.0  # The bell, not the poll of 5 s.
    check_all_equal(clinic, orthanc, [uid])


def test_an_archive_that_is_down_leaves_everything_waiting_and_gets_it_once_when_it_is_back(
    folder: Path,
    orthanc: Orthanc,  # noqa: F811
) -> None:
    clinic = Clinic(folder, orthanc)
    orthanc.stop()
    uids = clinic.keep_many(5)
    with Service("uplink", clinic.config):
        wait_for(lambda: links.links(clinic.database) and links.links(clinic.database)[0].state == "down")
        link = links.links(clinic.database)[0]
        assert link.next_try_s is not None and link.next_try_s > time.time() - 1
        assert "does not answer" in link.reason
        assert clinic.counts()["waiting"] == 5
        orthanc.start()
        wait_for(lambda: clinic.arrived_count() == 5, timeout_s=60)
    check_all_equal(clinic, orthanc, uids)


def test_an_archive_stopped_in_the_middle_has_everything_once_in_the_end(folder: Path, orthanc: Orthanc) -> None:  # noqa: F811
    clinic = Clinic(folder, orthanc)
    uids = clinic.keep_many(60, rows=512)
    with Service("uplink", clinic.config):
        wait_for(lambda: len(orthanc.sop_instance_uids()) >= 3)
        orthanc.stop(is_hard=True)
        orthanc.start()
        wait_for(lambda: clinic.arrived_count() == 60, timeout_s=90)
    check_all_equal(clinic, orthanc, uids)


@pytest.mark.parametrize("after_count", [1, 17, 30])
def test_a_killed_uplink_sends_the_rest_after_its_restart_and_nothing_twice(
    folder: Path,
    orthanc: Orthanc,  # noqa: F811
    after_count: int,
) -> None:
    clinic = Clinic(folder, orthanc)
    uids = clinic.keep_many(40, rows=256)
    with Service("uplink", clinic.config) as uplink:
        wait_for(lambda: len(orthanc.sop_instance_uids()) >= after_count)
        uplink.kill()
        assert deliveries.in_state(clinic.database, "hospital", State.HELD, limit=1) == []
        uplink.start()
        wait_for(lambda: clinic.arrived_count() == 40, timeout_s=60)
        assert clinic.counts()["sending"] == 0
    check_all_equal(clinic, orthanc, uids)


def test_a_stop_waits_for_the_attempt_in_hand(folder: Path, orthanc: Orthanc) -> None:  # noqa: F811
    clinic = Clinic(folder, orthanc)
    uids = clinic.keep_many(30, rows=512)
    with Service("uplink", clinic.config) as uplink:
        wait_for(lambda: len(orthanc.sop_instance_uids()) >= 2)
        assert uplink.stop() == 0
        assert clinic.counts()["sending"] == 0
        # What arrived is known to have arrived: the stop lost no answer.
        assert clinic.arrived_count() == len(orthanc.sop_instance_uids())
        uplink.start()
        wait_for(lambda: clinic.arrived_count() == 30)
    check_all_equal(clinic, orthanc, uids)


def test_what_the_archive_cannot_take_compressed_arrives_decompressed_with_the_same_pixels(
    folder: Path,
    real_data: Path,
) -> None:
    source = next((real_data / "us" / "dicom").rglob("examples_rgb_color.dcm"))
    with Orthanc(
        folder / "orthanc", options={"AcceptedTransferSyntaxes": ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"]}
    ) as hospital:
        clinic = Clinic(folder, hospital)
        ds = pydicom.dcmread(source)
        plain = ds.pixel_array
        ds.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
        uid = clinic.keep(ds)
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.arrived_count() == 1)
        back = pydicom.dcmread(pydicom.filebase.DicomBytesIO(hospital.file_of(uid)))
        assert back.file_meta.TransferSyntaxUID in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
        assert back.SOPInstanceUID == uid
        assert np.array_equal(back.pixel_array, plain)


def test_a_lossy_object_that_the_archive_cannot_take_as_it_is_is_held_never_decompressed(
    folder: Path, real_data: Path
) -> None:
    source = next((real_data / "us" / "dicom").rglob("examples_ybr_color.dcm"))
    with Orthanc(folder / "orthanc", options={"AcceptedTransferSyntaxes": ["1.2.840.10008.1.2.1"]}) as hospital:
        clinic = Clinic(folder, hospital)
        uid = clinic.keep(pydicom.dcmread(source))
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.counts()["held"] == 1)
        found = deliveries.find(clinic.database, uid, "hospital")
        assert found is not None and "without loss" in found.reason
        assert hospital.sop_instance_uids() == []


def test_orthanc_commits_what_it_has_and_reports_on_an_association_of_its_own(folder: Path) -> None:
    report_port = free_port()
    modalities = {
        "clinic": {"AET": "CLINIC7", "Host": "127.0.0.1", "Port": report_port, "AllowStorageCommitment": True}
    }
    with Orthanc(folder / "orthanc", options={"DicomModalities": modalities}) as hospital:
        clinic = Clinic(folder, hospital, more=f'commitment_listen = "127.0.0.1:{report_port}"')
        clinic.keep_many(3)
        with Service("uplink", clinic.config) as uplink:
            wait_for(lambda: clinic.counts()["safe"] == 3)  # Committed, then fetched back by C-GET.
            assert "commitment.answered" in uplink.log()


def test_a_multi_frame_object_of_a_hundred_megabytes_arrives_with_flat_memory(folder: Path, orthanc: Orthanc) -> None:  # noqa: F811
    psutil = pytest.importorskip("psutil")
    clinic = Clinic(folder, orthanc)
    with Service("uplink", clinic.config) as uplink:
        assert uplink.process is not None
        watched = psutil.Process(uplink.process.pid)
        clinic.keep(make_dataset())
        wait_for(lambda: clinic.arrived_count() == 1)
        before_bytes = peak_bytes = watched.memory_info().rss
        uid = clinic.keep(make_dataset(rows=1024, columns=1024, frames=100))
        deadline_s = time.monotonic() + 60
        while clinic.arrived_count() < 2:
            peak_bytes = max(peak_bytes, watched.memory_info().rss)
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
    assert peak_bytes - before_bytes < 32 * 2**20
    assert dataset_bytes(orthanc.file_of(uid)) == dataset_bytes(clinic.bytes_of(uid))


def test_the_folder_destination_has_each_object_once_and_proven(folder: Path) -> None:
    share = folder / "share"
    config = write_config(folder, f'[[destination]]\nname = "share"\nkind = "folder"\npath = "{share}"\n')
    database = Database(folder / "data" / "edge.db")
    instances = Instances(database, folder / "data", destinations=["share"], bells=folder / "run" / "bells" / "uplink")
    temp = instances.new_temp()
    ds = write_object(temp)
    kept = instances.keep(temp, source="test").instance
    with Service("uplink", config):
        wait_for(lambda: links.links(database) and links.links(database)[0].state == "down")
        share.mkdir()
        wait_for(lambda: deliveries.counts(database)[0].counts["safe"] == 1)
    copy = share / ds.StudyInstanceUID / ds.SeriesInstanceUID / f"{ds.SOPInstanceUID}.dcm"
    assert copy.read_bytes() == instances.path_of(kept).read_bytes()
    assert [path for path in share.rglob("*") if path.is_file()] == [copy]
