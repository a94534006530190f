"""Our own sender against real receivers: TLS, stalls, refusals, small PDUs, a file that is cut, several in flight."""

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.delivery import UNSURE, Outcome
from edge.errors import UnreachableError
from edge.net import stream
from edge.net.calling import Calling, echo
from edge.net.parcel import Parcel
from edge.net.pdu import RELEASE_RP
from edge.net.peer import NotAcceptedError, Peer, cut_all
from edge.net.provider import Provider, Received, StoreAnswer
from edge.net.storage import Doubts, Storage
from edge.net.tls import calling_context
from tests.integration.test_uplink_peers import Clinic, folder
from tests.support.hospital import Break, Hospital
from tests.support.objects import SECONDARY_CAPTURE, dataset_bytes, write_object
from tests.support.orthanc import free_port
from tests.support.services import Service

__all__ = ["folder"]
EXPLICIT = "1.2.840.10008.1.2.1"
KIND = (SECONDARY_CAPTURE, EXPLICIT)


def peer_at(port: int, **values: object) -> Peer:
    return Peer(name="vna", host="127.0.0.1", port=port, ae_title="VNA", own_ae_title="US", **values)  # type: ignore[arg-type]


def parcel_of(path: Path, **values: object) -> Parcel:
    ds = write_object(path, **values)
    return Parcel(
        path=path,
        sop_class_uid=SECONDARY_CAPTURE,
        sop_instance_uid=str(ds.SOPInstanceUID),
        transfer_syntax_uid=EXPLICIT,
    )


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    made = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=vna",
         "-addext", "subjectAltName=IP:127.0.0.1", "-out", made[0], "-keyout", made[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


class Archive:
    """A receiver of our own that keeps datasets in memory."""

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None) -> None:
        folder.mkdir()
        self.kept: dict[str, bytes] = {}
        self._numbers = iter(range(10_000))
        self.provider = Provider(
            ae_title="VNA", new_temp=lambda: folder / f"{next(self._numbers)}.part", take=self._take, tls=tls
        )
        self.port = self.provider.start("127.0.0.1", 0)

    def _take(self, received: Received) -> StoreAnswer:
        self.kept[received.sop_instance_uid] = dataset_bytes(received.path.read_bytes())
        return StoreAnswer(status=0)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(stream, "STALL_S", 0.5)
    monkeypatch.setattr(stream, "LOOK_S", 0.02)
    yield


def test_objects_go_over_tls_whole_and_a_peer_that_cannot_show_who_it_is_gets_nothing(
    folder: Path, certificate: tuple[Path, Path]
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    archive = Archive(folder / "archive", context)
    clinic = Clinic(folder, archive.port, more=f'is_tls = true\ntls_ca = "{certificate[0]}"\nreadback = false\n')
    uids = [clinic.keep(pixel_seed=number, rows=900, columns=900) for number in range(3)]
    try:
        with Service("uplink", clinic.config):
            clinic.wait_for_count("sent", 3)
        with pytest.raises(UnreachableError, match="TLS"):
            echo(peer_at(archive.port, tls=calling_context("vna", authority="", certificate="", key="")))
    finally:
        archive.provider.stop()
    for uid in uids:
        kept = clinic.instances.path_of(clinic.instances.require(uid)).read_bytes()
        assert archive.kept[uid] == dataset_bytes(kept)


def test_a_peer_that_takes_no_bytes_is_left_with_the_reason(tmp_path: Path, hurried: None) -> None:
    parcel = parcel_of(tmp_path / "a", rows=3000, columns=3000)
    stalling = Break("stall", False, 2_000_000)
    with Hospital(broken=stalling) as hospital, Storage(peer_at(hospital.port), [KIND]) as storage:
        answer = storage.send(parcel)
    assert (answer.outcome, answer.is_link_fault) == (Outcome.FAILED, True)
    assert "stalled" in answer.reason or "arrival" in answer.reason


def test_a_slow_peer_is_not_left_however_long_it_takes(tmp_path: Path, hurried: None) -> None:
    parcel = parcel_of(tmp_path / "a", rows=2000, columns=2000)
    began_s = time.monotonic()
    with Hospital() as hospital, _Trickle(hospital.port, pause_s=0.1, piece_bytes=128 * 1024) as port:
        with Storage(peer_at(port), [KIND]) as storage:
            answer = storage.send(parcel)
        assert answer.outcome is Outcome.ACCEPTED, answer.reason
        assert time.monotonic() - began_s > 2 * stream.STALL_S
        assert hospital.objects[parcel.sop_instance_uid] == dataset_bytes(parcel.path.read_bytes())


def test_an_answer_that_is_lost_leads_to_a_look_and_not_to_a_copy(tmp_path: Path) -> None:
    parcel = parcel_of(tmp_path / "a")
    asked: list[str] = []

    def has_already(parcel: Parcel) -> bool:
        asked.append(parcel.sop_instance_uid)
        return parcel.sop_instance_uid in hospital.objects

    doubts = Doubts(has_already)
    with Hospital() as hospital:
        with Storage(peer_at(hospital.port), [KIND]):
            pass
        opened_bytes = hospital.out_bytes - len(RELEASE_RP)
        hospital.broken = Break("close", True, hospital.out_bytes + opened_bytes + 20)
        with Storage(peer_at(hospital.port), [KIND], doubts=doubts) as storage:
            answer = storage.send(parcel)
        assert answer.is_link_fault and answer.reason.endswith(UNSURE)
        assert asked == []
        with Storage(peer_at(hospital.port), [KIND], doubts=doubts) as storage:
            answer = storage.send(parcel)
        assert answer.outcome is Outcome.ACCEPTED and answer.is_proven
        assert asked == [parcel.sop_instance_uid]
        assert hospital.again_count.total() == 0


def test_a_file_that_is_cut_while_it_is_sent_ends_the_association_and_is_no_fault_of_the_link(tmp_path: Path) -> None:
    parcel = parcel_of(tmp_path / "a", rows=1000, columns=1000)

    def cut() -> None:
        with parcel.path.open("r+b") as file:
            file.truncate(300_000)

    with Hospital() as hospital, Storage(peer_at(hospital.port), [KIND]) as storage:
        from edge.net import fragmenting

        read = fragmenting.kernel.read_into
        fragmenting.kernel.read_into = lambda *words: (cut(), read(*words))[1]  # type: ignore[func-returns-value]
        try:
            answer = storage.send(parcel)
        finally:
            fragmenting.kernel.read_into = read
        assert answer.outcome is Outcome.REFUSED and "ends before" in answer.reason
        assert not storage.is_open
        assert not hospital.objects


def test_several_are_in_flight_where_the_peer_grants_it_and_the_answers_keep_their_order(tmp_path: Path) -> None:
    parcels = [parcel_of(tmp_path / str(number), pixel_seed=number) for number in range(20)]
    port = free_port()
    sink = subprocess.Popen([sys.executable, "-m", "tests.bench.store_sink", str(port), "4"])
    try:
        _wait_for(port)
        with Storage(peer_at(port), [KIND]) as storage:
            assert storage.operation_count_max == 4
            answers = list(storage.send_each(parcels))
    finally:
        sink.kill()
        sink.wait()
    assert [answer.outcome for answer in answers] == [Outcome.ACCEPTED] * 20


def test_a_call_is_cut_from_another_thread_while_it_is_being_opened(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        threading.Timer(0.2, lambda: cut_all(peer_at(1))).start()
        began_s = time.monotonic()
        with pytest.raises(UnreachableError):
            Calling(peer_at(silent.getsockname()[1]), [KIND])
        assert time.monotonic() - began_s < 5


def test_a_peer_that_rejects_us_says_why(tmp_path: Path) -> None:
    from edge.net import pdu

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(pdu.reject(1, 1, 3))
            connection.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(UnreachableError, match="does not know our AE title"):
            Calling(peer_at(listener.getsockname()[1]), [KIND])


def test_a_peer_that_offers_nothing_is_not_out_of_reach() -> None:
    from edge.net import pdu

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            request = pdu.parse_request(connection.recv(65536)[6:])
            answers = [pdu.ContextAnswer(1, pdu.ContextResult.UNKNOWN_ABSTRACT_SYNTAX, EXPLICIT)]
            connection.sendall(
                pdu.accept(request, answers, pdu_bytes_max=0, implementation_class_uid="1", implementation_version="")
            )
            connection.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(NotAcceptedError):
            Calling(peer_at(listener.getsockname()[1]), [KIND])


class _Trickle:
    """A way on which little passes at a time."""

    def __init__(self, target: int, *, pause_s: float, piece_bytes: int) -> None:
        self._target, self._pause_s, self._piece_bytes = target, pause_s, piece_bytes
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        return int(self._listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        near, _ = self._listener.accept()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        far = socket.create_connection(("127.0.0.1", self._target))
        threading.Thread(target=self._back, args=[far, near], daemon=True).start()
        while data := near.recv(self._piece_bytes):
            far.sendall(data)
            if len(data) > 4096:
                time.sleep(self._pause_s)
        far.close()

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        try:
            while data := far.recv(65536):
                near.sendall(data)
        except OSError:
            return


def _wait_for(port: int) -> None:
    until_s = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < until_s
            time.sleep(0.05)
