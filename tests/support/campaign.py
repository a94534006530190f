"""What campaigns of injected faults have in common: rounds of faults by a seed, and hooks for numbered failpoints.

A campaign is a module with `make_scene`, `faults_of` and a program `python -m MODULE SEED COUNT` that prints how often
each kind of fault struck. Campaigns of different seeds add up.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from mmap import mmap
from pathlib import Path
from typing import TypeVar

from edge.store.database import Database
from edge.store.instances import Instances

Fault = TypeVar("Fault")
Hook = Callable[[str, int], int]
PROGRESS_EVERY = 100


def run(module: str, *, seed: int, count: int) -> dict[str, int]:
    """Run a campaign in a process of its own: it forks, and the test runner has threads.  Raises: AssertionError."""
    ended = subprocess.run([sys.executable, "-m", module, str(seed), str(count)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    struck: dict[str, int] = json.loads(ended.stdout)
    return struck


def inject(
    make_round: Callable[[random.Random], tuple[list[Fault], Callable[[Fault], bool]]],
    draw: Callable[[random.Random, list[Fault], int], list[Fault]],
    name_of: Callable[[Fault], str],
    *,
    count: int,
    seed: int,
) -> Counter[str]:
    """Inject so many faults; return how often each kind struck.  Raises: AssertionError that names the fault.

    A round gives its faults and what injects one: that tells whether it came to pass.
    """
    struck: Counter[str] = Counter()
    generator = random.Random(seed)
    while struck.total() < count:
        faults, strike = make_round(generator)
        for fault in draw(generator, faults, count - struck.total()):
            try:
                has_fired = strike(fault)
            except (AssertionError, OSError) as error:
                raise AssertionError(f"seed {seed}, after {struck.total()} faults, {fault}: {error!r}") from error
            if has_fired:
                struck[name_of(fault)] += 1
                if struck.total() % PROGRESS_EVERY == 0:
                    sys.stderr.write(f"seed {seed}: {struck.total()} faults\n")
    return struck


@contextmanager
def empty_node(prefix: str, data: str = ".") -> Iterator[Path]:
    """Give a folder to be copied for each fault, with an empty store in its folder `data`; in memory where possible."""
    parent = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as name:
        template = Path(name) / "t"
        database = Database(template / data / "edge.db")
        Instances(database, template / data)
        database.close()
        yield template


def copy_of(template: Path) -> Path:
    """Return a fresh copy beside it, the caller's to remove."""
    folder = template.with_name("a")
    shutil.copytree(template, folder)
    return folder


def reporter(report: int) -> Hook:
    """Return a hook that writes the name of each step to a descriptor."""

    def hook(name: str, size_bytes: int) -> int:
        os.write(report, f"{name}\n".encode())
        return size_bytes

    return hook


def striker(step: str, at: int, fired: mmap, act: Hook) -> Hook:
    """Return a hook that acts once: at the first step of that name from its number on.

    What a step of the socket brings differs from run to run, so a number alone does not say which step it is.
    """
    taken = 0

    def hook(name: str, size_bytes: int) -> int:
        nonlocal taken
        taken += 1
        if fired[0] or taken < at or name != step:
            return size_bytes
        fired[0] = 1
        return act(name, size_bytes)

    return hook


def end(child: int) -> None:
    """SIGKILL, and no zombie stays."""
    try:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except (ProcessLookupError, ChildProcessError):
        return
