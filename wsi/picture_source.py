"""Single pictures: PNG, JPEG, JPEG 2000, and TIFF that neither can be copied nor is known to OpenSlide.

A small JPEG or JPEG 2000 is copied as one frame. Else the whole picture is decoded into memory once, which bounds its
size; it becomes a slide of one level.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Lock

import imagecodecs
import numpy as np
import tifffile
from PIL import Image as PillowImage

from wsi import codec, jpeg_2000
from wsi import encoding as forms
from wsi.codec import QUALITY, encode_jpeg
from wsi.encoding import Encoding, Origin
from wsi.errors import NotASlideError, SlideError, UnreadableSlideError, UnsupportedSlideError
from wsi.geometry import Level
from wsi.identity import identity_of
from wsi.planes import READ_ERRORS
from wsi.source import FrameTable, Kind, MadeImage, OpenSource, Pixels, SlideDescription, StoredImage
from wsi.tiff_facts import MPP_ASSUMED, MPP_NOTE, History, describe, lossy_history

TILE_PX = 512
PICTURE_PX_MAX = 200_000_000
"""Pixels held in memory: 600 MB in colour."""
WHOLE_PX_MAX = 1 << 22
"""A picture up to this size is copied as one frame, where its codestream is legal in DICOM."""
_PSNR_DB_MIN = 25.0
_MAGICS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def open_picture(path: Path, magic: bytes) -> OpenSource:
    """Open a picture for decoding.

    Raises: NotASlideError for anything else; UnsupportedSlideError for depths, planes and sizes not taken.
    """
    if magic.startswith(_TIFF_MAGICS):
        return _open_tiff(path)
    if not magic.startswith(_MAGICS):
        raise NotASlideError(f"{path.name} is no slide or picture format known here.")
    try:
        with PillowImage.open(path) as picture:
            width_px, height_px = picture.size
            bits = 16 if picture.mode.startswith("I;16") else 8
            sample_count = 1 if bits == 16 or picture.mode in ("1", "L") else 3
            icc = picture.info.get("icc_profile")
    except (OSError, ValueError, SyntaxError, PillowImage.DecompressionBombError) as error:
        raise UnreadableSlideError(f"{path.name} cannot be read as a picture: {error}.") from error
    facts = SlideDescription(
        format="picture",
        identity=identity_of([path]),
        name=path.name.split(".")[0] or path.name,
        mpp=(MPP_ASSUMED, MPP_ASSUMED),
        icc_profile=icc if isinstance(icc, bytes) and len(icc) > 128 and sample_count == 3 else None,
        notes=(MPP_NOTE,),
    )
    if width_px * height_px <= WHOLE_PX_MAX and bits == 8:
        try:
            return _whole(path, magic, facts, (width_px, height_px))
        except SlideError:
            pass  # Not in a form that DICOM knows: decoded.
    history = _history(path, magic, width_px * height_px * sample_count * bits // 8)
    return _source(
        path, facts, width_px, height_px, sample_count, history, lambda: imagecodecs.imread(path), bits=bits
    )  # fmt: skip


def _whole(path: Path, magic: bytes, facts: SlideDescription, size_px: tuple[int, int]) -> OpenSource:
    """Return a picture whose codestream becomes the one frame of its level.  Raises: SlideError"""
    data = path.read_bytes()
    start, end, prefix = 0, len(data), b""
    if data.startswith(codec.SOI):
        end = data.rfind(codec.EOI) + len(codec.EOI)
        header = codec.parse_jpeg(data)
        encoding = codec.jpeg_encoding(header, tiff_photometric=codec.PHOTOMETRIC_YCBCR)
        prefix = codec.jpeg_prefix(header, None, is_rgb=encoding.photometric_interpretation == "RGB")
        found_px = header.width_px, header.height_px
    else:
        start, end = jpeg_2000.codestream_in(data)
        encoding = jpeg_2000.encoding_of(data[start:end], tiff_photometric=codec.PHOTOMETRIC_RGB)
        found_px = size_px
    if found_px != size_px or end <= start:
        raise UnreadableSlideError(f"{path.name} has a damaged header.")
    level = _level(facts, *size_px, tile_px=size_px)
    table = FrameTable(
        path=path,
        offsets=np.array([start], np.int64),
        lengths=np.array([end - start], np.int64),
        prefix=prefix,
        skip_bytes=len(codec.SOI) if prefix else 0,
    )
    codec.decode_frame(data[start:end], encoding, width_px=size_px[0], height_px=size_px[1])
    image = StoredImage(kind=Kind.VOLUME, level=level, encoding=encoding, table=table)
    return OpenSource(path=path, description=facts, images=(image,))


def _level(facts: SlideDescription, width_px: int, height_px: int, *, tile_px: tuple[int, int]) -> Level:
    mpp = facts.mpp or (MPP_ASSUMED, MPP_ASSUMED)
    return Level(
        width_px=width_px,
        height_px=height_px,
        tile_width_px=tile_px[0],
        tile_height_px=tile_px[1],
        mpp_x=mpp[0],
        mpp_y=mpp[1],
    )


def _history(path: Path, magic: bytes, raw_bytes: int) -> History:
    """Return the loss a picture went through already; of JPEG 2000 it is assumed."""
    method = {b"\xff\xd8": "ISO_10918_1", b"\x89P": ""}.get(magic[:2], "ISO_15444_1")
    return ((method,), (raw_bytes / max(path.stat().st_size, 1),)) if method else ((), ())


def _open_tiff(path: Path) -> OpenSource:
    try:
        with tifffile.TiffFile(path) as tiff:
            series = tiff.series[0]
            axes, shape, kind = series.axes, series.shape, str(series.dtype)
            facts = describe(path, tiff, tiff.pages[0], identity=identity_of([path]))
            history = lossy_history(tiff.pages[0], sum(tiff.pages[0].databytecounts))
    except READ_ERRORS as error:
        raise UnreadableSlideError(f"{path.name} has a damaged structure: {error}.") from error
    if axes not in ("YX", "YXS") or kind != "uint8" or (axes == "YXS" and shape[2] not in (3, 4)):
        sides = " x ".join(f"{size} {axis}" for size, axis in zip(shape, axes, strict=True))
        raise UnsupportedSlideError(f"{path.name} holds {sides} of {kind}, not one plane of 8-bit grey or colour.")
    sample_count = 1 if axes == "YX" else 3
    return _source(
        path, facts, shape[1], shape[0], sample_count, history, lambda: tifffile.imread(path, series=0)
    )  # fmt: skip


def _source(
    path: Path,
    facts: SlideDescription,
    width_px: int,
    height_px: int,
    sample_count: int,
    history: History,
    decode: Callable[[], Pixels],
    *,
    bits: int = 8,
) -> OpenSource:
    if width_px * height_px > PICTURE_PX_MAX:
        raise UnsupportedSlideError(
            f"{path.name} has {width_px} x {height_px} px, too many for a picture without tiles."
        )
    level = _level(facts, width_px, height_px, tile_px=(TILE_PX, TILE_PX))
    picture = _Picture(path, level, sample_count, decode, bits)
    encoding = Encoding(
        transfer_syntax_uid=forms.JPEG_BASELINE,
        photometric_interpretation="MONOCHROME2" if sample_count == 1 else "YBR_FULL_422",
        sample_count=sample_count,
        lossy_methods=(*history[0], "ISO_10918_1"),
        lossy_ratios=history[1],
        origin=Origin.REENCODED,
    )
    if bits == 16:
        encoding = replace(
            encoding,
            transfer_syntax_uid=forms.JPEG_LS_LOSSLESS,
            bits=16,
            lossy_methods=history[0],
            origin=Origin.LOSSLESS,
        )
    image = MadeImage(
        kind=Kind.VOLUME,
        level=level,
        encoding=encoding,
        make_frame=picture.make_frame,
        read_pixels=picture.read_pixels,
        psnr_db_min=_PSNR_DB_MIN if bits == 8 else None,
    )
    return OpenSource(path=path, description=facts, images=(image,), on_close=[picture.forget])


class _Picture:
    """A picture decoded on first use and held until closed; safe to use from several threads."""

    def __init__(
        self, path: Path, level: Level, sample_count: int, decode: Callable[[], Pixels], bits: int
    ) -> None:  # fmt: skip
        self._dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
        self._path, self._level, self._sample_count, self._decode = path, level, sample_count, decode
        self._lock = Lock()
        self._pixels: Pixels | None = None

    def forget(self) -> None:
        """Give the memory back."""
        self._pixels = None

    def make_frame(self, index: int) -> bytes:
        """Return the JPEG of a tile; of 16 bit its JPEG-LS."""
        pixels = self.read_pixels(index)
        if self._dtype != np.uint8:
            return codec.encode_jpeg_ls(pixels)
        if self._sample_count == 1:
            return encode_jpeg(pixels[..., None], quality=QUALITY, colorspace="GRAY")
        return encode_jpeg(pixels, quality=QUALITY, subsampling="444")

    def read_pixels(self, index: int) -> Pixels:
        """Return a tile's pixels, padded with white."""
        tile = self._level.tile(index + 1)
        y, x = tile.row_index * TILE_PX, tile.column_index * TILE_PX
        cut = self._whole()[y : y + TILE_PX, x : x + TILE_PX]
        ground = 255 if self._dtype == np.uint8 else 65535
        pixels = np.full((TILE_PX, TILE_PX, *cut.shape[2:]), ground, self._dtype)
        pixels[: cut.shape[0], : cut.shape[1]] = cut
        return pixels

    def _whole(self) -> Pixels:
        with self._lock:
            if self._pixels is None:
                self._pixels = self._decoded()
            return self._pixels

    def _decoded(self) -> Pixels:
        try:
            pixels = np.asarray(self._decode())
        except READ_ERRORS as error:
            raise UnreadableSlideError(f"{self._path.name} cannot be decoded: {error}.") from error
        if self._sample_count == 1 and pixels.ndim == 3:
            pixels = pixels[..., 0]
        if self._sample_count == 3 and pixels.ndim == 3:
            pixels = pixels[..., :3]
        wanted = (self._level.height_px, self._level.width_px, 3)[: 2 if self._sample_count == 1 else 3]
        if pixels.dtype != self._dtype or pixels.shape != wanted:
            raise UnsupportedSlideError(
                f"{self._path.name} decodes to {pixels.shape} of {pixels.dtype}, not 8-bit grey or colour."
            )
        return pixels
