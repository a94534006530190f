"""JPEG 2000 codestreams: what they say about themselves, and what may be said differently without touching them."""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np

from wsi import encoding as forms
from wsi.codec import PHOTOMETRIC_YCBCR
from wsi.encoding import Encoding
from wsi.errors import UnreadableSlideError, UnsupportedSlideError

SOC = b"\xff\x4f\xff\x51"
_S_YCC = b"colr\x01\0\0" + struct.pack(">I", 18)


def encoding_of(data: bytes, *, tiff_photometric: int | None) -> Encoding:
    """Return the DICOM form of a JPEG 2000 codestream that may be copied.

    Raises: UnsupportedSlideError where DICOM forbids it (subsampled, not 8 bit).  Standard: PS3.5 8.2.4
    """
    if data[:4] != SOC or len(data) < 60:
        raise UnreadableSlideError("A tile marked as JPEG 2000 does not begin like a codestream.")
    count = int.from_bytes(data[40:42], "big")
    parts = [data[42 + 3 * index : 45 + 3 * index] for index in range(count)]
    if count not in (1, 3) or any(part != b"\x07\x01\x01" for part in parts):
        raise UnsupportedSlideError("The JPEG 2000 tiles are subsampled or not 8 bit, which DICOM does not allow.")
    has_colour_transform, is_reversible = _cod(data, 42 + 3 * count)
    if count == 1:
        photometric = "MONOCHROME2"
    elif has_colour_transform:
        photometric = "YBR_RCT" if is_reversible else "YBR_ICT"
    else:
        photometric = "RGB" if tiff_photometric != PHOTOMETRIC_YCBCR else "YBR_FULL"
    return Encoding(
        transfer_syntax_uid=forms.JPEG_2000,
        photometric_interpretation=photometric,
        sample_count=count,
        lossy_methods=("ISO_15444_1",),
    )


def codestream_in(data: bytes) -> tuple[int, int]:
    """Return where a JPEG 2000 file's codestream begins and ends.

    Raises: UnsupportedSlideError for colours DICOM has no name for, UnreadableSlideError.  Standard: ISO 15444-1 I.4
    """
    if data.startswith(SOC):
        return 0, len(data)
    at = 0
    while at + 16 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 16 if size == 1 else 8
        size = struct.unpack_from(">Q", data, at + 8)[0] if size == 1 else size or len(data) - at
        if kind == b"jp2h" and _S_YCC in data[at : at + size]:
            raise UnsupportedSlideError("The picture's colours are YCbCr without the transform of JPEG 2000.")
        if kind == b"jp2c":
            return at + head, min(at + size, len(data))
        if size < head:
            break
        at += size
    raise UnreadableSlideError("A JPEG 2000 file holds no codestream.")


def _cod(data: bytes, at: int) -> tuple[bool, bool]:
    at = _cod_offset(data, at)
    return data[at + 8] == 1, data[at + 13] == 1


def _cod_offset(data: bytes, at: int) -> int:
    while at + 14 <= len(data) and data[at] == 0xFF and data[at + 1] != 0x90:
        if data[at + 1] == 0x52:
            return at
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise UnreadableSlideError("A JPEG 2000 tile has no coding style header.")


def as_colour_transformed(data: bytes) -> bytes:
    """Return a JPEG 2000 header of three plain YCbCr components, up to the flag that now says they are transformed.

    Coded irreversibly, Y, Cb and Cr are what the irreversible transform of RGB gives: one byte tells the two apart,
    and DICOM knows the second only.  Raises: UnsupportedSlideError where that does not hold.
    Standard: ISO 15444-1 G.3, PS3.3 C.8.12.4.1.5
    """
    count = int.from_bytes(data[40:42], "big")
    has_transform, is_reversible = _cod(data, 42 + 3 * count)
    if count != 3 or has_transform or is_reversible:
        raise UnsupportedSlideError("The JPEG 2000 tiles are YCbCr in a form that DICOM does not allow.")
    return data[: _cod_offset(data, 42 + 3 * count) + 8] + b"\x01"


@lru_cache(maxsize=8)
def white_tile(width_px: int, height_px: int, photometric: str) -> bytes:
    """Return a white JPEG 2000 codestream in the same colour form as its neighbours."""
    import imagecodecs

    grey = photometric == "MONOCHROME2"
    pixels = np.full((height_px, width_px) if grey else (height_px, width_px, 3), 255, np.uint8)
    if photometric == "YBR_FULL":
        pixels[..., 1:] = 128
    return bytes(
        imagecodecs.jpeg2k_encode(
            pixels, codecformat="j2k", mct=photometric.endswith(("ICT", "RCT")), reversible=photometric != "YBR_ICT"
        )
    )
