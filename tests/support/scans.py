"""Small scans, written as scanners and converters write them, for the tests of this package."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

TILE_PX = 64
APERIO = (
    "Aperio Image Library v12\r\n{w}x{h} [0,0 {w}x{h}] (64x64) JPEG/RGB Q=80|AppMag = 20|MPP = 0.4990|ScanScope ID = T1"
)


def picture(height_px: int, width_px: int, seed: int = 1) -> NDArray[np.uint8]:
    """Return smooth random colour: it compresses like tissue, and no two tiles are equal."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height_px // 16 + 2, width_px // 16 + 2, 3), np.uint8)
    return np.ascontiguousarray(Image.fromarray(coarse).resize((width_px, height_px), Image.Resampling.BICUBIC))


def tiles_of(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Cut a picture into full tiles, padded with its edge."""
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % TILE_PX), (0, -width % TILE_PX), (0, 0)), mode="edge")
    return [
        np.ascontiguousarray(padded[y : y + TILE_PX, x : x + TILE_PX])
        for y in range(0, height, TILE_PX)
        for x in range(0, width, TILE_PX)
    ]


def jpeg(pixels: NDArray[np.uint8], *, subsampling: str = "422", colour: str = "YCBCR") -> bytes:
    """Encode a tile; `colour` RGB keeps red, green, blue as they are."""
    return bytes(
        imagecodecs.jpeg8_encode(pixels, level=80, colorspace="RGB", outcolorspace=colour, subsampling=subsampling)
    )


def write_svs(
    path: Path,
    sizes: Sequence[tuple[int, int]] = ((300, 200), (75, 50)),
    *,
    description: str = APERIO,
    extra: dict[str, Any] | None = None,
) -> list[list[bytes]]:
    """Write an SVS of (width, height) levels and return the tiles of each level as stored."""
    levels = []
    with tifffile.TiffWriter(path) as tiff:
        for index, (width, height) in enumerate(sizes):
            tiles = [jpeg(tile) for tile in tiles_of(picture(height, width, index))]
            levels.append(tiles)
            write_level(tiff, tiles, width, height, description=description.format(w=width, h=height), **(extra or {}))
    return levels


def write_level(
    tiff: tifffile.TiffWriter, tiles: Sequence[bytes], width: int, height: int, *, description: str = "", **extra: Any
) -> None:
    """Write one level of tiles that are compressed already."""
    options = {"compression": "jpeg", "photometric": "ycbcr", "subsampling": (2, 1), **extra}
    tiff.write(
        iter(tiles),
        shape=(height, width, 3),
        dtype="uint8",
        tile=(TILE_PX, TILE_PX),
        metadata=None,
        description=description,
        **options,
    )


def write_slow(path: Path, side_px: int = 6144) -> None:
    """Write a scan that cannot be copied, only decoded and encoded again: its conversion takes seconds."""
    coarse = picture(side_px // 8, side_px // 8)
    pixels = np.repeat(np.repeat(coarse, 8, 0), 8, 1)
    tifffile.imwrite(path, pixels, tile=(512, 512), compression="deflate", photometric="rgb", metadata=None)
