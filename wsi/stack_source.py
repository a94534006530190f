"""Scans of several planes in a TIFF: focal planes and channels, OME-TIFF, QPTIFF and Leica SCN.

Where every plane's tiles are JPEG or JPEG 2000 of one form they are copied. Others are decoded: grey without loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile

from wsi import tiff_source
from wsi.errors import NotASlideError, SlideError, UnreadableSlideError, UnsupportedSlideError
from wsi.geometry import Level, downsample
from wsi.joined import joined_image
from wsi.metadata import SlideMetadata
from wsi.planes import READ_ERRORS, SIGNED_NOTE, Planes
from wsi.source import FrameTable, Image, Kind, MadeImage, OpenSource, SlideDescription, StoredImage
from wsi.stack import Pages, Stack, find_stacks
from wsi.tiff_facts import MPP_ASSUMED, MPP_MAX, MPP_MIN, lossy_history
from wsi.tiff_tables import TILE_LENGTHS, TILE_OFFSETS, LongTables, Masked, long_tables

_PAGES_MAX = 4096


def open_stacks(path: Path) -> OpenSource:
    """Open a scan of several planes.

    Raises: NotASlideError for a single plane of 8 bit, and other axes; UnsupportedSlideError for other depths.
    """
    try:
        tables = long_tables(path)
        masked = Masked(path, tables)
    except OSError as error:
        raise NotASlideError(f"{path.name} cannot be read: {error.strerror}.") from error
    made: list[Planes] = []
    try:
        with masked, tifffile.TiffFile(masked, name=str(path)) as tiff:
            return _open(path, tiff, tables, made)
    except BaseException as error:
        for planes in made:
            planes.close()
        if isinstance(error, SlideError) and path.name not in error.what:
            raise type(error)(f"{path.name}: {error.what}") from error
        if isinstance(error, tifffile.TiffFileError):
            raise NotASlideError(f"{path.name} is not a readable TIFF: {error}.") from error
        if isinstance(error, READ_ERRORS):
            raise UnreadableSlideError(f"{path.name} has a damaged structure: {error}.") from error
        raise


def _open(path: Path, tiff: tifffile.TiffFile, tables: LongTables, made: list[Planes]) -> OpenSource:
    pages = [page.aspage() for page in tiff.pages[:_PAGES_MAX]]
    found = find_stacks(path, tiff, pages)
    facts, images = found.description, list[Image]()
    for region, stack in enumerate(found.stacks):
        images += _levels(path, stack, facts, tables, made, region)
    base = images[0].level
    images += [tiff_source.picture_image(path, page, kind, base) for kind, page in found.pictures]
    if offset := max((planes.depth.offset for planes in made), default=0):
        facts = replace(facts, notes=(*facts.notes, SIGNED_NOTE.format(offset=offset)))
    return OpenSource(
        path=path,
        description=facts,
        images=tuple(images),
        metadata=SlideMetadata(barcode=found.barcode),
        on_close=[planes.close for planes in made],
    )


def _levels(
    path: Path, stack: Stack, facts: SlideDescription, tables: LongTables, made: list[Planes], region: int
) -> list[Image]:
    """Return the levels of one pyramid."""
    base, mpp = stack.levels[0][0], _mpp(stack, facts)
    images: list[Image] = []
    for number, pages in enumerate(stack.levels):
        first = pages[0]
        level = Level(
            width_px=first.imagewidth,
            height_px=first.imagelength,
            tile_width_px=first.tilewidth or first.imagewidth,
            tile_height_px=first.tilelength or first.imagelength,
            mpp_x=mpp[0] * downsample(base.imagewidth, first.imagewidth),
            mpp_y=mpp[1] * downsample(base.imagelength, first.imagelength),
            focal_plane_count=stack.plane_count,
            optical_path_count=stack.path_count,
            focal_spacing_um=stack.focal_spacing_um,
        )
        try:
            image: Image = _copied(path, pages, level, tables, is_resampled=number > 0)
        except UnsupportedSlideError:
            image = _decoded(path, pages, level, tables, made, is_resampled=number > 0)
        images.append(replace(image, region=region, origin_mm=stack.origin_mm))
    return images


def _mpp(stack: Stack, facts: SlideDescription) -> tuple[float, float]:
    mpp = stack.mpp or facts.mpp or (MPP_ASSUMED, MPP_ASSUMED)
    return mpp if all(MPP_MIN <= value <= MPP_MAX for value in mpp) else (MPP_ASSUMED, MPP_ASSUMED)


def _copied(path: Path, pages: Pages, level: Level, tables: LongTables, *, is_resampled: bool) -> Image:
    """Return the level whose frames are the tiles of all planes.  Raises: UnsupportedSlideError"""
    if not pages[0].is_tiled:
        raise UnsupportedSlideError(f"{path.name} has planes without tiles.")
    file_bytes = path.stat().st_size
    found = [tiff_source.frame_table(path, page, tables, file_bytes=file_bytes) for page in pages]
    parts, encoding = [table for table, _ in found], found[0][1]
    if any(other != encoding for _, other in found):
        raise UnsupportedSlideError(f"{path.name} has planes of different forms.")
    if sum(len(part.offsets) for part in parts) != level.frame_count:
        raise UnreadableSlideError(f"{path.name} lists too few or too many tiles.")
    if len({(part.prefix, part.skip_bytes) for part in parts}) > 1:
        return joined_image(parts, kind=Kind.VOLUME, level=level, encoding=encoding, is_resampled=is_resampled)
    return StoredImage(
        kind=Kind.VOLUME, level=level, encoding=encoding, is_resampled=is_resampled, table=_one_table(parts)
    )


def _one_table(parts: Sequence[FrameTable]) -> FrameTable:
    return replace(
        parts[0],
        offsets=np.concatenate([part.offsets for part in parts]),
        lengths=np.concatenate([part.lengths for part in parts]),
        blank=next((part.blank for part in parts if part.blank), b""),
    )


def _decoded(
    path: Path, pages: Pages, level: Level, tables: LongTables, made: list[Planes], *, is_resampled: bool
) -> MadeImage:
    places = [
        (
            tiff_source.tile_numbers(page, TILE_OFFSETS, tables).tolist(),
            tiff_source.tile_numbers(page, TILE_LENGTHS, tables).tolist(),
        )
        for page in pages
    ]
    planes = Planes(path, pages, places)
    made.append(planes)
    tile_width_px, tile_height_px = planes.tile_px
    planes.level = level = replace(level, tile_width_px=tile_width_px, tile_height_px=tile_height_px)
    return MadeImage(
        kind=Kind.VOLUME,
        level=level,
        encoding=planes.encoding(*lossy_history(pages[0], sum(sum(lengths) for _, lengths in places), len(pages))),
        is_resampled=is_resampled,
        make_frame=planes.make_frame,
        read_pixels=planes.read_pixels,
        psnr_db_min=planes.psnr_db_min,
    )
