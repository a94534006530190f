"""What has brought other listeners to their knees: lengths that lie, silence, stuttering, cuts and full disks."""

import errno
import os
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    SecondaryCaptureImageStorage,
    Verification,
)

from edge.net import command, pdu
from edge.net.provider import Provider
from edge.net.wire import Wire
from edge.receive.intake import take
from edge.runtime import kernel
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import SECONDARY_CAPTURE, make_dataset
from tests.support.orthanc import free_port
from tests.support.sender import EXPLICIT, Sender, item_of, message, request
from tests.support.services import Service, write_config

HUGE = b"\xff\xff\xff\xff"
NO_ROOM = 0xA700


class House:
    """A listener in this process, and its store."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.folder = folder
        self.store = Instances(Database(folder / "edge.db"), folder)
        self.provider = Provider(
            ae_title="CLINIC7", new_temp=self.store.new_temp, take=lambda received: take(self.store, received),
            has_room=self.store.has_room, **options,  # type: ignore[arg-type]
        )  # fmt: skip
        self.port = self.provider.start("127.0.0.1", 0)

    def leftovers(self) -> list[str]:
        return os.listdir(self.folder / "incoming")

    def object_count(self) -> int:
        return sum(len(names) for _, _, names in os.walk(self.folder / "objects"))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.provider.stop()


def wait_until_empty(house: House) -> None:
    until_s = time.monotonic() + 10
    while house.leftovers():
        assert time.monotonic() < until_s, house.leftovers()
        time.sleep(0.01)


def memory_kib() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


@pytest.mark.parametrize("kind", [b"\x01", b"\x04", b"\x07"])
def test_a_pdu_of_four_gigabytes_before_association_is_refused_and_no_memory_grows(house: House, kind: bytes) -> None:
    before_kib = memory_kib()
    with Sender(house.port) as sender:
        sender.socket.sendall(kind + b"\0" + HUGE)
        try:
            for _ in range(64):
                sender.socket.sendall(bytes(1024 * 1024))
        except OSError:  # It is gone: good.
            pass
        assert sender.is_closed_within(5)
    assert memory_kib() - before_kib < 16 * 1024


def test_a_pdu_of_four_gigabytes_within_an_association_aborts_it(house: House) -> None:
    with Sender(house.port) as sender:
        sender.associate()
        sender.socket.sendall(b"\x04\0" + HUGE)
        assert sender.receive()[0] == pdu.PduType.ABORT


@pytest.mark.parametrize(
    "body",
    [b"\0\0\0\x01\x01", struct.pack(">IBB", 0xFFFFFFFF, 1, 3), struct.pack(">IBB", 2, 99, 3), b"\0\0\0\x01\x01\x03"],
)
def test_data_that_lies_about_itself_ends_that_association_only(house: House, body: bytes) -> None:
    with Sender(house.port) as other, Sender(house.port) as sender:
        other.associate()
        sender.associate()
        sender.socket.sendall(pdu.header(pdu.PduType.DATA, len(body)) + body)
        assert sender.receive()[0] == pdu.PduType.ABORT
        assert other.store(item_of(make_dataset())) == 0


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    made = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-out", made[0], "-keyout", made[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


def server_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


class HalfShaken:
    """A TLS client that talks through a socket and says its next word only when it is told to."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        self.socket = connection
        self._come, self._go = ssl.MemoryBIO(), ssl.MemoryBIO()
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        self._tls = trusting.wrap_bio(self._come, self._go)
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.do_handshake()
        self.socket.sendall(self._go.read())
        self._come.write(self.socket.recv(65536))  # The answer: the other side is within the handshake now.

    def go_on(self) -> None:
        while True:
            try:
                return self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._come.write(self.socket.recv(65536))
            finally:
                self.socket.sendall(self._go.read())

    def say(self, words: bytes) -> None:
        self._tls.write(words)
        self.socket.sendall(self._go.read())


def test_a_stop_within_a_tls_handshake_ends_it_without_a_fault(
    tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    died: list[object] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    house = House(tmp_path / "data", tls=server_context(certificate))
    client = HalfShaken(socket.create_connection(("127.0.0.1", house.port)))
    house.provider.stop()
    assert client.socket.recv(65536) == b"" and died == []


def test_what_is_unread_when_a_tls_connection_is_ended_never_counts_as_plain(certificate: tuple[Path, Path]) -> None:
    ours, theirs = socket.socketpair()
    wire, room = Wire(ours), memoryview(bytearray(4096))
    shaking = threading.Thread(
        target=wire.shake_hands, args=[server_context(certificate)], kwargs={"until_s": time.monotonic() + 10}
    )
    shaking.start()
    client = HalfShaken(theirs)
    client.go_on()
    shaking.join()
    client.say(b"only this")
    wire.shut()
    assert bytes(room[: wire.receive_into(room, 5)]) in (b"", b"only this")
    wire.close()


def test_a_silent_tls_client_holds_up_nobody_and_is_let_go(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    house = House(tmp_path / "data", tls=server_context(certificate), request_s=2.0)
    trusting = ssl.create_default_context(cafile=certificate[0])
    silent = [Sender(house.port) for _ in range(5)]
    began_s = time.monotonic()
    ae = AE("CART")
    ae.add_requested_context(Verification)
    ae.add_requested_context(SecondaryCaptureImageStorage, EXPLICIT)
    assoc = ae.associate("127.0.0.1", house.port, tls_args=(trusting, "localhost"))
    assert assoc.is_established
    ds = make_dataset(rows=1000, columns=1000)
    assert assoc.send_c_echo().Status == 0
    assert assoc.send_c_store(ds).Status == 0
    assert time.monotonic() - began_s < 1.9, "it waited for the silent ones"
    assoc.release()
    assert house.store.find(ds.SOPInstanceUID) is not None
    assert all(one.is_closed_within(5) for one in silent)
    house.provider.stop()


def test_a_request_that_comes_drop_by_drop_has_one_deadline(tmp_path: Path) -> None:
    house = House(tmp_path, request_s=0.5)
    with Sender(house.port) as sender:
        began_s = time.monotonic()
        try:
            for byte in request(proposals=[(1, SECONDARY_CAPTURE, [EXPLICIT])]):
                sender.socket.sendall(bytes([byte]))
                time.sleep(0.02)
        except OSError:
            pass
        assert sender.is_closed_within(5)
        assert time.monotonic() - began_s < 4.5
    house.provider.stop()


def test_a_silent_association_is_aborted_and_leaves_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, idle_s=0.2)
    with Sender(house.port) as sender:
        sender.associate()
        parts = list(message(1, item_of(make_dataset(rows=600, columns=600))))
        sender.socket.sendall(parts[0] + parts[1] + parts[2][:100])
        assert sender.receive()[0] == pdu.PduType.ABORT
    wait_until_empty(house)
    assert house.object_count() == 0
    house.provider.stop()


def test_an_object_sent_byte_by_byte_is_kept(house: House) -> None:
    item = item_of(make_dataset(rows=16, columns=16))
    with Sender(house.port) as sender:
        for byte in request(proposals=[(1, SECONDARY_CAPTURE, [EXPLICIT])]):
            sender.socket.sendall(bytes([byte]))
        assert sender.receive()[0] == pdu.PduType.ASSOCIATE_AC
        for part in message(1, item, pdu_bytes_max=64):
            for byte in part:
                sender.socket.sendall(bytes([byte]))
        assert sender.status() == 0
        sender.release()
    assert house.store.find(item.sop_instance_uid) is not None


def test_a_cut_exactly_between_two_elements_is_not_a_whole_object(house: House) -> None:
    """Its bytes alone look like a whole object without pixels: only the mark of the last fragment tells."""
    item = item_of(make_dataset())
    head = item.dataset[: item.dataset.rindex(b"\xe0\x7f\x10\x00")]
    said = command.store_request(1, item.sop_class_uid, item.sop_instance_uid)
    with Sender(house.port) as sender:
        sender.associate()
        sender.socket.sendall(pdu.data(1, said, is_command=True) + pdu.data(1, head, is_command=False, is_last=False))
        time.sleep(0.1)
    wait_until_empty(house)
    assert house.object_count() == 0 and house.store.find(item.sop_instance_uid) is None


@pytest.mark.parametrize("is_reset", [False, True])
def test_broken_transfers_leave_no_temporary_files(house: House, *, is_reset: bool) -> None:
    for number in range(10):
        sender = Sender(house.port)
        sender.associate()
        parts = list(message(1, item_of(make_dataset(rows=600, columns=600, pixel_seed=number))))
        sender.socket.sendall(parts[0] + parts[1] + parts[2][: 1000 * number])
        if is_reset:
            sender.reset()
        else:
            sender.socket.close()
    wait_until_empty(house)
    assert house.object_count() == 0


def test_short_writes_on_a_disk_that_fills_up_are_never_acknowledged(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 300_000

    def hook(name: str, size_bytes: int) -> int:
        nonlocal room
        if name != "write":
            return size_bytes
        if room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = min(room, size_bytes, 70_000)
        room -= taken
        return taken

    monkeypatch.setattr(kernel, "hook", hook)
    small, large = (item_of(make_dataset(rows=side, columns=side)) for side in (400, 600))
    with Sender(house.port) as sender:
        sender.associate()
        assert sender.store(small) == 0
        assert sender.store(large) == NO_ROOM
        room = 10_000_000
        assert sender.store(large) == 0
    path = house.store.path_of(house.store.require(small.sop_instance_uid))
    assert path.read_bytes().endswith(small.dataset)
    wait_until_empty(house)


def test_below_the_reserve_of_the_disk_nothing_is_written(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sender(house.port) as sender:
        sender.associate()
        monkeypatch.setattr(house.store.room, "_reserve_bytes", 2**62)
        assert sender.store(item_of(make_dataset())) == NO_ROOM
    assert house.object_count() == 0


def test_128_contexts_unknown_items_and_an_identity_are_taken_in_stride(house: House) -> None:
    proposals = [
        (2 * n + 1, f"1.2.3.{n}" if n else SECONDARY_CAPTURE, [EXPLICIT, "1.2.840.10008.1.2"]) for n in range(128)
    ]
    identity = struct.pack(">BBHBBH", 0x58, 0, 10, 1, 1, 4) + b"user" + b"\0\0"
    unknown = struct.pack(">BBH", 0x7E, 0, 3) + b"abc"
    item = item_of(make_dataset())
    with Sender(house.port) as sender:
        sender.socket.sendall(
            request(proposals=proposals, extra_user_items=identity + unknown, extra_items=unknown)
        )  # fmt: skip
        kind, body = sender.receive()
        assert kind == pdu.PduType.ASSOCIATE_AC
        assert set(pdu.parse_accept(body).values()) == {EXPLICIT} and len(pdu.parse_accept(body)) == 128
        assert sender.store(item) == 0
        sender.release()


def test_a_service_that_is_not_offered_is_refused_as_a_context(house: House) -> None:
    with Sender(house.port) as sender:
        assert sender.associate([str(PatientRootQueryRetrieveInformationModelFind), SECONDARY_CAPTURE]) == {3: EXPLICIT}


def test_another_called_title_is_refused_when_it_is_checked(tmp_path: Path) -> None:
    house = House(tmp_path, is_called_title_checked=True)

    def call(title: str) -> str:
        words = ["echoscu", "-aet", "CART", "-aec", title, "127.0.0.1", str(house.port)]
        called = subprocess.run(words, capture_output=True, text=True, timeout=30)
        return "" if called.returncode == 0 else called.stdout + called.stderr

    assert "Called AE Title Not Recognized" in call("SOMEBODY")
    assert call("CLINIC7") == ""
    house.provider.stop()


def test_objects_and_queries_share_an_association(tmp_path: Path) -> None:
    """The query goes to the library; the object comes our way, and never through its memory."""

    def find(event: evt.Event) -> Iterator[tuple[int, object]]:
        yield 0xFF00, event.identifier

    house = House(
        tmp_path, handlers=[(evt.EVT_C_FIND, find)], other_services=[PatientRootQueryRetrieveInformationModelFind]
    )
    ae = AE("CART")
    ae.add_requested_context(PatientRootQueryRetrieveInformationModelFind)
    ae.add_requested_context(SecondaryCaptureImageStorage, EXPLICIT)
    ae.add_requested_context(Verification)
    assoc = ae.associate("127.0.0.1", house.port)
    asked = make_dataset(PixelData=None)
    for _ in range(3):
        ds = make_dataset(rows=700, columns=700)
        assert assoc.send_c_store(ds).Status == 0
        answers = list(assoc.send_c_find(asked, PatientRootQueryRetrieveInformationModelFind))
        assert [status.Status for status, _ in answers] == [0xFF00, 0]
        assert assoc.send_c_echo().Status == 0
        assert house.store.find(ds.SOPInstanceUID) is not None
    assoc.release()
    assert assoc.is_released
    house.provider.stop()


def test_stopping_waits_for_the_object_under_way(house: House) -> None:
    item = item_of(make_dataset(rows=600, columns=600))
    with Sender(house.port) as sender, Sender(house.port) as idle:
        sender.associate()
        idle.associate()
        parts = list(message(1, item))
        sender.socket.sendall(parts[0] + parts[1])
        time.sleep(0.1)
        stopping = threading.Thread(target=house.provider.stop)
        stopping.start()
        assert idle.is_closed_within(2)
        for part in parts[2:]:
            sender.socket.sendall(part)
        assert sender.status() == 0
        stopping.join(5)
        assert not stopping.is_alive()


def test_small_packets_go_at_once(house: House) -> None:
    with Sender(house.port) as sender:
        sender.associate()
        (conversation,) = house.provider.acceptor._open
        assert conversation._wire._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_idle_associations_cost_less_than_a_thousandth_of_a_core(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("i")
    port, count, watch_s = free_port(), 12, 3.0
    with Service("receive", write_config(folder, "", receive_port=port)) as service:
        assert service.process is not None
        senders = [Sender(port) for _ in range(count)]
        for index, sender in enumerate(senders):
            more = [str(PatientRootQueryRetrieveInformationModelFind)] if index % 4 == 0 else []
            assert sender.associate([SECONDARY_CAPTURE, *more])
        time.sleep(3.0)  # The library is put to rest after two seconds.
        before_ns = cpu_ns(service.process.pid)
        time.sleep(watch_s)
        share = (cpu_ns(service.process.pid) - before_ns) / 1e9 / watch_s / count
        for sender in senders:
            sender.socket.close()
    assert share < 0.001, f"{share:.2%} of a core"


def cpu_ns(process_id: int) -> int:
    tasks = Path(f"/proc/{process_id}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
