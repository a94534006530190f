"""Files that are whole or not there, also after a power cut.

A file becomes visible in one step (`put`), after its bytes are on the disk; the step itself is on the disk when `put`
returns. A full disk is a `StorageFullError`; every other fault of the disk is the `OSError` it was.

Each step passes a failpoint of `edge.runtime.kernel`: tests stop a process there, or make the step fail.
"""

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import StorageFullError
from edge.runtime.kernel import step

CHUNK_BYTES = 1024 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_fresh: set[Path] = set()
"""Folders made by some thread whose names may not be on the disk yet."""
_fresh_lock = threading.Lock()


@contextmanager
def full_disk_explained(path: Path) -> Iterator[None]:
    """Turn "no space left" into our own error.  Raises: StorageFullError."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFullError(f"The disk that holds {path} is full.") from error
        raise


def sync_file(path: Path) -> None:
    """Return when the bytes of a file are on the disk."""
    step("sync_file")
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Return when the names in a folder are on the disk."""
    step("sync_folder")
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def make_folders(path: Path, *, below: Path) -> None:
    """Make `path` and what is missing between it and `below`, which exists; durable when this returns."""
    settle_folders(begin_folders(path, below=below))


def begin_folders(path: Path, *, below: Path) -> list[Path]:
    """Make `path` and what is missing between it and `below`; give the answer to `settle_folders` before relying on it.

    Folders that another thread has just made are among them: they are not on the disk yet either.
    """
    with _fresh_lock:
        is_old = path not in _fresh and path.is_dir()
        if is_old or path == below:
            return []
    begun = begin_folders(path.parent, below=below)
    with _fresh_lock:
        _fresh.add(path)
    step("make_folder")
    path.mkdir(exist_ok=True)
    return [*begun, path]


def settle_folders(begun: list[Path]) -> None:
    """Return when the names of these folders are on the disk."""
    for folder in begun:
        sync_folder(folder.parent)
    with _fresh_lock:
        _fresh.difference_update(begun)


def place(temp: Path, final: Path, *, below: Path) -> None:
    """Give a written file its final name as well, folders and all; everything is on the disk when this returns.

    Until then nobody may rely on what has that name. It is given before the bytes are synced: a journaling file system
    has one commit then, not three. A name that is taken already is replaced in one step, by synced bytes only.
    """
    begin_place(temp, final, below=below)()


def begin_place(temp: Path, final: Path, *, below: Path) -> Callable[[], None]:
    """Do as `place`, but for the folders: their names are on the disk when what this returns has been called."""
    begun = begin_folders(final.parent, below=below)
    step("link")
    try:
        os.link(temp, final)
    except FileExistsError:
        sync_file(temp)
        put(temp, final)
        return lambda: settle_folders(begun)
    sync_file(temp)

    def settle() -> None:
        sync_folder(final.parent)
        settle_folders(begun)

    return settle


def put(temp: Path, final: Path) -> None:
    """Give a synced temporary file its final name as well; `temp` stays. Same file system, folder made before.

    A file already there under that name is replaced in one step: its bytes were not vouched for by anybody.
    """
    step("link")
    try:
        os.link(temp, final)
    except FileExistsError:
        if os.path.samestat(temp.stat(), final.stat()):
            return
        beside = temp.with_name(temp.name + ".link")
        step("link_beside")
        os.link(temp, beside)
        step("replace")
        os.replace(beside, final)
    sync_folder(final.parent)


def digest_of(path: Path) -> bytes:
    """Return the SHA-256 of a file, read in pieces: memory stays flat."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").digest()


def digest_from(path: Path, offset: int) -> bytes:
    """Return the SHA-256 of a file from a byte on."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
    return digest.digest()


def free_bytes(path: Path) -> int:
    """Return what an unprivileged process may still write to the disk that holds `path`."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
