"""Whole objects to a hub in parts: over links that break, with either side restarted, and never anything twice."""

import base64
import dataclasses
import hashlib
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.core.delivery import Outcome
from edge.net.hub import Hub, by_digest
from edge.net.parcel import Answer, Parcel
from edge.net.readback import NotThereError
from edge.net.web import NotLetInError, WebClient, WebPeer
from edge.runtime.gate import Gate
from edge.store import deliveries, durable
from edge.store.database import Database
from edge.store.instances import Instance, Instances
from tests.support.objects import make_dataset
from tests.support.orthanc import free_port
from tests.support.relay import Relay
from tests.support.services import Service, write_config

TOKENS = {"clinic-7": secrets.token_hex(16), "clinic-8": secrets.token_hex(16)}
MB = 2**20


class HubNode:
    """A node in hub role in a process of its own, killed and started again at will; a context."""

    def __init__(self, folder: Path, *, more: str = "", sections: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        nodes = "".join(f'[[hub.node]]\nname = "{name}"\ntoken = "{token}"\n' for name, token in TOKENS.items())
        folder.mkdir(exist_ok=True)
        config = write_config(folder, f'[api]\nlisten = "127.0.0.1:{self.port}"\n[hub]\n{more}\n{nodes}{sections}')
        self.service = Service("api", config)
        self.database = Database(folder / "data" / "edge.db")
        self.instances = Instances(self.database, folder / "data")

    def __enter__(self) -> "HubNode":
        self.service.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.service.kill()

    def restart(self) -> None:
        """As after a power cut of the process: SIGKILL."""
        self.service.kill()
        self.service.start()

    def relay(self, **values: Any) -> Relay:
        return Relay(self.port, **values)

    def kept_file(self, parcel: Parcel) -> Path:
        return self.instances.path_of(self.instances.require(parcel.sop_instance_uid))

    @property
    def uploads(self) -> list[Path]:
        return sorted((self.folder / "data" / "uploads").glob("*"))

    @property
    def come_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.uploads if path.suffix == ".part")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the names of Unix sockets are."""
    path = Path(tempfile.mkdtemp(prefix="edge-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def hub() -> Iterator[HubNode]:
    """One for all that do not need another configuration."""
    path = Path(tempfile.mkdtemp(prefix="edge-"))
    with HubNode(path / "hub") as node:
        yield node
    shutil.rmtree(path, ignore_errors=True)


def wait_for(look: Callable[[], object], *, timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(0.02)


class Sender:
    """A node's end, without its outbox."""

    def __init__(self, url: str, name: str = "clinic-7", *, token: str = "") -> None:
        self.client = WebClient(WebPeer(name="hub", url=url, token=token or TOKENS[name]))
        self.hub = Hub(self.client)

    def send(self, parcel: Parcel) -> Answer:
        with self.hub as way:
            answer = way.send(parcel)
            while answer.is_unfinished:
                answer = way.send(parcel)
        return answer


def parcel_of(folder: Path, *, size_mb: int = 1, seed: int = 0) -> Parcel:
    """Write an object as the store would: named after its digest."""
    folder.mkdir(exist_ok=True)
    path = folder / "made.dcm"
    ds = make_dataset(pixel_seed=seed, rows=1024, columns=1024, frames=size_mb)
    ds.save_as(path, enforce_file_format=True)
    final = path.rename(folder / durable.digest_of(path).hex())
    return Parcel(
        path=final, sop_class_uid=ds.SOPClassUID, sop_instance_uid=ds.SOPInstanceUID,
        transfer_syntax_uid=ds.file_meta.TransferSyntaxUID, study_instance_uid=ds.StudyInstanceUID,
        series_instance_uid=ds.SeriesInstanceUID,
    )  # fmt: skip


def other_file(parcel: Parcel, path: Path) -> Parcel:
    """Return the same parcel with another file."""
    return dataclasses.replace(parcel, path=path)


def test_an_object_arrives_byte_for_byte_with_its_uids_and_the_name_of_its_node(hub: HubNode, folder: Path) -> None:
    parcel = parcel_of(folder / "clinic", size_mb=3)
    assert Sender(hub.url).send(parcel).outcome is Outcome.ACCEPTED
    instance = hub.instances.require(parcel.sop_instance_uid)
    assert hub.instances.path_of(instance).read_bytes() == parcel.path.read_bytes()
    assert instance.source == "clinic-7"
    assert hub.uploads == []


def test_the_same_object_again_is_known_at_once(hub: HubNode, folder: Path) -> None:
    parcel = parcel_of(folder / "clinic", size_mb=3)
    Sender(hub.url).send(parcel)
    with hub.relay() as relay:
        answer = Sender(f"http://127.0.0.1:{relay.port}").send(parcel)
        assert (answer.outcome, relay.up_bytes < 2000) == (Outcome.ACCEPTED, True)


def test_every_connection_cut_after_a_megabyte_costs_little_more_than_the_object(hub: HubNode, folder: Path) -> None:
    parcel = parcel_of(folder / "clinic", size_mb=12)
    with hub.relay(rate_bytes_s=40e6, cut_bytes=MB, is_gentle=True) as relay:
        answer = Sender(f"http://127.0.0.1:{relay.port}").send(parcel)
        assert answer.outcome is Outcome.ACCEPTED, answer.reason
        assert relay.cut_count >= 11
        # What a link holds is lost with it, and some is asked after each cut.
        assert relay.up_bytes < 1.3 * parcel.path.stat().st_size
    assert hub.kept_file(parcel).read_bytes() == parcel.path.read_bytes()


def begin_half(hub: HubNode, parcel: Parcel) -> None:
    """Send a part of an object, at most about half; then the link stays down."""
    with hub.relay(cut_bytes=parcel.path.stat().st_size // 2) as relay:
        sender = Sender(f"http://127.0.0.1:{relay.port}")
        sender.hub.clock = iter(range(0, 10**6, 1000)).__next__  # Each step is a whole turn.
        with sender.hub as way:
            # What a reset connection still held is lost: a busy hub may have read nothing of it.
            while hub.come_bytes == 0:
                assert way.send(parcel).is_unfinished
        sender.client.close()


def test_after_a_kill_of_both_sides_nothing_goes_twice(hub: HubNode, folder: Path) -> None:
    parcel = parcel_of(folder / "clinic", size_mb=4)
    size = parcel.path.stat().st_size
    begin_half(hub, parcel)
    hub.restart()
    came = hub.come_bytes
    assert 0 < came < size
    with hub.relay() as relay:
        assert Sender(f"http://127.0.0.1:{relay.port}").send(parcel).outcome is Outcome.ACCEPTED
        assert relay.up_bytes < size - came + 10_000
    assert hub.kept_file(parcel).read_bytes() == parcel.path.read_bytes()


def test_bytes_that_the_hubs_disk_lost_are_noticed_before_more_is_added(hub: HubNode, folder: Path) -> None:
    parcel = parcel_of(folder / "clinic", size_mb=4)
    begin_half(hub, parcel)
    hub.service.kill()
    (part,) = (path for path in hub.uploads if path.suffix == ".part")
    with part.open("r+b") as file:
        file.seek(100_000)
        file.write(bytes(4096))
    hub.service.start()
    assert Sender(hub.url).send(parcel).outcome is Outcome.ACCEPTED
    assert hub.kept_file(parcel).read_bytes() == parcel.path.read_bytes()
    assert hub.uploads == []


def test_two_nodes_at_once_each_arrive_and_the_same_object_is_kept_once(hub: HubNode, folder: Path) -> None:
    both = parcel_of(folder / "clinic", size_mb=4, seed=1)
    own = {name: parcel_of(folder / "clinic", size_mb=4, seed=seed) for seed, name in enumerate(TOKENS, 2)}
    ended: list[Answer] = []

    def work(name: str) -> None:
        sender = Sender(hub.url, name)
        ended.extend(sender.send(parcel) for parcel in (both, own[name]))

    threads = [threading.Thread(target=work, args=(name,)) for name in TOKENS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answer.outcome for answer in ended] == [Outcome.ACCEPTED] * 4
    for parcel in (both, *own.values()):
        assert hub.kept_file(parcel).read_bytes() == parcel.path.read_bytes()
    assert hub.uploads == []


def test_a_full_hub_says_so_and_the_link_waits(folder: Path) -> None:
    parcel = parcel_of(folder / "clinic")
    node = HubNode(folder / "hub")
    config = folder / "hub" / "edge.toml"
    config.write_text(config.read_text().replace("disk_reserve_mb = 0", "disk_reserve_mb = 1000000000"))
    with node as hub:
        answer = Sender(hub.url).send(parcel)
    assert (answer.outcome, answer.is_link_fault) == (Outcome.FAILED, True)
    assert "it has no room (HTTP 507)" in answer.reason


def test_who_is_not_named_is_not_let_in_and_sees_no_other_nodes_upload(hub: HubNode, folder: Path) -> None:
    with pytest.raises(NotLetInError):
        Sender(hub.url, token="not a token of this hub").hub.check()
    Sender(hub.url).hub.check()
    parcel = parcel_of(folder / "clinic", size_mb=4)
    begin_half(hub, parcel)
    part = hub.uploads[0]
    other = Sender(hub.url, "clinic-8")
    assert other.hub._ask("HEAD", f"/api/v1/uploads/{part.stem}").status == 404
    with pytest.raises(NotLetInError):
        other.hub._ask("GET", "/api/v1/studies")
    assert Sender(hub.url).send(parcel).outcome is Outcome.ACCEPTED


def test_what_is_no_object_is_refused_and_leaves_nothing(hub: HubNode, folder: Path) -> None:
    parcel = parcel_of(folder / "clinic")
    data = b"no object at all" * 1000
    path = folder / "clinic" / hashlib.sha256(data).hexdigest()
    path.write_bytes(data)
    answer = Sender(hub.url).send(other_file(parcel, path))
    assert answer.outcome is Outcome.REFUSED
    assert hub.uploads == []


def test_another_object_under_the_same_uid_is_put_aside_and_refused(hub: HubNode, folder: Path) -> None:
    first = parcel_of(folder / "clinic", seed=1)
    Sender(hub.url).send(first)
    path = folder / "clinic" / "other"
    ds = make_dataset(
        pixel_seed=2, SOPInstanceUID=first.sop_instance_uid, StudyInstanceUID=first.study_instance_uid,
        SeriesInstanceUID=first.series_instance_uid,
    )  # fmt: skip
    ds.save_as(path, enforce_file_format=True)
    final = path.rename(path.with_name(durable.digest_of(path).hex()))
    answer = Sender(hub.url).send(other_file(first, final))
    assert (answer.outcome, "another object under the same UID" in answer.reason) == (Outcome.REFUSED, True)
    assert hub.kept_file(first).read_bytes() == first.path.read_bytes()
    assert (hub.folder / "data" / "aside" / final.name).read_bytes() == final.read_bytes()


def test_an_object_comes_back_byte_for_byte_is_proven_from_the_disk_and_replaced_when_damaged(
    hub: HubNode, folder: Path
) -> None:
    parcel = parcel_of(folder / "clinic", size_mb=4)
    sender = Sender(hub.url)
    with pytest.raises(NotThereError):
        sender.hub.ask_proof(parcel.sop_instance_uid, b"salt")
    sender.send(parcel)
    proof = sender.hub.ask_proof(parcel.sop_instance_uid, b"salt")
    assert proof.whole == hashlib.sha256(b"salt" + parcel.path.read_bytes()).hexdigest()
    with hub.relay(rate_bytes_s=40e6, cut_s=0.03) as relay:
        client = WebClient(WebPeer(name="hub", url=f"http://127.0.0.1:{relay.port}", token=TOKENS["clinic-7"]))
        by_digest(client)(parcel, folder / "back")
        assert relay.cut_count > 0
    assert (folder / "back").read_bytes() == parcel.path.read_bytes()
    kept = hub.kept_file(parcel)
    kept.chmod(0o644)
    with kept.open("r+b") as file:
        file.seek(2_000_000)
        file.write(b"rotten")
    with pytest.raises(NotThereError):
        sender.hub.ask_proof(parcel.sop_instance_uid, b"salt")
    assert sender.send(parcel).outcome is Outcome.ACCEPTED  # What is damaged there is welcome again.
    assert kept.read_bytes() == parcel.path.read_bytes()
    assert sender.hub.ask_proof(parcel.sop_instance_uid, b"salt") == proof


def test_an_upload_that_nothing_comes_for_is_forgotten(folder: Path) -> None:
    parcel = parcel_of(folder / "clinic", size_mb=4)
    with HubNode(folder / "hub", more="expire_h = 0.0") as hub:
        begin_half(hub, parcel)
        assert len(hub.uploads) == 2
        hub.restart()
        Sender(hub.url).send(parcel_of(folder / "clinic", seed=5))
        assert hub.uploads == []


def test_a_sender_that_comes_again_takes_over_from_its_own_dead_connection(hub: HubNode, folder: Path) -> None:
    parcel = parcel_of(folder / "clinic", size_mb=4)
    stuck = Sender(hub.url)
    has_begun = threading.Event()

    class Stuck(type(stuck.hub.gate)):  # type: ignore[misc]
        """A gate that closes in the middle of a part."""

        def ask(self, wanted_bytes: int) -> float:
            if has_begun.is_set():
                return 0.05
            has_begun.set()
            return 0.0

    stuck.hub.gate = Stuck()
    thread = threading.Thread(target=stuck.send, args=(parcel,), daemon=True)
    thread.start()
    assert has_begun.wait(10)
    assert Sender(hub.url).send(parcel).outcome is Outcome.ACCEPTED
    stuck.hub.abort()
    thread.join(10)
    assert hub.kept_file(parcel).read_bytes() == parcel.path.read_bytes()


class Clinic:
    """The store of a node whose one destination is a hub."""

    def __init__(self, folder: Path, url: str) -> None:
        token = TOKENS["clinic-7"]
        section = f'[[destination]]\nname = "hub"\nkind = "hub"\nurl = "{url}"\ntoken = "{token}"\n'
        folder.mkdir()
        self.config = write_config(folder, section)
        self.database = Database(folder / "data" / "edge.db")
        self.instances = Instances(
            self.database, folder / "data", destinations=["hub"], bells=folder / "run" / "bells" / "uplink"
        )

    def keep(self, **values: Any) -> Instance:
        temp = self.instances.new_temp()
        make_dataset(**values).save_as(temp, enforce_file_format=True)
        return self.instances.keep(temp, source="test").instance

    def states(self) -> dict[str, int]:
        found = deliveries.counts(self.database)
        return {state: count for state, count in found[0].counts.items() if count} if found else {}


def test_an_outbox_drains_into_a_hub_and_from_there_into_the_hospital(folder: Path) -> None:
    hospital = folder / "hospital"
    hospital.mkdir()
    section = f'[[destination]]\nname = "vna"\nkind = "folder"\npath = "{hospital}"\n'
    with HubNode(folder / "hub", sections=section) as hub, hub.relay(rate_bytes_s=60e6, cut_bytes=3 * MB) as relay:
        clinic = Clinic(folder / "clinic", f"http://127.0.0.1:{relay.port}")
        kept = [clinic.keep(pixel_seed=seed) for seed in range(5)]
        kept.append(clinic.keep(rows=1024, columns=1024, frames=10))
        with Service("uplink", clinic.config), Service("uplink", folder / "hub" / "edge.toml"):
            wait_for(lambda: clinic.states() == {"safe": 6}, timeout_s=60)
            wait_for(lambda: len(list(hospital.rglob("*.dcm"))) == 6, timeout_s=60)
        assert relay.cut_count > 2
    for instance in kept:
        (there,) = hospital.rglob(f"{instance.sop_instance_uid}.dcm")
        assert durable.digest_of(there).hex() == instance.digest


def test_an_upload_leaves_the_link_to_a_call_at_once_and_goes_on_where_it_was(hub: HubNode, folder: Path) -> None:
    parcel = parcel_of(folder / "clinic", size_mb=8, seed=11)
    with hub.relay(rate_bytes_s=4e6) as relay:
        sender = Sender(f"http://127.0.0.1:{relay.port}")
        sender.hub.gate = gate = Gate()
        ended: list[Answer] = []
        thread = threading.Thread(target=lambda: ended.append(sender.hub.__enter__().send(parcel)))
        thread.start()
        wait_for(lambda: relay.up_bytes > MB)
        gate.narrow(0.0)
        thread.join(10)
        assert ended and ended[0].is_unfinished
        assert "% is there" in ended[0].reason
        paused_bytes = relay.up_bytes
        time.sleep(0.05)
        assert relay.up_bytes == paused_bytes
        gate.open()
        assert sender.send(parcel).outcome is Outcome.ACCEPTED
        assert relay.up_bytes < 1.1 * parcel.path.stat().st_size
    assert hub.kept_file(parcel).read_bytes() == parcel.path.read_bytes()


def test_a_kill_after_the_last_byte_leaves_neither_a_loss_nor_a_leftover(hub: HubNode, folder: Path) -> None:
    parcel = parcel_of(folder / "clinic", size_mb=2, seed=12)
    begin_half(hub, parcel)
    hub.service.kill()
    (part,) = (path for path in hub.uploads if path.suffix == ".part")
    shutil.copyfile(parcel.path, part)  # All has come, and nobody was told.
    note = part.with_suffix(".json").read_bytes()
    hub.service.start()
    assert Sender(hub.url).send(parcel).outcome is Outcome.ACCEPTED
    assert hub.kept_file(parcel).read_bytes() == parcel.path.read_bytes()
    part.with_suffix(".json").write_bytes(note)  # It was kept, and the upload was not yet forgotten.
    shutil.copyfile(parcel.path, part)
    assert Sender(hub.url).send(parcel).outcome is Outcome.ACCEPTED
    assert hub.uploads == []


def test_memory_is_flat_on_both_sides_whatever_the_size(hub: HubNode, folder: Path) -> None:
    psutil = pytest.importorskip("psutil")
    assert hub.service.process is not None
    watched = psutil.Process(hub.service.process.pid)
    Sender(hub.url).send(parcel_of(folder / "clinic", size_mb=1, seed=13))
    own = psutil.Process()
    parcel = parcel_of(folder / "clinic", size_mb=96, seed=14)
    before_bytes, peaks, is_over = (watched.memory_info().rss, own.memory_info().rss), [0, 0], threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            peaks[:] = max(peaks[0], watched.memory_info().rss), max(peaks[1], own.memory_info().rss)
            time.sleep(0.01)

    thread = threading.Thread(target=watch)
    thread.start()
    answer = Sender(hub.url).send(parcel)
    is_over.set()
    thread.join(10)
    assert answer.outcome is Outcome.ACCEPTED
    grown_bytes = [peak - before for peak, before in zip(peaks, before_bytes, strict=True)]
    assert max(grown_bytes) < 32 * MB, grown_bytes


def metadata(**pairs: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


DIGEST = "ab" * 32


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Metadata": metadata(sha256=DIGEST)}, 400),
        ({"Upload-Length": "-5", "Upload-Metadata": metadata(sha256=DIGEST)}, 400),
        ({"Upload-Length": "0", "Upload-Metadata": metadata(sha256=DIGEST)}, 400),
        ({"Upload-Length": "9" * 40, "Upload-Metadata": metadata(sha256=DIGEST)}, 400),
        ({"Upload-Length": "900000000000000", "Upload-Metadata": metadata(sha256=DIGEST)}, 413),
        ({"Upload-Length": "10"}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": metadata(sha256="../../etc/passwd")}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": "sha256 not-base64!"}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": metadata(sha256=DIGEST, uid="1.2.3")}, 201),
    ],
)
def test_an_upload_begins_only_with_what_it_needs(hub: HubNode, headers: dict[str, str], status: int) -> None:
    reply = Sender(hub.url).hub._ask("POST", "/api/v1/uploads", headers)
    assert reply.status == status
    if status == 201:
        assert Sender(hub.url).hub._ask("DELETE", reply.address).status == 204
    assert hub.uploads == []


def test_what_does_not_fit_an_upload_changes_nothing_of_it(hub: HubNode, folder: Path) -> None:
    way = Sender(hub.url).hub
    data = b"0123456789"
    body = folder / "body"
    body.write_bytes(data + b"more")
    begun = way._ask("POST", "/api/v1/uploads", {"Upload-Length": "10", "Upload-Metadata": metadata(sha256=DIGEST)})
    kind = {"Content-Type": "application/offset+octet-stream"}

    def add(headers: dict[str, str], size: int) -> tuple[int, int]:
        reply = way._ask("PATCH", begun.address, {"Content-Length": str(size), **headers}, body=(body, 0, size))
        return reply.status, reply.offset

    wrong = f"sha256 {base64.b64encode(bytes(32)).decode()}"
    assert add({"Upload-Offset": "0"}, 4)[0] == 400
    assert add({**kind, "Upload-Offset": "3"}, 4) == (409, 0)
    assert add({**kind, "Upload-Offset": "0", "Upload-Checksum": "md5 AAAA"}, 4)[0] == 400
    assert add({**kind, "Upload-Offset": "0", "Upload-Checksum": wrong}, 4) == (460, 0)
    assert add({**kind, "Upload-Offset": "0"}, 14)[0] == 400
    assert way._ask("HEAD", begun.address).offset == 0
    assert add({**kind, "Upload-Offset": "0"}, 4) == (204, 4)
    right = hashlib.sha256(data[:4]).hexdigest()
    assert (way._ask("HEAD", begun.address).offset, way._ask("HEAD", begun.address).digest) == (4, right)
    # All has come, and it is not what was announced: nothing of it is kept, and it may come again.
    assert add({**kind, "Upload-Offset": "4"}, 6)[0] == 460
    assert way._ask("HEAD", begun.address).offset == 0
    assert way._ask("DELETE", begun.address).status == 204
    assert way._ask("HEAD", begun.address).status == 404
    assert way._ask("HEAD", "/api/v1/uploads/..%2f..%2fedge").status == 404
    assert way._ask("GET", "/api/v1/objects/" + "0" * 64).status == 404
    assert way._ask("GET", "/api/v1/proofs/1.2.3?salt=zz").status == 400
    assert way._ask("GET", "/api/v1/proofs/1.2.3?salt=aa").status == 404
