"""Whole processes timed from outside: wall clock, processor time and peak memory, their children included."""

from __future__ import annotations

import fcntl
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOCK = Path(tempfile.gettempdir()) / "edge-bench.lock"
RUN_S_MAX = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one process used."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    """Of the largest process of its family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A command to be measured, and what must be done, unmeasured, before and after each run of it."""

    name: str
    command: Sequence[str]
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    environment: Mapping[str, str] | None = None


@contextmanager
def alone() -> Iterator[None]:
    """Keep other benchmarks of this machine waiting meanwhile."""
    with LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_once(contestant: Contestant) -> Usage:
    """Run a command to its end.  Raises: AssertionError with what it said when it fails."""
    contestant.before()
    with tempfile.TemporaryFile() as said:
        begun_s = time.perf_counter()
        process = subprocess.Popen(
            contestant.command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={**os.environ, **(contestant.environment or {})},
        )
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begun_s
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            text = said.read().decode(errors="replace")[-2000:]
            raise AssertionError(f"{contestant.name} ended with {process.returncode}: {text}")
    contestant.after()
    return Usage(wall_s=wall_s, cpu_s=used.ru_utime + used.ru_stime, peak_mib=used.ru_maxrss / 1024)


def race(contestants: Sequence[Contestant], *, runs: int = 3) -> dict[str, Usage]:
    """Run all in turns, forwards then backwards, and return each one's medians; one unmeasured round warms up."""
    taken: dict[str, list[Usage]] = {contestant.name: [] for contestant in contestants}
    with alone():
        for turn in range(runs + 1):
            for contestant in contestants if turn % 2 else reversed(contestants):
                used = run_once(contestant)
                sys.stderr.write(f"  {contestant.name}: {used.wall_s:.2f} s\n")
                if turn:
                    taken[contestant.name].append(used)
    return {name: _median(usages) for name, usages in taken.items()}


def _median(usages: Sequence[Usage]) -> Usage:
    return Usage(
        wall_s=statistics.median(usage.wall_s for usage in usages),
        cpu_s=statistics.median(usage.cpu_s for usage in usages),
        peak_mib=statistics.median(usage.peak_mib for usage in usages),
    )


def load_note() -> str:
    """Return how busy the machine is with other things, for the reader of the numbers."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores when it began"
