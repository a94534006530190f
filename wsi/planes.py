"""Pages that must be decoded: grey ones are stored without loss, colour is encoded again as JPEG."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import tifffile

from wsi import codec
from wsi import encoding as forms
from wsi.encoding import Encoding, Origin
from wsi.errors import UnreadableSlideError, UnsupportedSlideError
from wsi.geometry import Level
from wsi.source import Pixels

TILE_PX = 512
PLANE_PX_MAX = 100_000_000
"""Of a plane without tiles, which is held in memory."""
PSNR_DB_MIN = 25.0
READ_ERRORS = (
    tifffile.TiffFileError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    RuntimeError,
    ArithmeticError,
    OSError,
    EOFError,
    struct.error,
)
"""What tifffile raises on damaged structures."""
_UNSIGNED = {"uint8": "uint8", "uint16": "uint16", "int8": "uint8", "int16": "uint16"}
SIGNED_NOTE = "The scan holds numbers with a sign; they are stored {offset} higher, so that none is below zero."


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """What the samples of a page are, and how they are stored."""

    dtype: str
    bits: int
    offset: int
    """Added to every number: DICOM slides hold none below zero.  Standard: PS3.3 C.8.12.4"""


def depth_of(name: str, page: tifffile.TiffPage) -> Depth:
    """Return the form of a page's samples.  Raises: UnsupportedSlideError for what a slide cannot hold"""
    dtype, samples = str(page.dtype), int(page.samplesperpixel)
    if dtype not in _UNSIGNED or samples not in (1, 3) or (samples == 3 and dtype != "uint8"):
        raise UnsupportedSlideError(
            f"{name} holds numbers of {dtype}, {samples} a pixel; grey of 8 or 16 bit and colour of 8 bit are read."
        )
    bits = 8 * np.dtype(dtype).itemsize
    return Depth(dtype=_UNSIGNED[dtype], bits=bits, offset=1 << (bits - 1) if dtype.startswith("int") else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """What decoding tiles needs of a page, kept after its file was closed."""

    offset: int
    decode: Any
    jpeg_tables: bytes | None
    offsets: list[int]
    lengths: list[int]


class Planes:
    """The planes of one level; safe to use from several threads. Its `level` is set before the first frame is made."""

    level: Level

    def __init__(
        self, path: Path, pages: tuple[tifffile.TiffPage, ...], places: list[tuple[list[int], list[int]]]
    ) -> None:
        """`places`: per page, the offsets and lengths of its tiles."""
        first = pages[0]
        self._path, self._lock = path, Lock()
        self.depth = depth_of(path.name, first)
        self._is_tiled = bool(first.is_tiled)
        self._is_colour = int(first.samplesperpixel) == 3
        self._ground = 255 if self._is_colour else 0
        self.tile_px = (first.tilewidth, first.tilelength) if self._is_tiled else (TILE_PX, TILE_PX)
        if not self._is_tiled and first.imagewidth * first.imagelength > PLANE_PX_MAX:
            raise UnsupportedSlideError(
                f"{path.name} has planes of {first.imagewidth} x {first.imagelength} px, not tiled."
            )
        self._pages = [
            _Page(offset=page.offset, decode=page.decode, jpeg_tables=page.jpegtables, offsets=offsets, lengths=lengths)
            for page, (offsets, lengths) in zip(pages, places, strict=True)
        ]
        self._held: tuple[int, Pixels] | None = None
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Give back the memory and the file. May be called twice."""
        self._held = None
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def encoding(self, methods: tuple[str, ...], ratios: tuple[float, ...]) -> Encoding:
        """Return the form of the frames; given are the lossy steps the scan's own tiles went through."""
        if self._is_colour:
            return Encoding(
                transfer_syntax_uid=forms.JPEG_BASELINE,
                photometric_interpretation="YBR_FULL_422",
                lossy_methods=(*methods, "ISO_10918_1"),
                lossy_ratios=ratios,
                origin=Origin.REENCODED,
            )
        return Encoding(
            transfer_syntax_uid=forms.JPEG_LS_LOSSLESS,
            photometric_interpretation="MONOCHROME2",
            sample_count=1,
            bits=self.depth.bits,
            lossy_methods=methods,
            lossy_ratios=ratios,
            origin=Origin.LOSSLESS,
        )

    @property
    def psnr_db_min(self) -> float | None:
        """How close frames must be; None: equal."""
        return PSNR_DB_MIN if self._is_colour else None

    def make_frame(self, index: int) -> bytes:
        """Return the codestream of a tile, by index from 0."""
        pixels = self.read_pixels(index)
        if self._is_colour:
            return codec.encode_jpeg(pixels, quality=codec.QUALITY)
        return codec.encode_jpeg_ls(pixels)

    def read_pixels(self, index: int) -> Pixels:
        """Return a tile's pixels, padded with the ground: black in fluorescence, white in colour."""
        level = self.level
        plane, place = divmod(index, level.column_count * level.row_count)
        shape = (level.tile_height_px, level.tile_width_px, 3)[: 3 if self._is_colour else 2]
        pixels = np.full(shape, self._ground, self.depth.dtype)
        row, column = divmod(place, level.column_count)
        height = min(level.tile_height_px, level.height_px - row * level.tile_height_px)
        width = min(level.tile_width_px, level.width_px - column * level.tile_width_px)
        try:
            found = self._tile(plane, place) if self._is_tiled else self._cut(plane, place)
        except READ_ERRORS as error:
            raise UnreadableSlideError(f"{self._path.name}: tile {index + 1} cannot be decoded: {error}.") from error
        if found is not None:
            pixels[:height, :width] = self._raised(found[:height, :width])
        return pixels

    def _raised(self, found: Pixels) -> Pixels:
        if not self.depth.offset:
            return found
        raised: Pixels = (found.astype(np.int32) + self.depth.offset).astype(self.depth.dtype)
        return raised

    def _tile(self, plane: int, place: int) -> Pixels | None:
        page = self._pages[plane]
        if not page.lengths[place]:
            return None
        data = os.pread(self._file, page.lengths[place], page.offsets[place])
        tile, _, _ = page.decode(data, place, jpegtables=page.jpeg_tables)
        if tile is None:
            return None
        found = np.asarray(tile)
        return found.reshape(found.shape[-3:] if self._is_colour else found.shape[-3:-1])

    def _cut(self, plane: int, place: int) -> Pixels:
        row, column = divmod(place, self.level.column_count)
        with self._lock:
            if self._held is None or self._held[0] != plane:
                self._held = (plane, self._whole(plane))
            whole = self._held[1]
        y, x = row * self.level.tile_height_px, column * self.level.tile_width_px
        return whole[y : y + self.level.tile_height_px, x : x + self.level.tile_width_px]

    def _whole(self, plane: int) -> Pixels:
        with tifffile.TiffFile(self._path) as own:
            own.filehandle.seek(self._pages[plane].offset)
            return np.asarray(tifffile.TiffPage(own, index=0).asarray())
