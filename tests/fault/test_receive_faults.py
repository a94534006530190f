"""Every failpoint between the socket and the store, and every way a connection breaks: see the harness for what holds.

EDGE_FAULT_COUNT and EDGE_FAULT_SEED choose how many and which; `make fault` injects 3,000. A process of its own: it
forks the receivers, and the test runner has threads.
"""

import os
import subprocess
import sys

import pytest

from tests.support import campaign

COUNT = int(os.environ.get("EDGE_FAULT_COUNT", "60"))
SEED = int(os.environ.get("EDGE_FAULT_SEED", "1"))
_S_EACH_MAX = 2.0


@pytest.mark.timeout(60 + COUNT * _S_EACH_MAX)
def test_no_fault_loses_what_was_acknowledged_keeps_it_twice_or_leaves_an_orphan() -> None:
    struck = campaign.run("tests.support.receive_faults", seed=SEED, count=COUNT)
    assert sum(struck.values()) >= COUNT
    kinds = {name.rpartition(" ")[2] for name in struck}
    assert kinds >= {"kill", "full", "io", "short", "close", "reset"}


def test_the_same_seed_injects_the_same_faults() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", _PLAN, str(SEED)], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1] != ""


_PLAN = """
import random, sys
from tests.support.receive_faults import faults_of, make_scene

generator = random.Random(int(sys.argv[1]))
scene = make_scene(generator)
faults = list(faults_of(scene, ["receive", "open", "write", "link", "sync_file", "commit", "send"]))
print([(item.sop_instance_uid, len(item.dataset)) for item in scene.items])
print(generator.sample(faults, 50))
"""


@pytest.mark.parametrize(
    "spoiled",
    [
        "faults.take = lambda store, received: StoreAnswer(status=0)",  # Says yes and keeps nothing.
        # No folders, nothing left to heal with:
        "durable.begin_place = lambda temp, final, below: [temp.replace(final)].clear",
        "Instances.sweep = lambda *_, **__: 0",
    ],
)
def test_the_audit_notices_a_store_that_breaks_its_word(spoiled: str) -> None:
    program = (
        "from edge.net.provider import StoreAnswer; from edge.store import durable;"
        " from edge.store.instances import Instances; from tests.support import receive_faults as faults;"
        f" {spoiled}; faults.inject(60, seed=1)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert ended.returncode == 1 and "AssertionError" in ended.stderr
