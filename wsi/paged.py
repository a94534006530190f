"""Long arrays of numbers that lie in a file without a name: a large slide takes no more memory than a small one.

They are numpy arrays like any other. `let_go` gives back the memory of what was looked at; the numbers stay.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakSet

import numpy as np

from wsi import kernel

if TYPE_CHECKING:
    from wsi.source import Offsets

LONG_MIN = 1 << 15
"""Entries from which on an array lies in a file."""
_RUN = 1 << 14
"""Entries worked on at a time where an array is gone through."""
_ENTRY_BYTES = 8

_maps: WeakSet[mmap.mmap] = WeakSet()
_lock = Lock()


def zeros(count: int) -> Offsets:
    """Return an array of zeros; in memory where it is short, or where there is no room in the temporary folder."""
    if count < LONG_MIN:
        return np.zeros(count, np.int64)
    try:
        with tempfile.TemporaryFile(prefix="wsi-", buffering=0) as file:
            # Reserved, not only sized: a page that finds no room later would end the process.
            kernel.reserve(file.fileno(), count * _ENTRY_BYTES)
            file.truncate(count * _ENTRY_BYTES)
            kept = mmap.mmap(file.fileno(), count * _ENTRY_BYTES)
    except OSError:
        return np.zeros(count, np.int64)
    with _lock:
        _maps.add(kept)
    return np.frombuffer(kept, np.int64)


def kept(numbers: Sequence[int]) -> Offsets:
    """Return numbers as such an array."""
    array = zeros(len(numbers))
    for first, end in runs(len(numbers)):
        array[first:end] = numbers[first:end]
    return array


def let_go() -> None:
    """Give back the memory of all such arrays; what is looked at again comes from the file."""
    with _lock:
        kept = list(_maps)
    for one in kept:
        one.madvise(mmap.MADV_DONTNEED)


def runs(count: int) -> Iterator[tuple[int, int]]:
    """Go through so many entries piece by piece, (first, end), and let each go before the next."""
    for first in range(0, count, _RUN):
        yield first, min(first + _RUN, count)
        if count >= LONG_MIN:
            let_go()


def read(file_descriptor: int, at: int, count: int, stored: np.dtype[np.unsignedinteger]) -> Offsets:
    """Return numbers that lie one after the other in a file.  Raises: EOFError where it ends before them"""
    numbers = zeros(count)
    for first, end in runs(count):
        size_bytes = (end - first) * stored.itemsize
        data = os.pread(file_descriptor, size_bytes, at + first * stored.itemsize)
        if len(data) != size_bytes:
            raise EOFError(f"{count} numbers do not all lie in the file.")
        numbers[first:end] = np.frombuffer(data, stored)
    return numbers
