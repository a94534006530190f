"""The folder that scanners copy into: what lies there, and which of it is whole.

    seen ──unchanged for settle_s──▶ settled        a change of size, time or files begins again

`Settling` is given the time and what was seen; only `look` touches the disk.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wsi.companions import files_of

SUFFIXES = frozenset(
    {".svs", ".tif", ".tiff", ".btf", ".ndpi", ".scn", ".mrxs", ".bif", ".svslide", ".vms", ".vmu", ".czi", ".qptiff",
     ".dcm", ".jp2", ".isyntax"}
)  # fmt: skip
"""What scanners write. One that cannot be read becomes a failed job that says so; other files are not touched."""
_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart", "~")
DEPTH_MAX = 4
ENTRY_COUNT_MAX = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One scan in the folder; it may be of many files."""

    path: Path
    """The file to open."""
    name: str
    """Relative to the inbox, for people."""
    size_bytes: int
    identity: str
    """Changes when any of its files does."""

    @property
    def job_id(self) -> str:
        """The same for the same place, also after a restart."""
        return f"slide-{hashlib.sha256(self.name.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def look(folder: Path) -> list[Scan]:
    """Return the scans in a folder and below it; hidden and unfinished files are passed over."""
    files = list(_walk(folder))
    companions = {path.with_suffix("") for path in files if path.suffix.lower() == ".mrxs"}
    scans = []
    for path in files:
        if path.suffix.lower() in SUFFIXES and not any(parent in companions for parent in path.parents):
            scan = _describe(folder, path)
            if scan is not None:
                scans.append(scan)
    return scans


def _walk(folder: Path) -> Iterable[Path]:
    count = 0
    for root, folders, names in os.walk(folder):
        depth = len(Path(root).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < DEPTH_MAX else []
        for name in sorted(names):
            count += 1
            if count > ENTRY_COUNT_MAX:
                return
            if not name.startswith(".") and not name.lower().endswith(_UNFINISHED):
                yield Path(root, name)


def describe(folder: Path, path: Path) -> Scan | None:
    """Look at one scan again; None when it is gone."""
    return _describe(folder, path)


def _describe(folder: Path, path: Path) -> Scan | None:
    facts = hashlib.sha256()
    size_bytes = 0
    try:
        for part in _parts(path):
            status = part.stat()
            facts.update(f"{part.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
            size_bytes += status.st_size
    except OSError:  # Gone while we looked, or not ours to read yet: it is seen again at the next look.
        return None
    name = str(path.relative_to(folder))
    return Scan(path=path, name=name, size_bytes=size_bytes, identity=facts.hexdigest())


def _parts(path: Path) -> list[Path]:
    """Return every file that belongs to a scan: its own folder, and the patient's data laid beside it."""
    own, *companions = files_of(path)  # The data files come after the small index: what lacks one is waited for.
    sidecar = find_metadata(path)
    return [own, *([] if sidecar is None else [sidecar]), *companions[:ENTRY_COUNT_MAX]]


def find_metadata(path: Path) -> Path | None:
    """Return the JSON file with patient, study and specimen that lies beside a scan: SCAN.svs.json or SCAN.json."""
    for candidate in (path.with_name(path.name + ".json"), path.with_suffix(".json")):
        if candidate.is_file():
            return candidate
    return None


class Settling:
    """Tells when a scan has stopped changing."""

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._since_s: dict[Path, tuple[str, float]] = {}

    def take(self, scans: Iterable[Scan], *, now_s: float) -> tuple[list[Scan], list[Scan]]:
        """Return those that are whole and those that are not yet; what is gone is forgotten."""
        whole: list[Scan] = []
        growing: list[Scan] = []
        before, self._since_s = self._since_s, {}
        for scan in scans:
            identity, since_s = before.get(scan.path, ("", now_s))
            if identity != scan.identity:
                since_s = now_s
            self._since_s[scan.path] = (scan.identity, since_s)
            (whole if now_s - since_s >= self._settle_s else growing).append(scan)
        return whole, growing
