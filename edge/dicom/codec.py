"""One frame of 8-bit pixels to and from its compressed form, by transfer syntax. Every encoder here is lossless."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError

Pixels = NDArray[np.uint8]

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
RLE = "1.2.840.10008.1.2.5"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K_LOSSLESS_RPCL = "1.2.840.10008.1.2.4.202"
HTJ2K = "1.2.840.10008.1.2.4.203"

JPEG_LS_HEAD_BYTES_MAX = 4096

SYNTAX_BY_NAME = {
    "jpeg-ls": JPEG_LS,
    "htj2k": HTJ2K_LOSSLESS,
    "jpeg-2000": JPEG_2000_LOSSLESS,
    "rle": RLE,
    "uncompressed": EXPLICIT_LITTLE,
}
"""The words of the configuration."""


class CodecError(BadInputError):
    """A frame's bytes are not what its transfer syntax says."""

    code = "frame.undecodable"
    next_step = "The file is damaged; get it again from where it came."


@dataclass(frozen=True, slots=True)
class Encoder:
    """How frames become bytes in one transfer syntax, and what the dataset must say of them."""

    syntax_uid: str
    encode: Callable[[Pixels], bytes]
    colour_photometric: str = "RGB"
    """Photometric Interpretation of three-channel frames.  Standard: PS3.5 8.2"""

    @property
    def is_encapsulated(self) -> bool:
        return self.syntax_uid != EXPLICIT_LITTLE

    def photometric(self, channel_count: int) -> str:
        return "MONOCHROME2" if channel_count == 1 else self.colour_photometric


def encoder_for(syntax_uid: str) -> Encoder:
    """Return the encoder of one of our transfer syntaxes."""
    return _ENCODERS[syntax_uid]


def decode(syntax_uid: str, data: bytes, *, width_px: int, height_px: int, channel_count: int) -> Pixels:
    """Decode what an `Encoder` wrote.  Raises: CodecError, also when the size is another."""
    shape = (height_px, width_px) if channel_count == 1 else (height_px, width_px, channel_count)
    if syntax_uid == EXPLICIT_LITTLE:
        if len(data) < height_px * width_px * channel_count:
            raise CodecError("A frame is cut short.")
        return np.frombuffer(data, np.uint8, height_px * width_px * channel_count).reshape(shape)
    pixels = decode_any(syntax_uid, data)
    if pixels.size != height_px * width_px * channel_count:
        raise CodecError(f"A frame decodes to {pixels.shape} instead of {shape}.")
    if syntax_uid == RLE and channel_count == 3:
        return np.ascontiguousarray(pixels.reshape(3, height_px, width_px).transpose(1, 2, 0))
    return pixels.reshape(shape)


def decode_any(syntax_uid: str, data: bytes, *, is_rgb: bool = False) -> NDArray[np.uint8]:
    """Decode a frame of any compressed syntax read here; RLE comes as planes.

    `is_rgb`: the dataset says RGB, which decides for a JPEG that does not say itself.  Raises: CodecError.
    """
    try:
        match syntax_uid:
            case "1.2.840.10008.1.2.5":
                return np.frombuffer(bytes(imagecodecs.dicomrle_decode(data, np.uint8)), np.uint8)
            case "1.2.840.10008.1.2.4.50" | "1.2.840.10008.1.2.4.51":
                if is_rgb and not _says_colour_space(data):
                    return _array(imagecodecs.jpeg8_decode(data, colorspace="RGB", outcolorspace="RGB"))
                return _array(imagecodecs.jpeg8_decode(data))
            case "1.2.840.10008.1.2.4.57" | "1.2.840.10008.1.2.4.70":
                return _array(imagecodecs.jpegsof3_decode(data))
            case "1.2.840.10008.1.2.4.80" | "1.2.840.10008.1.2.4.81":
                return _array(imagecodecs.jpegls_decode(data))
            case "1.2.840.10008.1.2.4.90" | "1.2.840.10008.1.2.4.91":
                return _array(imagecodecs.jpeg2k_decode(data))
            case "1.2.840.10008.1.2.4.201" | "1.2.840.10008.1.2.4.202" | "1.2.840.10008.1.2.4.203":
                return _array(imagecodecs.htj2k_decode(data))
    except (RuntimeError, ValueError, IndexError) as error:
        raise CodecError("A frame cannot be decoded.") from error
    raise CodecError(f"Frames in transfer syntax {syntax_uid} cannot be decoded here.")


def _array(decoded: object) -> NDArray[np.uint8]:
    pixels = np.asarray(decoded)
    if pixels.dtype != np.uint8:
        raise CodecError(f"A frame holds {pixels.dtype} samples; only 8 bits are read here.")
    return pixels


def _encode_jpeg_ls(pixels: Pixels) -> bytes:
    """Encode without the SPIFF header that the library puts in front: some readers expect the frame header at once."""
    # Noise becomes larger than it was: the library has to be given the room.
    stream = bytes(imagecodecs.jpegls_encode(pixels, out=2 * pixels.nbytes + JPEG_LS_HEAD_BYTES_MAX))
    rest = 2
    while stream[rest : rest + 2] == b"\xff\xe8":
        rest += 2 + int.from_bytes(stream[rest + 2 : rest + 4], "big")
    return stream[:2] + stream[rest:]


def _encode_jpeg_2000(pixels: Pixels) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k", reversible=True, mct=True))


def _encode_htj2k(pixels: Pixels) -> bytes:
    return bytes(imagecodecs.htj2k_encode(pixels, reversible=True))


def _encode_rle(pixels: Pixels) -> bytes:
    """Encode one segment a channel, each row by itself.  Standard: PS3.5 G"""
    planes = [pixels] if pixels.ndim == 2 else [pixels[:, :, channel] for channel in range(pixels.shape[2])]
    segments = []
    for plane in planes:
        packed = bytes(imagecodecs.packbits_encode(np.array(plane, order="C", copy=True), axis=-1))
        segments.append(packed + b"\0" * (len(packed) & 1))
    offsets = [64]
    for segment in segments[:-1]:
        offsets.append(offsets[-1] + len(segment))
    header = struct.pack("<16I", len(segments), *offsets, *[0] * (15 - len(offsets)))
    return header + b"".join(segments)


def _says_colour_space(data: bytes) -> bool:
    """Tell whether a JPEG has a JFIF or an Adobe marker, both of which name the colour space."""
    head = data[:4096]
    return b"JFIF\0" in head or b"Adobe" in head


_ENCODERS = {
    encoder.syntax_uid: encoder
    for encoder in (
        Encoder(JPEG_LS, _encode_jpeg_ls),
        Encoder(HTJ2K_LOSSLESS, _encode_htj2k, "YBR_RCT"),
        Encoder(JPEG_2000_LOSSLESS, _encode_jpeg_2000, "YBR_RCT"),
        Encoder(RLE, _encode_rle),
        Encoder(EXPLICIT_LITTLE, lambda pixels: pixels.tobytes()),
    )
}
