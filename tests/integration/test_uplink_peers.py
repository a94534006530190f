"""The uplink against peers that behave badly, each played by a real listener; and against DCMTK's."""

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.delivery import State
from edge.demo.archive import Archive
from edge.net.provider import Provider, Received, StoreAnswer
from edge.store import deliveries, links, worklist
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import dataset_bytes, make_dataset
from tests.support.orthanc import free_port
from tests.support.services import Service, write_config


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the names of Unix sockets are."""
    path = Path(tempfile.mkdtemp(prefix="edge-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Clinic:
    """The store of a node, with one DIMSE destination."""

    def __init__(self, folder: Path, port: int, *, more: str = "") -> None:
        self.config = write_config(
            folder, f'[[destination]]\nname = "vna"\nhost = "127.0.0.1"\nport = {port}\nae_title = "VNA"\n{more}'
        )
        bells = folder / "run" / "bells" / "uplink"
        self.database = Database(folder / "data" / "edge.db")
        self.instances = Instances(self.database, folder / "data", destinations=["vna"], bells=bells)

    def keep(self, **values: object) -> str:
        temp = self.instances.new_temp()
        make_dataset(**values).save_as(temp, enforce_file_format=True)
        return self.instances.keep(temp, source="test").instance.sop_instance_uid

    def state_of(self, uid: str) -> tuple[State, str]:
        found = deliveries.find(self.database, uid, "vna")
        assert found is not None
        return found.state, found.reason

    def count(self, state: str) -> int:
        found = deliveries.counts(self.database)
        return found[0].counts[state] if found else 0

    def wait_for_count(self, state: str, count: int, *, timeout_s: float = 30.0) -> None:
        deadline_s = time.monotonic() + timeout_s
        while self.count(state) != count:
            assert time.monotonic() < deadline_s, deliveries.counts(self.database)
            time.sleep(0.05)


class Peer:
    """A listener that answers each object as it is told to."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.answers: dict[str, list[int]] = {}
        """SOPInstanceUID -> statuses for the first attempts; then success."""
        self.seen: list[str] = []
        self._number = 0
        self._lock = threading.Lock()
        self.provider = Provider(ae_title="VNA", new_temp=self._new_temp, take=self._take)
        self.port = self.provider.start("127.0.0.1", 0)

    def _new_temp(self) -> Path:
        with self._lock:
            self._number += 1
            return self._folder / f"{self._number}.part"

    def _take(self, received: Received) -> StoreAnswer:
        self.seen.append(received.sop_instance_uid)
        statuses = self.answers.get(received.sop_instance_uid, [])
        return StoreAnswer(status=statuses.pop(0) if statuses else 0)


@pytest.fixture
def peer(folder: Path) -> Iterator[Peer]:
    made = Peer(folder / "peer")
    yield made
    made.provider.stop()


def test_a_refused_object_is_held_with_its_reason_and_the_rest_goes(folder: Path, peer: Peer) -> None:
    clinic = Clinic(folder, peer.port)
    bad = clinic.keep()
    peer.answers[bad] = [0xA900] * 9
    for number in range(5):
        clinic.keep(pixel_seed=number + 1)
    with Service("uplink", clinic.config):
        clinic.wait_for_count("sent", 5)
        clinic.wait_for_count("held", 1)
        state, reason = clinic.state_of(bad)
        assert state is State.HELD
        assert "0xA900" in reason and "SOP class" in reason
        assert peer.seen.count(bad) == 1
        # A person corrects the archive and says: again.
        peer.answers.clear()
        assert deliveries.retry(clinic.database, now_s=time.time(), sop_instance_uid=bad) == 1
        clinic.wait_for_count("sent", 6)


def test_an_archive_without_room_is_tried_again_by_itself(folder: Path, peer: Peer) -> None:
    clinic = Clinic(folder, peer.port)
    late = clinic.keep()
    peer.answers[late] = [0xA700]
    clinic.keep(pixel_seed=1)
    with Service("uplink", clinic.config):
        clinic.wait_for_count("sent", 2, timeout_s=20)
    assert peer.seen.count(late) == 2


def test_a_warning_counts_as_stored_and_is_kept_to_be_shown(folder: Path, peer: Peer) -> None:
    clinic = Clinic(folder, peer.port)
    uid = clinic.keep()
    peer.answers[uid] = [0xB000]
    with Service("uplink", clinic.config):
        clinic.wait_for_count("sent", 1)
    assert "0xB000" in clinic.state_of(uid)[1]


def test_an_object_whose_file_is_gone_is_held_and_stops_nothing(folder: Path, peer: Peer) -> None:
    clinic = Clinic(folder, peer.port)
    lost = clinic.keep()
    clinic.instances.path_of(clinic.instances.require(lost)).unlink()
    clinic.keep(pixel_seed=1)
    with Service("uplink", clinic.config):
        clinic.wait_for_count("sent", 1)
        clinic.wait_for_count("held", 1)
    assert "missing" in clinic.state_of(lost)[1]


def test_what_a_person_put_first_goes_first_and_what_is_cancelled_never_goes(folder: Path, peer: Peer) -> None:
    clinic = Clinic(folder, peer.port)
    uids = [clinic.keep(pixel_seed=number) for number in range(6)]
    assert deliveries.cancel(clinic.database, now_s=time.time(), sop_instance_uid=uids[0]) == 1
    assert deliveries.first(clinic.database, now_s=time.time(), sop_instance_uid=uids[5]) == 1
    with Service("uplink", clinic.config):
        clinic.wait_for_count("sent", 5)
    assert peer.seen[0] == uids[5]
    assert uids[0] not in peer.seen


def test_a_stop_does_not_wait_for_a_peer_that_accepts_the_connection_and_says_nothing(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        clinic = Clinic(folder, silent.getsockname()[1])
        uid = clinic.keep()
        with Service("uplink", clinic.config) as uplink:
            time.sleep(1.0)
            began_s = time.monotonic()
            assert uplink.stop() == 0  # It does not hang on the peer.
            assert time.monotonic() - began_s < 5.0
    assert clinic.state_of(uid)[0] is State.WAITING


def test_the_demo_archive_commits_on_the_same_association_and_has_a_worklist(folder: Path) -> None:
    archive = Archive(folder / "hospital", "VNA", say=False)
    port = archive.provider.start("127.0.0.1", 0)
    clinic = Clinic(
        folder, port, more=f'[worklist]\nhost = "127.0.0.1"\nport = {port}\nae_title = "VNA"\nrefresh_s = 3600\n'
    )
    uids = [clinic.keep(pixel_seed=number) for number in range(3)]
    try:
        with Service("uplink", clinic.config):
            clinic.wait_for_count("safe", 3)  # Committed, and given back.
            deadline_s = time.monotonic() + 10
            while not worklist.entries(clinic.database):
                assert time.monotonic() < deadline_s
                time.sleep(0.05)
    finally:
        archive.provider.stop()
    entries = worklist.entries(clinic.database)
    assert any(entry.patient.responsible_person for entry in entries)
    assert all(entry.patient.name.partition("^")[0] for entry in entries)
    assert links.links(clinic.database)[0].state == "up"
    for uid in uids:
        kept = clinic.instances.path_of(clinic.instances.require(uid)).read_bytes()
        assert dataset_bytes(archive.path_of(uid).read_bytes()) == dataset_bytes(kept)


def test_an_object_the_archive_lost_is_sent_again_when_it_does_not_commit(folder: Path) -> None:
    archive = Archive(folder / "hospital", "VNA", say=False)
    port = archive.provider.start("127.0.0.1", 0)
    clinic = Clinic(folder, port, more="commitment = false\nreadback = false")
    uid = clinic.keep()
    try:
        with Service("uplink", clinic.config):
            clinic.wait_for_count("sent", 1)
        archive.path_of(uid).unlink()
        clinic.config.write_text(clinic.config.read_text().replace(" = false", " = true"))
        with Service("uplink", clinic.config):
            clinic.wait_for_count("safe", 1, timeout_s=30)
        assert archive.path_of(uid).exists()
    finally:
        archive.provider.stop()


@pytest.mark.skipif(shutil.which("storescp") is None, reason="DCMTK is not installed: apt-get install dcmtk")
def test_dcmtk_storescp_receives_the_same_dataset(folder: Path) -> None:
    port = free_port()
    target = folder / "dcmtk"
    target.mkdir()
    server = subprocess.Popen(["storescp", "-od", str(target), "+B", "-aet", "VNA", str(port)])
    clinic = Clinic(folder, port)
    uid = clinic.keep()
    try:
        with Service("uplink", clinic.config):
            clinic.wait_for_count("sent", 1)
    finally:
        server.kill()
        server.wait()
    received = [path for path in target.iterdir() if path.is_file()]
    kept = clinic.instances.path_of(clinic.instances.require(uid)).read_bytes()
    assert len(received) == 1
    assert dataset_bytes(received[0].read_bytes()) == dataset_bytes(kept)
