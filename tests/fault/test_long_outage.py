"""Two weeks without a link, at a scaled clock: what has queued up drains by itself, in the right order."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from edge.core.link import PROBE_S_MAX
from edge.core.outbox import AGED_MAX, AGING_S, OLDEST_EVERY, STAT, Candidate, give_turns, order
from edge.net.parcel import Parcel
from edge.runtime import clock
from edge.store import deliveries
from edge.store.database import Database
from edge.store.instances import Instances
from edge.uplink.feed import GROUP_COUNT_MAX, TURN_S
from tests.support.clinic import DAY, Carrier, Line, World, make_sender
from tests.support.queue import Queued, fill

IS_WHOLE = "EDGE_FAULT_COUNT" in os.environ
COUNT, DAYS = (100_000, 14.0) if IS_WHOLE else (1500, 0.1)
"""What queued up did so over two weeks, always; in short, only the end of them is lived through."""
START_S = 1_790_000_000.0


@pytest.fixture
def folder() -> Iterator[Path]:
    parent = "/dev/shm" if Path("/dev/shm").is_dir() else None
    path = Path(tempfile.mkdtemp(prefix="edge-outage-", dir=parent))
    yield path
    clock.scaled = None
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.timeout(3000 if IS_WHOLE else 180)
def test_after_two_weeks_without_a_link_everything_goes_by_itself_in_the_right_order(folder: Path) -> None:
    world = World(START_S)
    database = Database(folder / "edge.db")
    store = Instances(database, folder, destinations=["vna"])
    queued = {one.uid: one for one in fill(database, store, COUNT, now_s=START_S)}
    deliveries.recover(database, now_s=START_S - 14 * DAY, destinations=["vna"])
    sent: list[str] = []
    began_s: list[float] = []

    def take(parcel: Parcel) -> None:
        began_s.append(world.now_s)
        sent.append(parcel.sop_instance_uid)
        if len(sent) == COUNT:
            sender.stop.set()

    line = Line(rate_bytes_s=20_000.0, outages=[(START_S - 1, START_S + DAYS * DAY)])
    sender = make_sender(world, database, store, Carrier(world, line, take))
    world.at(START_S + 30 * DAY, sender.stop.set)
    sender.run()
    assert len(sent) == COUNT and set(sent) == set(queued), "everything, and once"
    assert START_S + DAYS * DAY <= began_s[0] < START_S + DAYS * DAY + 2 * PROBE_S_MAX, "as soon as the link is back"
    first_count = sum(at_s < began_s[0] + TURN_S for at_s in began_s) - GROUP_COUNT_MAX
    assert first_count > 50
    assert sent[:first_count] == expected(list(queued.values()), began_s[0])[:first_count]
    _judge_order([queued[uid] for uid in sent])


def expected(queued: list[Queued], now_s: float) -> list[str]:
    """Return the first turns as the pure rule gives them."""
    candidates = [
        Candidate(
            key=one.uid, study_instance_uid=one.study, size_bytes=one.size_bytes, priority=one.priority,
            made_s=one.made_s,
        )
        for one in queued
    ]  # fmt: skip
    turns = [one.key for one in order(candidates, now_s=now_s)]
    return give_turns(turns, [one.uid for one in sorted(queued, key=lambda one: one.made_s)])


def _judge_order(sent: list[Queued]) -> None:
    """Urgent first; then all studies share, the small before the large; the oldest have their turns."""
    stat = [place for place, one in enumerate(sent) if one.priority == STAT]
    assert stat[-1] < len(stat) * OLDEST_EVERY / (OLDEST_EVERY - 1) + 1, "what is urgent goes first"
    assert AGED_MAX < STAT
    share = Counter(one.study for one in sent[: len(sent) // 2])
    aged = {one.study for one in sent if one.made_s < START_S - AGED_MAX * AGING_S}
    assert sum(share[study] > 0 for study in aged) == len(aged), "no study waits for another to be through"
    by_study: dict[str, list[int]] = {}
    for one in sent[len(stat) * 2 :]:
        by_study.setdefault(one.study, []).append(one.size_bytes)
    pairs = [(a, b) for sizes in by_study.values() for a, b in pairwise(sizes)]
    assert sum(a <= b for a, b in pairs) > 0.8 * len(pairs), "the small before the large"
