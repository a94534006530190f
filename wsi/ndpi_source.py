"""Hamamatsu NDPI without entropy decoding: a level is one huge JPEG, cut by restart markers into low, wide stripes.

Stripes that lie beside and below each other are joined into a frame: their entropy-coded data stays as it is, only the
restart markers between them are numbered anew. All levels get frames of one size, as viewers expect; beyond a level's
edge its last stripe is repeated. What has no restart markers is left to OpenSlide.
"""

from __future__ import annotations

import itertools
import os
import struct
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import tifffile

from wsi import codec, paged
from wsi.encoding import Encoding
from wsi.errors import TruncatedSlideError, UnsupportedSlideError
from wsi.geometry import Level, downsample
from wsi.identity import identity_of
from wsi.source import Image, Kind, MadeImage, OpenSource, Pixels, SlideDescription
from wsi.tiff_facts import describe

_JPEG = 7
_MAGNIFICATION, _FOCUS, _MCU_STARTS, _SERIAL, _PROPERTIES = 65421, 65424, 65426, 65442, 65449
_MAKE, _MODEL, _SOFTWARE, _DATE_TIME = 271, 272, 305, 306
_MACRO = -1.0
_PLANES_MAX = 256
_FRAME_PX_MAX = 1 << 20
_FRAME_HEIGHT_PX_MAX = 512
_WHOLE_PX_MAX = 1 << 22
"""A level without stripes up to this size becomes one frame."""


_Planes = list[tifffile.TiffPage]


def open_ndpi(path: Path, tiff: tifffile.TiffFile, pages: list[tifffile.TiffPage]) -> OpenSource:
    """Open a scan for copying.  Raises: UnsupportedSlideError without restart markers; SlideError"""
    levels, spacing_um, notes = _levels(pages)
    base = levels[0][0]
    facts = _facts(path, tiff, base)
    facts = replace(facts, notes=(*facts.notes, *notes))
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        frame_px = _frame_size(base)
        images: list[Image] = [_level_image(path, file, planes, base, facts, frame_px, spacing_um) for planes in levels]
        if (macro := next((page for page in pages if _magnification(page) == _MACRO), None)) is not None:
            from wsi.tiff_source import picture_image

            images.append(picture_image(path, macro, Kind.OVERVIEW, images[0].level))
    except BaseException:
        os.close(file)
        raise
    return OpenSource(path=path, description=facts, images=tuple(images), on_close=[lambda: os.close(file)])


def _magnification(page: tifffile.TiffPage) -> float:
    return float(page.tags.valueof(_MAGNIFICATION) or 0)


def _levels(pages: list[tifffile.TiffPage]) -> tuple[list[_Planes], float, tuple[str, ...]]:
    """Return each level's focal planes, lowest first, largest level first; their distance in µm; and what to say."""
    found: dict[int, dict[int, tifffile.TiffPage]] = {}
    for page in pages:
        if _magnification(page) > 0:
            planes = found.setdefault(page.imagewidth, {})
            if planes.setdefault(_focus_nm(page), page) is not page:
                raise UnsupportedSlideError("The scan has a level twice at the same focus.")
    if not found:
        raise UnsupportedSlideError("The scan names no level.")
    levels = [found[width] for width in sorted(found, reverse=True)]
    heights_nm = sorted(levels[0])
    if len(heights_nm) > _PLANES_MAX or any(sorted(planes) != heights_nm for planes in levels):
        if any(0 not in planes for planes in levels):
            raise UnsupportedSlideError("The scan has levels of different focal planes, and none in the middle.")
        note = f"Of {len(heights_nm)} focal planes only the middle one is taken: not every level has them all."
        return [[planes[0]] for planes in levels], 0.0, (note,)
    steps_nm = {high - low for low, high in itertools.pairwise(heights_nm)}
    notes = ("The focal planes are not evenly spaced; their mean distance is given.",) if len(steps_nm) > 1 else ()
    spacing_um = (heights_nm[-1] - heights_nm[0]) / max(len(heights_nm) - 1, 1) / 1000
    return [[planes[height] for height in heights_nm] for planes in levels], spacing_um, notes


def _focus_nm(page: tifffile.TiffPage) -> int:
    """Return how far a page lies above the middle of the specimen; the tag is signed, whatever it says it is."""
    value = int(page.tags.valueof(_FOCUS) or 0)
    return value - (1 << 32) if value >= 1 << 31 else value


def _facts(path: Path, tiff: tifffile.TiffFile, base: tifffile.TiffPage) -> SlideDescription:
    lines = str(base.tags.valueof(_PROPERTIES) or "").splitlines()
    properties = dict(line.split("=", 1) for line in lines if "=" in line)
    return replace(
        describe(path, tiff, base, identity=identity_of([path])),
        format="Hamamatsu NDPI",
        manufacturer=str(base.tags.valueof(_MAKE) or "Hamamatsu")[:64],
        model=str(base.tags.valueof(_MODEL) or properties.get("Product", ""))[:64],
        serial=str(base.tags.valueof(_SERIAL) or "")[:64],
        software=str(base.tags.valueof(_SOFTWARE) or "")[:64],
        acquired_at=_time(str(base.tags.valueof(_DATE_TIME) or ""), properties.get("Created", "")),
        objective_power=_magnification(base),
    )


def _time(finished: str, created: str) -> datetime | None:
    """Return when the slide was scanned: to the second where the file says it, else the day."""
    for text, form in ((finished, "%Y:%m:%d %H:%M:%S"), (finished, "%Y/%m/%d %H:%M:%S"), (created, "%Y/%m/%d")):
        try:
            return datetime.strptime(text.strip(), form)
        except ValueError:
            continue
    return None


def _frame_size(base: tifffile.TiffPage) -> tuple[int, int]:
    """Return the width and height of every frame: as wide as a stripe of the base level, not too large."""
    if not base.is_tiled:
        return base.imagewidth, base.imagelength
    width_px, height_px = base.tilewidth, 16
    while height_px * 2 <= _FRAME_HEIGHT_PX_MAX and width_px * height_px * 2 <= _FRAME_PX_MAX:
        height_px *= 2
    return width_px, height_px


def _level_image(
    path: Path,
    file: int,
    planes: _Planes,
    base: tifffile.TiffPage,
    facts: SlideDescription,
    frame_px: tuple[int, int],
    spacing_um: float,
) -> MadeImage:
    page, every = planes[0], [_Stripes(path, file, one, frame_px) for one in planes]
    stripes = every[0]
    if any(one.form != stripes.form for one in every):
        raise UnsupportedSlideError(f"{path.name} has focal planes of different forms.")
    mpp = facts.mpp or (0.0, 0.0)
    level = Level(
        width_px=page.imagewidth,
        height_px=page.imagelength,
        tile_width_px=stripes.width_px,
        tile_height_px=stripes.height_px,
        mpp_x=mpp[0] * downsample(base.imagewidth, page.imagewidth),
        mpp_y=mpp[1] * downsample(base.imagelength, page.imagelength),
        focal_plane_count=len(planes),
        focal_spacing_um=spacing_um,
    )
    plane_frames = level.column_count * level.row_count
    return MadeImage(
        kind=Kind.VOLUME,
        level=level,
        encoding=stripes.encoding,
        is_resampled=page.imagewidth != base.imagewidth,
        make_frame=lambda index: every[index // plane_frames].make_frame(index % plane_frames),
        read_pixels=lambda index: every[index // plane_frames].read_pixels(index % plane_frames),
        is_same=lambda index, frame: every[index // plane_frames].is_same(index % plane_frames, frame),
    )


class _Stripes:
    """The stripes of one level, joined into frames; safe to use from several threads."""

    def __init__(self, path: Path, file: int, page: tifffile.TiffPage, frame_px: tuple[int, int]) -> None:
        if page.compression != _JPEG:
            raise UnsupportedSlideError(f"{path.name} has a level that is not JPEG.")
        self._path, self._file = path, file
        self._offsets, self._lengths = paged.kept(page.dataoffsets), paged.kept(page.databytecounts)
        self._is_whole = not page.is_tiled
        before = 0 if self._is_whole else int(page.tags.valueof(_MCU_STARTS)[0])
        start = int(self._offsets[0]) - before
        self._head = self._read(start, before or int(self._lengths[0]))
        header = codec.parse_jpeg(self._head)
        self.encoding: Encoding = codec.jpeg_encoding(header, tiff_photometric=int(page.photometric))
        if self._is_whole:
            self._set_whole(page, header)
        else:
            self._set_stripes(page, header, *frame_px)

    @property
    def form(self) -> tuple[Encoding, int, int]:
        """What all focal planes of a level must have in common."""
        return self.encoding, self.width_px, self.height_px

    def _set_whole(self, page: tifffile.TiffPage, header: codec.JpegHeader) -> None:
        size = page.imagewidth, page.imagelength
        if size[0] * size[1] > _WHOLE_PX_MAX or len(self._offsets) != 1 or (header.width_px, header.height_px) != size:
            raise UnsupportedSlideError(f"{self._path.name} has a level of {size[0]} px width without restart markers.")
        self.width_px, self.height_px = size

    def _set_stripes(self, page: tifffile.TiffPage, header: codec.JpegHeader, width_px: int, height_px: int) -> None:
        stripe_px = page.tilewidth, page.tilelength
        self._columns, self._rows = page.imagewidth // stripe_px[0], -(-page.imagelength // stripe_px[1])
        mcu_px = [8 * max(factor[axis] for factor in header.sampling) for axis in (0, 1)]
        interval = struct.pack(">H", stripe_px[0] // mcu_px[0])
        if (
            self._columns * stripe_px[0] != page.imagewidth
            or len(self._offsets) != self._columns * self._rows
            or stripe_px[1] != mcu_px[1]
            or b"\xff\xdd\x00\x04" + interval not in self._head
        ):
            raise UnsupportedSlideError(f"{self._path.name} has stripes that do not cover its level evenly.")
        # A level whose stripes do not fit into the common width keeps their width.
        self.width_px = width_px if width_px % stripe_px[0] == 0 else stripe_px[0]
        self.height_px = height_px
        self._across, self._down = self.width_px // stripe_px[0], height_px // stripe_px[1]
        self._frame_columns = -(-page.imagewidth // self.width_px)
        head = bytearray(self._head)
        struct.pack_into(">HH", head, header.sof_offset + 5, self.height_px, self.width_px)
        self._head = bytes(head)

    def make_frame(self, index: int) -> bytes:
        """Return the JPEG of a frame, by index from 0."""
        if self._is_whole:
            return self._head
        parts = [self._head]
        for number, stripe in enumerate(self._stripes_of(index)):
            parts += [stripe, bytes((0xFF, 0xD0 + number % 8))]
        parts[-1] = codec.EOI
        return b"".join(parts)

    def is_same(self, index: int, frame: bytes) -> bool:
        """Tell whether a frame holds exactly the scan's entropy-coded data."""
        if self._is_whole:
            return frame == self._head
        return frame.startswith(self._head) and codec.restart_segments(frame) == self._stripes_of(index)

    def read_pixels(self, index: int) -> Pixels:
        """Return a frame's pixels, as any decoder gives them."""
        return codec.decode_frame(
            self.make_frame(index), self.encoding, width_px=self.width_px, height_px=self.height_px
        )

    def _stripes_of(self, index: int) -> list[bytes]:
        """Return the entropy-coded data of a frame's stripes, row by row; beyond the edges the last are repeated."""
        frame_row, frame_column = divmod(index, self._frame_columns)
        stripes = []
        for down, across in np.ndindex(self._down, self._across):
            row = min(frame_row * self._down + down, self._rows - 1)
            column = min(frame_column * self._across + across, self._columns - 1)
            place = row * self._columns + column
            data = self._read(int(self._offsets[place]), int(self._lengths[place]))
            if data[-2] != 0xFF or not (0xD0 <= data[-1] <= 0xD7 or data[-1] == 0xD9):
                raise UnsupportedSlideError(f"{self._path.name} has a stripe that does not end at a restart marker.")
            stripes.append(data[:-2])
        return stripes

    def _read(self, offset: int, length: int) -> bytes:
        data = os.pread(self._file, length, offset)
        if len(data) != length or length < 2:
            raise TruncatedSlideError(f"{self._path.name} ends before byte {offset + length}.")
        return data
