"""A real Orthanc with its DICOMweb plugin, as the hospital: started on free ports, stopped and started again at will.

with Orthanc.running() as hospital: …
def test_x(orthanc: Orthanc): …          # the fixture: a fresh one a test
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

START_S_MAX = 30.0
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
WORKLIST_PLUGIN = Path("/usr/share/orthanc/plugins/libModalityWorklists.so")


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Orthanc:
    """One archive: `ae_title` at `dimse_port`, REST at `url`; `options` are keys of Orthanc's configuration."""

    folder: Path
    ae_title: str = "HOSPITAL"
    options: dict[str, Any] = field(default_factory=dict)
    dimse_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> "Orthanc":
        if find_orthanc() is None:
            pytest.skip("Orthanc is not installed: apt-get install orthanc orthanc-dicomweb")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(is_hard=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def start(self) -> None:
        """Start (again, with what it has stored) and wait until it answers."""
        program = find_orthanc()
        assert program is not None
        config = self.folder / "orthanc.json"
        config.write_text(json.dumps(self._configuration()))
        log = (self.folder / "orthanc.log").open("ab")
        environment = {**os.environ, "TCP_NODELAY": "1"}
        self.process = subprocess.Popen([program, str(config)], stdout=log, stderr=log, env=environment)
        log.close()
        deadline_s = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline_s:
            try:
                self.get("/system")
                return
            except (OSError, urllib.error.URLError):
                assert self.process.poll() is None, (self.folder / "orthanc.log").read_text()[-2000:]
                time.sleep(0.1)
        raise AssertionError("Orthanc did not answer in time")

    def stop(self, *, is_hard: bool = False) -> None:
        """Stop it and wait until it is gone."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL if is_hard else signal.SIGTERM)
            self.process.wait(timeout=30)
            self.process = None

    def get(self, path: str) -> Any:
        """Return the JSON of a REST path."""
        return json.loads(self.get_bytes(path))

    def get_bytes(self, path: str) -> bytes:
        """Return the bytes of a REST path."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            body: bytes = answer.read()
            return body

    def post(self, path: str, body: Any) -> Any:
        """Post JSON, or bytes as they are, and return the JSON answered."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def delete(self, path: str) -> None:
        """Remove what a REST path names."""
        with urllib.request.urlopen(urllib.request.Request(self.url + path, method="DELETE"), timeout=30):
            return

    def instances(self) -> dict[str, str]:
        """Return SOPInstanceUID -> Orthanc's own identifier, of all it has."""
        return {
            row["MainDicomTags"]["SOPInstanceUID"]: row["ID"]
            for row in self.get("/instances?expand&limit=100000&since=0")
        }

    def sop_instance_uids(self) -> list[str]:
        """Return the UID of every object it has; one that came twice is there once."""
        return list(self.instances())

    def file_of(self, sop_instance_uid: str) -> bytes:
        """Return an object as Orthanc gives it back."""
        found = self.post("/tools/lookup", sop_instance_uid.encode())
        matching = [row for row in found if row["Type"] == "Instance"]
        assert len(matching) == 1, f"{sop_instance_uid}: {len(matching)} at the hospital"
        return self.get_bytes(f"/instances/{matching[0]['ID']}/file")

    def _configuration(self) -> dict[str, Any]:
        return {
            "Name": "hospital", "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "storage"), "HttpPort": self.http_port, "DicomPort": self.dimse_port,
            "DicomAet": self.ae_title, "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
            "DicomAlwaysAllowEcho": True, "DicomAlwaysAllowStore": True, "DicomCheckCalledAet": False,
            "UnknownSopClassAccepted": True, "StorageCommitmentReportsSize": 100, "OverwriteInstances": False,
            "SaveJobs": False, "DicomThreadsCount": 4, "Plugins": [str(PLUGIN)] if PLUGIN.exists() else [],
            **self.options,
        }  # fmt: skip


def find_orthanc() -> str | None:
    """Return the program, wherever Debian put it."""
    return shutil.which("Orthanc") or (shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin"))


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    """A fresh archive for one test."""
    with Orthanc(tmp_path / "orthanc") as hospital:
        yield hospital
