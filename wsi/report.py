"""What a proof found, object by object: for people, and as a manifest to keep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What the proof of one object found."""

    path: Path
    sop_instance_uid: str
    kind: str
    frames: int
    sha256: str
    frame_sha256: bytes | bytearray
    """The digests of all frames without padding, 32 bytes each, in order."""
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
        return {
            "is_proven": self.is_proven,
            "problems": list(self.problems),
            "files": [
                {
                    "name": file.path.name,
                    "sop_instance_uid": file.sop_instance_uid,
                    "kind": file.kind,
                    "frames": file.frames,
                    "origin": file.origin,
                    "psnr_db": file.psnr_db,
                    "sha256": file.sha256,
                    "frame_sha256": [
                        file.frame_sha256[at : at + 32].hex() for at in range(0, len(file.frame_sha256), 32)
                    ],
                    "problems": list(file.problems),
                }
                for file in self.files
            ],
        }
