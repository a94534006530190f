"""Scans of several files: which files belong to the one that is opened. Light: a folder is watched with it."""

from __future__ import annotations

import re
from pathlib import Path

_FILES_MAX = 20_000
_INDEX_BYTES_MAX = 1 << 20
_NAMED = re.compile(r"^\s*(ImageFile|MapFile|OptimisationFile|MacroImage)[^=\r\n]*=\s*([^\r\n]+?)\s*$", re.MULTILINE)


def files_of(path: Path) -> list[Path]:
    """Return the file and those that belong to it, in order: of MIRAX the folder of its name, of VMS what it names.

    Raises: OSError; FileNotFoundError for one without which the scan is not whole
    """
    kind = path.suffix.lower()
    if kind == ".mrxs":
        folder = path.with_suffix("")
        if not folder.is_dir():
            raise FileNotFoundError(folder)
        return [path, *(file for file in sorted(folder.iterdir())[:_FILES_MAX] if file.is_file())]
    if kind in (".vms", ".vmu"):
        return [path, *_named_in(path)]
    return [path]


def _named_in(path: Path) -> list[Path]:
    with path.open("rb") as file:
        text = file.read(_INDEX_BYTES_MAX).decode("latin-1")
    found = []
    for key, name in _NAMED.findall(text)[:_FILES_MAX]:
        beside = path.parent / name.replace("\\", "/").rpartition("/")[2]
        if beside.is_file():
            found.append(beside)
        elif key == "ImageFile":
            raise FileNotFoundError(beside)
    return sorted(set(found))
