"""Which scan this is: a digest that is quick on any size, and the UIDs that follow from it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

_SAMPLE_BYTES = 64 << 10
_END_BYTES = 256 << 10
_SAMPLE_COUNT = 16
_FILES_MAX = 20_000


def identity_of(paths: Iterable[Path]) -> str:
    """Return a hex digest of the sizes, both ends and evenly spread samples of the files.

    Tile offsets and lengths of a scan stand at one of the ends, so two scans that differ anywhere differ there; what it
    does not see is damage of the same length inside a tile, which is the verification's work.
    Raises: OSError
    """
    digest = hashlib.sha256()
    for path in sorted(paths)[:_FILES_MAX]:
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            digest.update(f"{size_bytes}\n".encode())
            digest.update(os.pread(file.fileno(), _END_BYTES, 0))
            for index in range(_SAMPLE_COUNT):
                at = _END_BYTES + (size_bytes - 2 * _END_BYTES) * index // _SAMPLE_COUNT
                if at >= _END_BYTES:
                    digest.update(os.pread(file.fileno(), _SAMPLE_BYTES, at))
            digest.update(os.pread(file.fileno(), _END_BYTES, max(0, size_bytes - _END_BYTES)))
    return digest.hexdigest()
