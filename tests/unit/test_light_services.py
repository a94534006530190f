"""What a process loads: a service that only passes objects on stays small, a command answers at once."""

import subprocess
import sys

import pytest

_PROGRAM = """
import importlib, sys
importlib.import_module(sys.argv[1])
heavy = {"numpy", "pydicom", "pynetdicom", "PIL", "av"}
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules} & heavy)))
"""


@pytest.mark.parametrize("module", ["edge.services.receive", "edge.cli.conformance"])
def test_no_heavy_library_is_loaded_before_it_is_needed(module: str) -> None:
    ended = subprocess.run([sys.executable, "-c", _PROGRAM, module], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []
