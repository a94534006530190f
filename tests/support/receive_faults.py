"""Faults on the way of objects from a socket into the store, one at a time, each followed by a restart and an audit.

    python -m tests.support.receive_faults SEED COUNT

A round makes a few objects, sends them once without a fault to number every failpoint, and then once for each fault:
SIGKILL, a full disk, an I/O error, a short write or a broken connection at each failpoint; the connection closed, reset
or stalled at each PDU boundary and a byte beside it. The receiver is a forked process, ended by SIGKILL in any case.

What must hold after each: what was acknowledged is there, byte for byte, with its row and its delivery; nothing is
there twice; after a sweep nothing is there without a row, and nothing half-written; everything can be sent again.
"""

import errno
import hashlib
import json
import logging
import os
import random
import shutil
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from mmap import mmap
from pathlib import Path

from edge.net.pdu import PduType
from edge.net.provider import Provider
from edge.receive.intake import take
from edge.runtime import kernel
from edge.store.database import Database
from edge.store.header import read
from edge.store.instances import Instances
from tests.support import campaign
from tests.support.objects import make_dataset
from tests.support.sender import EXPLICIT, SECONDARY_CAPTURE, Item, Sender, item_of, message, request

STALLED_S = 0.25
"""The receiver's patience where a stall is the fault."""
IDLE_S = 3600.0
"""Its patience otherwise, and the sender's: a busy machine is no fault, and who runs a campaign ends what hangs."""
CLEAN_LOOK_COUNT_MAX = 3000
"""So often is looked whether a receiver that lives has cleaned up after a broken connection."""
CONFLICT = 0xC111
_DISK_STEPS = frozenset(
    {"open", "write", "link", "link_beside", "replace", "make_folder", "sync_file", "sync_folder", "unlink"}
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and where: at the step of that number, or at that byte of what the sender sends."""

    kind: str
    """kill, full, io, short, reset: of a step. close, reset, stall: of the connection."""
    step: str
    """Its name; "wire" for the connection."""
    at: int


@dataclass(frozen=True, slots=True)
class Scene:
    """What one round sends."""

    items: tuple[Item, ...]
    pdu_bytes_max: int

    def expected(self) -> list[int]:
        """Return the statuses of an undisturbed run."""
        first: dict[str, bytes] = {}
        return [
            0 if first.setdefault(item.sop_instance_uid, item.dataset) == item.dataset else CONFLICT
            for item in self.items
        ]


def make_scene(generator: random.Random) -> Scene:
    """Make a few objects: small and large, one that comes twice, one under the same UID with other bytes."""
    study = f"1.2.826.0.1.3680043.10.9998.{generator.randrange(10**9)}"

    def make(number: int, side: int, pixel_seed: int) -> Item:
        return item_of(
            make_dataset(
                rows=side, columns=side, pixel_seed=pixel_seed, StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1",
                SOPInstanceUID=f"{study}.1.{number}",
            )
        )  # fmt: skip

    small, large = make(1, generator.randrange(8, 64), 1), make(2, generator.randrange(300, 500), 2)
    rest = [small, make(2, 40, 3), make(3, generator.randrange(8, 200), 4)]
    generator.shuffle(rest)
    return Scene((small, large, *rest), generator.choice([16_384, 65_536, 131_072]))


class Arena:
    """One data folder, its receiver and its sender."""

    def __init__(self, folder: Path, scene: Scene) -> None:
        """Use a folder that holds an index."""
        self.folder = folder
        self.scene = scene
        self._fired = mmap(-1, 1)

    def run(self, fault: Fault | None, *, numbered: list[str] | None = None) -> list[tuple[Item, int]]:
        """Serve and send with one fault; return the answers. `numbered` is filled with the names of the steps."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                self._serve(listener, fault, writing if numbered is not None else -1)
            os.close(writing)
            try:
                answers = self._send(listener.getsockname()[1], fault if fault and fault.step == "wire" else None)
                self._await_clean(child, fault)
            finally:
                campaign.end(child)
            if numbered is not None:
                with os.fdopen(reading) as names:
                    numbered += names.read().split()
            else:
                os.close(reading)
        return answers

    @property
    def has_fired(self) -> bool:
        """Whether the fault has come to pass."""
        return self._fired[0] == 1

    def audit(self, answers: list[tuple[Item, int]]) -> None:
        """Open the store as after a restart, sweep, and hold everything against what was acknowledged."""
        database = Database(self.folder / "edge.db")
        try:
            store = Instances(database, self.folder, destinations=["vna"])
            store.sweep(grace_s=-5)
            for item, status in answers:
                if status == 0:
                    kept = store.require(item.sop_instance_uid)
                    path = store.path_of(kept)
                    data = path.read_bytes()
                    assert hashlib.sha256(data).hexdigest() == kept.digest, "the bytes are not those of the name"
                    assert data[read(path).dataset_offset :] == item.dataset, "other bytes than were sent"
            with database.read() as connection:
                rows = [row[0] for row in connection.execute("SELECT digest FROM instances")]
                aside = {row[0] for row in connection.execute("SELECT digest FROM conflicts")}
                counted = connection.execute("SELECT coalesce(sum(instance_count), 0) FROM studies").fetchone()[0]
                waiting = connection.execute("SELECT count(*) FROM deliveries").fetchone()[0]
            assert counted == waiting == len(rows), (counted, waiting, len(rows))
            assert sorted(rows) == sorted(file.name for file in files_below(self.folder / "objects")), "orphan or loss"
            assert aside == {file.name for file in files_below(self.folder / "aside")}, "orphan or loss, aside"
            assert files_below(self.folder / "incoming") == [], "half-written"
            if any(status == CONFLICT for _, status in answers):
                assert len(aside) == 1
        finally:
            database.close()

    def _serve(self, listener: socket.socket, fault: Fault | None, report: int) -> None:
        """Be the receiver, until killed."""
        try:
            logging.disable()
            if fault is not None and fault.step != "wire":
                kernel.hook = campaign.striker(fault.step, fault.at, self._fired, _act(fault.kind))
            elif report >= 0:
                kernel.hook = campaign.reporter(report)
            store = Instances(Database(self.folder / "edge.db"), self.folder, destinations=["vna"])
            idle_s = STALLED_S if fault is not None and fault.kind == "stall" else IDLE_S
            provider = Provider(
                ae_title="FAULTS", new_temp=store.new_temp, take=lambda received: take(store, received),
                has_room=store.has_room, request_s=idle_s, idle_s=idle_s,
            )  # fmt: skip
            provider.acceptor.serve(listener)
            while True:
                signal.pause()
        finally:
            os._exit(1)

    def _send(self, port: int, fault: Fault | None) -> list[tuple[Item, int]]:
        answers: list[tuple[Item, int]] = []
        try:
            with Sender(port, timeout_s=IDLE_S) as sender:
                budget = _Budget(sender, fault, self._fired)
                budget.send(request(proposals=[(1, SECONDARY_CAPTURE, [EXPLICIT])]))
                sender.receive()
                for number, item in enumerate(self.scene.items, start=1):
                    for part in message(number, item, pdu_bytes_max=self.scene.pdu_bytes_max):
                        budget.send(part)
                    answers.append((item, sender.status()))
        except (ConnectionError, _Cut):
            return answers
        return answers

    def _await_clean(self, child: int, fault: Fault | None) -> None:
        """A receiver that lives leaves nothing half-written by itself, unless removing it was what failed."""
        if fault is None or fault.kind == "kill" or fault.step == "unlink":
            return
        for _ in range(CLEAN_LOOK_COUNT_MAX):
            if not files_below(self.folder / "incoming"):
                return
            time.sleep(0.002)
        raise AssertionError("a temporary file stays")


class _Cut(Exception):
    """The sender has done what it was told to do to the connection."""


class _Budget:
    """Sends until the byte at which the connection is to fail."""

    def __init__(self, sender: Sender, fault: Fault | None, fired: mmap) -> None:
        self._sender = sender
        self._fault = fault
        self._fired = fired
        self._sent = 0

    def send(self, data: bytes) -> None:
        fault = self._fault
        if fault is None or self._sent + len(data) < fault.at:
            self._sender.socket.sendall(data)
            self._sent += len(data)
            return
        self._sender.socket.sendall(data[: fault.at - self._sent])
        self._fired[0] = 1
        if fault.kind == "reset":
            self._sender.reset()
        elif fault.kind == "stall":
            while self._sender.receive()[0] != PduType.ABORT:  # Answers that were under way come first.
                pass
        raise _Cut


def _act(kind: str) -> campaign.Hook:
    """Return what a step does that the fault strikes."""

    def act(_: str, size_bytes: int) -> int:
        match kind:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "full":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            case "io":
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            case "reset":
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        return max(1, size_bytes // 3)

    return act


def faults_of(scene: Scene, steps: list[str]) -> Iterator[Fault]:
    """Give every fault of a round."""
    for number, name in enumerate(steps, start=1):
        kinds = ["kill"]
        if name in _DISK_STEPS or name.startswith("commit"):
            kinds += ["full", "io"]
        if name in ("receive", "send"):
            kinds.append("reset")
        if name in ("write", "receive", "send"):
            kinds.append("short")
        yield from (Fault(kind, name, number) for kind in kinds)
    offset = len(request(proposals=[(1, SECONDARY_CAPTURE, [EXPLICIT])]))
    boundaries = [offset]
    for number, item in enumerate(scene.items, start=1):
        for part in message(number, item, pdu_bytes_max=scene.pdu_bytes_max):
            offset += len(part)
            boundaries.append(offset)
    for index, boundary in enumerate(boundaries):
        for beside in (-1, 0, 1):
            yield from (Fault(kind, "wire", boundary + beside) for kind in ("close", "reset"))
        if index % 4 == 0:  # A stall takes its time.
            yield Fault("stall", "wire", boundary)


def files_below(folder: Path) -> list[Path]:
    """Return every file."""
    return [Path(root) / name for root, _, names in os.walk(folder) for name in names]


def inject(count: int, *, seed: int) -> Counter[str]:
    """Inject so many faults; return how often each kind struck.  Raises: AssertionError that names the fault."""
    with campaign.empty_node("edge-faults-") as template:

        def make_round(generator: random.Random) -> tuple[list[Fault], Callable[[Fault], bool]]:
            scene = make_scene(generator)
            steps: list[str] = []
            with _arena(template, scene) as clean:
                answers = clean.run(None, numbered=steps)
                assert [status for _, status in answers] == scene.expected(), "the undisturbed run"
                clean.audit(answers)
            return list(faults_of(scene, steps)), partial(_strike, template, scene)

        def draw(generator: random.Random, faults: list[Fault], at_most: int) -> list[Fault]:
            return generator.sample(faults, min(len(faults), at_most))

        return campaign.inject(
            make_round, draw, lambda fault: f"{fault.step} {fault.kind}", count=count, seed=seed
        )  # fmt: skip


def _strike(template: Path, scene: Scene, fault: Fault) -> bool:
    """Inject one fault, restart, audit, send everything again, audit; tell whether it came to pass."""
    with _arena(template, scene) as arena:
        answers = arena.run(fault)
        has_fired = arena.has_fired
        arena.audit(answers)
        again = arena.run(None)
        statuses = [status for _, status in again]
        assert len(statuses) == len(scene.items) and {0, CONFLICT} >= set(statuses), f"sent again: {statuses}"
        arena.audit([(item, status) for item, status in answers + again])
        return has_fired


@contextmanager
def _arena(template: Path, scene: Scene) -> Iterator[Arena]:
    """Give a fresh copy of the template, gone afterwards."""
    folder = campaign.copy_of(template)
    try:
        yield Arena(folder, scene)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    print(json.dumps(inject(int(sys.argv[2]), seed=int(sys.argv[1]))))
