"""A clinic's life replayed: everything reaches the hospital, nothing twice, the disk keeps to its budget."""

import hashlib
import math
import os
import shutil
import signal
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.core.outlook import KNOWN_WITHIN
from edge.core.sync_words import is_known
from edge.runtime import clock
from edge.store import audit_log, deliveries
from edge.store.database import Database
from tests.support import replay
from tests.support.clinic import DAY, HOUR

IS_WHOLE = "EDGE_FAULT_COUNT" in os.environ
DAYS, EXAMS_A_DAY = (2.0, 60) if IS_WHOLE else (0.55, 10)
"""48 hours under `make fault`; a short day else."""
GROUP_MAX = 16
"""What was in hand when the power went may go again: the hospital has it once all the same."""


@pytest.fixture
def folder() -> Iterator[Path]:
    parent = "/dev/shm" if Path("/dev/shm").is_dir() else None
    path = Path(tempfile.mkdtemp(prefix="edge-replay-", dir=parent))
    yield path
    clock.scaled = None
    shutil.rmtree(path, ignore_errors=True)


def live(folder: Path, *, cut_s: float | None) -> bool:
    """Live in a process of its own; tell whether it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            replay.run(folder, days=DAYS, seed=5, exams_a_day=EXAMS_A_DAY, cut_s=cut_s)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), code
    return code == 0


@pytest.mark.timeout(3000 if IS_WHOLE else 180)
def test_everything_reaches_the_hospital_once_within_the_budget_and_a_power_cut_loses_nothing(folder: Path) -> None:
    cut_s = replay.START_S + (DAYS - 1) * DAY + 13 * HOUR if IS_WHOLE else replay.START_S + 10.5 * HOUR
    assert not live(folder, cut_s=cut_s), "the power was cut"
    assert live(folder, cut_s=None)
    lines = replay.life(folder)
    kept = {str(one["uid"]): str(one["digest"]) for one in lines if one["what"] == "kept"}
    assert len(kept) == len(replay.arrivals(DAYS, seed=5, exams_a_day=EXAMS_A_DAY)), "every cart got rid of everything"
    far = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "far").glob("*.dcm")}
    assert far == kept, "everything at the hospital, equal"
    received = Counter((folder / "far" / "received.log").read_text().splitlines())
    assert sum(count - 1 for count in received.values()) <= GROUP_MAX
    used = [int(str(one["used"])) for one in lines if one["what"] == "disk"]
    assert max(used) <= replay.BUDGET_BYTES + 300_000, "at most the objects that came in one minute too many"
    database = Database(folder / "data" / "edge.db")
    (numbers,) = deliveries.counts(database)
    assert numbers.counts["safe"] == len(kept) == sum(numbers.counts.values())
    assert audit_log.verify(database) is None
    if IS_WHOLE:
        assert any(one["what"] == "refused" for one in lines), "the disk was full once"
        assert len(audit_log.list_rows(database, limit=9999, action="object.evicted")) > 100
        assert audit_log.list_rows(database, action="object.returned")


@pytest.mark.skipif(not IS_WHOLE, reason="three days of a clinic: make fault")
@pytest.mark.timeout(3000)
def test_the_page_told_the_truth_of_when_the_outbox_would_be_empty(folder: Path) -> None:
    """On a link that flaps and fails for six hours a day; the first day is for learning what a day is like.

    What the page gives as a moment holds within a fifth; what it gives as a range, because exams come and a link is up
    by chance, lies in it nine times of ten, and the range is of some use.
    """
    replay.run(folder, days=3.0, seed=7, exams_a_day=40, cut_s=None, budget_bytes=100 * 2**20)
    promises = promises_of(folder, from_s=HOUR, after_s=replay.START_S + DAY)
    moments = [one for one in promises if is_known(one.left_s, (one.early_s, one.late_s))]
    ranges = [one for one in promises if one not in moments]
    near = sum(one.is_near for one in promises)
    inside = sum(one.is_inside for one in ranges)
    width = statistics.median((one.late_s - one.early_s) / one.left_s for one in ranges) if ranges else 0.0
    print(
        f"{len(promises)} promises, an hour and more ahead: {near / len(promises):.0%} within a fifth;"
        f" {len(moments)} moments, {len(ranges)} ranges, {inside} right, as wide as {width:.0%} of the time left"
    )
    assert len(promises) >= 8
    assert sum(one.is_near for one in moments) >= 0.9 * len(moments)
    assert inside >= 0.8 * len(ranges) and width <= 1.5


@dataclass(frozen=True)
class Kept:
    """What was promised, and what came of it, in seconds."""

    left_s: float
    early_s: float
    late_s: float
    took_s: float

    @property
    def is_near(self) -> bool:
        return abs(self.left_s - self.took_s) <= KNOWN_WITHIN * self.took_s

    @property
    def is_inside(self) -> bool:
        """Told in steps of a quarter of an hour, as the page is looked at."""
        return self.early_s - replay.LOOK_S <= self.took_s <= self.late_s + replay.LOOK_S


def promises_of(folder: Path, *, from_s: float, after_s: float = 0.0) -> list[Kept]:
    """Return the promises that looked far enough ahead.

    A promise that an outage of hours broke is left out: nobody could know.
    """
    pages = [one for one in replay.life(folder) if one["what"] == "page"]
    found = []
    for number, page in enumerate(pages):
        empty = next((one for one in pages[number:] if one["bytes_left"] == 0), None)
        at_s = float(str(page["at_s"]))
        if empty is None or page["left_s"] is None or not page["is_up"] or at_s < after_s:
            continue
        end_s = float(str(empty["at_s"]))
        if end_s - at_s >= from_s and not any(at_s <= day + 9 * HOUR < end_s for day in NIGHTS):
            late_s = math.inf if page["late_s"] is None else float(str(page["late_s"]))
            early_s = float(str(page["early_s"] or 0.0))
            found.append(Kept(float(str(page["left_s"])), early_s, late_s, end_s - at_s))
    return found


NIGHTS = [replay.START_S + day * DAY for day in range(1, 4)]
"""Midnights of days whose link fails at nine."""
