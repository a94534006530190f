"""capture and record as real processes on a configuration of their own, and what they made, looked at."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom import Dataset

from edge.core.session import Patient, Session
from edge.dicom.codec import decode
from edge.dicom.frame_index import build
from edge.dicom.identity import new_uid
from edge.errors import EdgeError
from edge.ring import FrameGap, Reader, RingAbsent
from edge.runtime.rpc import call_blocking
from edge.store.database import Database
from edge.store.instances import Instance, Instances

START_S_MAX = 20.0
_RUN = "import sys; from pathlib import Path; import edge.services as s; from edge.config import load; " \
    "from edge.runtime.log import set_up; set_up(sys.argv[1]); s.run(sys.argv[1], load(Path(sys.argv[2])))"  # fmt: skip


def wait_for(what: Callable[[], Any], seconds: float = START_S_MAX) -> Any:
    """Ask again until the answer is true; errors of ours count as not yet."""
    until_s = time.monotonic() + seconds
    error: Exception | None = None
    while time.monotonic() < until_s:
        try:
            if answer := what():
                return answer
        except EdgeError as fault:
            error = fault
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {seconds} s: {error or what}")


@dataclass
class Recording:
    """A folder with a configuration and the processes that run on it."""

    folder: Path
    run_dir: Path
    config: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self, name: str) -> None:
        log = open(self.folder / f"{name}.log", "ab")  # noqa: SIM115 - the process has it
        self.processes[name] = subprocess.Popen([sys.executable, "-c", _RUN, name, str(self.config)], stderr=log)
        log.close()
        wait_for(lambda: self.ask(name, "sources" if name == "capture" else "state") is not None)

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def ask(self, service: str, verb: str, **values: Any) -> Any:
        return call_blocking(self.run_dir / f"{service}.sock", verb, **values)

    def reader(self, source: str) -> Reader:
        return wait_for(lambda: _open(self.run_dir / f"ring-{source}"))

    def begin(self, source: str, **patient: Any) -> Session:
        session = Session(
            session_id=os.urandom(8).hex(), source=source, patient=Patient(**patient), study_instance_uid=new_uid(),
            series_instance_uid=new_uid(), opened_s=time.time(),
        )  # fmt: skip
        self.ask("record", "session.begin", session=asdict(session))
        return session

    def saved(self, session: Session, count: int = 1, seconds: float = 120.0) -> list[tuple[Instance, Path]]:
        """Wait for so many objects of a session: finishing goes last, after all else that runs on the machine."""
        store = Instances(Database(self.data / "edge.db"), self.data)

        def look() -> list[Instance]:
            found = store.in_series(session.series_instance_uid)
            return found if len(found) >= count else []

        return [(instance, store.path_of(instance)) for instance in wait_for(look, seconds)]


class RingTap:
    """Reads a ring in step with a test and keeps what it saw: digest and time by index."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.seen: dict[int, tuple[bytes, int]] = {}
        self._last = reader.next_index - 1

    def follow(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            try:
                frame = self.reader.after(self._last)
            except FrameGap as gap:
                self._last = gap.next_index - 1
                continue
            if frame is None:
                time.sleep(0.005)
                continue
            self._last = frame.info.index
            self.seen[frame.info.index] = (frame.info.digest, frame.info.mono_ns)


def _open(path: Path) -> Reader | None:
    try:
        return Reader(path)
    except RingAbsent:
        return None


@contextmanager
def recording(folder: Path, sources: str, extra: str = "") -> Iterator[Recording]:
    """Start capture and record on these sources."""
    folder.mkdir(parents=True, exist_ok=True)
    # The name of a Unix socket may have 107 bytes: pytest's folders are too long.
    run_dir = Path(tempfile.mkdtemp(prefix="rec-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    config = folder / "edge.toml"
    config.write_text(
        f'[node]\nname = "clinic"\ninstitution = "Clinic of the Valley"\ndata_dir = "{folder}/data"\n'
        f'run_dir = "{run_dir}"\n{extra}\n{sources}'
    )
    run = Recording(folder, run_dir, config)
    try:
        run.start("capture")
        run.start("record")
        yield run
    finally:
        run.stop()
        shutil.rmtree(run_dir, ignore_errors=True)


def source(name: str, kind: str, **keys: Any) -> str:
    """Return a [[source]] table."""
    lines = [f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for key, value in keys.items()]
    return "\n".join([f'[[source]]\nname = "{name}"\nkind = "{kind}"', *lines, ""])


def decoded_digests(path: Path) -> list[bytes]:
    """Return the SHA-256 of every frame as captured, out of a stored object."""
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    captured_count = int(ds.private_block(0x0021, "EDGE_APPLIANCE 1")[0x07].value)
    index = build(path)
    digests = []
    with open(path, "rb") as file:
        for number in range(1, index.frame_count + 1):
            pixels = decode(
                str(ds.file_meta.TransferSyntaxUID), index.read(file.fileno(), number), width_px=ds.Columns,
                height_px=ds.Rows, channel_count=ds.SamplesPerPixel,
            )  # fmt: skip
            if pixels.ndim == 2 and captured_count == 3:
                pixels = np.repeat(pixels[:, :, None], 3, axis=2)
            digests.append(hashlib.sha256(np.ascontiguousarray(pixels).data).digest())
    return digests


def header_of(path: Path) -> Dataset:
    return pydicom.dcmread(path, stop_before_pixels=True)
