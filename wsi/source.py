"""The promise every scan format keeps: what the slide is, and its images as frames.

An image either already *has* its frames in a file (`StoredImage`: they are copied) or *makes* them (`MadeImage`: they
are encoded, or joined, one by one). Whoever opens a source closes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wsi import paged
from wsi.encoding import Encoding
from wsi.errors import TruncatedSlideError
from wsi.geometry import Level
from wsi.metadata import SlideMetadata

Offsets = NDArray[np.int64]
Pixels = NDArray[Any]
"""Of 8 bit; grey planes may be of 16 bit."""


class Kind(StrEnum):
    """Value 3 of Image Type.  Standard: PS3.3 C.8.12.4.1.1"""

    VOLUME = "VOLUME"
    LABEL = "LABEL"
    OVERVIEW = "OVERVIEW"
    THUMBNAIL = "THUMBNAIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One optical path of a scan of several."""

    name: str = ""
    excitation_nm: float = 0.0
    """0: not said."""
    is_fluorescent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideDescription:
    """What a scan says about itself. None and "" are unknown; nothing here is guessed."""

    format: str
    identity: str
    """Hex digest of the scan's content; equal scans have equal identities."""
    name: str
    """The scan file's name without its ending."""
    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    software: str = ""
    acquired_at: datetime | None = None
    objective_power: float | None = None
    mpp: tuple[float, float] | None = None
    icc_profile: bytes | None = None
    channels: tuple[Channel, ...] = ()
    """Empty: brightfield, one optical path."""
    notes: tuple[str, ...] = ()
    """Sentences for a person: what the scan lacks and what was done about it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameTable:
    """Where the frames of an image lie in a file, and what to put around each.

    Frame i is `prefix` + the file's bytes from `offsets[i] + skip_bytes` to `offsets[i] + lengths[i]`; a length of 0
    means the scanner left the tile out, and the frame is `blank`.
    """

    path: Path
    offsets: Offsets
    lengths: Offsets
    prefix: bytes = b""
    skip_bytes: int = 0
    blank: bytes = b""
    start: bytes = b""
    """The bytes every tile begins with, up to its scan data, when all are alike: a cheap proof of form."""

    def frame_lengths(self) -> Offsets:
        """Return the length of each frame in bytes, not padded."""
        full: Offsets = self.lengths + (len(self.prefix) - self.skip_bytes)
        full[self.lengths == 0] = len(self.blank)
        return full

    def frames_bytes(self) -> int:
        """Return the length of all frames together, not padded."""
        return sum(int(self.cut(first, end).frame_lengths().sum()) for first, end in paged.runs(len(self.lengths)))

    def cut(self, first: int, end: int) -> FrameTable:
        """Return a run of the frames."""
        return replace(self, offsets=self.offsets[first:end], lengths=self.lengths[first:end])

    def take(self, indices: Sequence[int]) -> FrameTable:
        """Return some of the frames, by index from 0."""
        chosen = np.array(indices, np.int64)
        return replace(self, offsets=self.offsets[chosen], lengths=self.lengths[chosen])

    def read(self, file_descriptor: int, index: int) -> bytes:
        """Return one frame, by index from 0.  Raises: TruncatedSlideError"""
        length = int(self.lengths[index])
        if not length:
            return self.blank
        body = os.pread(file_descriptor, length, int(self.offsets[index]))
        if len(body) != length:
            raise TruncatedSlideError(f"{self.path.name} ends inside tile {index}.")
        return self.prefix + body[self.skip_bytes :]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageBase:
    """One image of a slide: a level, the label, the overview or the thumbnail."""

    kind: Kind
    level: Level
    encoding: Encoding
    is_resampled: bool = False
    """The scanner or we shrank it from the base level."""
    defects: tuple[int, ...] = ()
    """Numbers, from 1, of the frames that are damaged in the scan and white in the object."""
    region: int = 0
    """Pieces of the glass that were scanned apart are counted from 0; each becomes a series of its own."""
    origin_mm: tuple[float, float] | None = None
    """X and Y on the glass of the upper left pixel, where the scan says it.  Standard: PS3.3 C.8.12.2.1"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredImage(ImageBase):
    """An image whose frames lie in a file, ready to be copied."""

    table: FrameTable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MadeImage(ImageBase):
    """An image whose frames are made on request; both functions may be called from several threads at once."""

    make_frame: Callable[[int], bytes]
    """Return the codestream of a frame, by index from 0."""
    read_pixels: Callable[[int], Pixels]
    """Return the source's pixels of a frame, (height, width, 3) or (height, width), padded with white."""
    psnr_db_min: float | None = None
    """None: decoded frames must equal the source's pixels; else how close they must be."""
    is_same: Callable[[int, bytes], bool] | None = None
    """Tell whether a frame, by index from 0, holds the scan's own coefficients; proves more than pixels do."""
    damaged: set[int] = field(default_factory=set)
    """Filled while frames are made: numbers, from 1, of those that cannot be decoded and are white."""


Image = StoredImage | MadeImage


class Source(Protocol):
    """An open scan. Images come base level first, then smaller levels, then the others."""

    @property
    def path(self) -> Path:
        """The scan's file, or the folder of its files."""

    @property
    def description(self) -> SlideDescription:
        """What the scan says about itself."""

    @property
    def images(self) -> tuple[Image, ...]:
        """Everything in the scan that becomes an instance."""

    @property
    def metadata(self) -> SlideMetadata:
        """The identity the scan itself carries; most carry none."""

    def close(self) -> None:
        """Give back files and memory. May be called twice."""

    def __enter__(self) -> Source: ...

    def __exit__(self, *_: Any) -> None: ...


@dataclass(slots=True, kw_only=True)
class OpenSource:
    """A source built by a format's module: plain values and what to close."""

    path: Path
    description: SlideDescription
    images: tuple[Image, ...]
    metadata: SlideMetadata = field(default_factory=SlideMetadata)
    on_close: list[Callable[[], None]] = field(default_factory=list)

    def close(self) -> None:
        """Give back files and memory. May be called twice."""
        while self.on_close:
            self.on_close.pop()()

    def __enter__(self) -> OpenSource:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def picture_level(kind: Kind, width_px: int, height_px: int, base: Level) -> Level:
    """Return the level of a one-frame picture. Only a thumbnail shows the base level's area: only it has a scale."""
    has_scale = kind is Kind.THUMBNAIL
    return Level(
        width_px=width_px,
        height_px=height_px,
        tile_width_px=width_px,
        tile_height_px=height_px,
        mpp_x=base.mpp_x * base.width_px / width_px if has_scale else 0.0,
        mpp_y=base.mpp_y * base.height_px / height_px if has_scale else 0.0,
    )
