"""Other converters, installed when a benchmark first asks for them, in environments of their own."""

from __future__ import annotations

import ctypes.util
import shutil
import subprocess
import sys
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "build"
_WSIDICOMIZER = "wsidicomizer[openslide]==0.26.1"
_INSTALL_S_MAX = 900


class MissingPeerError(Exception):
    """A peer is not here and could not be brought; says why."""


def wsidicomizer() -> Path:
    """Return the program, installed from PyPI if need be.  Raises: MissingPeerError"""
    if ctypes.util.find_library("turbojpeg") is None:
        raise MissingPeerError("wsidicomizer needs libturbojpeg (Debian: libturbojpeg0)")
    folder = BUILD / "peers" / "wsidicomizer"
    program = folder / "bin" / "wsidicomizer"
    if not program.exists():
        try:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True, timeout=120)
            install = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
            needed = [_WSIDICOMIZER, "openslide-bin"]
            subprocess.run([*install, *needed], check=True, capture_output=True, timeout=_INSTALL_S_MAX)
        except (subprocess.SubprocessError, OSError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise MissingPeerError(f"wsidicomizer could not be installed: {error}") from error
    return program


def orthanc_wsi_dicomizer() -> list[str]:
    """Return the command, with the library it opens scanners' files with.  Raises: MissingPeerError"""
    program, library = shutil.which("OrthancWSIDicomizer"), ctypes.util.find_library("openslide")
    if program is None or library is None:
        raise MissingPeerError("OrthancWSIDicomizer is not installed (Debian: orthanc-wsi, libopenslide0)")
    return [program, "--openslide", library]
