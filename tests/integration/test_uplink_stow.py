"""STOW-RS from the uplink, to a real Orthanc and to peers that answer as the standard lets them."""

import base64
import shutil
import ssl
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydicom import Dataset

from edge.api import tls
from edge.core.access import UserRole
from edge.core.delivery import State
from edge.store import deliveries, links, users
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import dataset_bytes, make_dataset
from tests.support.orthanc import Orthanc, free_port, orthanc  # noqa: F401 - a fixture
from tests.support.services import Service, write_config


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the names of Unix sockets are."""
    path = Path(tempfile.mkdtemp(prefix="edge-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Clinic:
    """The store of a node with one DICOMweb destination."""

    def __init__(self, folder: Path, url: str, *, more: str = "") -> None:
        self.config = write_config(folder, f'[[destination]]\nname = "vna"\nkind = "stow"\nurl = "{url}"\n{more}')
        self.database = Database(folder / "data" / "edge.db")
        self.instances = Instances(
            self.database, folder / "data", destinations=["vna"], bells=folder / "run" / "bells" / "uplink"
        )

    def keep(self, **values: Any) -> str:
        temp = self.instances.new_temp()
        make_dataset(**values).save_as(temp, enforce_file_format=True)
        return self.instances.keep(temp, source="test").instance.sop_instance_uid

    def keep_dataset(self, ds: Dataset) -> str:
        temp = self.instances.new_temp()
        ds.save_as(temp, enforce_file_format=True)
        return self.instances.keep(temp, source="test").instance.sop_instance_uid

    def bytes_of(self, uid: str) -> bytes:
        return self.instances.path_of(self.instances.require(uid)).read_bytes()

    def state_of(self, uid: str) -> tuple[State, str]:
        found = deliveries.find(self.database, uid, "vna")
        assert found is not None
        return found.state, found.reason

    def arrived_count(self) -> int:
        found = deliveries.counts(self.database)
        return sum(found[0].counts[state] for state in ("sent", "committed", "safe")) if found else 0

    def link(self) -> links.LinkRow | None:
        return next(iter(links.links(self.database)), None)


def wait_for(look: Callable[[], object], *, timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(0.05)


class WebPeer:
    """A DICOMweb peer whose answers are set by the test; it keeps what it was sent."""

    def __init__(self, *, certificate: Path | None = None, key: Path | None = None) -> None:
        self.posts: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.gives: dict[str, bytes] = {}
        """SOPInstanceUID -> what it gives back."""
        self.answer: Callable[[bytes, int], tuple[int, Any]] = lambda body, number: (200, {})
        self.commit: Callable[[str, str, bytes], tuple[int, Any]] = lambda method, uid, body: (404, {})
        """Asked for storage commitment: method, transaction, body."""
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                peer.headers.append(dict(self.headers))
                uid = self.path.rpartition("/")[2]
                if "/commitment-requests/" in self.path:
                    status, said = peer.commit("GET", uid, b"")
                    self._say(status, msgspec.json.encode(said))
                elif uid in peer.gives:
                    self._say(200, peer.gives[uid], kind="application/dicom")
                else:
                    self._say(200 if self.path.startswith("/dicom-web/studies?") else 404, b"[]")

            def do_POST(self) -> None:
                peer.headers.append(dict(self.headers))
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if "/commitment-requests/" in self.path:
                    status, said = peer.commit("POST", self.path.rpartition("/")[2], body)
                    self._say(status, msgspec.json.encode(said))
                    return
                peer.posts.append(body)
                status, said = peer.answer(body, len(peer.posts))
                if status == 0:  # The answer is lost.
                    self.connection.close()
                    self.close_connection = True
                    return
                self._say(status, msgspec.json.encode(said))

            def _say(self, status: int, body: bytes, *, kind: str = "application/dicom+json") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}/dicom-web"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def peer() -> Iterator[WebPeer]:
    made = WebPeer()
    yield made
    made.stop()


def said(*, stored: dict[str, int | None], failed: dict[str, int] | None = None) -> dict[str, Any]:
    """Return an answer in DICOM JSON; a stored object may have a warning."""

    def row(uid: str, tag: str, code: int | None) -> dict[str, Any]:
        coded = {} if code is None else {tag: {"vr": "US", "Value": [code]}}
        return {"00081155": {"vr": "UI", "Value": [uid]}, **coded}

    return {
        "00081199": {"vr": "SQ", "Value": [row(uid, "00081196", code) for uid, code in stored.items()]},
        "00081198": {"vr": "SQ", "Value": [row(uid, "00081197", code) for uid, code in (failed or {}).items()]},
    }


def test_objects_arrive_at_orthanc_over_stow_equal_to_the_byte(folder: Path, orthanc: Orthanc) -> None:  # noqa: F811
    clinic = Clinic(folder, f"{orthanc.url}/dicom-web")
    uids = [clinic.keep(pixel_seed=number, rows=128) for number in range(20)]
    with Service("uplink", clinic.config):
        wait_for(lambda: clinic.arrived_count() == 20)
    assert sorted(orthanc.sop_instance_uids()) == sorted(uids)
    for uid in uids:
        assert dataset_bytes(orthanc.file_of(uid)) == dataset_bytes(clinic.bytes_of(uid))


def test_a_large_object_streams_from_disk_with_flat_memory(folder: Path, orthanc: Orthanc) -> None:  # noqa: F811
    psutil = pytest.importorskip("psutil")
    clinic = Clinic(folder, f"{orthanc.url}/dicom-web", more="readback = false")
    with Service("uplink", clinic.config) as uplink:
        assert uplink.process is not None
        watched = psutil.Process(uplink.process.pid)
        clinic.keep()
        wait_for(lambda: clinic.arrived_count() == 1)
        before_bytes = peak_bytes = watched.memory_info().rss
        uid = clinic.keep(rows=1024, columns=1024, frames=100)
        deadline_s = time.monotonic() + 60
        while clinic.arrived_count() < 2:
            peak_bytes = max(peak_bytes, watched.memory_info().rss)
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
    assert peak_bytes - before_bytes < 32 * 2**20
    assert dataset_bytes(orthanc.file_of(uid)) == dataset_bytes(clinic.bytes_of(uid))


def test_an_orthanc_that_is_down_gets_everything_when_it_is_back(folder: Path, orthanc: Orthanc) -> None:  # noqa: F811
    clinic = Clinic(folder, f"{orthanc.url}/dicom-web")
    orthanc.stop()
    uids = [clinic.keep(pixel_seed=number) for number in range(5)]
    with Service("uplink", clinic.config):
        wait_for(lambda: (link := clinic.link()) is not None and link.state == "down")
        assert clinic.state_of(uids[0])[0] is State.WAITING
        orthanc.start()
        wait_for(lambda: clinic.arrived_count() == 5, timeout_s=60)
    assert sorted(orthanc.sop_instance_uids()) == sorted(uids)


def test_each_object_of_a_batch_ends_as_the_peer_says(folder: Path, peer: WebPeer) -> None:
    clinic = Clinic(folder, peer.url, more="readback = false")
    good, warned, bad, busy = (clinic.keep(pixel_seed=number) for number in range(4))
    first = said(stored={good: None, warned: 0xB000}, failed={bad: 0xA900, busy: 0xA700})
    peer.answer = lambda body, number: (202, first) if number == 1 else (200, said(stored={busy: None}))
    with Service("uplink", clinic.config):
        wait_for(lambda: clinic.arrived_count() == 3)
    assert all(uid.encode() in peer.posts[0] for uid in (good, warned, bad, busy))
    assert len(peer.posts) == 2 and busy.encode() in peer.posts[1] and good.encode() not in peer.posts[1]
    assert clinic.state_of(good) == (State.SENT, "")
    assert "0xB000" in clinic.state_of(warned)[1]
    assert clinic.state_of(bad)[0] is State.HELD and "0xA900" in clinic.state_of(bad)[1]


def test_a_batch_refused_as_a_whole_goes_one_by_one_and_one_bad_object_stops_nothing(
    folder: Path, peer: WebPeer
) -> None:
    clinic = Clinic(folder, peer.url, more="readback = false")
    bad, *good = (clinic.keep(pixel_seed=number) for number in range(4))
    peer.answer = lambda body, number: (400, {}) if bad.encode() in body else (200, {})
    with Service("uplink", clinic.config):
        wait_for(lambda: clinic.arrived_count() == 3)
        wait_for(lambda: clinic.state_of(bad)[0] is State.HELD)
    assert "HTTP 400" in clinic.state_of(bad)[1]
    assert all(clinic.state_of(uid)[0] is State.SENT for uid in good)


@pytest.mark.parametrize("status", [500, 503, 429, 507])
def test_a_fault_that_may_pass_is_tried_again(folder: Path, peer: WebPeer, status: int) -> None:
    clinic = Clinic(folder, peer.url, more="readback = false")
    clinic.keep()
    peer.answer = lambda body, number: (status, {}) if number == 1 else (200, {})
    with Service("uplink", clinic.config):
        wait_for(lambda: clinic.arrived_count() == 1)
    assert len(peer.posts) == 2


def test_a_lost_answer_is_not_counted_as_arrived(folder: Path, peer: WebPeer) -> None:
    clinic = Clinic(folder, peer.url, more="readback = false")
    clinic.keep()
    peer.answer = lambda body, number: (0, {}) if number == 1 else (200, {})
    with Service("uplink", clinic.config):
        wait_for(lambda: clinic.arrived_count() == 1)
    assert len(peer.posts) == 2


def test_what_arrived_although_its_answer_was_lost_is_found_there_and_not_sent_again(
    folder: Path, peer: WebPeer
) -> None:
    clinic = Clinic(folder, peer.url)
    uid = clinic.keep()
    peer.gives[uid] = clinic.bytes_of(uid)
    peer.answer = lambda body, number: (0, {})
    with Service("uplink", clinic.config):
        wait_for(lambda: clinic.state_of(uid)[0] is State.SAFE)
    assert len(peer.posts) == 1


def test_a_success_without_a_word_is_safe_only_when_the_object_comes_back(folder: Path, peer: WebPeer) -> None:
    clinic = Clinic(folder, peer.url)
    uid = clinic.keep()

    def answer(body: bytes, number: int) -> tuple[int, Any]:
        if number == 2:
            peer.gives[uid] = clinic.bytes_of(uid)
        return 200, {}

    peer.answer = answer
    with Service("uplink", clinic.config):
        wait_for(lambda: clinic.state_of(uid)[0] is State.SAFE)
    assert len(peer.posts) == 2


def test_a_compression_that_is_not_taken_goes_plain_where_that_loses_nothing(folder: Path, peer: WebPeer) -> None:
    clinic = Clinic(folder, peer.url, more="readback = false")
    ds = make_dataset()
    plain = ds.PixelData
    ds.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    uid = clinic.keep_dataset(ds)
    refused, taken = said(stored={}, failed={uid: 0xC122}), said(stored={uid: None})
    peer.answer = lambda body, number: (200, taken) if plain in body else (409, refused)
    with Service("uplink", clinic.config):
        wait_for(lambda: clinic.arrived_count() == 1)
    assert len(peer.posts) == 2 and b"1.2.840.10008.1.2.5\0" not in peer.posts[1]


def test_a_bearer_token_and_a_password_are_shown_and_never_logged(folder: Path, peer: WebPeer) -> None:
    clinic = Clinic(folder, peer.url, more='readback = false\ntoken = "secret-7"')
    clinic.keep()
    with Service("uplink", clinic.config) as uplink:
        wait_for(lambda: clinic.arrived_count() == 1)
        assert all(headers["Authorization"] == "Bearer secret-7" for headers in peer.headers)
        assert "secret-7" not in uplink.log()


class LockedOrthanc(Orthanc):
    """One that asks the test, too, for its password."""

    def get_bytes(self, path: str) -> bytes:
        headers = {"Authorization": "Basic " + base64.b64encode(b"edge:word-7").decode()}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=30) as answer:
            body: bytes = answer.read()
            return body


def test_orthanc_with_a_password_takes_objects_only_with_it(folder: Path) -> None:
    options = {"AuthenticationEnabled": True, "RegisteredUsers": {"edge": "word-7"}}
    with LockedOrthanc(folder / "orthanc", options=options) as hospital:
        clinic = Clinic(folder, f"{hospital.url}/dicom-web", more='username = "edge"\npassword = "wrong"')
        clinic.keep()
        with Service("uplink", clinic.config) as uplink:
            wait_for(lambda: (link := clinic.link()) is not None and link.state == "down")
            link = clinic.link()
            assert link is not None and "does not let us in" in link.reason
            assert "wrong" not in uplink.log()
        clinic.config.write_text(clinic.config.read_text().replace("wrong", "word-7"))
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.arrived_count() == 1)


def test_tls_is_believed_only_from_the_named_authority(folder: Path) -> None:
    certificate, key = folder / "vna.pem", folder / "vna.key"
    tls.make_pair(certificate, key, names=["127.0.0.1"])
    peer = WebPeer(certificate=certificate, key=key)
    try:
        clinic = Clinic(folder, peer.url, more="readback = false")
        clinic.keep()
        with Service("uplink", clinic.config):
            wait_for(lambda: (link := clinic.link()) is not None and link.state == "down")
        clinic.config.write_text(clinic.config.read_text() + f'tls_ca = "{certificate}"\n')
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.arrived_count() == 1)
    finally:
        peer.stop()


def committed(body: bytes, *, without: str = "") -> dict[str, Any]:
    """Return the result of a request for commitment, in which one object may have failed."""
    (asked,) = msgspec.json.decode(body)
    rows = asked["00081199"]["Value"]
    failed = [
        {**row, "00081197": {"vr": "US", "Value": [0x0112]}} for row in rows if row["00081155"]["Value"][0] == without
    ]
    kept = [row for row in rows if row["00081155"]["Value"][0] != without]
    return {"00081198": {"vr": "SQ", "Value": failed}, "00081199": {"vr": "SQ", "Value": kept}}


def test_commitment_is_asked_for_and_looked_up_until_it_has_come(folder: Path, peer: WebPeer) -> None:
    asked: list[tuple[str, str]] = []
    bodies: list[bytes] = []

    def commit(method: str, uid: str, body: bytes) -> tuple[int, Any]:
        asked.append((method, uid))
        bodies.extend([body] if body else [])
        return (200, committed(bodies[0])) if len(asked) > 9 else (202, {})

    peer.commit = commit
    clinic = Clinic(folder, peer.url, more="readback = false")
    uid = clinic.keep()
    with Service("uplink", clinic.config):
        wait_for(lambda: clinic.state_of(uid)[0] is State.COMMITTED)
    assert [method for method, _ in asked].count("POST") == 1
    assert len({transaction for _, transaction in asked}) == 1


def test_what_is_not_committed_is_sent_again_and_the_rest_stands(folder: Path, peer: WebPeer) -> None:
    clinic = Clinic(folder, peer.url, more="readback = false")
    lost, kept = clinic.keep(pixel_seed=1), clinic.keep(pixel_seed=2)
    has_failed = threading.Event()

    def commit(method: str, uid: str, body: bytes) -> tuple[int, Any]:
        is_first = lost.encode() in body and not has_failed.is_set()
        if is_first:
            has_failed.set()
        return 200, committed(body, without=lost if is_first else "")

    peer.commit = commit
    with Service("uplink", clinic.config):
        wait_for(lambda: {clinic.state_of(uid)[0] for uid in (lost, kept)} == {State.COMMITTED})
    assert sum(lost.encode() in body for body in peer.posts) == 2
    assert sum(kept.encode() in body for body in peer.posts) == 1


def test_a_node_of_ours_as_the_hospital_commits_over_http_and_gives_back(folder: Path) -> None:
    (folder / "hospital").mkdir()
    (folder / "clinic").mkdir()
    port = free_port()
    hospital = write_config(folder / "hospital", f'[api]\nlisten = "127.0.0.1:{port}"\n')
    database = Database(folder / "hospital" / "data" / "edge.db")
    users.add(database, "clinic", UserRole.OPERATOR, "", now_s=1.0)
    token = users.sign_in(database, "clinic", now_s=time.time())
    clinic = Clinic(folder / "clinic", f"http://127.0.0.1:{port}/dicom-web", more=f'token = "{token}"')
    uids = [clinic.keep(pixel_seed=seed) for seed in range(3)]
    with Service("api", hospital), Service("uplink", clinic.config) as uplink:
        wait_for(lambda: {clinic.state_of(uid)[0] for uid in uids} == {State.SAFE})
    assert "commitment.answered" in uplink.log()
