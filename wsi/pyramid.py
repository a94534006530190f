"""Levels the scanner left out, each made from the next larger one by halving it.

JPEG tiles are decoded at half size inside the transform, which costs a fraction of decoding and shrinking. A made level
is a new, lossy generation: its tiles are encoded at the quality of the tiles they come from.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import local

import numpy as np

from wsi import codec
from wsi import encoding as forms
from wsi.encoding import Encoding, Origin
from wsi.errors import TruncatedSlideError, UnreadableSlideError, UnsupportedSlideError
from wsi.geometry import Level, downsample
from wsi.source import FrameTable, Image, ImageBase, Kind, MadeImage, Pixels, StoredImage

_STEP_MAX = 2.5
"""A level this much smaller than the one above needs none between."""
_LEVELS_MAX = 32
_PSNR_DB_MIN = 25.0
_QUALITY_MIN, _QUALITY_MAX = 85, 95


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MissingImage(ImageBase):
    """A level to be made from another; it needs that one's frames, wherever they lie by then."""

    parent: AnyImage

    def bind(self, frames: FrameTable) -> MadeImage:
        """Return the image that makes its frames from its parent's."""
        halver = _Halver(self.parent, frames, self.level)
        return MadeImage(
            kind=self.kind,
            level=self.level,
            encoding=self.encoding,
            is_resampled=True,
            make_frame=halver.make_frame,
            read_pixels=halver.read_pixels,
            psnr_db_min=_PSNR_DB_MIN if self.encoding.origin is Origin.REENCODED else None,
        )


AnyImage = Image | MissingImage


def with_missing_levels(images: Sequence[Image]) -> tuple[AnyImage, ...]:
    """Return the images with every halving between the base level and one tile, larger before smaller."""
    native = [image for image in images if image.kind is Kind.VOLUME]
    others = [image for image in images if image.kind is not Kind.VOLUME]
    regions = sorted({image.region for image in native})
    levels = [level for region in regions for level in _filled([one for one in native if one.region == region])]
    return (*levels, *others)


def _filled(native: list[Image]) -> list[AnyImage]:
    """Return the levels of one pyramid, and those that are missing between and below them."""
    levels: list[AnyImage] = [native.pop(0)]
    while len(levels) < _LEVELS_MAX:
        current = levels[-1]
        if native and downsample(current.level.width_px, native[0].level.width_px) <= _STEP_MAX:
            levels.append(native.pop(0))
        elif native or _is_larger_than_a_tile(current.level):
            levels.append(_half(current))
        else:
            break
    return levels


def _is_larger_than_a_tile(level: Level) -> bool:
    return level.width_px > level.tile_width_px or level.height_px > level.tile_height_px


def _half(parent: AnyImage) -> MissingImage:
    level = parent.level
    half = replace(
        level,
        width_px=max(1, level.width_px // 2),
        height_px=max(1, level.height_px // 2),
        mpp_x=level.mpp_x * 2,
        mpp_y=level.mpp_y * 2,
    )
    return MissingImage(
        kind=Kind.VOLUME,
        level=half,
        encoding=_encoding(parent.encoding),
        is_resampled=True,
        region=parent.region,
        origin_mm=parent.origin_mm,
        parent=parent,
    )


def _encoding(parent: Encoding) -> Encoding:
    """Return the form of a level made from another: JPEG, but grey that was stored without loss stays so."""
    grey = parent.sample_count == 1
    if grey and (parent.bits > 8 or parent.transfer_syntax_uid == forms.JPEG_LS_LOSSLESS):
        return replace(
            parent,
            transfer_syntax_uid=forms.JPEG_LS_LOSSLESS,
            photometric_interpretation="MONOCHROME2",
            lossy_ratios=(),
            origin=Origin.LOSSLESS,
        )
    return Encoding(
        transfer_syntax_uid=forms.JPEG_BASELINE,
        photometric_interpretation="MONOCHROME2" if grey else "YBR_FULL_422",
        sample_count=parent.sample_count,
        lossy_methods=(*parent.lossy_methods, "ISO_10918_1"),
        origin=Origin.REENCODED,
    )


class _Room(local):
    """What one thread works in, again and again: fresh memory of this size costs more than half of a decoding."""

    def __init__(self, level: Level, encoding: Encoding, frame_bytes_max: int) -> None:
        half, depth = (
            (level.tile_height_px // 2, level.tile_width_px // 2),
            np.uint8 if encoding.bits == 8 else np.uint16,
        )
        self.pixels = np.empty((level.tile_height_px, level.tile_width_px, encoding.sample_count), depth)
        self.half = np.empty((*half, encoding.sample_count), depth)
        self.frame = memoryview(bytearray(frame_bytes_max))


class _Halver:
    """Makes a level's tiles out of its parent's frames; safe to use from several threads."""

    def __init__(self, parent: AnyImage, frames: FrameTable, level: Level) -> None:
        self._parent, self._frames, self._level = parent.level, frames, level
        self._encoding = parent.encoding
        self._is_grey = parent.encoding.sample_count == 1
        self._file = os.open(frames.path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._file)
        frame_bytes_max = len(frames.prefix) + int(frames.lengths.max(initial=0))
        self._room = _Room(level, parent.encoding, frame_bytes_max)
        self._is_lossless = _encoding(parent.encoding).origin is Origin.LOSSLESS
        # Beyond the edge lies white glass, or the dark around fluorescence.
        self._ground = 0 if self._is_lossless or level.optical_path_count > 1 else 255
        self._quality = self._parents_quality(parent)

    def _parents_quality(self, parent: AnyImage) -> int:
        """Return the quality of the parent's own tiles: not of one that was left out and is white."""
        if self._encoding.transfer_syntax_uid != forms.JPEG_BASELINE:
            return codec.QUALITY
        own = parent.table.lengths.argmax() if isinstance(parent, StoredImage) else 0
        frame = self._frames.read(self._file, int(own))
        return min(max(codec.estimate_quality(frame), _QUALITY_MIN), _QUALITY_MAX)

    def make_frame(self, index: int) -> bytes:
        """Return the codestream of a tile, by index from 0."""
        if self._is_lossless:
            return codec.encode_jpeg_ls(self._made(index)[..., 0])
        return codec.encode_jpeg(
            self._made(index),
            quality=self._quality,
            colorspace="GRAY" if self._is_grey else "RGB",
            subsampling="444" if self._encoding.photometric_interpretation == "RGB" else "422",
        )

    def read_pixels(self, index: int) -> Pixels:
        """Return a tile's pixels: up to four frames of the parent at half size."""
        pixels = self._made(index).copy()
        return pixels[..., 0] if self._is_grey else pixels

    def _made(self, index: int) -> Pixels:
        """Return a tile's pixels in this thread's room, (height, width, samples)."""
        pixels, parent, half = self._room.pixels, self._parent, self._room.half.shape
        plane, place = divmod(index, self._level.column_count * self._level.row_count)
        row_index, column_index = divmod(place, self._level.column_count)
        first = plane * parent.column_count * parent.row_count
        for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
            row, column = 2 * row_index + down, 2 * column_index + across
            y, x = down * half[0], across * half[1]
            quarter = pixels[y : y + half[0], x : x + half[1]]
            if row < parent.row_count and column < parent.column_count:
                quarter[...] = self._halved(first + row * parent.column_count + column)
            else:
                quarter[...] = self._ground
        return pixels

    def _halved(self, number: int) -> Pixels:
        """Return a frame of the parent at half its size, (height, width, samples), by index from 0."""
        frame, half = self._read(number), self._room.half
        if self._encoding.transfer_syntax_uid == forms.JPEG_BASELINE:
            pixels = codec.decode_jpeg_half(frame, *half.shape[:2], grey=self._is_grey, into=half)
        else:
            size = {"width_px": self._level.tile_width_px, "height_px": self._level.tile_height_px}
            pixels = _boxed(codec.decode_frame(bytes(frame), self._encoding, **size))
        if pixels.shape[:2] != half.shape[:2]:
            raise UnreadableSlideError(f"A tile is {pixels.shape[1]} x {pixels.shape[0]} px at half size.")
        return pixels.reshape(half.shape)

    def _read(self, number: int) -> memoryview:
        """Return a frame, prefix and all, in this thread's room."""
        frames, room = self._frames, self._room.frame
        length = int(frames.lengths[number])
        if not length:
            return memoryview(frames.blank)
        skip, lead = frames.skip_bytes, len(frames.prefix)
        room[:lead] = frames.prefix
        body = room[lead : lead + length - skip]
        if os.preadv(self._file, [body], int(frames.offsets[number]) + skip) != length - skip:
            raise TruncatedSlideError(f"{frames.path.name} ends inside tile {number}.")
        return room[: lead + length - skip]


def _boxed(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    cut = pixels[: height * 2, : width * 2].reshape(height, 2, width, 2, *pixels.shape[2:])
    wide = np.uint16 if pixels.dtype == np.uint8 else np.uint32
    boxed: Pixels = ((cut.sum(axis=(1, 3), dtype=wide) + 2) >> 2).astype(pixels.dtype)
    return boxed


def check_even(images: Sequence[AnyImage]) -> None:
    """Refuse tiles that cannot be halved.  Raises: UnsupportedSlideError"""
    for image in images:
        odd = image.level.tile_width_px % 2 or image.level.tile_height_px % 2
        if isinstance(image, MissingImage) and odd:
            raise UnsupportedSlideError("Missing levels cannot be made from tiles with an odd side.")
