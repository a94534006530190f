"""Two days of a clinic, played against the product at a scaled clock, in a process that can be killed.

Three carts and a probe bring exams by day, a scanner brings slides; the link to the hospital flaps and fails for hours,
the disk fills up, somebody opens old studies, and once the power is cut. Sizes and rates are a thousandth of life.
"""

import asyncio
import json
import os
import random
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.api.outbox import Outbox
from edge.api.recall import Recall
from edge.config import Config, Destination, Node, Retention
from edge.core.retention import Limits
from edge.runtime import kernel
from edge.runtime.doorbell import Doorbell
from edge.store import deliveries, evictions, fetches
from edge.store.database import Database
from edge.store.instances import Instances
from edge.uplink.fetcher import Fetcher
from edge.uplink.janitor import Janitor
from edge.uplink.prover import Prover
from tests.support.clinic import DAY, HOUR, NAME, Carrier, FarEnd, Line, World, flapping, make_sender
from tests.support.objects import make_dataset

START_S = 1_789_948_800.0
"""A Monday, midnight UTC."""
RATE_BYTES_S = 600.0
BUDGET_BYTES = 7 * 2**19
LOOK_S = 900.0
RETRY_S = 600.0
SOURCES = ("dimse:CART1", "dimse:CART2", "dimse:CART3", "record")


@dataclass(frozen=True)
class Arrival:
    """One object that comes."""

    number: int
    at_s: float
    source: str
    study: int
    rows: int
    frames: int


@dataclass(frozen=True)
class Promise:
    """What the sync page said at one moment."""

    at_s: float
    left_s: float | None
    early_s: float | None
    late_s: float | None
    bytes_left: int
    disk_full_s: float | None
    is_up: bool


def arrivals(days: float, *, seed: int, exams_a_day: int) -> list[Arrival]:
    """Return what comes, in order: exams from eight to six, slides in the afternoon."""
    chance, found, study = random.Random(seed), [], 0
    for day in range(int(days + 0.999)):
        for _ in range(exams_a_day):
            study += 1
            at_s = START_S + day * DAY + 8 * HOUR + chance.random() * 10 * HOUR
            source = chance.choice(SOURCES)
            for _ in range(chance.randint(4, 9)):
                at_s += chance.expovariate(1 / 90.0)
                frames = chance.choice((1, 1, 1, 12))
                found.append((at_s, source, study, 64 + study % 32, frames))
        for _ in range(3):
            study += 1
            at_s = START_S + day * DAY + 13 * HOUR + chance.random() * 3 * HOUR
            found += [
                (at_s + level, "convert", study, 64 + study % 32, frames) for level, frames in enumerate((1, 4, 16))
            ]
    end_s = START_S + days * DAY
    return [Arrival(number, *one) for number, one in enumerate(sorted(one for one in found if one[0] < end_s))]


class Clinic:
    """The node, from wherever the last process left it."""

    def __init__(self, folder: Path, world: World, line: Line, coming: list[Arrival], *, budget_bytes: int) -> None:
        self.folder, self.world = folder, world
        config = Config(
            node=Node(data_dir=str(folder / "data"), run_dir=str(folder / "run"), disk_reserve_mb=0),
            destination=[Destination(name=NAME, kind="dimse", host="hospital")],
            retention=Retention(budget_mb=max(1, budget_bytes // 2**20), free_mb=0),
        )
        self.database = Database(config.database_path)
        self.store = Instances(self.database, config.data_dir, destinations=config.routing, budget_bytes=budget_bytes)
        self.store.sweep(grace_s=0.0)
        deliveries.recover(self.database, now_s=world.now_s, destinations=config.routing)
        self.far = FarEnd(folder / "far")
        carrier = Carrier(world, line, self.far.take, self.far)
        prover = Prover(self.database, self.store, NAME, carrier.fetch)
        self.sender = make_sender(world, self.database, self.store, carrier, prover=prover)
        self.fetcher = Fetcher(
            self.database, self.store, {NAME: carrier.fetch}, Doorbell(folder / "run" / "bells", "fetcher")
        )
        self.janitor = Janitor(
            self.database, self.store, config.routing, config.required, Limits(budget_bytes=budget_bytes), 0.0,
            lambda: 10**12,
        )  # fmt: skip
        self.outbox = Outbox(config, self.database, Recall(self.database, config.data_dir, folder / "run" / "bells"))
        self.line = line
        self._log = os.open(folder / "life.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        evictions.settle(self.database, self.store.path_of)
        done = {one["number"] for one in life(folder) if one["what"] == "kept"}
        for one in coming:
            if one.number not in done:
                world.at(one.at_s, lambda one=one: self.bring(one))  # type: ignore[misc]
        world.every(60.0, self.tidy)
        world.every(LOOK_S, self.look)
        world.every(5 * HOUR, self.open_old)

    def say(self, what: str, **values: object) -> None:
        os.write(self._log, (json.dumps({"what": what, "at_s": self.world.now_s, **values}) + "\n").encode())

    def bring(self, one: Arrival) -> None:
        """A cart sends an object; refused, it tries again later, as carts do."""
        if not self.store.has_room():
            self.say("refused", number=one.number)
            self.world.at(self.world.now_s + RETRY_S, lambda: self.bring(one))
            return
        temp = self.store.new_temp()
        ds = make_dataset(
            pixel_seed=one.number, rows=one.rows, frames=one.frames, StudyInstanceUID=f"1.2.{one.study}",
            SeriesInstanceUID=f"1.2.{one.study}.1", SOPInstanceUID=f"1.2.{one.study}.1.{one.number}",
        )  # fmt: skip
        ds.save_as(temp, enforce_file_format=True)
        kept = self.store.keep(temp, source=one.source)
        self.say("kept", number=one.number, uid=kept.instance.sop_instance_uid, digest=kept.instance.digest,
                 size=kept.instance.size_bytes)  # fmt: skip

    def tidy(self) -> None:
        """What the janitor's and the fetcher's threads do."""
        self.janitor.step()
        if self.line.is_up(self.world.now_s):
            self.fetcher.step()
        used = evictions.used_bytes(self.database)
        self.say("disk", used=used)

    def look(self) -> None:
        """Look at the sync page."""
        summary = asyncio.run(self.outbox.summary())
        (view,) = summary.destinations
        self.say("page", **asdict(Promise(
            at_s=self.world.now_s, left_s=view.eta_s, early_s=view.eta_early_s, late_s=view.eta_late_s,
            bytes_left=view.bytes_left, disk_full_s=summary.disk_full_s,
            is_up=self.line.is_up(self.world.now_s),
        )))  # fmt: skip

    def open_old(self) -> None:
        """Somebody opens the oldest study that has left."""
        with self.database.read() as connection:
            row = connection.execute(
                "SELECT study_instance_uid FROM instances JOIN series USING (series_key) JOIN studies USING (study_key)"
                " WHERE evicted_s IS NOT NULL ORDER BY instances.kept_s LIMIT 1"
            ).fetchone()
        if row is not None:
            fetches.open_study(self.database, row[0], now_s=self.world.now_s)
            fetches.ask_study(self.database, row[0], now_s=self.world.now_s)
            self.say("opened", study=row[0])


def life(folder: Path) -> list[dict[str, object]]:
    """Return what was written down, in order; a power cut may have cut the last line."""
    path = folder / "life.log"
    lines = path.read_text().splitlines() if path.exists() else []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def run(
    folder: Path, *, days: float, seed: int, exams_a_day: int, cut_s: float | None, budget_bytes: int = BUDGET_BYTES
) -> bool:
    """Live until everything is through, in this process; killed at `cut_s`, in the middle of something. True: ended."""
    lines = life(folder)
    now_s = max([START_S, *(float(str(one["at_s"])) for one in lines)])
    world = World(now_s)
    end_s = START_S + days * DAY
    outages = flapping(seed, START_S, end_s, up_s=10 * 60, down_s=3 * 60)
    outages += [
        (START_S + day * DAY + 9 * HOUR, START_S + day * DAY + 15 * HOUR) for day in range(1, int(days + 0.999))
    ]
    line = Line(RATE_BYTES_S, merge(outages))
    clinic = Clinic(folder, world, line, arrivals(days, seed=seed, exams_a_day=exams_a_day), budget_bytes=budget_bytes)
    if cut_s is not None:
        chance, armed = random.Random(seed), [False]

        def hook(name: str, size_bytes: int) -> int:
            if armed[0] and chance.random() < 0.05:
                os.kill(os.getpid(), signal.SIGKILL)
            return size_bytes

        world.at(cut_s, lambda: armed.__setitem__(0, True))
        kernel.hook = hook

    def stop_when_done() -> None:
        if world.now_s > end_s and asyncio.run(clinic.outbox.summary()).destinations[0].counts["safe"] == sum(
            asyncio.run(clinic.outbox.summary()).destinations[0].counts.values()
        ):
            clinic.sender.stop.set()

    world.every(900.0, stop_when_done)
    world.at(end_s + 10 * DAY, clinic.sender.stop.set)
    clinic.sender.run()
    return True


def merge(outages: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return outages in order, those that touch as one."""
    merged: list[tuple[float, float]] = []
    for start_s, end_s in sorted(outages):
        if merged and start_s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end_s))
        else:
            merged.append((start_s, end_s))
    return merged
