"""The promise of a source: opened, it says what it is and yields pictures with their times.

    opened = factory.open_source(settings)     raises SourceAbsent (trying again may help) or ConfigError
    for picture in opened.pictures(): …        raises SourceAbsent when it goes away; ends when it is played out
    opened.close()

Who plays it (threads, pace, ring, trying again) is in `feed`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.config import Source
from edge.core.frame import Calibration
from edge.errors import UnreachableError

Pixels = NDArray[np.uint8]


class SourceAbsent(UnreachableError):
    """The probe is not there, or has gone; the message is for the operator. Trying again may help."""

    code = "source.absent"
    next_step = "Check the probe, its cable and its power; it is looked for again by itself."


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture as the source gave it: uint8, C-contiguous, (h, w) grey or (h, w, 3) RGB."""

    pixels: Pixels
    offset_ns: int
    """Its time since the first picture of this opening; never falls. A live source stamps on the monotonic clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What an opened source knows of itself."""

    fps: float
    """The usual rate; each picture's own time is what counts."""
    manufacturer: str = ""
    model: str = ""
    regions: tuple[Calibration, ...] = ()
    is_paced: bool = True
    """The player waits for each picture's time. A live device sets its own pace."""
    lossy_method: str = ""
    """How the pixels were compressed, with loss, before they came here.  Standard: PS3.3 C.7.6.1.1.5.1"""
    lossy_ratio: float | None = None


class Opened(Protocol):
    """An opened source, used by one thread."""

    @property
    def description(self) -> Description: ...

    @property
    def reason(self) -> str:
        """What is wrong with it although it plays, in words; empty if nothing is."""
        ...

    def pictures(self) -> Iterator[Picture]:
        """Yield pictures in order until the source is played out.  Raises: SourceAbsent."""
        ...

    def close(self) -> None: ...


def calibrations(settings: Source) -> tuple[Calibration, ...]:
    """Return the configured regions."""
    return tuple(
        Calibration(
            min_x_px=region.min_x_px, min_y_px=region.min_y_px, max_x_px=region.max_x_px, max_y_px=region.max_y_px,
            delta_x=region.cm_per_px_x, delta_y=region.cm_per_px_y,
        )
        for region in settings.regions
    )  # fmt: skip


def fits(region: Calibration, width_px: int, height_px: int) -> bool:
    """Tell whether a region lies inside the picture; one that does not was made for another size and measures wrong."""
    # Many makers write the bound one past the last pixel.
    return 0 <= region.min_x_px < region.max_x_px <= width_px and 0 <= region.min_y_px < region.max_y_px <= height_px
