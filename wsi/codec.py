"""JPEG codestreams, what they say about themselves; and how frames of every form are made and decoded."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from wsi import encoding as forms
from wsi.encoding import Encoding
from wsi.errors import UnreadableSlideError, UnsupportedSlideError
from wsi.source import Pixels

SOI = b"\xff\xd8"
EOI = b"\xff\xd9"
_ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"
ADOBE_RGB = _ADOBE + b"\x00"
"""APP14 with transform 0: without it a decoder takes three unnamed components for YCbCr."""
_SOF_BASELINE = 0xC0
_SOF_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOS, _DQT, _DHT, _APP0, _APP14 = 0xDA, 0xDB, 0xC4, 0xE0, 0xEE
_NO_PAYLOAD = frozenset({0x01, *range(0xD0, 0xD9)})
PHOTOMETRIC_RGB, PHOTOMETRIC_YCBCR = 2, 6
QUALITY = 90
"""Of JPEG made here, where the source's own quality is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegHeader:
    """What stands before a JPEG's scan data."""

    width_px: int
    height_px: int
    bits: int
    sof_marker: int
    component_ids: tuple[int, ...]
    sampling: tuple[tuple[int, int], ...]
    """Horizontal and vertical factor per component."""
    is_jfif: bool
    adobe_transform: int | None
    has_quantisation: bool
    has_huffman: bool
    scan_offset: int
    """Where the SOS marker begins."""
    sof_offset: int

    @property
    def is_subsampled(self) -> bool:
        """Some component has fewer samples than another."""
        return len(set(self.sampling)) > 1


def parse_jpeg(data: bytes) -> JpegHeader:
    """Read a JPEG's markers up to its scan.  Raises: UnreadableSlideError"""
    if data[:2] != SOI:
        raise UnreadableSlideError("A tile marked as JPEG does not begin like one.")
    at, is_jfif, adobe, tables = 2, False, None, set[int]()
    frame: tuple[int, int, bytes] | None = None
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF or marker in _NO_PAYLOAD:
            at += 1 if marker == 0xFF else 2
            continue
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + size]
        if marker == _SOS and frame is not None:
            return _header(frame, is_jfif=is_jfif, adobe=adobe, tables=tables, scan_offset=at)
        if marker in _SOF_MARKERS:
            frame = (marker, at, body)
        elif marker in (_DQT, _DHT):
            tables.add(marker)
        elif marker == _APP0 and body[:5] == b"JFIF\0":
            is_jfif = True
        elif marker == _APP14 and body[:5] == b"Adobe" and len(body) >= 12:
            adobe = body[11]
        at += 2 + size
    raise UnreadableSlideError("A JPEG tile ends before its scan data.")


def _header(
    frame: tuple[int, int, bytes], *, is_jfif: bool, adobe: int | None, tables: set[int], scan_offset: int
) -> JpegHeader:
    marker, sof_offset, body = frame
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise UnreadableSlideError("A JPEG tile has a broken frame header.")
    bits, height_px, width_px, count = struct.unpack_from(">BHHB", body)
    parts = [body[6 + 3 * index : 9 + 3 * index] for index in range(count)]
    return JpegHeader(
        width_px=width_px,
        height_px=height_px,
        bits=bits,
        sof_marker=marker,
        component_ids=tuple(part[0] for part in parts),
        sampling=tuple((part[1] >> 4, part[1] & 15) for part in parts),
        is_jfif=is_jfif,
        adobe_transform=adobe,
        has_quantisation=_DQT in tables,
        has_huffman=_DHT in tables,
        scan_offset=scan_offset,
        sof_offset=sof_offset,
    )


def is_rgb_jpeg(header: JpegHeader, *, tiff_photometric: int | None) -> bool:
    """Tell whether three components are red, green, blue: the codestream decides, the TIFF tag only if it is silent."""
    if header.adobe_transform is not None:
        return header.adobe_transform == 0
    if header.is_jfif or header.is_subsampled:
        return False
    if header.component_ids == (0x52, 0x47, 0x42):
        return True
    return tiff_photometric == PHOTOMETRIC_RGB


def jpeg_encoding(header: JpegHeader, *, tiff_photometric: int | None) -> Encoding:
    """Return the DICOM form of a JPEG that may be copied.  Raises: UnsupportedSlideError.  Standard: PS3.5 8.2.1"""
    if header.sof_marker != _SOF_BASELINE or header.bits != 8 or len(header.sampling) not in (1, 3):
        raise UnsupportedSlideError("The tiles are JPEG, but not 8-bit baseline with one or three components.")
    if len(header.sampling) == 1:
        photometric = "MONOCHROME2"
    elif is_rgb_jpeg(header, tiff_photometric=tiff_photometric):
        photometric = "RGB"
    else:
        # The only name the standard has for YCbCr in baseline JPEG, whatever its sampling; readers refuse YBR_FULL.
        photometric = "YBR_FULL_422"
    return Encoding(
        transfer_syntax_uid=forms.JPEG_BASELINE,
        photometric_interpretation=photometric,
        sample_count=len(header.sampling),
        lossy_methods=("ISO_10918_1",),
    )


def jpeg_prefix(header: JpegHeader, tables: bytes | None, *, is_rgb: bool) -> bytes:
    """Return what replaces a tile's SOI: SOI, the colour marker if the tile lacks it, and the shared tables."""
    colour = ADOBE_RGB if is_rgb and header.adobe_transform is None else b""
    shared = b""
    if tables:
        end = len(tables) - 2 if tables.endswith(EOI) else len(tables)
        shared = tables[2:end]
    return SOI + colour + shared if colour or shared else b""


def _scan_start(data: bytes, header: JpegHeader) -> int:
    at = header.scan_offset
    return at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def _scan_data(data: bytes, header: JpegHeader) -> bytes:
    start, end = _scan_start(data, header), data.rfind(EOI)
    return data[start : end if end > start else len(data)]


def restart_segments(data: bytes) -> list[bytes]:
    """Return a JPEG's entropy-coded data, cut at its restart markers."""
    # Inside entropy-coded data 0xFF is always followed by 0x00, so these two bytes are nothing but restart markers.
    return _RESTART.split(_scan_data(data, parse_jpeg(data)))


def is_join_of(joined: bytes, strips: list[bytes]) -> bool:
    """Tell whether a JPEG holds, between its restart markers, exactly the entropy-coded data of the strips."""
    return restart_segments(joined) == [_scan_data(strip, parse_jpeg(strip)) for strip in strips]


_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_SUBSAMPLING: dict[tuple[tuple[int, int], ...], str] = {
    ((2, 1), (1, 1), (1, 1)): "422",
    ((2, 2), (1, 1), (1, 1)): "420",
    ((1, 1), (1, 1), (1, 1)): "444",
}


@lru_cache(maxsize=8)
def white_jpeg(width_px: int, height_px: int, photometric: str, sampling: tuple[tuple[int, int], ...]) -> bytes:
    """Return a white JPEG tile in the same colour form as its neighbours."""
    import imagecodecs

    grey = photometric == "MONOCHROME2"
    pixels = np.full((height_px, width_px) if grey else (height_px, width_px, 3), 255, np.uint8)
    if grey:
        return bytes(imagecodecs.jpeg8_encode(pixels, level=90))
    out = "RGB" if photometric == "RGB" else "YCBCR"
    chroma = "444" if out == "RGB" else _SUBSAMPLING.get(sampling, "444")
    return bytes(imagecodecs.jpeg8_encode(pixels, level=90, colorspace="RGB", outcolorspace=out, subsampling=chroma))


def join_jpeg_strips(strips: list[bytes], *, height_px: int) -> bytes:
    """Join JPEG strips of one picture into one JPEG with restart markers; no coefficient is touched.

    Every strip is a JPEG with shared tables already merged in, all but the last equally high.
    Raises: UnsupportedSlideError when the strips do not fit together.
    """
    first = parse_jpeg(strips[0])
    if len(strips) == 1 and first.height_px == height_px:
        return strips[0]
    mcu_width_px, mcu_height_px = (8 * max(factor[axis] for factor in first.sampling) for axis in (0, 1))
    interval = -(-first.width_px // mcu_width_px) * (first.height_px // mcu_height_px)
    if first.height_px % mcu_height_px or interval > 0xFFFF:
        raise UnsupportedSlideError("The strips do not end on whole blocks.")
    head = bytearray(strips[0][: _scan_start(strips[0], first)])
    struct.pack_into(">H", head, first.sof_offset + 5, height_px)
    parts = [bytes(head[: first.scan_offset]), b"\xff\xdd\x00\x04", struct.pack(">H", interval)]
    parts.append(bytes(head[first.scan_offset :]))
    for index, strip in enumerate(strips):
        header = parse_jpeg(strip)
        if (header.width_px, header.sampling, b"\xff\xdd" in strip[: header.scan_offset]) != (
            first.width_px,
            first.sampling,
            False,
        ):
            raise UnsupportedSlideError("The strips differ in form.")
        parts.append(_scan_data(strip, header))
        parts.append(b"" if index == len(strips) - 1 else bytes((0xFF, 0xD0 + index % 8)))
    return b"".join([*parts, EOI])


def encode_jpeg(pixels: Pixels, *, quality: int, colorspace: str = "RGB", subsampling: str = "422") -> bytes:
    """Encode 8-bit pixels as baseline JPEG; the interpreter lock is released meanwhile."""
    import simplejpeg

    return bytes(
        simplejpeg.encode_jpeg(
            np.ascontiguousarray(pixels), quality=quality, colorspace=colorspace, colorsubsampling=subsampling
        )
    )


def encode_jpeg_ls(pixels: Pixels) -> bytes:
    """Encode grey or colour as lossless JPEG-LS; noise grows, so the room is more than the pixels take."""
    import imagecodecs

    return bytes(imagecodecs.jpegls_encode(np.ascontiguousarray(pixels), out=2 * pixels.nbytes + 4096))


def encode_jpeg_2000(pixels: Pixels) -> bytes:
    """Encode grey or colour as a lossless JPEG 2000 codestream."""
    import imagecodecs

    return bytes(
        imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(pixels), codecformat="j2k", reversible=True, mct=pixels.ndim == 3, numthreads=1
        )
    )


def encode_htj2k(pixels: Pixels) -> bytes:
    """Encode grey or colour as a lossless high-throughput JPEG 2000 codestream."""
    import imagecodecs

    return bytes(imagecodecs.htj2k_encode(np.ascontiguousarray(pixels), reversible=True))


def decode_jpeg_half(
    data: bytes | memoryview, height_px: int, width_px: int, *, grey: bool, into: Pixels | None = None
) -> Pixels:
    """Return a JPEG's pixels at half its size, shrunk inside the transform; the half is given, rounded up.

    They lie in `into`, if given, which is large enough for the half.
    Raises: UnreadableSlideError
    """
    import simplejpeg

    try:
        pixels = simplejpeg.decode_jpeg(
            data,
            colorspace="GRAY" if grey else "RGB",
            min_height=height_px,
            min_width=width_px,
            min_factor=2,
            buffer=into,
        )
    except ValueError as error:
        raise UnreadableSlideError(f"A tile cannot be decoded: {error}.") from error
    return np.asarray(pixels[..., 0] if grey else pixels, np.uint8)


def decode_strictly(data: bytes) -> None:
    """Decode a JPEG that must be whole.  Raises: UnreadableSlideError for what a tolerant decoder passes over"""
    import simplejpeg

    try:
        simplejpeg.decode_jpeg(data, strict=True)
    except ValueError as error:
        raise UnreadableSlideError(f"A tile cannot be decoded: {error}.") from error


_LUMINANCE_SUM = 3688
"""Sum of the 64 steps of the standard's example table, which libraries scale by their quality.  ITU-T T.81 K.1"""


def estimate_quality(data: bytes) -> int:
    """Return the quality, 1 to 100, at which common encoders use the JPEG's luminance table; 0 without one."""
    at = data.find(b"\xff\xdb")
    if at < 0 or data[at + 4] >> 4:
        return 0
    percent = 100 * sum(data[at + 5 : at + 69]) / _LUMINANCE_SUM
    quality = 5000 / percent if percent > 100 else (200 - percent) / 2
    return max(1, min(100, round(quality)))


def decode_frame(frame: bytes, encoding: Encoding, *, width_px: int, height_px: int) -> Pixels:
    """Return a frame's pixels: (height, width, 3) RGB or (height, width) grey.  Raises: UnreadableSlideError"""
    if encoding.is_native:
        shape = (height_px, width_px, encoding.sample_count)[: 3 if encoding.sample_count > 1 else 2]
        depth = np.uint8 if encoding.bits == 8 else np.dtype("<u2")
        return np.frombuffer(frame, depth, count=int(np.prod(shape))).reshape(shape)
    import imagecodecs

    try:
        if encoding.transfer_syntax_uid == forms.JPEG_BASELINE:
            space = {"RGB": "RGB", "MONOCHROME2": None}.get(encoding.photometric_interpretation, "YCBCR")
            out = None if space is None else "RGB"
            pixels = imagecodecs.jpeg8_decode(frame, colorspace=space, outcolorspace=out)
        elif encoding.transfer_syntax_uid == forms.JPEG_LS_LOSSLESS:
            pixels = imagecodecs.jpegls_decode(frame)
        elif encoding.transfer_syntax_uid == forms.HTJ2K_LOSSLESS:
            pixels = imagecodecs.htj2k_decode(frame)
        else:
            pixels = imagecodecs.jpeg2k_decode(frame)
    except (RuntimeError, ValueError) as error:
        raise UnreadableSlideError(f"A frame cannot be decoded: {error}.") from error
    return np.asarray(pixels, np.uint8 if encoding.bits == 8 else np.uint16)
