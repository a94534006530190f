"""TIFF of several channels or focal planes, or of 16 bit: optical paths and planes of one slide, stored without loss.

Every plane is grey. Tiled planes are decoded tile by tile; planes without tiles are decoded whole, which bounds them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import tifffile

from wsi import codec
from wsi import encoding as forms
from wsi.encoding import Encoding, Origin
from wsi.errors import NotASlideError, UnreadableSlideError, UnsupportedSlideError
from wsi.geometry import Level, downsample
from wsi.identity import identity_of
from wsi.source import Channel, Image, Kind, MadeImage, OpenSource, Pixels
from wsi.tiff_facts import MPP_ASSUMED, describe

TILE_PX = 512
PLANE_PX_MAX = 100_000_000
_PLANES_MAX = 1000
_AXES = re.compile(r"C?Z?YX|Z?C?YX")
_DEPTHS = {"uint8": 8, "uint16": 16}
_ERRORS = (
    tifffile.TiffFileError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    RuntimeError,
    OSError,
    EOFError,
    struct.error,
)


def open_planes(path: Path) -> OpenSource:
    """Open a scan of grey planes.

    Raises: NotASlideError for a single plane of 8 bit, colour, and other axes; UnsupportedSlideError for other depths.
    """
    try:
        tiff = tifffile.TiffFile(path)
    except _ERRORS as error:
        raise NotASlideError(f"{path.name} is not a readable TIFF: {error}.") from error
    try:
        return _open(path, tiff)
    except _ERRORS as error:
        tiff.close()
        raise UnreadableSlideError(f"{path.name} has a damaged structure: {error}.") from error
    except BaseException:
        tiff.close()
        raise


def _open(path: Path, tiff: tifffile.TiffFile) -> OpenSource:
    series = tiff.series[0]
    depth = str(series.dtype)
    if not _AXES.fullmatch(series.axes) or (series.axes == "YX" and depth == "uint8"):
        raise NotASlideError(f"{path.name} is in colour, or one plane.")
    sides = " x ".join(f"{size} {axis}" for size, axis in zip(series.shape, series.axes, strict=True))
    if depth not in _DEPTHS:
        raise UnsupportedSlideError(
            f"{path.name} holds {sides} of {depth}; channels and focal planes of 8 or 16 bit without sign are read."
        )
    counts = dict(zip(series.axes, series.shape, strict=True))
    path_count, plane_count = int(counts.get("C", 1)), int(counts.get("Z", 1))
    if path_count * plane_count > _PLANES_MAX:
        raise UnsupportedSlideError(f"{path.name} has {path_count * plane_count} planes.")
    facts = describe(path, tiff, tiff.pages[0], identity=identity_of([path]))
    facts = replace(facts, channels=_channels(tiff.ome_metadata or "", path_count))
    mpp = facts.mpp or (MPP_ASSUMED, MPP_ASSUMED)
    base_width, base_height = int(counts["X"]), int(counts["Y"])
    lock = Lock()
    images: list[Image] = []
    for number, one in enumerate(series.levels):
        sizes = dict(zip(one.axes, one.shape, strict=True))
        pages = [page for page in one.pages if page is not None]
        if len(pages) != path_count * plane_count:
            raise UnsupportedSlideError(f"{path.name} holds {sides} of {depth} in one page.")
        planes = _Planes(path.name, _in_order(pages, series.axes, path_count, plane_count), _DEPTHS[depth], lock)
        level = Level(
            width_px=int(sizes["X"]),
            height_px=int(sizes["Y"]),
            tile_width_px=planes.tile_px[0],
            tile_height_px=planes.tile_px[1],
            mpp_x=mpp[0] * downsample(base_width, int(sizes["X"])),
            mpp_y=mpp[1] * downsample(base_height, int(sizes["Y"])),
            focal_plane_count=plane_count,
            optical_path_count=path_count,
        )
        planes.level = level
        images.append(_image(level, planes, _DEPTHS[depth], is_resampled=number > 0))
    return OpenSource(path=path, description=facts, images=tuple(images), on_close=[planes.forget, tiff.close])


def _image(level: Level, planes: _Planes, bits: int, *, is_resampled: bool) -> MadeImage:
    return MadeImage(
        kind=Kind.VOLUME,
        level=level,
        encoding=Encoding(
            transfer_syntax_uid=forms.JPEG_LS_LOSSLESS,
            photometric_interpretation="MONOCHROME2",
            sample_count=1,
            bits=bits,
            origin=Origin.LOSSLESS,
        ),
        is_resampled=is_resampled,
        make_frame=planes.make_frame,
        read_pixels=planes.read_pixels,
    )


def _in_order(pages: Sequence[Any], axes: str, path_count: int, plane_count: int) -> list[Any]:
    """Return the pages as frames are counted: focal planes within optical paths."""
    if axes.find("Z") > axes.find("C") or "Z" not in axes:
        return list(pages)
    return [pages[plane * path_count + path] for path in range(path_count) for plane in range(plane_count)]


def _channels(xml: str, count: int) -> tuple[Channel, ...]:
    """Return what the scan says of each channel."""
    found = []
    for text in re.findall(r"<(?:\w+:)?Channel\b([^>]*)>", xml)[:count]:
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', text))
        try:
            wavelength_nm = float(attributes.get("ExcitationWavelength", "0"))
        except ValueError:
            wavelength_nm = 0.0
        found.append(Channel(name=attributes.get("Name", "")[:64], excitation_nm=wavelength_nm))
    return tuple(found) + (Channel(),) * (count - len(found))


class _Planes:
    """The planes of one level; safe to use from several threads."""

    level: Level

    def __init__(self, name: str, pages: list[Any], bits: int, lock: Lock) -> None:
        self._name, self._pages, self._bits, self._lock = name, pages, bits, lock
        self._dtype = np.uint8 if bits == 8 else np.uint16
        first = pages[0].keyframe
        self._is_tiled = bool(first.is_tiled)
        self.tile_px = (first.tilewidth, first.tilelength) if self._is_tiled else (TILE_PX, TILE_PX)
        if not self._is_tiled and first.imagewidth * first.imagelength > PLANE_PX_MAX:
            raise UnsupportedSlideError(f"{name} has planes of {first.imagewidth} x {first.imagelength} px, not tiled.")
        self._held: tuple[int, Pixels] | None = None

    def forget(self) -> None:
        """Give the memory back."""
        self._held = None

    def make_frame(self, index: int) -> bytes:
        """Return the JPEG-LS codestream of a tile, by index from 0."""
        return codec.encode_jpeg_ls(self.read_pixels(index))

    def read_pixels(self, index: int) -> Pixels:
        """Return a tile's pixels, padded with black, the ground of fluorescence."""
        level = self.level
        plane, place = divmod(index, level.column_count * level.row_count)
        pixels = np.zeros((level.tile_height_px, level.tile_width_px), self._dtype)
        row, column = divmod(place, level.column_count)
        height = min(level.tile_height_px, level.height_px - row * level.tile_height_px)
        width = min(level.tile_width_px, level.width_px - column * level.tile_width_px)
        try:
            read: Callable[[int, int], Pixels] = self._tile if self._is_tiled else self._cut
            found = read(plane, place)
        except _ERRORS as error:
            raise UnreadableSlideError(f"{self._name}: tile {index + 1} cannot be decoded: {error}.") from error
        pixels[:height, :width] = found[:height, :width]
        return pixels

    def _tile(self, plane: int, place: int) -> Pixels:
        page = self._pages[plane]
        with self._lock:
            handle = page.parent.filehandle
            handle.seek(page.dataoffsets[place])
            data = handle.read(page.databytecounts[place])
        tile, _, _ = page.keyframe.decode(data, place, jpegtables=page.keyframe.jpegtables)
        if tile is None:
            return np.zeros(self.tile_px[::-1], self._dtype)
        return np.asarray(tile).reshape(np.asarray(tile).shape[-3:-1])

    def _cut(self, plane: int, place: int) -> Pixels:
        row, column = divmod(place, self.level.column_count)
        with self._lock:
            if self._held is None or self._held[0] != plane:
                self._held = (plane, np.asarray(self._pages[plane].asarray()))
            whole = self._held[1]
        y, x = row * self.level.tile_height_px, column * self.level.tile_width_px
        return whole[y : y + self.level.tile_height_px, x : x + self.level.tile_width_px]
