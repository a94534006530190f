"""Safe is only what a destination gives back unchanged: real Orthanc, whole and with its files cut."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

from edge.core.delivery import State
from edge.store import deliveries
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import dataset_bytes, make_dataset
from tests.support.orthanc import Orthanc, free_port
from tests.support.services import Service, write_config


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the names of Unix sockets are."""
    path = Path(tempfile.mkdtemp(prefix="edge-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Clinic:
    """The store of a node with one destination, written as the test wants it."""

    def __init__(self, folder: Path, section: str) -> None:
        self.folder = folder
        self.configure(section)
        self.database = Database(folder / "data" / "edge.db")
        self.instances = Instances(
            self.database, folder / "data", destinations=["vna"], bells=folder / "run" / "bells" / "uplink"
        )

    def configure(self, section: str) -> None:
        self.config = write_config(self.folder, f'[[destination]]\nname = "vna"\n{section}\n')

    def keep(self, ds: pydicom.Dataset) -> str:
        temp = self.instances.new_temp()
        ds.save_as(temp, enforce_file_format=True)
        return self.instances.keep(temp, source="test").instance.sop_instance_uid

    def bytes_of(self, uid: str) -> bytes:
        return self.instances.path_of(self.instances.require(uid)).read_bytes()

    def state_of(self, uid: str) -> tuple[State, str]:
        found = deliveries.find(self.database, uid, "vna")
        assert found is not None
        return found.state, found.reason

    def count(self, *states: str) -> int:
        found = deliveries.counts(self.database)
        return sum(found[0].counts[state] for state in states) if found else 0


def wait_for(look: Callable[[], object], *, timeout_s: float = 40.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(0.05)


def stow(hospital: Orthanc) -> str:
    return f'kind = "stow"\nurl = "{hospital.url}/dicom-web"\n'


def dimse(hospital: Orthanc) -> str:
    return f'host = "127.0.0.1"\nport = {hospital.dimse_port}\nae_title = "{hospital.ae_title}"\n'


def by_wado(hospital: Orthanc) -> str:
    return dimse(hospital) + f'readback_url = "{hospital.url}/dicom-web"\n'


WAYS = {"stow": stow, "dimse": dimse, "dimse-wado": by_wado}
# Without its cache: it would give back from memory what is cut on the disk.
ARCHIVE: dict[str, Any] = {"DicomAlwaysAllowGet": True, "MaximumStorageCacheSize": 0}
OVERWRITING: dict[str, Any] = {**ARCHIVE, "OverwriteInstances": True}


def stored_files(hospital: Orthanc) -> list[Path]:
    """Return the files of the objects in Orthanc's storage."""
    found = (hospital.folder / "storage").rglob("*")
    return [path for path in found if path.is_file() and not path.name.startswith("index") and _is_dicom(path)]


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


@pytest.mark.parametrize("way", WAYS)
def test_what_comes_back_unchanged_is_safe(folder: Path, way: str) -> None:
    with Orthanc(folder / "orthanc", options=ARCHIVE) as hospital:
        clinic = Clinic(folder, WAYS[way](hospital))
        uids = [clinic.keep(make_dataset(pixel_seed=number)) for number in range(3)]
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.count("safe") == 3)
        assert all(clinic.state_of(uid) == (State.SAFE, "") for uid in uids)


@pytest.mark.parametrize("kept_bytes", [0, 700, 4000])
@pytest.mark.parametrize("way", WAYS)
def test_what_the_archive_has_cut_is_caught_sent_again_and_only_then_safe(
    folder: Path, way: str, kept_bytes: int
) -> None:
    with Orthanc(folder / "orthanc", options=OVERWRITING) as hospital:
        clinic = Clinic(folder, WAYS[way](hospital) + "readback = false\ncommitment = false")
        cut, whole = (clinic.keep(make_dataset(pixel_seed=number, rows=64 + number)) for number in range(2))
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.count("sent") == 2)
        for path in stored_files(hospital):
            if dataset_bytes(path.read_bytes()) == dataset_bytes(clinic.bytes_of(cut)):
                with path.open("r+b") as file:
                    file.truncate(kept_bytes)
        clinic.configure(WAYS[way](hospital) + "commitment = false")
        with Service("uplink", clinic.config) as uplink:
            wait_for(lambda: clinic.count("safe") == 2)
            log = uplink.log()
        unproven = [line for line in log.splitlines() if "delivery.unproven" in line and "state=waiting" in line]
        assert unproven and all(cut in line for line in unproven)
        assert dataset_bytes(hospital.file_of(cut)) == dataset_bytes(clinic.bytes_of(cut))
        assert dataset_bytes(hospital.file_of(whole)) == dataset_bytes(clinic.bytes_of(whole))


def test_an_object_that_orthanc_committed_and_has_cut_is_caught_and_only_the_next_one_is_safe(folder: Path) -> None:
    report_port = free_port()
    modalities = {
        "clinic": {"AET": "CLINIC7", "Host": "127.0.0.1", "Port": report_port, "AllowStorageCommitment": True}
    }
    with Orthanc(folder / "orthanc", options={"DicomModalities": modalities, **OVERWRITING}) as hospital:
        section = dimse(hospital) + f'commitment_listen = "127.0.0.1:{report_port}"\n'
        clinic = Clinic(folder, section + "readback = false")
        uid = clinic.keep(make_dataset())
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.count("committed") == 1)
        (path,) = stored_files(hospital)
        with path.open("r+b") as file:
            file.truncate(2000)
        clinic.configure(section)
        with Service("uplink", clinic.config) as uplink:
            wait_for(lambda: clinic.count("safe") == 1)
            assert "delivery.unproven" in uplink.log()
        assert dataset_bytes(hospital.file_of(uid)) == dataset_bytes(clinic.bytes_of(uid))


def test_an_object_lost_at_the_archive_is_sent_again(folder: Path) -> None:
    with Orthanc(folder / "orthanc", options=ARCHIVE) as hospital:
        clinic = Clinic(folder, stow(hospital) + "readback = false")
        uid = clinic.keep(make_dataset())
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.count("sent") == 1)
        shutil.rmtree(hospital.folder / "storage")
        hospital.stop(is_hard=True)
        hospital.start()
        clinic.configure(stow(hospital))
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.count("safe") == 1)
        assert hospital.sop_instance_uids() == [uid]


def test_a_copy_that_the_archive_will_not_replace_is_held_for_a_person_in_the_end(folder: Path) -> None:
    with Orthanc(folder / "orthanc", options=ARCHIVE) as hospital:  # It never overwrites.
        clinic = Clinic(folder, stow(hospital) + "readback = false")
        uid = clinic.keep(make_dataset())
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.count("sent") == 1)
        (path,) = stored_files(hospital)
        with path.open("r+b") as file:
            file.truncate(3000)
        with clinic.database.write() as connection:
            connection.execute("UPDATE deliveries SET attempt_count = 4")
        clinic.configure(stow(hospital))
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.count("held") == 1, timeout_s=60)
        assert "Remove it there" in clinic.state_of(uid)[1]
