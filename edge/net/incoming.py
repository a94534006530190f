"""Where the bytes of an object go while a peer sends it: straight into a file, with a running SHA-256.

pynetdicom would write each object to the system's folder for temporary files, flush it piece by piece and forget it
when the association breaks. It asks for the file by one name of one module; that name is ours (see `use`). A disk that
fills up is not an error of the network: the rest is let through, and `problem` tells what to answer.
"""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pynetdicom import dimse_messages

BUFFER_BYTES = 256 * 1024

_files: dict[str, "IncomingFile"] = {}
_lock = threading.Lock()


class IncomingFile:
    """One object under way. It looks to pynetdicom like a named temporary file."""

    def __init__(self, path: Path) -> None:
        """Make the file; a disk that refuses is noted, not raised."""
        self.name = str(path)
        self.path = path
        self.file = self
        self.problem: OSError | None = None
        self.size_bytes = 0
        self._digest = hashlib.sha256()
        self._stream: Any = None
        self.writer = threading.current_thread()
        self.is_taken = False
        try:
            self._stream = path.open("xb", buffering=BUFFER_BYTES)
        except OSError as error:
            self.problem = error

    def write(self, data: bytes) -> int:
        if self.problem is None:
            try:
                self._stream.write(data)
                self._digest.update(data)
                self.size_bytes += len(data)
            except OSError as error:
                self.problem = error
        return len(data)

    def flush(self) -> None:
        """pynetdicom flushes after every piece; one flush at the end is enough."""

    def complete(self) -> bytes:
        """Write out what is buffered and return the digest of the whole file.  Raises: OSError noted before."""
        self.close()
        if self.problem is not None:
            raise self.problem
        return self._digest.digest()

    def close(self) -> None:
        if self._stream is not None:
            try:
                self._stream.close()
            except OSError as error:
                self.problem = self.problem or error
            self._stream = None

    def discard(self) -> None:
        """Close and remove it, if it is still there."""
        self.close()
        self.path.unlink(missing_ok=True)
        with _lock:
            _files.pop(self.name, None)


def use(new_temp: Callable[[], Path]) -> None:
    """From now on everything this process receives is written to the paths that `new_temp` names."""

    def open_one(**_: Any) -> IncomingFile:
        file = IncomingFile(new_temp())
        with _lock:
            _files[file.name] = file
        return file

    dimse_messages.NamedTemporaryFile = open_one


def take(path: Path | None) -> IncomingFile | None:
    """Return the file that a finished message was written to, the caller's to discard; None when it had no dataset."""
    with _lock:
        file = _files.get(str(path))
        if file is not None:
            file.is_taken = True
        return file


def abandon(writer: threading.Thread) -> None:
    """The connection that this thread served is gone: discard what it had begun and not finished."""
    with _lock:
        begun = [file for file in _files.values() if file.writer is writer and not file.is_taken]
    for file in begun:
        file.discard()
