"""Large slides to measure with: real tissue laid out as a mosaic, so that gigapixels cost seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import tifffile

from tests.bench.peers import BUILD

TILE_PX = 256
_UNIQUE_TILES = 512
_TAIL = "|AppMag = 20|MPP = 0.4990|ScanScope ID = MOSAIC|Filename = mosaic"


def real_data() -> Path:
    """Return the folder of real scans: $EDGE_REAL_DATA, else beside the clone."""
    return Path(os.environ.get("EDGE_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def mosaic(side_px: int) -> Path:
    """Return an SVS of side_px x side_px in three levels with thumbnail, label and macro; made once and kept.

    Made by a process of its own: what is measured later inherits the memory peak of the one that starts it.
    """
    path = BUILD / "bench" / f"mosaic-{side_px}.svs"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        subprocess.run([sys.executable, "-m", "tests.bench.mosaic", part, str(side_px)], check=True)
        part.replace(path)
    return path


def _write(path: Path, side_px: int) -> None:
    import numpy as np
    import tifffile

    rng = np.random.default_rng(1)
    tissue, macro, label = _tissue(rng)
    head = f"Aperio Image Library v11.2.1\r\n{side_px}x{side_px}"
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for number, scale in enumerate((1, 4, 16)):
            _write_level(tiff, tissue, rng, side_px // scale, scale, f"{head} [0,0 {side_px}x{side_px}]")
            if number == 0:
                thumbnail = np.ascontiguousarray(tissue[::3, ::3])
                text = f"{head} -> {thumbnail.shape[1]}x{thumbnail.shape[0]} - {_TAIL}"
                _write_picture(tiff, thumbnail, text, rowsperstrip=16)
        _write_picture(tiff, label, f"{head}\r\nlabel {label.shape[1]}x{label.shape[0]}", subfiletype=1)
        _write_picture(tiff, macro, f"{head}\r\nmacro {macro.shape[1]}x{macro.shape[0]}", subfiletype=9)


def _write_level(
    tiff: tifffile.TiffWriter, tissue: Any, rng: np.random.Generator, side_px: int, scale: int, head: str
) -> None:
    count = (-(-side_px // TILE_PX)) ** 2
    tiles = [_tile(tissue, rng, scale) for _ in range(min(_UNIQUE_TILES, count))]
    picked = rng.integers(0, len(tiles), count)
    tiff.write(
        (tiles[index] for index in picked),
        shape=(side_px, side_px, 3),
        dtype="uint8",
        tile=(TILE_PX, TILE_PX),
        compression="jpeg",
        photometric="ycbcr",
        subsampling=(2, 1),
        metadata=None,
        description=f"{head} ({TILE_PX}x{TILE_PX}) JPEG/RGB Q=85{_TAIL}",
    )


def _tile(tissue: Any, rng: np.random.Generator, scale: int) -> bytes:
    import imagecodecs
    import numpy as np

    span_px = min(TILE_PX * scale, *tissue.shape[:2])
    step = max(1, span_px // TILE_PX)
    y, x = (rng.integers(0, side - span_px + 1) for side in tissue.shape[:2])
    cut = np.ascontiguousarray(tissue[y : y + span_px : step, x : x + span_px : step][:TILE_PX, :TILE_PX])
    return bytes(imagecodecs.jpeg8_encode(cut, level=85, colorspace="RGB", outcolorspace="YCBCR", subsampling="422"))


def _write_picture(tiff: tifffile.TiffWriter, pixels: Any, text: str, **options: Any) -> None:
    form = {"compression": "jpeg", "photometric": "ycbcr", "rowsperstrip": pixels.shape[0], **options}
    tiff.write(pixels, metadata=None, description=text, **form)


def _tissue(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Return tissue, macro and label of a small real slide; without real data, noise that compresses like it."""
    import numpy as np
    import openslide

    path = real_data() / "wsi" / "aperio" / "CMU-1-Small-Region.svs"
    if not path.exists():
        coarse = rng.integers(90, 250, (700, 520, 3), np.uint8)
        noise = np.repeat(np.repeat(coarse, 4, 0), 4, 1)
        noise = (noise // 2 + rng.integers(0, 60, noise.shape, np.uint8)).astype(np.uint8)
        return noise, noise[:400, :800], noise[:300, :300]
    with openslide.OpenSlide(path) as slide:
        whole = np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))
        return whole, *(np.asarray(slide.associated_images[name].convert("RGB")) for name in ("macro", "label"))


if __name__ == "__main__":
    _write(Path(sys.argv[1]), int(sys.argv[2]))
