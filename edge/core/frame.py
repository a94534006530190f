"""One picture from the probe."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameInfo:
    """What is known of a frame besides its pixels.

    Pixels are 8 bits a sample, interleaved, row by row, without padding: `height_px * width_px * channel_count` bytes.
    """

    index: int
    """From 0, rising by one for every picture the source gave; a hole is a gap."""
    mono_ns: int
    """Monotonic clock of the node when the picture arrived: for intervals."""
    wall_ns: int
    """Wall clock, nanoseconds since 1970 UTC: for dates."""
    width_px: int
    height_px: int
    channel_count: int
    """1 grey, 3 RGB."""
    digest: bytes
    """SHA-256 of the pixels, taken at capture."""

    @property
    def size_bytes(self) -> int:
        return self.width_px * self.height_px * self.channel_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """One calibrated region of the picture.  Standard: PS3.3 C.8.5.5"""

    min_x_px: int
    min_y_px: int
    max_x_px: int
    max_y_px: int
    spatial_format: int = 1
    """1 is 2D (tissue or flow)."""
    data_type: int = 1
    """1 is tissue."""
    flags: int = 0
    unit_x: int = 3
    unit_y: int = 3
    """3 is centimetres."""
    delta_x: float = 0.0
    delta_y: float = 0.0
    """Physical size of one pixel in `unit_x`, `unit_y`."""
    reference_x_px: int | None = None
    reference_y_px: int | None = None
    transducer_frequency_khz: int | None = None
