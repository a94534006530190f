"""Two system calls Python has no name for, used where the kernel has them: room reserved, writing begun early."""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import Any

_NOT_HERE = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ESPIPE, errno.ENODEV)
_SYNC_FILE_RANGE_WRITE = 2


@cache
def _function(name: str) -> Any:
    """Return a function of the C library, or None; both here take two small integers and two offsets."""
    try:
        return getattr(ctypes.CDLL(None, use_errno=True), name)
    except (AttributeError, OSError):
        return None


def reserve(file_descriptor: int, size_bytes: int) -> None:
    """Take the room for a whole file at once: a full disk is known at the start, and writing costs half.

    Not posix_fallocate, which writes zeros where the filesystem cannot reserve.  Raises: OSError
    """
    fallocate = _function("fallocate")
    if fallocate is None or not size_bytes:
        return
    failed = fallocate(ctypes.c_int(file_descriptor), ctypes.c_int(0), ctypes.c_int64(0), ctypes.c_int64(size_bytes))
    if failed and ctypes.get_errno() not in _NOT_HERE:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def begin_writing(file_descriptor: int, start: int, size_bytes: int) -> None:
    """Have the disk begin with a range of a file, so that the sync at the end has little left to wait for."""
    if (sync := _function("sync_file_range")) is not None:
        # A hint: what goes wrong here is reported by the sync at the end.
        sync(
            ctypes.c_int(file_descriptor),
            ctypes.c_int64(start),
            ctypes.c_int64(size_bytes),
            ctypes.c_uint(_SYNC_FILE_RANGE_WRITE),
        )
