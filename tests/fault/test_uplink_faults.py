"""Every failpoint between the outbox and two hospitals, and every way they answer wrongly: see the harness.

EDGE_FAULT_COUNT and EDGE_FAULT_SEED choose how many and which; `make fault` injects 3,000. A process of its own: it
forks the uplink, and the test runner has threads.
"""

import os
import subprocess
import sys

import pytest

from tests.support import campaign

COUNT = int(os.environ.get("EDGE_FAULT_COUNT", "10"))
SEED = int(os.environ.get("EDGE_FAULT_SEED", "1"))
_S_EACH_MAX = 6.0


@pytest.mark.timeout(120 + COUNT * _S_EACH_MAX)
def test_no_fault_loses_an_object_brings_it_twice_or_calls_it_safe_before_it_is() -> None:
    struck = campaign.run("tests.support.uplink_faults", seed=SEED, count=COUNT)
    assert sum(struck.values()) >= COUNT
    if COUNT >= 200:
        kinds = {name.partition(" ")[0] for name in struck}
        assert kinds >= {"kill", "disk", "socket", "close", "reset", "stall", "status", "truncate", "report", "action"}


def test_the_same_seed_injects_the_same_faults_into_the_uplink() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", _PLAN, str(SEED)], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1] != ""


_PLAN = """
import random, sys
from tests.support.uplink_faults import draw, faults_of, make_scene

generator = random.Random(int(sys.argv[1]))
scene = make_scene(generator)
print(scene, draw(generator, list(faults_of(scene, ["send", "read", "save"] * 9, [231, 670], [153, 243])), 60))
"""


@pytest.mark.parametrize(
    "spoiled",
    [
        # Everything that comes back is taken for the same.
        "prover.compare = lambda kept, back: comparison.SAME; storage.Doubts.is_there = lambda *_: False",
        # What was interrupted is sent again without a look.
        "storage.Doubts.is_there = lambda *_: False",
    ],
)
def test_the_audit_notices_an_uplink_that_breaks_its_word(spoiled: str) -> None:
    program = (
        "from edge.net import storage; from edge.uplink import comparison, prover;"
        f" from tests.support import uplink_faults as faults; {spoiled};"
        " faults.inject(40, seed=1, kinds=('truncate', 'kill save', 'kill saved'))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=200)
    assert ended.returncode == 1 and "AssertionError" in ended.stderr
