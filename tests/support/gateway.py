"""A running receive service with its store, for tests of what carts and workstations ask of it."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE

from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import make_dataset
from tests.support.orthanc import free_port
from tests.support.services import Service, write_config

AE_TITLE = "CLINIC7"


class Gateway:
    """`edge run receive` on a free port; a context."""

    def __init__(self, folder: Path, sections: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.config = write_config(folder, sections, receive_port=self.port)
        self.service = Service("receive", self.config)
        self.database = Database(folder / "data" / "edge.db")
        self.store = Instances(self.database, folder / "data")

    def __enter__(self) -> "Gateway":
        self.service.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.service.kill()
        self.database.close()

    def keep(self, **values: Any) -> str:
        """Keep a small object, without the network."""
        temp = self.store.new_temp()
        make_dataset(**values).save_as(temp, enforce_file_format=True)
        return self.store.keep(temp, source="test").instance.sop_instance_uid

    def keep_file(self, path: Path) -> str:
        temp = self.store.new_temp()
        shutil.copyfile(path, temp)
        return self.store.keep(temp, source="test").instance.sop_instance_uid

    def file_of(self, sop_instance_uid: str) -> Path:
        return self.store.path_of(self.store.require(sop_instance_uid))

    def associate(self, *abstract_syntaxes: str, ae_title: str = "VIEWER", **more: Any) -> Any:
        """Open an association of the library's."""
        ae = AE(ae_title)
        for uid in abstract_syntaxes:
            ae.add_requested_context(uid)
        return ae.associate("127.0.0.1", self.port, ae_title=AE_TITLE, **more)


def run(*command: object, timeout_s: float = 60.0, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a program of a peer and return what it said; skip when it is not installed."""
    words = [str(word) for word in command]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed: apt-get install dcmtk")
    return subprocess.run(
        words, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False, cwd=cwd
    )
