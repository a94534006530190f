"""Several associations side by side to a hospital that is far away: DCMTK's, one of ours, and what they refuse."""

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.core.delivery import Outcome
from edge.net import calling
from edge.net.parcel import Parcel
from edge.net.peer import Peer, cut_all
from edge.net.provider import Provider, Received, StoreAnswer
from edge.uplink.carrier import DimseCarrier
from tests.support.objects import SECONDARY_CAPTURE, dataset_bytes, write_object
from tests.support.orthanc import free_port

ONE_WAY_S = 0.05
COUNT = 24
has_dcmtk = pytest.mark.skipif(shutil.which("storescp") is None, reason="DCMTK is not installed: apt-get install dcmtk")


@contextmanager
def program(*words: object) -> Iterator[None]:
    process = subprocess.Popen([str(word) for word in words])
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def far_away(port: int, folder: Path) -> Iterator[int]:
    """A way with a delay; the value is its near end."""
    near, count = free_port(), folder / "passed"
    with program(sys.executable, "-m", "tests.bench.slow_relay", near, port, 1e9, ONE_WAY_S, 1 << 20, count):
        wait_for(lambda: is_listening(near))
        yield near


def wait_for(look: Callable[[], object], *, timeout_s: float = 30.0) -> None:
    until_s = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def carrier_to(port: int) -> DimseCarrier:
    return DimseCarrier(Peer(name="vna", host="127.0.0.1", port=port, ae_title="VNA", own_ae_title="US"))


def parcels_in(folder: Path, count: int = COUNT) -> list[Parcel]:
    """Objects of one kind, of very different sizes: what is begun later is often there earlier."""
    folder.mkdir()
    found = []
    for number in range(count):
        side = 300 if number % 7 == 0 else 8
        ds = write_object(folder / str(number), pixel_seed=number, rows=side, columns=side)
        uid, syntax = str(ds.SOPInstanceUID), "1.2.840.10008.1.2.1"
        found.append(
            Parcel(
                path=folder / str(number), sop_class_uid=SECONDARY_CAPTURE, sop_instance_uid=uid,
                transfer_syntax_uid=syntax,
            )
        )  # fmt: skip
    return found


def send_all(carrier: DimseCarrier, parcels: list[Parcel]) -> list[Outcome]:
    with carrier.open(parcels) as way:
        return [answer.outcome for answer in way.send_each(parcels)]


def check_each_once(target: Path, parcels: list[Parcel]) -> None:
    """The receiver gives a name to each object it is sent: one that came twice has two files."""
    received = Counter(dataset_bytes(path.read_bytes()) for path in target.iterdir() if path.is_file())
    assert received == Counter(dataset_bytes(parcel.path.read_bytes()) for parcel in parcels)


@has_dcmtk
@pytest.mark.parametrize("way", [["--fork"], []], ids=["takes several", "takes one at a time"])
def test_every_object_arrives_once_however_many_associations_the_hospital_takes(
    tmp_path: Path, way: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "NEGOTIATE_S", 1.0)
    port, target, parcels = free_port(), tmp_path / "there", parcels_in(tmp_path / "here")
    target.mkdir()
    storescp = ["storescp", *way, "--unique-filenames", "-od", target, "+B", port]
    with program(*storescp), far_away(port, tmp_path) as near:
        wait_for(lambda: is_listening(port))
        carrier = carrier_to(near)
        assert send_all(carrier, parcels) == [Outcome.ACCEPTED] * COUNT
    check_each_once(target, parcels)
    assert (carrier.width.wanted_count > 2) is bool(way)


class Hospital:
    """A receiver of ours with a limit of associations."""

    def __init__(self, folder: Path, *, association_count_max: int, take_s: float = 0.0) -> None:
        folder.mkdir()
        self.received: Counter[str] = Counter()
        self._numbers, self._take_s = iter(range(10_000)), take_s
        self.provider = Provider(
            ae_title="VNA", new_temp=lambda: folder / f"{next(self._numbers)}.part", take=self._take,
            association_count_max=association_count_max,
        )  # fmt: skip
        self.port = self.provider.start("127.0.0.1", 0)

    def _take(self, received: Received) -> StoreAnswer:
        time.sleep(self._take_s)
        self.received[received.sop_instance_uid] += 1
        return StoreAnswer(status=0)


def test_a_hospital_that_rejects_one_more_keeps_what_it_takes_less_one_for_others(tmp_path: Path) -> None:
    hospital, parcels = Hospital(tmp_path / "there", association_count_max=3), parcels_in(tmp_path / "here", 40)
    try:
        with far_away(hospital.port, tmp_path) as near:
            carrier = carrier_to(near)
            assert send_all(carrier, parcels) == [Outcome.ACCEPTED] * len(parcels)
    finally:
        hospital.provider.stop()
    assert hospital.received == Counter(parcel.sop_instance_uid for parcel in parcels)
    assert carrier.width.wanted_count == 2


def test_a_stop_reaches_every_association_and_each_object_is_answered_for(tmp_path: Path) -> None:
    hospital, parcels = Hospital(tmp_path / "there", association_count_max=16), parcels_in(tmp_path / "here", 200)
    try:
        with far_away(hospital.port, tmp_path) as near:
            carrier = carrier_to(near)
            with carrier.open(parcels) as way:
                answers = way.send_each(parcels)
                outcomes = []
                while carrier.width.wanted_count < 3:
                    outcomes.append(next(answers).outcome)
                threading.Timer(0.05, lambda: cut_all(carrier.peer)).start()
                began_s = time.monotonic()
                rest = list(answers)
                assert time.monotonic() - began_s < 20 and not way.is_open
    finally:
        hospital.provider.stop()
    assert len(outcomes) + len(rest) == len(parcels)
    assert all(answer.is_link_fault or answer.outcome is Outcome.ACCEPTED for answer in rest)
    assert rest[-1].is_link_fault
    wait_for(lambda: not threads_of_ways())


def threads_of_ways() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("fan-")]


def test_a_hospital_nearby_has_one_association(tmp_path: Path) -> None:
    hospital, parcels = Hospital(tmp_path / "there", association_count_max=16), parcels_in(tmp_path / "here")
    try:
        carrier = carrier_to(hospital.port)
        assert send_all(carrier, parcels) == [Outcome.ACCEPTED] * COUNT
    finally:
        hospital.provider.stop()
    assert carrier.width.wanted_count == 1
