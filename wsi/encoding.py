"""How frames are encoded, in the words of the standard. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"


class Origin(StrEnum):
    """How the frames came from the scan."""

    COPIED = "copied"
    """The scanner's own codestream, entropy-coded data untouched."""
    REENCODED = "re-encoded"
    """Decoded and encoded again with loss."""
    LOSSLESS = "lossless"
    """Decoded and stored so that every decoded pixel stays the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """The form of every frame of one image."""

    transfer_syntax_uid: str
    photometric_interpretation: str
    sample_count: int = 3
    bits: int = 8
    lossy_methods: tuple[str, ...] = ()
    """Every lossy step the pixels went through, oldest first, as CS of (0028,2114); empty: none."""
    lossy_ratios: tuple[float, ...] = ()
    """Ratios of the steps before the last one; the last is computed from the frames."""
    origin: Origin = Origin.COPIED

    @property
    def is_native(self) -> bool:
        """Uncompressed: frames follow each other without item headers."""
        return self.transfer_syntax_uid == EXPLICIT_LITTLE_ENDIAN
