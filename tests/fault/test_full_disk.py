"""A disk filled to the last byte while objects are received, a clip is recorded and a slide is converted.

Nothing that was acknowledged is lost, every service stays up and says what is wrong, and with space again all goes on.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.store import audit_log, durable
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import make_dataset
from tests.support.orthanc import free_port
from tests.support.recording import Recording, decoded_digests, recording, source, wait_for
from tests.support.sender import Item, Sender, item_of

DISK_MB, LATER_MB = 48, 300
NO_ROOM = 0xA700
REFUSED_COUNT_MIN = 5
"""Objects refused in a row, on each association, before the disk counts as full."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK_MB}m", "none", folder]
    if os.geteuid() != 0 or subprocess.run(["mount", *options]).returncode:
        pytest.skip("a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


class Cart:
    """Sends objects until the node has refused several in a row; knows which were acknowledged."""

    def __init__(self, port: int, seed: int) -> None:
        self.port = port
        self.acknowledged: list[Item] = []
        self.refused: list[Item] = []
        self.statuses: set[int] = set()
        self._seed = seed

    def run(self) -> None:
        refused_in_a_row = 0
        with Sender(self.port) as sender:
            if not sender.is_let_in():  # A node without room rejects whoever comes only to store.
                self.statuses.add(NO_ROOM)
                return
            for number in range(1, 2000):
                item = item_of(make_dataset(rows=400, columns=400, pixel_seed=self._seed * 10_000 + number))
                status = sender.store(item, number=number)
                self.statuses.add(status)
                (self.refused if status else self.acknowledged).append(item)
                refused_in_a_row = refused_in_a_row + 1 if status else 0
                if refused_in_a_row == REFUSED_COUNT_MIN:
                    break
            sender.release()

    def repeat(self) -> list[int]:
        """Send again what was refused."""
        with Sender(self.port) as sender:
            sender.associate()
            statuses = [sender.store(item, number=number) for number, item in enumerate(self.refused, start=1)]
            sender.release()
        return statuses


def fill(folder: Path) -> Path:
    """Take the last byte."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
        for size in (2**20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    return filler


def holds(store: Instances, item: Item) -> bool:
    """Tell whether an object is there, whole and the same."""
    found = store.find(item.sop_instance_uid)
    if found is None:
        return False
    path = store.path_of(found)
    return durable.digest_of(path).hex() == found.digest and path.read_bytes().endswith(item.dataset)


def start(run: Recording, name: str) -> None:
    """Start a service that says nothing over a socket of its own."""
    log = (run.folder / f"{name}.log").open("ab")
    program = (
        "import sys; from pathlib import Path; import edge.services as s; from edge.config import load;"
        " from edge.runtime.log import set_up; set_up(sys.argv[1]); s.run(sys.argv[1], load(Path(sys.argv[2])))"
    )
    run.processes[name] = subprocess.Popen([sys.executable, "-c", program, name, str(run.config)], stderr=log)
    log.close()
    wait_for(lambda: b"service.ready" in (run.folder / f"{name}.log").read_bytes(), 60)


def test_nothing_acknowledged_is_lost_on_a_full_disk_and_all_goes_on_afterwards(
    disk: Path, tmp_path: Path, real_data: Path
) -> None:
    inbox, port = tmp_path / "inbox", free_port()
    inbox.mkdir()
    sections = (
        source("probe", "synthetic", width_px=320, height_px=240, fps=20.0)
        + f'[inbox]\nslides = "{inbox}"\nsettle_s = 0.2\n[receive]\nlisten = "127.0.0.1:{port}"\n'
    )
    with recording(disk, sections, "disk_reserve_mb = 0") as run:
        for name in ("receive", "convert"):
            start(run, name)
        session = run.begin("probe")
        time.sleep(0.4)
        run.ask("record", "clip.start", session_id=session.session_id)
        shutil.copy(real_data / "wsi/aperio/CMU-1-Small-Region.svs", inbox / "slide.svs")
        carts = [Cart(port, seed) for seed in range(3)]
        threads = [threading.Thread(target=cart.run) for cart in carts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        filler = fill(disk)
        last = Cart(port, 9)
        last.run()
        wait_for(lambda: not run.ask("record", "state")[0]["is_recording"], 60)
        assert all(cart.statuses <= {0, NO_ROOM} and NO_ROOM in cart.statuses for cart in carts)
        assert any(cart.acknowledged for cart in carts) and any(cart.refused for cart in carts)
        assert last.acknowledged == [] and last.statuses == {NO_ROOM}
        assert all(process.poll() is None for process in run.processes.values()), "every service stays up"

        subprocess.run(["mount", "-o", f"remount,size={LATER_MB}m", disk], check=True)
        filler.unlink()
        assert {status for cart in (*carts, last) for status in cart.repeat()} == {0}
        finish_the_slide(run)
        ((_, clip),) = run.saved(session, seconds=120)
        assert len(decoded_digests(clip)) > 5
        sent = [item for cart in (*carts, last) for item in (*cart.acknowledged, *cart.refused)]
        run.stop()
        look_at_everything(disk / "data", sent)


def finish_the_slide(run: Recording) -> None:
    """A conversion that the full disk ended is tried again by a person, as the page offers it."""

    def is_done() -> bool:
        (job,) = run.ask("convert", "jobs")
        if job["state"] == "failed":
            assert job["reason"] and job["next_step"]
            run.ask("convert", "job.retry", job_id=job["job_id"])
        return bool(job["state"] == "done")

    wait_for(is_done, 120)


def look_at_everything(data: Path, sent: list[Item]) -> None:
    database = Database(data / "edge.db")
    try:
        store = Instances(database, data)
        lost = [item.sop_instance_uid for item in sent if not holds(store, item)]
        assert lost == []
        assert len({hashlib.sha256(item.dataset).digest() for item in sent}) == len(sent)
        store.sweep(grace_s=-5)
        with database.read() as connection:
            digests = {row[0] for row in connection.execute("SELECT digest FROM instances WHERE scan_id IS NULL")}
        assert {path.name for path in (data / "objects").rglob("*") if path.is_file()} == digests, "no orphan"
        left = [path for folder in ("incoming", "spool", "aside") for path in (data / folder).glob("*")]
        assert [path for path in left if path.suffix != ".session"] == []  # The exam itself is still open.
        assert audit_log.verify(database) is None
    finally:
        database.close()
