"""Compressed pixels made plain, without loss, for a peer that takes nothing else. Nothing here ever compresses."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from pydicom.encaps import generate_frames
from pydicom.uid import ExplicitVRLittleEndian

from edge.net.parcel import PIXEL_BYTES_MAX

RLE = "1.2.840.10008.1.2.5"
_JPEG_2000_RCT = "YBR_RCT"


class CannotUnpack(ValueError):
    """These pixels cannot be made plain here; the message says why."""


def _jpeg_lossless(data: bytes) -> Any:
    try:
        return imagecodecs.ljpeg_decode(data)
    except RuntimeError:
        return imagecodecs.jpegsof3_decode(data)


_DECODERS: dict[str, Callable[[bytes], Any]] = {
    "1.2.840.10008.1.2.4.57": _jpeg_lossless,
    "1.2.840.10008.1.2.4.70": _jpeg_lossless,
    "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_decode,
    "1.2.840.10008.1.2.4.90": imagecodecs.jpeg2k_decode,
    "1.2.840.10008.1.2.4.201": imagecodecs.htj2k_decode,
    "1.2.840.10008.1.2.4.202": imagecodecs.htj2k_decode,
}
LOSSLESS = frozenset({RLE, *_DECODERS})
"""Unpacked they are the same; of a lossy picture the stored bytes are the record: it goes as it is or not at all."""


def unpack(path: Path) -> pydicom.Dataset:
    """Return the object with plain pixels, under its own UIDs: it is the same object.

    Raises: CannotUnpack, and what pydicom and the codecs raise at broken pixels.  Standard: PS3.5 8.2
    """
    ds = pydicom.dcmread(path)
    syntax = str(ds.file_meta.TransferSyntaxUID)
    frame_bytes = ds.Rows * ds.Columns * ds.SamplesPerPixel * ds.BitsAllocated // 8
    frame_count = int(ds.get("NumberOfFrames") or 1)
    if frame_bytes * frame_count > PIXEL_BYTES_MAX:
        raise CannotUnpack(f"its pixels are {frame_bytes * frame_count} bytes, more than can be unpacked here")
    if syntax == RLE:
        ds.decompress(as_rgb=False, generate_instance_uid=False)
        return ds
    decode = _DECODERS[syntax]
    pixels = bytearray()
    for frame in generate_frames(ds.PixelData, number_of_frames=frame_count):
        pixels += _plain(decode(frame), ds)
    if len(pixels) != frame_bytes * frame_count:
        raise CannotUnpack("it has fewer frames than it says")
    return _with_plain_pixels(ds, bytes(pixels) + b"\0" * (len(pixels) % 2))


def _plain(decoded: Any, ds: pydicom.Dataset) -> bytes:
    """Return one frame's stored values, little endian, colour by pixel."""
    shape = (ds.Rows, ds.Columns) if ds.SamplesPerPixel == 1 else (ds.Rows, ds.Columns, ds.SamplesPerPixel)
    pixels = np.asarray(decoded)
    if pixels.shape == (ds.SamplesPerPixel, ds.Rows, ds.Columns) and ds.SamplesPerPixel > 1:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.size != math.prod(shape):
        raise CannotUnpack(f"a frame is {pixels.shape} where {shape} is said")
    kind = "i" if pixels.dtype.kind == "i" else "u"
    return bytes(pixels.reshape(shape).astype(f"<{kind}{ds.BitsAllocated // 8}", casting="unsafe").tobytes())


def _with_plain_pixels(ds: pydicom.Dataset, pixels: bytes) -> pydicom.Dataset:
    for keyword in ("PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in ds:
            del ds[keyword]
    ds.add_new(0x7FE00010, "OW" if ds.BitsAllocated > 8 else "OB", pixels)
    if ds.PhotometricInterpretation == _JPEG_2000_RCT:  # The codec has undone it.
        ds.PhotometricInterpretation = "RGB"
    if ds.SamplesPerPixel > 1:
        ds.PlanarConfiguration = 0
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds["PixelData"].is_undefined_length = False
    return ds
