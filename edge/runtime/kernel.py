"""The calls that the store and the receiver make of the kernel, each a numbered failpoint.

Everything that can fail on the way of an object from a socket to the disk passes here. `hook` is told each step just
before it is taken: its name and, where bytes move, how many. It lets the step be (it returns the number it was told),
makes it short (it returns fewer), makes it fail (it raises), or ends the process. Outside of tests there is no hook.
"""

import ctypes
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

_SYNC_FILE_RANGE_WRITE = 2
_sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None)
if _sync_file_range is not None:
    _sync_file_range.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]

hook: Callable[[str, int], int] | None = None


def step(name: str, size_bytes: int = 0) -> int:
    """Pass one failpoint; return how many of the bytes may be moved now."""
    return size_bytes if hook is None else hook(name, size_bytes)


def open_new(path: Path) -> int:
    """Make a file that must not be there yet and return its descriptor, the caller's to close."""
    step("open")
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)


def write(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of it, however often the kernel takes only a part.  Raises: OSError."""
    rest = memoryview(data)
    while rest:
        allowed = step("write", len(rest))
        rest = rest[os.write(descriptor, rest[:allowed]) :]


def sync(descriptor: int) -> None:
    """Return when what was written is on the disk."""
    os.fsync(descriptor)


def begin_sync(descriptor: int) -> None:
    """Have what was written go to the disk from now on; whoever syncs the file then waits less. Promises nothing."""
    if _sync_file_range is not None:
        _sync_file_range(descriptor, 0, 0, _SYNC_FILE_RANGE_WRITE)


def unlink(path: Path) -> None:
    """Remove a name, if it is there."""
    step("unlink")
    path.unlink(missing_ok=True)


def receive_into(connection: socket.socket, room: memoryview) -> int:
    """Read what has arrived, at most what there is room for; 0: the peer has closed."""
    return connection.recv_into(room[: step("receive", len(room))])


def read_into(descriptor: int, rooms: Sequence[memoryview], offset: int) -> int:
    """Fill these rooms, one after the other, from this place of a file; return how many bytes there were."""
    step("read", sum(map(len, rooms)))
    return os.preadv(descriptor, rooms, offset)


def send(connection: socket.socket, data: bytes | memoryview) -> int:
    """Hand some of it to the kernel and return how much it took."""
    return connection.send(memoryview(data)[: step("send", len(data))])
