"""The units: verified and judged by systemd itself, without a running systemd."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.services import NAMES

UNITS = Path(__file__).parents[2] / "systemd"
EXPOSURE_MAX = 2.0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file tree with our units, the system's own targets, and the command they start."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze absent (Debian package systemd)")
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(UNITS, root / "etc/systemd/system")
    shutil.copytree("/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
    (root / "opt/edge/bin").mkdir(parents=True)
    (root / "opt/edge/bin/edge").write_text("#!/bin/sh\n")
    (root / "opt/edge/bin/edge").chmod(0o755)
    return root


def test_there_is_a_unit_for_each_service() -> None:
    assert {path.stem for path in UNITS.glob("edge-*.service")} == {f"edge-{name}" for name in NAMES}


def test_systemd_finds_no_fault(root: Path) -> None:
    units = ["edge.target", *(f"edge-{name}.service" for name in NAMES)]
    command = ["systemd-analyze", "verify", f"--root={root}", "--man=no", "--recursive-errors=no", *units]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if "edge" in line]
    assert ours == []
    assert done.returncode == 0


@pytest.mark.parametrize("name", NAMES)
def test_each_service_is_closed_in(root: Path, name: str) -> None:
    command = ["systemd-analyze", "security", "--offline=yes", f"--root={root}", "--no-pager", f"edge-{name}.service"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= EXPOSURE_MAX
