"""The uplink of the benchmarks: a node with objects waiting, its service a process of its own, watched from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.core.delivery import ARRIVED_STATES
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import make_dataset

_UID = "1.2.826.0.1.3680043.10.9999.1{:08d}"
_SERVE = """
import asyncio, sys, time
from pathlib import Path
from edge import services
from edge.config import load
from edge.runtime import clock, log
scale = float(sys.argv[2])
if scale != 1:
    begun_s = time.time()
    clock.scaled = lambda: begun_s + (time.time() - begun_s) * scale
log.set_up("uplink")
services.run("uplink", load(Path(sys.argv[1])))
"""


class Node:
    """A data folder with an outbox for one destination."""

    def __init__(self, folder: Path) -> None:
        """Nothing waits yet."""
        self.folder = folder
        self.database = Database(folder / "data" / "edge.db")
        self.store = Instances(self.database, folder / "data", destinations=["vna"])
        self.log_path = folder / "uplink.log"

    def fill(self, count: int, size_bytes: int, *, first: int = 0) -> None:
        """Let so many objects of that size wait, a hundred a study."""
        side = int(size_bytes**0.5)
        ds = make_dataset(rows=side, columns=side)
        for number in range(first, first + count):
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = _UID.format(number)
            ds.StudyInstanceUID, ds.SeriesInstanceUID = (f"1.2.3.{number // 100}.{part}" for part in (1, 2))
            temp = self.store.new_temp()
            ds.save_as(temp, enforce_file_format=True)
            self.store.keep(temp, source="bench")

    def fill_large(self, size_bytes: int) -> None:
        """Let one object wait that is mostly one long clip of black; its file has holes."""
        temp = self.store.new_temp()
        ds = make_dataset(rows=8, columns=8, SOPInstanceUID=_UID.format(99_999_999))
        ds.save_as(temp, enforce_file_format=True)
        data = temp.read_bytes()
        at = data.rindex(b"\xe0\x7f\x10\x00")
        with temp.open("r+b") as file:
            file.seek(at + 8)
            file.write(size_bytes.to_bytes(4, "little"))
            file.truncate(at + 12 + size_bytes)
        self.store.keep(temp, source="bench")

    def arrived(self) -> tuple[int, int]:
        """Return how many objects have arrived, and how many were tried more than once."""
        marks = ",".join(f"'{state}'" for state in ARRIVED_STATES)
        with self.database.read() as connection:
            row = connection.execute(
                f"SELECT sum(state IN ({marks})), sum(attempt_count > 1) FROM deliveries"
            ).fetchone()
        return int(row[0] or 0), int(row[1] or 0)

    def wait(self, count: int, timeout_s: float) -> float:
        """Wait until so many have arrived; return when."""
        until_s = time.perf_counter() + timeout_s
        while self.arrived()[0] < count:
            assert time.perf_counter() < until_s, (self.arrived(), self.log_path.read_text()[-1500:])
            time.sleep(0.003)
        return time.perf_counter()

    @contextmanager
    def service(self, port: int, *, host: str = "127.0.0.1", scale: float = 1.0, more: str = "") -> Iterator[int]:
        """Run the service until the block ends; the value is its process."""
        config = self.folder / "edge.toml"
        config.write_text(
            f'[node]\ndata_dir = "{self.folder / "data"}"\nrun_dir = "{self.folder / "run"}"\ndisk_reserve_mb = 0\n'
            "scrub_mb_s = 0\n[retention]\nfree_mb = 0\n"
            f'{more}[[destination]]\nname = "vna"\nhost = "{host}"\nport = {port}\nae_title = "SINK"\n'
            "commitment = false\nreadback = false\n"
        )
        with self.log_path.open("ab") as log:
            process = subprocess.Popen([sys.executable, "-c", _SERVE, str(config), str(scale)], stderr=log)
        try:
            yield process.pid
        finally:
            process.kill()
            process.wait(10)


@contextmanager
def node() -> Iterator[Node]:
    """A fresh node, gone afterwards; its name is short, for the sockets. On the disk, as it would be."""
    with tempfile.TemporaryDirectory(prefix="ub-") as name:
        made = Node(Path(name))
        try:
            yield made
        finally:
            made.database.close()


@contextmanager
def program(arguments: list[str], *, settle_s: float = 0.5) -> Iterator[int]:
    """A peer, until the block ends; the value is its process."""
    environment = {**os.environ, "TCP_NODELAY": "1"}
    process = subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )  # fmt: skip
    try:
        time.sleep(settle_s)
        assert process.poll() is None, arguments
        yield process.pid
    finally:
        process.kill()
        process.wait(10)
