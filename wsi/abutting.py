"""Ventana BIF and Trestle: scanners whose tiles may overlap, and are copied where they do not.

Where tiles lie is told in each maker's own way, which OpenSlide understands. When it sees levels exactly as large as
their tiles side by side, and the same pixels in tiles spread over each, nothing overlaps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openslide
import tifffile

from wsi import codec, tiff_source
from wsi.errors import UnsupportedSlideError
from wsi.metadata import SlideMetadata
from wsi.openslide_source import barcode_of, describe, pictures
from wsi.source import Image, OpenSource, StoredImage
from wsi.tiff_facts import description_of
from wsi.tiff_tables import LongTables

_LOOKED_AT = 16
"""Tiles of a level, spread evenly."""
_DIFFERENCE_MAX = 2.0
"""Mean of a tile's samples: decoders round and smooth colour a little differently."""


def open_abutting(path: Path, pages: list[tifffile.TiffPage], tables: LongTables) -> OpenSource:
    """Open a scan whose tiles lie side by side.  Raises: UnsupportedSlideError where they overlap"""
    levels = [page for page in pages if page.is_tiled and description_of(page).startswith("level=")] or [
        page for page in pages if page.is_tiled
    ]
    if any(page.imagedepth > 1 for page in levels):
        raise UnsupportedSlideError(f"{path.name} has several focal planes.")
    try:
        with openslide.OpenSlide(path) as slide:
            if slide.level_dimensions != tuple((page.imagewidth, page.imagelength) for page in levels):
                raise UnsupportedSlideError(f"{path.name} has tiles that overlap.")
            facts = describe(path, slide, are_joined=False)
            found = [
                tiff_source.level_image(
                    path, page, tiff_source.size_of(page, levels[0]), facts, tables, is_resampled=page is not levels[0]
                )
                for page in levels
            ]
            for number, image in enumerate(found):
                _require_same(path, image, slide, number)
            images: list[Image] = [*found, *pictures(slide, found[0].level)]
            metadata = SlideMetadata(barcode=barcode_of(slide))
    except openslide.OpenSlideError as error:
        raise UnsupportedSlideError(f"{path.name} cannot be opened: {error}.") from error
    return OpenSource(path=path, description=facts, images=tuple(images), metadata=metadata)


def _require_same(path: Path, image: StoredImage, slide: openslide.OpenSlide, number: int) -> None:
    level = image.level
    filled = np.flatnonzero(image.table.lengths)
    scale = slide.level_downsamples[number]
    with path.open("rb") as file:
        for index in filled[np.linspace(0, len(filled) - 1, _LOOKED_AT).astype(np.int64)].tolist():
            tile = level.tile(index + 1)
            x_px, y_px = tile.column_index * level.tile_width_px, tile.row_index * level.tile_height_px
            width_px = min(level.tile_width_px, level.width_px - x_px)
            height_px = min(level.tile_height_px, level.height_px - y_px)
            ours = codec.decode_frame(
                image.table.read(file.fileno(), index), image.encoding,
                width_px=level.tile_width_px, height_px=level.tile_height_px,
            )[:height_px, :width_px]  # fmt: skip
            place = round(x_px * scale), round(y_px * scale)
            theirs = np.asarray(slide.read_region(place, number, (width_px, height_px)).convert("RGB"))
            if ours.shape != theirs.shape or np.abs(ours.astype(np.int16) - theirs).mean() > _DIFFERENCE_MAX:
                raise UnsupportedSlideError(f"{path.name} has tiles that do not lie side by side.")
