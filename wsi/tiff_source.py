"""Tiled TIFF scans whose tiles can be copied: Aperio SVS, generic and OME-TIFF, Philips.

The tiles' codestreams stay as they are; tables shared through tag 347 are put in front of each. What cannot be copied
(other compressions, subsampled JPEG 2000) is refused here with UnsupportedSlideError, and another reader takes over.
"""

from __future__ import annotations

import itertools
import os
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile

from wsi import codec, jpeg_2000, paged, philips
from wsi import encoding as forms
from wsi.encoding import Encoding, Origin
from wsi.errors import NotASlideError, SlideError, TruncatedSlideError, UnreadableSlideError, UnsupportedSlideError
from wsi.geometry import Level, LevelSize, downsample
from wsi.identity import identity_of
from wsi.metadata import SlideMetadata
from wsi.source import (
    FrameTable,
    Image,
    Kind,
    MadeImage,
    OpenSource,
    Pixels,
    SlideDescription,
    StoredImage,
    picture_level,
)
from wsi.tiff_facts import aperio_barcode, describe, lossy_history, ome_pictures
from wsi.tiff_tables import TILE_LENGTHS, TILE_OFFSETS, LongTables, Masked, long_tables

_JPEG = 7
_JPEG_2000 = (33003, 33005, 34712)
_PAGES_MAX = 4096
_LOOKED_AT_MAX = 64
"""Damaged tiles at the beginning of a level, before it is given up."""
_FRAMES_MAX = (1 << 31) - 1
"""Number of Frames is an integer string.  Standard: PS3.5 6.2"""
_SHAPE_TOLERANCE = 0.02
_PICTURE_PX_MAX = 64_000_000
_PARSE_ERRORS = (
    tifffile.TiffFileError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    RuntimeError,
    ArithmeticError,
    OverflowError,
    EOFError,
    OSError,
    struct.error,
)
"""What tifffile raises on damaged structures."""


def open_tiff(path: Path) -> OpenSource:
    """Open a scan for copying.

    Raises: NotASlideError, UnreadableSlideError, TruncatedSlideError; UnsupportedSlideError when its tiles cannot be
    copied.
    """
    try:
        tables = long_tables(path)
        masked = Masked(path, tables)
    except OSError as error:
        raise NotASlideError(f"{path.name} cannot be read: {error.strerror}.") from error
    with masked:
        return _parse(path, tables, masked)


def _parse(path: Path, tables: LongTables, masked: Masked) -> OpenSource:
    try:
        tiff = tifffile.TiffFile(masked, name=str(path)) if tables else tifffile.TiffFile(path)
    except _PARSE_ERRORS as error:
        raise NotASlideError(f"{path.name} is not a readable TIFF: {error}.") from error
    try:
        with tiff:
            pages = [page for page in tiff.pages[:_PAGES_MAX] if isinstance(page, tifffile.TiffPage)]
            return _open(path, tiff, pages, tables)
    except SlideError as error:
        if path.name in error.what:
            raise
        raise type(error)(f"{path.name}: {error.what}") from error
    except _PARSE_ERRORS as error:
        raise UnreadableSlideError(f"{path.name} has a damaged structure: {error}.") from error


def _open(path: Path, tiff: tifffile.TiffFile, pages: list[tifffile.TiffPage], tables: LongTables) -> OpenSource:
    if tiff.is_ndpi:
        from wsi.ndpi_source import open_ndpi

        return open_ndpi(path, tiff, pages)
    from wsi.qpi import is_qpi

    if tiff.is_scn or is_qpi(pages[0]):
        raise UnsupportedSlideError(f"{path.name} has several planes, or several regions.")
    if tiff.is_bif or str(pages[0].software).startswith("MedScan"):
        from wsi.abutting import open_abutting

        return open_abutting(path, pages, tables)
    root = philips.parse(pages[0]) if tiff.is_philips else None
    named = _named_pictures(tiff, pages)
    levels = _levels(path, [page for page in pages if page.offset not in named])
    sizes = philips.level_sizes(root, levels) or [size_of(page, levels[0]) for page in levels]
    facts = describe(path, tiff, levels[0], identity=identity_of([path]))
    images: list[Image] = [
        level_image(path, page, size, facts, tables, is_resampled=page is not levels[0])
        for page, size in zip(levels, sizes, strict=True)
    ]
    base, used = images[0].level, {page.offset for page in levels}
    found: dict[Kind, Image] = dict(philips.pictures(root, base))
    for page in pages:
        kind = named.get(page.offset) or (_picture_kind(page) if tiff.is_svs and page.offset not in used else None)
        if kind is not None and kind not in found and page.imagewidth * page.imagelength <= _PICTURE_PX_MAX:
            found[kind] = picture_image(path, page, kind, base)
    images += [found[kind] for kind in (Kind.THUMBNAIL, Kind.LABEL, Kind.OVERVIEW) if kind in found]
    barcode = aperio_barcode(levels[0].description) if tiff.is_svs else philips.barcode(root)
    metadata = SlideMetadata(barcode=barcode)
    return OpenSource(path=path, description=facts, images=tuple(images), metadata=metadata)


def _named_pictures(tiff: tifffile.TiffFile, pages: list[tifffile.TiffPage]) -> dict[int, Kind]:
    """Return the pages that are named as pictures, by their offset: no level, whatever their shape."""
    if tiff.is_philips:
        return {page.offset: kind for page in pages if (kind := philips.page_kind(page)) is not None}
    if tiff.is_ome:
        kinds = ome_pictures(tiff.ome_metadata or "")
        return {pages[index].offset: kind for index, kind in kinds.items() if 0 < index < len(pages)}
    return {}


def size_of(page: tifffile.TiffPage, base: tifffile.TiffPage) -> LevelSize:
    """Return a page's size as it says it."""
    return LevelSize(
        width_px=page.imagewidth,
        height_px=page.imagelength,
        scale_x=downsample(base.imagewidth, page.imagewidth),
        scale_y=downsample(base.imagelength, page.imagelength),
    )


def _levels(path: Path, pages: list[tifffile.TiffPage]) -> list[tifffile.TiffPage]:
    """Return the base level and its smaller copies, largest first."""
    base = pages[0]
    if not base.is_tiled:
        raise UnsupportedSlideError(f"{path.name} is a TIFF without tiles.")
    candidates = [*pages[1:], *(sub for sub in (base.pages or ()) if isinstance(sub, tifffile.TiffPage))]
    levels = [base]
    for page in sorted(candidates, key=lambda page: -page.imagewidth):
        if not page.is_tiled:
            continue
        if page.imagewidth > base.imagewidth:
            raise UnsupportedSlideError(f"{path.name} does not begin with its largest image.")
        ratios = page.imagewidth / base.imagewidth, page.imagelength / base.imagelength
        slack = _SHAPE_TOLERANCE * ratios[0] + 1 / min(base.imagewidth, base.imagelength)
        if str(base.software).startswith("Philips"):
            # Sides of whole tiles: up to one of them is padding.
            slack += max(page.tilewidth / base.imagewidth, page.tilelength / base.imagelength)
        if abs(ratios[0] - ratios[1]) > slack:
            continue
        if page.imagewidth == levels[-1].imagewidth:
            raise UnsupportedSlideError(f"{path.name} has several planes or channels of {page.imagewidth} px width.")
        levels.append(page)
    return levels


def level_image(
    path: Path,
    page: tifffile.TiffPage,
    size: LevelSize,
    facts: SlideDescription,
    tables: LongTables,
    *,
    is_resampled: bool,
) -> StoredImage:
    """Return the level a page holds, its tiles as frames.  Raises: UnsupportedSlideError, UnreadableSlideError"""
    table, encoding = frame_table(path, page, tables, file_bytes=path.stat().st_size)
    mpp = facts.mpp or (0.0, 0.0)
    level = Level(
        width_px=size.width_px,
        height_px=size.height_px,
        tile_width_px=page.tilewidth,
        tile_height_px=page.tilelength,
        mpp_x=mpp[0] * size.scale_x,
        mpp_y=mpp[1] * size.scale_y,
    )
    if level.frame_count != len(table.offsets) or level.frame_count > _FRAMES_MAX:
        raise UnreadableSlideError(
            f"{path.name} lists {len(table.offsets)} tiles where {level.frame_count} cover {level.width_px} px width."
        )
    return StoredImage(kind=Kind.VOLUME, level=level, encoding=encoding, is_resampled=is_resampled, table=table)


def frame_table(
    path: Path, page: tifffile.TiffPage, tables: LongTables, *, file_bytes: int
) -> tuple[FrameTable, Encoding]:
    offsets, lengths = tile_numbers(page, TILE_OFFSETS, tables), tile_numbers(page, TILE_LENGTHS, tables)
    if len(offsets) != len(lengths) or not len(offsets):
        raise UnreadableSlideError(f"{path.name} lists {len(offsets)} tile offsets but {len(lengths)} lengths.")
    looked_at, is_sparse = _survey(path, offsets, lengths, file_bytes)
    first = _first_sound(path, page, offsets[looked_at], lengths[looked_at])
    make = _jpeg_table if page.compression == _JPEG else _jpeg_2000_table
    if page.compression != _JPEG and page.compression not in _JPEG_2000:
        raise UnsupportedSlideError(f"{path.name} has tiles in TIFF compression {int(page.compression)}.")
    return make(path, page, first, offsets, lengths, is_sparse=is_sparse)


def _survey(path: Path, offsets: np.ndarray, lengths: np.ndarray, file_bytes: int) -> tuple[np.ndarray, bool]:
    """Mark the tiles that were left out by a length of 0; return the first that are there, and whether any is not.

    Raises: TruncatedSlideError for tiles beyond the end of the file, UnreadableSlideError without a single tile.
    """
    first, filled_count, missing_count = np.zeros(0, np.int64), 0, 0
    for low, high in paged.runs(len(offsets)):
        some_offsets, some_lengths = offsets[low:high], lengths[low:high]
        some_lengths[some_offsets == 0] = 0
        is_outside = (some_offsets + some_lengths > file_bytes) | (some_offsets < 0) | (some_lengths < 0)
        missing_count += int(is_outside.sum())
        filled = low + np.flatnonzero(some_lengths)
        filled_count += len(filled)
        first = np.concatenate((first, filled))[: _LOOKED_AT_MAX + 1]
    if missing_count:
        raise TruncatedSlideError(
            f"{path.name} is cut short: {missing_count} of {len(offsets)} tiles lie beyond its {file_bytes} bytes."
        )
    if not filled_count:
        raise UnreadableSlideError(f"{path.name} has a level without a single tile.")
    return first, filled_count < len(offsets)


def tile_numbers(page: tifffile.TiffPage, code: int, tables: LongTables) -> np.ndarray:
    """Return a tag of many numbers; long ones tifffile has not seen."""
    if (table := tables.get((page.offset, code))) is not None:
        return table.read()
    return np.array(page.dataoffsets if code == TILE_OFFSETS else page.databytecounts, np.int64)


def _first_sound(path: Path, page: tifffile.TiffPage, offsets: np.ndarray, lengths: np.ndarray) -> bytes:
    """Return the first tile that begins as its compression demands; else the very first, to be refused."""
    begin = codec.SOI if page.compression == _JPEG else jpeg_2000.SOC
    tiles = (_read(path, int(offset), int(length)) for offset, length in zip(offsets, lengths, strict=True))
    looked_at = list(itertools.islice(tiles, 1))
    if not looked_at[0].startswith(begin):
        looked_at += list(itertools.islice(tiles, _LOOKED_AT_MAX))
    return next((tile for tile in looked_at if tile.startswith(begin)), looked_at[0])


def _jpeg_table(
    path: Path, page: tifffile.TiffPage, first: bytes, offsets: np.ndarray, lengths: np.ndarray, *, is_sparse: bool
) -> tuple[FrameTable, Encoding]:
    header = codec.parse_jpeg(first)
    encoding = codec.jpeg_encoding(header, tiff_photometric=int(page.photometric))
    if (header.width_px, header.height_px) != (page.tilewidth, page.tilelength):
        raise UnsupportedSlideError(f"{path.name} has JPEG tiles of another size than its TIFF says.")
    if not page.jpegtables and not (header.has_quantisation and header.has_huffman):
        raise UnreadableSlideError(f"{path.name} has JPEG tiles without tables.")
    photometric = encoding.photometric_interpretation
    prefix = codec.jpeg_prefix(header, page.jpegtables, is_rgb=photometric == "RGB")
    blank = b""
    if is_sparse:
        blank = codec.white_jpeg(page.tilewidth, page.tilelength, photometric, header.sampling)
    table = FrameTable(
        path=path,
        offsets=offsets,
        lengths=lengths,
        prefix=prefix,
        skip_bytes=2 if prefix else 0,
        blank=blank,
        start=first[: header.scan_offset],
    )
    return table, encoding


def _jpeg_2000_table(
    path: Path, page: tifffile.TiffPage, first: bytes, offsets: np.ndarray, lengths: np.ndarray, *, is_sparse: bool
) -> tuple[FrameTable, Encoding]:
    photometric = codec.PHOTOMETRIC_YCBCR if page.compression == 33003 else codec.PHOTOMETRIC_RGB
    encoding = jpeg_2000.encoding_of(first, tiff_photometric=photometric)
    prefix = b""
    if encoding.photometric_interpretation == "YBR_FULL":
        prefix = jpeg_2000.as_colour_transformed(first)
        _require_begin(path, offsets, lengths, first[: len(prefix)])
        encoding = replace(encoding, photometric_interpretation="YBR_ICT")
    blank = b""
    if is_sparse:
        blank = jpeg_2000.white_tile(page.tilewidth, page.tilelength, encoding.photometric_interpretation)
    table = FrameTable(
        path=path,
        offsets=offsets,
        lengths=lengths,
        prefix=prefix,
        skip_bytes=len(prefix),
        blank=blank,
        start=first[:4],
    )
    return table, encoding


def _require_begin(path: Path, offsets: np.ndarray, lengths: np.ndarray, begin: bytes) -> None:
    """See that every tile begins alike, for that begin is replaced.  Raises: UnsupportedSlideError"""
    with path.open("rb", buffering=0) as file:
        for offset in offsets[lengths > 0].tolist():
            if os.pread(file.fileno(), len(begin), offset) != begin:
                raise UnsupportedSlideError(f"{path.name} has JPEG 2000 tiles of different forms.")


def _picture_kind(page: tifffile.TiffPage) -> Kind:
    second_line = page.description.partition("\n")[2].strip().lower()
    if second_line.startswith("label"):
        return Kind.LABEL
    if second_line.startswith("macro"):
        return Kind.OVERVIEW
    return {1: Kind.LABEL, 9: Kind.OVERVIEW}.get(int(page.subfiletype), Kind.THUMBNAIL)


def picture_image(path: Path, page: tifffile.TiffPage, kind: Kind, base: Level) -> MadeImage:
    """Return a page of one picture: joined from its strips where it is JPEG, else decoded."""
    level, index = picture_level(kind, page.imagewidth, page.imagelength, base), page.index

    def read_pixels(_: int) -> Pixels:
        # A page of its own: tifffile's file handle is not for several threads.
        with tifffile.TiffFile(path) as own:
            return np.ascontiguousarray(own.pages[index].asarray(), np.uint8)

    is_same = None
    if (joined := _joined_jpeg(path, page)) is not None:
        frame, encoding, strips = joined

        def is_same(_: int, found: bytes) -> bool:
            return codec.is_join_of(found, strips)
    else:
        frame = read_pixels(0).tobytes()
        samples = int(page.samplesperpixel)
        methods, ratios = lossy_history(page, sum(page.databytecounts))
        encoding = Encoding(
            transfer_syntax_uid=forms.EXPLICIT_LITTLE_ENDIAN,
            photometric_interpretation="RGB" if samples == 3 else "MONOCHROME2",
            sample_count=samples,
            lossy_methods=methods,
            lossy_ratios=ratios,
            origin=Origin.LOSSLESS,
        )
    return MadeImage(
        kind=kind,
        level=level,
        encoding=encoding,
        is_resampled=kind is Kind.THUMBNAIL,
        make_frame=lambda _: frame,
        read_pixels=read_pixels,
        is_same=is_same,
    )


def _joined_jpeg(path: Path, page: tifffile.TiffPage) -> tuple[bytes, Encoding, list[bytes]] | None:
    """Return a stripped JPEG as one JPEG, its coefficients untouched, or None where that is not possible."""
    if page.compression != _JPEG or page.is_tiled:
        return None
    strips = [_read(path, offset, length) for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True)]
    header = codec.parse_jpeg(strips[0])
    try:
        encoding = codec.jpeg_encoding(header, tiff_photometric=int(page.photometric))
        prefix = codec.jpeg_prefix(header, page.jpegtables, is_rgb=encoding.photometric_interpretation == "RGB")
        whole = [prefix + strip[2:] if prefix else strip for strip in strips]
        return codec.join_jpeg_strips(whole, height_px=page.imagelength), encoding, whole
    except UnsupportedSlideError:
        return None


def _read(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        data = os.pread(file.fileno(), length, offset)
    if len(data) != length:
        raise TruncatedSlideError(f"{path.name} ends before byte {offset + length}.")
    return data
