"""What judges the objects we write: dciodvfy of dicom3tools."""

import shutil
import subprocess
from pathlib import Path

import pytest

TIMEOUT_S = 120


def dciodvfy_errors(data: bytes | Path, folder: Path) -> list[str]:
    """Return the lines in which dciodvfy finds an error; the test is skipped, and says so, where it is absent."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy absent (Debian package dicom3tools)")
    path = data if isinstance(data, Path) else folder / "judged.dcm"
    if isinstance(data, bytes):
        path.write_bytes(data)
    done = subprocess.run(
        ["dciodvfy", "-new", str(path)], capture_output=True, text=True, timeout=TIMEOUT_S, errors="replace"
    )
    lines = done.stderr.splitlines() + done.stdout.splitlines()
    assert lines, f"dciodvfy said nothing about {path}"
    return [line for line in lines if line.startswith("Error")]


def dciodvfy_findings(path: Path) -> list[str]:
    """Return every line in which dciodvfy finds an error or a warning."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy absent (Debian package dicom3tools)")
    done = subprocess.run(
        ["dciodvfy", "-new", str(path)], capture_output=True, text=True, timeout=TIMEOUT_S, errors="replace"
    )
    lines = done.stderr.splitlines() + done.stdout.splitlines()
    assert lines, f"dciodvfy said nothing about {path}"
    return [line for line in lines if line.startswith(("Error", "Warning"))]


def dcentvfy_findings(paths: list[Path]) -> list[str]:
    """Return every line dcentvfy prints: where objects of one patient, study or series contradict each other."""
    if shutil.which("dcentvfy") is None:
        pytest.skip("dcentvfy absent (Debian package dicom3tools)")
    done = subprocess.run(
        ["dcentvfy", *map(str, paths)], capture_output=True, text=True, timeout=TIMEOUT_S, errors="replace"
    )
    return done.stderr.splitlines() + done.stdout.splitlines()
