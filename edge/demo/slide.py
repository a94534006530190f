"""A scan for the demonstration: tissue on white glass as an Aperio scanner writes it, invented from noise.

Levels are 1, 1/4 and 1/16, each truly the larger one shrunk, with thumbnail, label and macro image.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import simplejpeg
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from edge.demo import tissue
from edge.demo.tissue import Field, Picture

_TILE_PX = 256
_SHRINK = 4
_STRIP_PX = 16
_MAP_PX = 32
"""One point of the tissue map is this many pixels of the scan."""
_HALF_RAMP = 0.2
"""How far from a border one tissue shines through the other, in units of the map."""
_QUALITY = 82
_MPP = 0.4990
_MAGNIFICATION = 20
_TILES_PER_PERIOD = tissue.PERIOD_PX // _TILE_PX


def write_demo_slide(path: Path, *, width_px: int = 20_480, height_px: int = 15_360, seed: int = 1) -> None:
    """Write the scan; the same seed gives the same tissue. The file appears under its name whole.

    Raises: ValueError below 2048 pixels a side; OSError
    """
    if min(width_px, height_px) < 2048:
        raise ValueError("a demonstration slide has at least 2048 pixels a side")
    scan = _Scan(width_px, height_px, seed)
    tiles, quarter = scan.render()
    small = np.asarray(Image.fromarray(quarter).reduce(_SHRINK))
    temporary = path.with_name(f".{path.name}.part")
    try:
        with tifffile.TiffWriter(temporary, bigtiff=False) as tiff:
            _write(tiff, tiles, quarter, small, width_px, height_px)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


class _Scan:
    """Which tissue lies where, and the tiles that show it."""

    def __init__(self, width_px: int, height_px: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._columns, self._rows = -(-width_px // _TILE_PX), -(-height_px // _TILE_PX)
        self._width_px, self._height_px = width_px, height_px
        kinds = (tissue.stroma, tissue.glandular, tissue.cellular, tissue.fat)
        self._textures = [Image.fromarray(make(rng)) for make in kinds]
        glass = tuple(int(value) for value in tissue.GLASS)
        self._glass = Image.new("RGB", (_TILE_PX, _TILE_PX), glass)
        self._maps = self._tissue_maps(rng)
        points = _TILE_PX // _MAP_PX
        at = (np.arange(_TILE_PX) + 0.5) / _MAP_PX
        low = at.astype(np.int64)
        self._stretch = np.zeros((_TILE_PX, points + 2), np.float32)
        self._stretch[np.arange(_TILE_PX), low] = 1 - (at - low)
        self._stretch[np.arange(_TILE_PX), low + 1] += at - low
        self._cache: dict[tuple[int, ...], tuple[bytes, Picture]] = {}

    def _tissue_maps(self, rng: np.random.Generator) -> list[Field]:
        """Return, per point of the map, how far inside the tissue and inside each kind beyond stroma it lies."""
        shape = (self._rows * _TILE_PX // _MAP_PX + 2, self._columns * _TILE_PX // _MAP_PX + 2)
        y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
        pieces = np.full(shape, -9.0, np.float32)
        for centre_x, centre_y, wide, high in ((-0.42, 0.05, 0.42, 0.72), (0.47, -0.08, 0.38, 0.62)):
            pieces = np.maximum(pieces, 1 - np.hypot((x - centre_x) / wide, (y - centre_y) / high))
        ragged = 0.16 * tissue.smooth_noise(rng, shape, (7, 9)) + 0.05 * tissue.smooth_noise(rng, shape, (40, 52))
        holes = tissue.smooth_noise(rng, shape, (22, 30)) + 0.3 * tissue.smooth_noise(rng, shape, (80, 100))
        inside = np.minimum(pieces + ragged, (2.15 - holes) * 0.12)

        def region(cells: tuple[int, int], above: float) -> Field:
            fine = tissue.smooth_noise(rng, shape, (cells[0] * 6, cells[1] * 6))
            field: Field = np.asarray(tissue.smooth_noise(rng, shape, cells) + 0.22 * fine - above, np.float32)
            return field

        kinds = [region((8, 10), 0.25) * 6, region((13, 17), 1.0) * 6, region((6, 8), 1.15) * 7]
        return [np.asarray(inside * 14, np.float32), *kinds]

    def render(self) -> tuple[list[bytes], Picture]:
        """Return the compressed tiles of the full level, row by row, and the whole level at a quarter."""
        part = _TILE_PX // _SHRINK
        quarter = np.empty((self._rows * part, self._columns * part, 3), np.uint8)
        tiles: list[bytes] = []
        for row in range(self._rows):
            for column in range(self._columns):
                data, small = self._tile(row, column)
                tiles.append(data)
                quarter[row * part : (row + 1) * part, column * part : (column + 1) * part] = small
        return tiles, np.ascontiguousarray(quarter[: self._height_px // _SHRINK, : self._width_px // _SHRINK])

    def _tile(self, row: int, column: int) -> tuple[bytes, Picture]:
        points = _TILE_PX // _MAP_PX
        window = np.s_[row * points : row * points + points + 2, column * points : column * points + points + 2]
        weights: list[Field | int] = []
        for field in self._maps:
            patch = field[window]
            low, high = float(patch.min()), float(patch.max())
            weights.append(0 if high <= -_HALF_RAMP else 1 if low >= _HALF_RAMP else patch)
        if isinstance(weights[0], int) and not weights[0]:
            weights[1:] = [0, 0, 0]
        known = tuple(weight for weight in weights if isinstance(weight, int))
        if len(known) < len(weights):
            return self._drawn(row, column, weights)
        place = (row % _TILES_PER_PERIOD, column % _TILES_PER_PERIOD) if weights[0] else (0, 0)
        # Pure tiles repeat: each is drawn and compressed once.
        if (*known, *place) not in self._cache:
            self._cache[(*known, *place)] = self._drawn(row, column, weights)
        return self._cache[(*known, *place)]

    def _drawn(self, row: int, column: int, weights: list[Field | int]) -> tuple[bytes, Picture]:
        y, x = row % _TILES_PER_PERIOD * _TILE_PX, column % _TILES_PER_PERIOD * _TILE_PX
        box = (x, y, x + _TILE_PX, y + _TILE_PX)
        picture = self._textures[0].crop(box)
        for texture, weight in zip(self._textures[1:], weights[1:], strict=True):
            if not isinstance(weight, int):
                picture = Image.composite(texture.crop(box), picture, self._spread(weight))
            elif weight:
                picture = texture.crop(box)
        if not isinstance(weights[0], int):
            picture = Image.composite(picture, self._glass, self._spread(weights[0]))
        elif not weights[0]:
            picture = self._glass
        return _jpeg(np.asarray(picture)), np.asarray(picture.reduce(_SHRINK))

    def _spread(self, patch: Field) -> Image.Image:
        """Return the weight per pixel from the map's points around the tile."""
        height: Field = np.asarray(self._stretch @ patch @ self._stretch.T, np.float32)
        weight = tissue.soft_step(height, 2 * _HALF_RAMP)
        return Image.fromarray((weight * 255).astype(np.uint8))


def _jpeg(pixels: Picture) -> bytes:
    return bytes(simplejpeg.encode_jpeg(pixels, quality=_QUALITY, colorspace="RGB", colorsubsampling="422"))


def _cut(picture: Picture) -> Iterator[bytes]:
    """Cut a level into compressed tiles, padded with glass."""
    for y in range(0, picture.shape[0], _TILE_PX):
        for x in range(0, picture.shape[1], _TILE_PX):
            tile = np.full((_TILE_PX, _TILE_PX, 3), tissue.GLASS.astype(np.uint8), np.uint8)
            piece = picture[y : y + _TILE_PX, x : x + _TILE_PX]
            tile[: piece.shape[0], : piece.shape[1]] = piece
            yield _jpeg(tile)


def _write(
    tiff: tifffile.TiffWriter, tiles: list[bytes], quarter: Picture, small: Picture, width_px: int, height_px: int
) -> None:
    head = f"Aperio Image Library v12.0.0\r\n{width_px}x{height_px}"
    tail = (
        f"|AppMag = {_MAGNIFICATION}|MPP = {_MPP:.4f}|ScanScope ID = DEMO|Filename = demo"
        "|Date = 01/15/26|Time = 09:30:00"
    )
    levels: list[tuple[tuple[int, int], Iterator[bytes]]] = [
        ((height_px, width_px), iter(tiles)),
        ((quarter.shape[0], quarter.shape[1]), _cut(quarter)),
        ((small.shape[0], small.shape[1]), _cut(small)),
    ]
    thumbnail = _fitted(small, 1024, 768)
    for index, ((height, width), data) in enumerate(levels):
        scale = "" if index == 0 else f" -> {width}x{height}"
        tiff.write(
            data,
            shape=(height, width, 3),
            dtype=np.uint8,
            tile=(_TILE_PX, _TILE_PX),
            compression="jpeg",
            photometric="ycbcr",
            subsampling=(2, 1),
            metadata=None,
            description=f"{head} [0,0 {width_px}x{height_px}] (256x256){scale} JPEG/RGB Q={_QUALITY}{tail}",
        )
        if index == 0:
            _strips(tiff, thumbnail, 0, f"{head} -> {thumbnail.shape[1]}x{thumbnail.shape[0]} - {tail}")
    label = _label()
    tiff.write(
        label,
        rowsperstrip=label.shape[0],
        compression="lzw",
        predictor=True,
        photometric="rgb",
        subfiletype=1,
        metadata=None,
        description=f"{head}\r\nlabel {label.shape[1]}x{label.shape[0]}",
    )
    macro = _macro(small, label)
    _strips(tiff, macro, 9, f"{head}\r\nmacro {macro.shape[1]}x{macro.shape[0]}")


def _strips(tiff: tifffile.TiffWriter, picture: Picture, subfile: int, description: str) -> None:
    strips = (_jpeg(np.ascontiguousarray(picture[y : y + _STRIP_PX])) for y in range(0, picture.shape[0], _STRIP_PX))
    tiff.write(
        strips,
        shape=picture.shape,
        dtype=np.uint8,
        rowsperstrip=_STRIP_PX,
        compression="jpeg",
        photometric="ycbcr",
        subsampling=(2, 1),
        subfiletype=subfile,
        metadata=None,
        description=description,
    )


def _fitted(picture: Picture, width_px: int, height_px: int) -> Picture:
    image = Image.fromarray(picture)
    image.thumbnail((width_px, height_px), Image.Resampling.BOX)
    return np.asarray(image)


def _label() -> Picture:
    image = Image.new("RGB", (400, 400), (250, 250, 246))
    draw = ImageDraw.Draw(image)
    for line, (text, size) in enumerate((("DEMO-0001", 52), ("A1  H&E", 40), ("not a patient", 30))):
        draw.text((24, 30 + 64 * line), text, fill=(20, 20, 20), font=ImageFont.load_default(size))
    code: NDArray[np.bool_] = np.random.default_rng(7).random((14, 14)) < 0.5
    code[0, ::2], code[:, 0], code[-1, :], code[::2, -1] = True, True, True, True
    for row, column in np.argwhere(code):
        draw.rectangle((24 + 12 * column, 220 + 12 * row, 35 + 12 * column, 231 + 12 * row), fill=(20, 20, 20))
    return np.asarray(image)


def _macro(small: Picture, label: Picture) -> Picture:
    """Return a photograph of the glass: label on the left, tissue on the right, as the scanner's camera sees it."""
    image = Image.new("RGB", (1280, 432), (206, 210, 208))
    image.paste(Image.fromarray(label).resize((380, 400), Image.Resampling.BOX), (12, 16))
    image.paste(Image.fromarray(_fitted(small, 820, 380)), (430, 26))
    return np.asarray(image)
