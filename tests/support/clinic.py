"""A clinic's life at a scaled clock: the product's store, sender, prover, janitor and fetcher over a simulated link.

Time moves only when somebody waits or something is being sent, so that days pass in seconds and the same seed gives the
same days. The far end keeps files; what it has received is written down as it comes.
"""

import heapq
import itertools
import math
import os
import random
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from edge.core.delivery import Outcome
from edge.core.link import Link
from edge.errors import UnreachableError
from edge.net.parcel import Answer, Parcel
from edge.net.readback import NotThereError
from edge.runtime import clock
from edge.store.database import Database
from edge.store.instances import Instances
from edge.uplink.chooser import Chooser
from edge.uplink.meter import Meter
from edge.uplink.prober import Prober
from edge.uplink.prover import Prover
from edge.uplink.sender import Sender

HOUR = 3600.0
DAY = 24 * HOUR
NAME = "vna"


class World:
    """Time, and what happens when."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s
        self._number = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        clock.scaled = lambda: self.now_s

    def at(self, when_s: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(when_s, self.now_s), next(self._number), act))

    def every(self, period_s: float, act: Callable[[], None]) -> None:
        def again() -> None:
            act()
            self.at(self.now_s + period_s, again)

        self.at(self.now_s + period_s, again)

    def advance(self, duration_s: float) -> None:
        """Let time pass, and happen what happens in it."""
        until_s = self.now_s + max(duration_s, 1e-3)
        while self._events and self._events[0][0] <= until_s:
            when_s, _, act = heapq.heappop(self._events)
            self.now_s = max(self.now_s, when_s)
            act()
        self.now_s = max(self.now_s, until_s)


@dataclass
class Bell:
    """Waits in the world's time."""

    world: World

    def wait(self, timeout_s: float) -> bool:
        self.world.advance(timeout_s)
        return False


@dataclass
class Line:
    """A link that is down now and then."""

    rate_bytes_s: float
    outages: list[tuple[float, float]] = field(default_factory=list)
    """From and to, in order."""

    def next_change(self, now_s: float) -> tuple[bool, float]:
        """Tell whether it is up, and until when."""
        for start_s, end_s in self.outages:
            if now_s < start_s:
                return True, start_s
            if now_s < end_s:
                return False, end_s
        return True, math.inf

    def is_up(self, now_s: float) -> bool:
        return self.next_change(now_s)[0]


def flapping(seed: int, start_s: float, end_s: float, *, up_s: float, down_s: float) -> list[tuple[float, float]]:
    """Return outages at random, of these mean lengths."""
    chance, at_s, outages = random.Random(seed), start_s, []
    while at_s < end_s:
        at_s += chance.expovariate(1 / up_s)
        length_s = chance.expovariate(1 / down_s)
        outages.append((at_s, at_s + length_s))
        at_s += length_s
    return outages


class FarEnd:
    """The hospital: a file an object, and a line a transfer that was whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._log = os.open(folder / "received.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def take(self, parcel: Parcel) -> None:
        shutil.copyfile(parcel.path, self.folder / f"{parcel.sop_instance_uid}.dcm")
        os.write(self._log, f"{parcel.sop_instance_uid}\n".encode())

    def received(self) -> list[str]:
        return (self.folder / "received.log").read_text().splitlines()

    def uids(self) -> set[str]:
        return {path.stem for path in self.folder.glob("*.dcm")}


@dataclass
class Carrier:
    """The way to the far end, and back."""

    world: World
    line: Line
    take: Callable[[Parcel], None]
    far: FarEnd | None = None
    is_open: bool = True
    is_batched: bool = False

    def check(self) -> None:
        if not self.line.is_up(self.world.now_s):
            self.world.advance(5.0)
            raise UnreachableError(f"{NAME} does not answer.")
        self.world.advance(0.05)

    def open(self, parcels: Sequence[Parcel]) -> "AbstractContextManager[Carrier]":
        self.check()
        self.is_open = True
        return nullcontext(self)

    def abort(self) -> None:
        """Nothing blocks."""

    def fits(self, parcel: Parcel) -> bool:
        return True

    def send_each(self, parcels: Sequence[Parcel]) -> Iterator[Answer]:
        return map(self._send, parcels)

    def _send(self, parcel: Parcel) -> Answer:
        if not self._pass(parcel.path.stat().st_size):
            return Answer(outcome=Outcome.FAILED, reason="the connection broke", is_link_fault=True)
        self.take(parcel)
        return Answer(outcome=Outcome.ACCEPTED)

    def _pass(self, size_bytes: int) -> bool:
        """Let so much go over the line; tell whether it held."""
        is_up, until_s = self.line.next_change(self.world.now_s)
        needed_s = size_bytes / self.line.rate_bytes_s
        if not is_up or self.world.now_s + needed_s > until_s:
            self.is_open = False
            self.world.advance(max(0.0, min(needed_s, until_s - self.world.now_s)) if is_up else 1.0)
            return False
        self.world.advance(needed_s)
        return True

    def fetch(self, parcel: Parcel, target: Path) -> None:
        """Give an object back, at four times the rate: the other direction is wider."""
        assert self.far is not None
        copy = self.far.folder / f"{parcel.sop_instance_uid}.dcm"
        self.check()
        if not copy.exists():
            raise NotThereError(f"{NAME} does not have {parcel.sop_instance_uid}.")
        if not self._pass(copy.stat().st_size // 4):
            raise UnreachableError(f"{NAME} hung up.")
        shutil.copyfile(copy, target)


def make_sender(
    world: World, database: Database, instances: Instances, carrier: Carrier, *, prover: Prover | None = None
) -> Sender:
    """Return the product's sender over a simulated way."""
    sender = Sender(
        database=database, destination=NAME, carrier=carrier, prober=Prober(database, NAME, carrier, Link()),
        chooser=Chooser(database, instances, NAME), meter=Meter(database, NAME), bell=Bell(world),  # type: ignore[arg-type]
        stop=threading.Event(),
    )  # fmt: skip
    if prover is not None:
        sender.after_turn = prover.step
    return sender
