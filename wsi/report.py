"""What a proof found, object by object: for people, and as a manifest to keep."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DIGEST_BYTES = 32
_HELD_BYTES_MAX = 256 << 10
"""Of digests in memory; more go to a file."""
_RUN_BYTES = 64 << 10


class FrameDigests:
    """The digests of an object's frames without padding, 32 bytes each, in order; many lie in a file without a name."""

    def __init__(self, data: bytes = b"") -> None:
        self._file = tempfile.SpooledTemporaryFile(_HELD_BYTES_MAX, prefix="wsi-")  # noqa: SIM115 - closed with this
        self._size_bytes = 0
        self.add(data)

    def add(self, data: bytes) -> None:
        """Put the digests of the next frames behind the others.  Raises: OSError where the disk is full"""
        self._file.seek(self._size_bytes)
        self._file.write(data)
        self._size_bytes += len(data)

    def __len__(self) -> int:
        """Frames."""
        return self._size_bytes // DIGEST_BYTES

    def __iter__(self) -> Iterator[bytes]:
        """Yield one digest after the other."""
        for first in range(0, self._size_bytes, _RUN_BYTES):
            self._file.seek(first)
            data = self._file.read(_RUN_BYTES)
            yield from (data[at : at + DIGEST_BYTES] for at in range(0, len(data), DIGEST_BYTES))

    def __reduce__(self) -> tuple[type[FrameDigests], tuple[bytes]]:
        """Travel between processes as plain bytes."""
        return FrameDigests, (b"".join(self),)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What the proof of one object found."""

    path: Path
    sop_instance_uid: str
    kind: str
    frames: int
    sha256: str
    frame_sha256: FrameDigests
    origin: str
    psnr_db: float | None
    """The worst frame's, where frames were re-encoded with loss."""
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReport:
    """What the proof of a whole conversion found."""

    files: tuple[FileReport, ...]
    problems: tuple[str, ...] = ()
    """What concerns no single object: images missing or left over."""

    @property
    def is_proven(self) -> bool:
        """Every object is there and right."""
        return not self.problems and bool(self.files) and not any(file.problems for file in self.files)

    def manifest(self) -> dict[str, object]:
        """Return the report in plain values for JSON, with a digest per file and per frame."""
        found: dict[str, object] = json.loads("".join(self.manifest_json()))
        return found

    def manifest_json(self) -> Iterator[str]:
        """Yield the manifest as JSON, piece by piece: a large slide has millions of digests."""
        head = {"is_proven": self.is_proven, "problems": list(self.problems)}
        yield f'{json.dumps(head)[:-1]}, "files": ['
        for number, file in enumerate(self.files):
            said = {
                "name": file.path.name,
                "sop_instance_uid": file.sop_instance_uid,
                "kind": file.kind,
                "frames": file.frames,
                "origin": file.origin,
                "psnr_db": file.psnr_db,
                "sha256": file.sha256,
                "problems": list(file.problems),
            }
            yield f'{", " if number else ""}{json.dumps(said)[:-1]}, "frame_sha256": ['
            for index, digest in enumerate(file.frame_sha256):
                yield f'{", " if index else ""}"{digest.hex()}"'
            yield "]}"
        yield "]}"
