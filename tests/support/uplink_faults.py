"""Faults on the way of objects to two hospitals, one at a time, each followed by a restart and an audit.

    python -m tests.support.uplink_faults SEED COUNT

A round makes a few objects, lets the uplink's service deliver them once without a fault to number every failpoint and
every PDU, and then once for each fault: SIGKILL, an error of the disk or of the socket at each failpoint; the
connection closed, reset, stalled or its answer lost at each PDU boundary and a byte beside it; every status of C-STORE
and of commitment, reports that never come, late, twice or about something else; an archive that cuts what it stores; a
clock a year off. In two rounds of three, objects go side by side over several associations. The service is a forked
process with a clock that runs a hundred times as fast.

What must hold, all the time: what is marked safe, or has left the disk, is at every required hospital, byte for byte.
In the end: every object is at both, the same by digest, and none came twice, unless a hospital says it has it not.
"""

import asyncio
import errno
import hashlib
import json
import logging
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from mmap import mmap
from pathlib import Path

from edge.config import Config, load
from edge.core import width
from edge.core.delivery import State
from edge.net import calling, stream
from edge.runtime import clock, kernel
from edge.services import uplink
from edge.store import deliveries
from edge.store.database import Database
from edge.store.header import read
from edge.store.instances import Instances
from edge.uplink import committer, janitor, sender
from tests.support import campaign
from tests.support.hospital import FAILURES, Break, Hospital, Wrongs
from tests.support.objects import make_dataset

SCALE = 100.0
"""So much faster goes the service's clock."""
YEAR_S = 365 * 86400.0
DONE_S_MAX = 200.0
"""Of looking, on a busy machine."""
LOOK_S = 0.01
STORE_STATUSES = (0xA700, 0xA900, 0xB000, 0xB007, 0xC000, 0x0110, 0x0111, 0x0117, 0x0122, 0x0124, 0x0211, 0x0212)
REPORTS = ("never", "late", "twice", "wrong", "both", *(str(code) for code in FAILURES))
ACTION_STATUSES = (0x0110, 0x0112, 0x0122, 0x0124, 0x0211, 0x0213)
_WIRE_STEPS = frozenset({"send", "receive"})
_MAY_REPEAT = frozenset({"report", "truncate", "status"})
"""Kinds in which the hospital itself says that it does not have an object."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and where."""

    kind: str
    step: str = ""
    """Of a failpoint its name; of a connection "in" or "out"."""
    at: int = 0
    """The number of the step, or the byte."""
    what: str = ""
    """A status, a way to report, or an object's number."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What one round delivers: square pictures."""

    study: str
    sides: tuple[int, ...]

    @property
    def association_count(self) -> int:
        """How many associations a way begins with."""
        return 1 + int(self.study.rpartition(".")[2]) % 3


def make_scene(generator: random.Random) -> Scene:
    study = f"1.2.826.0.1.3680043.10.9997.{generator.randrange(10**9)}"
    return Scene(study, (generator.randrange(8, 64), generator.randrange(150, 300), generator.randrange(8, 100)))


class Arena:
    """One node's data folder and its two hospitals. A context manager; `folder` has a short name, for the sockets."""

    def __init__(self, template: Path, scene: Scene, fault: Fault | None) -> None:
        self.folder = campaign.copy_of(template)
        self._fault = fault
        self._association_count = scene.association_count
        self._fired = mmap(-1, 1)
        wrongs, broken = _wrongs_of(scene, fault)
        self.first, self.second = Hospital(wrongs, broken), Hospital()
        self._stack = ExitStack()
        self.database = Database(self.folder / "data" / "edge.db")
        self._instances = Instances(self.database, self.folder / "data", destinations=["first", "second"])
        self.kept: dict[str, bytes] = {}
        for number, side in enumerate(scene.sides):
            self._keep(f"{scene.study}.1.{number}", scene.study, side, number)

    def __enter__(self) -> "Arena":
        self._stack.enter_context(self.first)
        self._stack.enter_context(self.second)
        self.config = _configuration(self.folder, self.first.port, self.second.port)
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()
        self._stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *, numbered: list[str] | None = None) -> None:
        """Deliver everything, through the fault and as many restarts as it takes."""
        reading, writing = os.pipe()
        child = self._start(self._fault, writing if numbered is not None else -1)
        os.close(writing)
        looks_left = int(DONE_S_MAX / LOOK_S)  # Counted, not timed: a process that stood still has not waited.
        try:
            while not self._is_done():
                looks_left -= 1
                assert looks_left > 0, f"not delivered: {self._states()}"
                ended, _ = os.waitpid(child, os.WNOHANG)
                is_wrong = self._fault is not None and self._fault.kind == "year" and not self.has_fired
                if is_wrong and self._is_half_done():  # The clock is set right again, by a restart.
                    self._fired[0] = 1
                    campaign.end(child)
                    ended = child
                if ended:
                    child = self._start(None, -1)
                self._release_held()
                time.sleep(LOOK_S)
        finally:
            campaign.end(child)
            if numbered is not None:
                with os.fdopen(reading) as names:
                    numbered += names.read().split()
            else:
                os.close(reading)

    @property
    def has_fired(self) -> bool:
        return self._fired[0] == 1 or self.first.has_struck

    def audit(self) -> None:
        """Hold both hospitals against what was kept here."""
        for hospital in (self.first, self.second):
            assert hospital.objects.keys() == self.kept.keys(), "not every object is there"
            for uid, dataset in self.kept.items():
                assert _digest(hospital.objects[uid]) == _digest(dataset), "not the same there"
            may_repeat = self._fault is not None and self._fault.kind in _MAY_REPEAT and hospital is self.first
            assert may_repeat or not hospital.again_count, f"came twice: {hospital.again_count}"

    def _start(self, fault: Fault | None, report: int) -> int:
        child = os.fork()
        if child == 0:
            width.COUNT_FIRST = self._association_count
            _serve(self.config, fault, self._fired, report)
        return child

    def _keep(self, uid: str, study: str, side: int, seed: int) -> None:
        temp = self._instances.new_temp()
        make_dataset(
            rows=side, columns=side, pixel_seed=seed, StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1",
            SOPInstanceUID=uid,
        ).save_as(temp, enforce_file_format=True)  # fmt: skip
        kept = self._instances.keep(temp, source="test").instance
        data = self._instances.path_of(kept).read_bytes()
        self.kept[uid] = data[read(self._instances.path_of(kept)).dataset_offset :]

    def _rows(self) -> list[tuple[str, str, str]]:
        with self.database.read() as connection:
            return [
                tuple(row) for row in connection.execute("SELECT sop_instance_uid, destination, state FROM deliveries")
            ]

    def _is_done(self) -> bool:
        """Tell whether all is safe; and hold what is marked safe, or has left, against the hospitals."""
        rows = self._rows()
        for uid, destination, state in rows:
            if state == State.SAFE:
                self._require_there(uid, destination)
        for uid in self.kept:
            if not self._instances.path_of(self._instances.require(uid)).exists():
                for name in ("first", "second"):
                    self._require_there(uid, name)
        return all(state == State.SAFE for *_, state in rows)

    def _require_there(self, uid: str, destination: str) -> None:
        hospital = self.first if destination == "first" else self.second
        assert hospital.objects.get(uid) == self.kept[uid], f"marked safe at {destination} and is not: {uid}"

    def _is_half_done(self) -> bool:
        return any(state in (State.SENT, State.COMMITTED, State.SAFE) for *_, state in self._rows())

    def _release_held(self) -> None:
        """Be the person who looks after what was refused."""
        for uid, destination, state in self._rows():
            if state == State.HELD:
                deliveries.retry(
                    self.database, now_s=0.0, sop_instance_uid=uid, destination=destination
                )  # fmt: skip

    def _states(self) -> list[object]:
        with self.database.read() as connection:
            return [
                tuple(row)
                for row in connection.execute(
                    "SELECT sop_instance_uid, destination, state, reason, attempt_count FROM deliveries"
                )
            ]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _configuration(folder: Path, first: int, second: int) -> Config:
    path = folder / "edge.toml"
    destinations = "".join(
        f'[[destination]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {port}\nae_title = "H"\n'
        for name, port in (("first", first), ("second", second))
    )
    path.write_text(
        f'[node]\ndata_dir = "{folder / "data"}"\nrun_dir = "{folder / "run"}"\ndisk_reserve_mb = 0\nscrub_mb_s = 0\n'
        f"[retention]\nkeep_hours = 0\nfree_mb = 100000000\n{destinations}"
    )
    return load(path)


def _wrongs_of(scene: Scene, fault: Fault | None) -> tuple[Wrongs, Break | None]:
    if fault is None:
        return Wrongs(), None
    uid = f"{scene.study}.1.{fault.at}"
    match fault.kind:
        case "status":
            return Wrongs(statuses={uid: [int(fault.what)]}), None
        case "truncate":
            return Wrongs(truncated={uid}), None
        case "report":
            return Wrongs(report=fault.what), None
        case "action":
            return Wrongs(action_status=int(fault.what)), None
        case "close" | "reset" | "stall" | "lost" if fault.step in ("in", "out"):
            return Wrongs(), Break("close" if fault.kind == "lost" else fault.kind, fault.step == "out", fault.at)
    return Wrongs(), None


def _serve(config: Config, fault: Fault | None, fired: mmap, report: int) -> None:
    """Be the uplink, until killed."""
    try:
        logging.disable()
        _hurry()
        begun_s, off_s = time.time(), float(fault.what) * YEAR_S if fault is not None and fault.kind == "year" else 0.0
        clock.scaled = lambda: begun_s + off_s + (time.time() - begun_s) * SCALE
        if report >= 0:
            kernel.hook = campaign.reporter(report)
        elif fault is not None and fault.kind in ("kill", "disk", "socket", "short"):
            kernel.hook = campaign.striker(fault.step, fault.at, fired, _act(fault.kind))
        asyncio.run(uplink.serve(config))
    finally:
        os._exit(1)


def _hurry() -> None:
    """What is waited for in real time is shortened, too."""
    calling.NEGOTIATE_S, calling.ANSWER_S = 100.0, 300.0  # As long as a busy machine may take, in its scaled seconds.
    stream.LOOK_S, sender.POLL_S, committer.REPORT_S = 0.02, 0.02, 20.0
    janitor.LOOK_S = janitor.NOTHING_S = 0.02


def _act(kind: str) -> campaign.Hook:
    """Return what a step does that the fault strikes."""

    def act(name: str, size_bytes: int) -> int:
        match kind:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "disk" if name.startswith("save"):
                raise sqlite3.OperationalError("disk I/O error")
            case "disk":
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            case "socket":
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        return max(1, size_bytes // 3)

    return act


def faults_of(scene: Scene, steps: list[str], in_marks: list[int], out_marks: list[int]) -> Iterator[Fault]:
    """Give every fault of a round."""
    for number, name in enumerate(steps, start=1):
        yield Fault("kill", name, number)
        if name in _WIRE_STEPS:
            yield Fault("socket", name, number)
            yield Fault("short", name, number)
        elif name in ("read", "save"):
            yield Fault("disk", name, number)
    for step, marks in (("in", in_marks), ("out", out_marks)):
        for index, mark in enumerate(marks):
            for beside in (-1, 0, 1):
                yield from (Fault(kind, step, mark + beside) for kind in ("close", "reset"))
            if index % 3 == 0:  # A stall takes its time.
                yield Fault("stall", step, mark)
    for number in range(len(scene.sides)):
        yield from (Fault("status", at=number, what=str(status)) for status in STORE_STATUSES)
        yield Fault("truncate", at=number)
    yield from (Fault("report", what=kind) for kind in REPORTS)
    yield from (Fault("action", what=str(status)) for status in ACTION_STATUSES)
    yield from (Fault("year", what=sign) for sign in ("1", "-1"))


def inject(count: int, *, seed: int, kinds: Sequence[str] = ()) -> Counter[str]:
    """Inject so many faults; return how often each kind struck.  Raises: AssertionError that names the fault.

    `kinds`: only faults of these names.
    """
    with campaign.empty_node("up-", "data") as template:

        def make_round(generator: random.Random) -> tuple[list[Fault], Callable[[Fault], bool]]:
            scene = make_scene(generator)
            steps: list[str] = []
            with Arena(template, scene, None) as clean:
                clean.run(numbered=steps)
                clean.audit()
                in_marks, out_marks = clean.first.in_marks, clean.first.out_marks
            faults = faults_of(scene, steps, in_marks, out_marks)
            return [one for one in faults if not kinds or _name_of(one) in kinds], partial(_strike, template, scene)

        return campaign.inject(make_round, draw, _name_of, count=count, seed=seed)


def _strike(template: Path, scene: Scene, fault: Fault) -> bool:
    """Deliver everything through one fault, audit both hospitals; tell whether it came to pass."""
    with Arena(template, scene, fault) as arena:
        arena.run()
        arena.audit()
        return arena.has_fired


def draw(generator: random.Random, faults: list[Fault], count: int) -> list[Fault]:
    """Return some of a round's faults: of every kind as many, so that the rare ones strike, too."""
    by_kind: dict[str, list[Fault]] = {}
    for fault in faults:
        by_kind.setdefault(f"{fault.kind} {fault.step}", []).append(fault)
    drawn: list[Fault] = []
    for kind in sorted(by_kind):
        drawn += generator.sample(by_kind[kind], min(len(by_kind[kind]), 12))
    generator.shuffle(drawn)
    return drawn[:count]


def _name_of(fault: Fault) -> str:
    return f"{fault.kind} {fault.step or fault.what}".strip()


if __name__ == "__main__":
    print(json.dumps(inject(int(sys.argv[2]), seed=int(sys.argv[1]))))
