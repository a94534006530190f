"""Everything else OpenSlide reads: decoded and encoded again, because there is no other way."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock, local

import numpy as np
import openslide
import tifffile
from openslide import lowlevel

from wsi import encoding as forms
from wsi.codec import QUALITY, encode_jpeg
from wsi.companions import files_of
from wsi.encoding import Encoding, Origin
from wsi.errors import NotASlideError, UnreadableSlideError
from wsi.geometry import Level, downsample
from wsi.identity import identity_of
from wsi.metadata import SlideMetadata
from wsi.planes import READ_ERRORS
from wsi.source import Image, Kind, MadeImage, OpenSource, Pixels, SlideDescription, picture_level
from wsi.tiff_facts import MPP_ASSUMED, MPP_MAX, MPP_MIN, MPP_NOTE, History, lossy_history

TILE_PX = 512
PSNR_DB_MIN = 30.0
_PAGES_MAX = 4096
_JPEG_FILES = ("hamamatsu", "sakura")
"""Makers of files that are not TIFF, or not like one, and hold JPEG."""
_ERRORS_MAX = 32
OVERLAP_NOTE = "The scanner's tiles overlap: they were put together and encoded again."
_OVERLAPPING = ("mirax", "trestle", "ventana")
_MAKERS = {"generic-tiff": "", "mirax": "3DHISTECH", "trestle": "Trestle", "ventana": "Ventana"}
_MODELS = (
    "hamamatsu.Product",
    "ventana.ScannerModel",
    "leica.device-model",
    "mirax.NONHIERLAYER_1_SECTION.SCANNER_HARDWARE_ID",
    "zeiss.Information.Instrument.Microscopes.Microscope[0].System",
)
_SERIALS = ("hamamatsu.NDP.S/N", "ventana.UnitNumber", "aperio.ScanScope ID", "mirax.GENERAL.SLIDE_ID")
_SOFTWARE = ("tiff.Software", "ventana.BuildVersion", "leica.device-version", "mirax.GENERAL.SLIDE_VERSION")
_TIMES = (
    "tiff.DateTime",
    "leica.creation-date",
    "mirax.GENERAL.SLIDE_CREATIONDATETIME",
    "zeiss.Information.Image.AcquisitionDateAndTime",
)
_TIME_FORMS = ("%Y:%m:%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S")
_TIME_CHARS = 19
_BARCODES = ("openslide.barcode", "leica.barcode")


def open_with_openslide(path: Path) -> OpenSource:
    """Open a scan for decoding.  Raises: NotASlideError, UnreadableSlideError"""
    try:
        slide = openslide.OpenSlide(path)
    except openslide.OpenSlideUnsupportedFormatError as error:
        raise NotASlideError(f"{path.name} is no slide format known here.") from error
    except openslide.OpenSlideError as error:
        raise UnreadableSlideError(f"{path.name} is damaged or incomplete: {error}.") from error
    handles = _Handles(path, slide)
    try:
        description = describe(path, slide)
        images: list[Image] = _levels(handles, description)
        images += pictures(slide, images[0].level)
    except openslide.OpenSlideError as error:
        slide.close()
        raise UnreadableSlideError(f"{path.name} cannot be decoded: {error}.") from error
    return OpenSource(
        path=path,
        description=description,
        images=tuple(images),
        metadata=SlideMetadata(barcode=barcode_of(slide)),
        on_close=[handles.close],
    )


def describe(path: Path, slide: openslide.OpenSlide, *, are_joined: bool = True) -> SlideDescription:
    """Return what a scan says about itself through OpenSlide; `are_joined`: its tiles are put together by it."""
    properties = slide.properties
    mpp = tuple(_number(properties.get(f"openslide.mpp-{axis}")) for axis in "xy")
    known = mpp[0] is not None and mpp[1] is not None and all(MPP_MIN <= (v or 0) <= MPP_MAX for v in mpp)
    vendor = properties.get("openslide.vendor", "")
    notes = (*(() if known else (MPP_NOTE,)), *((OVERLAP_NOTE,) if are_joined and vendor in _OVERLAPPING else ()))
    icc = lowlevel.read_icc_profile(slide._osr)
    return SlideDescription(
        format=f"OpenSlide {vendor}",
        identity=identity_of(_files(path)),
        name=path.name.split(".")[0] or path.name,
        manufacturer=_MAKERS.get(vendor, vendor.capitalize()),
        model=_first(properties, _MODELS),
        serial=_first(properties, _SERIALS),
        software=_first(properties, _SOFTWARE),
        acquired_at=_time(_first(properties, _TIMES)),
        objective_power=_number(properties.get("openslide.objective-power")),
        mpp=(mpp[0] or 0.0, mpp[1] or 0.0) if known else (MPP_ASSUMED, MPP_ASSUMED),
        icc_profile=bytes(icc) if icc else None,
        notes=notes,
    )


def barcode_of(slide: openslide.OpenSlide) -> str:
    """Return what the scanner read off the label."""
    return _first(slide.properties, _BARCODES)


def _first(properties: Mapping[str, str], names: Sequence[str]) -> str:
    return next((value for name in names if (value := properties.get(name, "").strip())), "")[:64]


def _files(path: Path) -> list[Path]:
    """Return the files a scan is made of."""
    try:
        return files_of(path)
    except OSError as error:
        raise UnreadableSlideError(f"{path.name} is incomplete: {error.filename or error} is not there.") from error


def _levels(handles: _Handles, description: SlideDescription) -> list[Image]:
    slide = handles.current
    width, height = slide.dimensions
    mpp = description.mpp or (0.0, 0.0)
    encoding = _encoding(handles.path, slide)
    images: list[Image] = []
    for index, (width_px, height_px) in enumerate(slide.level_dimensions):
        level = Level(
            width_px=width_px,
            height_px=height_px,
            tile_width_px=TILE_PX,
            tile_height_px=TILE_PX,
            mpp_x=mpp[0] * downsample(width, width_px),
            mpp_y=mpp[1] * downsample(height, height_px),
        )
        damaged: set[int] = set()
        read = _reader(handles, index, level, damaged)
        images.append(
            MadeImage(
                kind=Kind.VOLUME,
                level=level,
                encoding=encoding,
                is_resampled=index > 0,
                make_frame=_maker(handles, index, level, damaged),
                read_pixels=read,
                psnr_db_min=PSNR_DB_MIN,
                damaged=damaged,
            )
        )
    return images


def _encoding(path: Path, slide: openslide.OpenSlide) -> Encoding:
    methods, ratios = _history(path, slide)
    return Encoding(
        transfer_syntax_uid=forms.JPEG_BASELINE,
        photometric_interpretation="YBR_FULL_422",
        lossy_methods=(*methods, "ISO_10918_1"),
        lossy_ratios=ratios,
        origin=Origin.REENCODED,
    )


def _history(path: Path, slide: openslide.OpenSlide) -> History:
    """Return the loss the scan went through before it was decoded here, and how much it was compressed."""
    vendor = slide.properties.get("openslide.vendor", "")
    is_raw = path.suffix.lower() == ".vmu"
    if (vendor in _JPEG_FILES and not is_raw) or slide.properties.get(
        "mirax.LAYER_0_LEVEL_0_SECTION.IMAGE_FORMAT"
    ) == "JPEG":
        raw_bytes = 3 * sum(width * height for width, height in slide.level_dimensions)
        return ("ISO_10918_1",), (raw_bytes / max(sum(file.stat().st_size for file in _files(path)), 1),)
    try:
        with tifffile.TiffFile(path) as tiff:
            base = next((page for page in tiff.pages[:_PAGES_MAX] if page.is_tiled), tiff.pages[0])
            return lossy_history(base, sum(base.databytecounts)) if isinstance(base, tifffile.TiffPage) else ((), ())
    except READ_ERRORS:
        return (), ()


class _Canvas(local):
    """What a thread has its tiles drawn into, again and again: fresh memory of this size costs as much as encoding."""

    def __init__(self) -> None:
        self.pixels = np.empty((TILE_PX, TILE_PX, 4), np.uint8)


def _draw(slide: openslide.OpenSlide, index: int, level: Level, frame_index: int, pixels: Pixels) -> None:
    """Draw a tile as OpenSlide gives it: (height, width, 4), blue, green, red, alpha, premultiplied."""
    tile = level.tile(frame_index + 1)
    scale = slide.level_downsamples[index]
    x = round(tile.column_index * level.tile_width_px * scale)
    y = round(tile.row_index * level.tile_height_px * scale)
    buffer = pixels.ctypes.data_as(ctypes.POINTER(ctypes.c_uint32))
    lowlevel._read_region(slide._osr, buffer, x, y, index, level.tile_width_px, level.tile_height_px)
    _whiten_outside(pixels, level, tile.column_index, tile.row_index)


def _whiten_outside(pixels: Pixels, level: Level, column_index: int, row_index: int) -> None:
    pixels[level.height_px - row_index * level.tile_height_px :, :, :] = 255
    pixels[:, level.width_px - column_index * level.tile_width_px :, :] = 255
    # Alpha is the highest byte of the word: the smallest word tells whether all is covered, without a look at each.
    if int(pixels.view("<u4").min()) < 0xFF000000:
        # Premultiplied: what is not covered shows the white glass behind.
        pixels[..., :3] += (255 - pixels[..., 3])[..., None]


def _maker(handles: _Handles, index: int, level: Level, damaged: set[int]) -> Callable[[int], bytes]:
    def make(frame_index: int) -> bytes:
        pixels = _argb_or_white(handles, index, level, frame_index, damaged)
        return encode_jpeg(pixels, quality=QUALITY, colorspace="BGRX")

    return make


def _reader(handles: _Handles, index: int, level: Level, damaged: set[int]) -> Callable[[int], Pixels]:
    def read(frame_index: int) -> Pixels:
        return np.ascontiguousarray(_argb_or_white(handles, index, level, frame_index, damaged)[..., 2::-1])

    return read


def _argb_or_white(handles: _Handles, index: int, level: Level, frame_index: int, damaged: set[int]) -> Pixels:
    """Return a tile as OpenSlide gives it, or white where it cannot be decoded, and note that.

    It lies in this thread's canvas, until its next.
    """
    pixels = handles.canvas.pixels
    if frame_index + 1 not in damaged:
        slide = handles.current
        try:
            _draw(slide, index, level, frame_index, pixels)
            return pixels
        except openslide.OpenSlideError:
            # One error makes a handle useless for good: others go on with a new one, and this tile is tried alone.
            handles.retire(slide)
        try:
            with openslide.OpenSlide(handles.path) as own:
                _draw(own, index, level, frame_index, pixels)
                return pixels
        except openslide.OpenSlideError:
            damaged.add(frame_index + 1)
    pixels[...] = 255
    return pixels


class _Handles:
    """The open scan, opened anew after an error; safe to use from several threads."""

    def __init__(self, path: Path, slide: openslide.OpenSlide) -> None:
        self.path, self.current, self.canvas = path, slide, _Canvas()
        self._retired: list[openslide.OpenSlide] = []
        self._lock = Lock()

    def retire(self, slide: openslide.OpenSlide) -> None:
        """Use another handle from now on; the old one stays open, for others may still be reading with it.

        Raises: UnreadableSlideError after too many errors
        """
        with self._lock:
            if slide is not self.current:
                return
            if len(self._retired) >= _ERRORS_MAX:
                raise UnreadableSlideError(
                    f"{self.path.name} has more than {_ERRORS_MAX} tiles that cannot be decoded."
                )
            self._retired.append(slide)
            try:
                self.current = openslide.OpenSlide(self.path)
            except openslide.OpenSlideError as error:
                raise UnreadableSlideError(f"{self.path.name} is damaged: {error}.") from error

    def close(self) -> None:
        """Close every handle. May be called twice."""
        for slide in (*self._retired, self.current):
            slide.close()


def pictures(slide: openslide.OpenSlide, base: Level) -> list[Image]:
    """Return thumbnail, label and overview, decoded."""
    images: list[Image] = []
    for kind, name in ((Kind.THUMBNAIL, "thumbnail"), (Kind.LABEL, "label"), (Kind.OVERVIEW, "macro")):
        if name in slide.associated_images:
            images.append(_picture(slide, kind, name, base))
    return images


def _picture(slide: openslide.OpenSlide, kind: Kind, name: str, base: Level) -> MadeImage:
    pixels = np.ascontiguousarray(np.asarray(slide.associated_images[name].convert("RGB")))
    height_px, width_px = pixels.shape[:2]
    return MadeImage(
        kind=kind,
        level=picture_level(kind, width_px, height_px, base),
        encoding=Encoding(
            transfer_syntax_uid=forms.EXPLICIT_LITTLE_ENDIAN,
            photometric_interpretation="RGB",
            origin=Origin.LOSSLESS,
        ),
        is_resampled=kind is Kind.THUMBNAIL,
        make_frame=lambda _: pixels.tobytes(),
        read_pixels=lambda _: pixels,
    )


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if value > 0 else None


def _time(text: str) -> datetime | None:
    for form in _TIME_FORMS:
        try:
            return datetime.strptime(text[:_TIME_CHARS], form)
        except ValueError:
            continue
    return None
