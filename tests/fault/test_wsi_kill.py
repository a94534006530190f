"""A conversion killed at any moment leaves nothing half-written, and resumes to the same bytes."""

import hashlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tifffile

from tests.support.scans import APERIO, jpeg, picture, tiles_of, write_level

KILLS = 20
SIDE_PX = 6400


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scan") / "a.svs"
    some = [jpeg(tile) for tile in tiles_of(picture(640, 640))]
    with tifffile.TiffWriter(path) as tiff:
        for side in (SIDE_PX, SIDE_PX // 4):
            count = (side // 64) ** 2
            tiles = (some * (count // len(some) + 1))[:count]
            write_level(tiff, tiles, side, side, description=APERIO.format(w=side, h=side))
    return path


def command(scan: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "edge", "convert", str(scan), "--out", str(out), "--resume"]


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.dcm")}


def test_a_killed_conversion_resumes_to_the_same_bytes(scan: Path, tmp_path: Path) -> None:
    start_s = time.monotonic()
    subprocess.run(command(scan, tmp_path / "whole"), check=True, timeout=60, capture_output=True)
    whole_s, expected = time.monotonic() - start_s, digests(tmp_path / "whole")
    assert len(expected) == 2
    moments = random.Random(1)
    for attempt in range(KILLS):
        out = tmp_path / str(attempt)
        running = subprocess.Popen(command(scan, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.4, 1.0) * whole_s)
        running.send_signal(signal.SIGKILL)
        running.wait(timeout=10)
        found = digests(out)
        assert found.items() <= expected.items(), "what has its name is whole"
        subprocess.run(command(scan, out), check=True, timeout=60, capture_output=True)
        assert digests(out) == expected
        assert {path.name for path in out.iterdir()} == set(expected)
