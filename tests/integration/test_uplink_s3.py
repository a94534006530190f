"""Objects into a bucket: a real S3 protocol on a socket, in parts with checksums, proven by fetching them back."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.core.delivery import State
from edge.errors import EdgeError, UnreachableError
from edge.net import s3
from edge.net.s3 import S3, Bucket
from edge.net.web import NotLetInError
from edge.store import deliveries
from edge.store.database import Database
from edge.store.instances import Instance, Instances
from tests.support.objects import make_dataset
from tests.support.orthanc import free_port
from tests.support.relay import Relay
from tests.support.services import Service, write_config

pytest.importorskip("obstore", reason="the extra s3 is not installed")
pytest.importorskip("moto", reason="the S3 server of the tests is not installed")
KEYS = {"access_key_id": "node", "secret_access_key": "secret"}
START_S_MAX = 40.0
MB = 2**20


def wait_for(look: Callable[[], object], *, timeout_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(0.05)


class Cloud:
    """An S3 server in a process of its own, with one bucket."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [
            sys.executable,
            "-c",
            "from moto.server import main; main()",
            "-H",
            "127.0.0.1",
            "-p",
            str(self.port),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
        from obstore.store import S3Store

        self.store = S3Store("archive", endpoint=self.url, client_options={"allow_http": True}, **KEYS)
        wait_for(self._has_bucket, timeout_s=START_S_MAX)

    def _has_bucket(self) -> bool:
        import urllib.error
        import urllib.request

        try:
            with urllib.request.urlopen(urllib.request.Request(f"{self.url}/archive", method="PUT"), timeout=5):
                return True
        except (OSError, urllib.error.URLError):
            assert self._process.poll() is None
            return False

    def names(self) -> list[str]:
        return sorted(row["path"] for batch in self.store.list() for row in batch)

    def bytes_of(self, name: str) -> bytes:
        return bytes(self.store.get(name).bytes())

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    yield made
    made.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the names of Unix sockets are."""
    path = Path(tempfile.mkdtemp(prefix="edge-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Clinic:
    """The store of a node whose one destination is a bucket."""

    def __init__(self, folder: Path, url: str) -> None:
        section = (
            f'[[destination]]\nname = "cloud"\nkind = "s3"\nurl = "{url}"\npath = "archive/{folder.name}"\n'
            'username = "node"\npassword = "secret"\n'
        )
        self.config = write_config(folder, section)
        self.database = Database(folder / "data" / "edge.db")
        self.instances = Instances(
            self.database, folder / "data", destinations=["cloud"], bells=folder / "run" / "bells" / "uplink"
        )

    def keep(self, **values: Any) -> Instance:
        temp = self.instances.new_temp()
        make_dataset(**values).save_as(temp, enforce_file_format=True)
        return self.instances.keep(temp, source="test").instance

    def states(self) -> dict[str, int]:
        found = deliveries.counts(self.database)
        return {state: count for state, count in found[0].counts.items() if count} if found else {}

    def state_of(self, instance: Instance) -> State:
        found = deliveries.find(self.database, instance.sop_instance_uid, "cloud")
        assert found is not None
        return found.state


def name_of(folder: Path, instance: Instance) -> str:
    study = f"{instance.study_instance_uid}/{instance.series_instance_uid}"
    return f"{folder.name}/{study}/{instance.sop_instance_uid}.dcm"


def test_small_and_large_objects_arrive_byte_for_byte_over_connections_that_break(folder: Path, cloud: Cloud) -> None:
    with Relay(cloud.port, cut_bytes=3 * MB, cut_count_max=2) as relay:
        clinic = Clinic(folder, f"http://127.0.0.1:{relay.port}")
        kept = [clinic.keep(pixel_seed=seed) for seed in range(3)]
        kept.append(clinic.keep(rows=1024, columns=1024, frames=30))
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.states() == {"safe": 4})
        assert relay.cut_count == 2
    for instance in kept:
        assert cloud.bytes_of(name_of(folder, instance)) == clinic.instances.path_of(instance).read_bytes()


def test_a_bucket_that_is_not_there_and_a_server_that_is_down_are_said(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EdgeError, match="bucket absent"):
        S3(Bucket(name="cloud", url=cloud.url, bucket="absent", **KEYS)).check()
    monkeypatch.setattr(s3, "RETRY_COUNT_MAX", 1)
    with pytest.raises(UnreachableError, match="bucket archive"):
        S3(Bucket(name="cloud", url=f"http://127.0.0.1:{free_port()}", bucket="archive", **KEYS)).check()


def test_wrong_keys_are_told_from_everything_else(folder: Path) -> None:
    import http.server
    import threading

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(NotLetInError):
        S3(Bucket(name="cloud", url=f"http://127.0.0.1:{server.server_address[1]}", bucket="b", **KEYS)).check()
    server.shutdown()
    server.server_close()
