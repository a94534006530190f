"""From the bytes of one frame to an array of its stored values; colour comes out as RGB, palettes as indices."""

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from edge.dicom.codestream import Codestream, describe
from edge.dicom.pixel_layout import PixelLayout
from edge.errors import BadInputError, EdgeError

SAMPLE_COUNT_MAX = 400_000_000
RLE = "1.2.840.10008.1.2.5"
NATIVE = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"})
JPEG_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 52, 53, 54, 55, 56))
JPEG_LOSSLESS = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (57, 58, 65, 66, 70))
JPEG_LS = frozenset({"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"})
JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93))
HTJ2K = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203))

_CODEC_FAULTS = (RuntimeError, ValueError, TypeError, IndexError, OverflowError, MemoryError)
Pixels = NDArray[Any]


class NotDecodableError(EdgeError):
    """The frame can be given out as it is stored, but not as a picture."""

    code = "image.unreadable"
    http_status = 406
    exit_code = 4
    next_step = "Ask for the frame in the transfer syntax in which it is stored, or send the object again."


def decode(data: bytes, layout: PixelLayout) -> Pixels:
    """Decode a frame.

    Returns (rows, columns) or (rows, columns, 3); whole numbers cut to BitsStored and signed when the object says so.
    Raises: NotDecodableError.
    """
    syntax = layout.transfer_syntax_uid
    decoder = _find_decoder(syntax)
    described = None if syntax in NATIVE or syntax == RLE else describe(data)
    _check_size(layout, described, syntax)
    try:
        pixels = decoder(data, layout, described)
    except _CODEC_FAULTS as error:
        raise NotDecodableError(f"The frame cannot be decoded ({type(error).__name__}).") from error
    if pixels.ndim not in (2, 3) or pixels.size == 0:
        raise NotDecodableError("The frame is no picture.")
    if layout.is_float:
        return pixels
    return pixels if pixels.ndim == 3 and pixels.dtype == np.uint8 else _cut_to_stored_bits(pixels, layout)


def _find_decoder(syntax: str) -> Callable[[bytes, PixelLayout, Codestream | None], Pixels]:
    for syntaxes, decoder in _DECODERS:
        if syntax in syntaxes:
            return decoder
    raise NotDecodableError(f"Frames in the transfer syntax {syntax} are not decoded here.")


def _check_size(layout: PixelLayout, described: Codestream | None, syntax: str) -> None:
    """Refuse what would unpack to more than we are willing to hold."""
    width, height, count = layout.columns, layout.rows, layout.samples_per_pixel
    if described is not None:
        width, height, count = described.width_px, described.height_px, described.component_count
    elif syntax not in NATIVE and syntax != RLE:
        raise NotDecodableError("The frame has no header of a compressed picture.")
    if not 0 < width * height * count <= SAMPLE_COUNT_MAX:
        raise NotDecodableError(f"A picture of {width} x {height} pixels is not decoded here.")


def _decode_native(data: bytes, layout: PixelLayout, _: Codestream | None) -> Pixels:
    rows, columns, samples = layout.rows, layout.columns, layout.samples_per_pixel
    if layout.bits_allocated == 1:
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little", count=rows * columns * samples)
        return bits.reshape((rows, columns) if samples == 1 else (rows, columns, samples))
    kind = "f" if layout.is_float else "u"
    values = np.frombuffer(data, f"<{kind}{layout.bits_allocated // 8}")
    if layout.is_subsampled:
        return _rgb_from_ybr(_expand_422(values, rows, columns), layout)
    return _shape_samples(values[: rows * columns * samples], layout)


def _shape_samples(values: Pixels, layout: PixelLayout, *, is_planar: bool | None = None) -> Pixels:
    rows, columns, samples = layout.rows, layout.columns, layout.samples_per_pixel
    if samples == 1:
        return values.reshape(rows, columns)
    if layout.planar_configuration == 1 if is_planar is None else is_planar:
        values = values.reshape(samples, rows, columns).transpose(1, 2, 0)
    return _rgb_from_ybr(values.reshape(rows, columns, samples)[..., :3], layout)


def _expand_422(values: Pixels, rows: int, columns: int) -> Pixels:
    """Give every pixel the chrominance it shares with its neighbour: stored as Y1 Y2 CB CR."""
    groups = values[: rows * columns * 2].reshape(rows, columns // 2, 4)
    full = np.empty((rows, columns, 3), values.dtype)
    full[:, 0::2, 0], full[:, 1::2, 0] = groups[..., 0], groups[..., 1]
    full[..., 1] = groups[..., 2].repeat(2, axis=1)
    full[..., 2] = groups[..., 3].repeat(2, axis=1)
    return full


def _decode_rle(data: bytes, layout: PixelLayout, _: Codestream | None) -> Pixels:
    """Standard: PS3.5 G"""
    header = np.frombuffer(data[:64], "<u4").astype(np.int64)
    word_bytes = layout.bits_allocated // 8
    count, samples = int(header[0]), layout.samples_per_pixel
    if count != word_bytes * samples:
        raise ValueError("the number of segments does not fit")
    bounds = [*header[1 : 1 + count].tolist(), len(data)]
    size = layout.rows * layout.columns
    planes = np.zeros((samples, size, word_bytes), np.uint8)
    for number in range(count):
        segment = imagecodecs.packbits_decode(data[bounds[number] : bounds[number + 1]])
        plane = np.frombuffer(segment, np.uint8)[:size]
        planes[number // word_bytes, : len(plane), word_bytes - 1 - number % word_bytes] = plane
    return _shape_samples(planes.reshape(-1).view(f"<u{word_bytes}"), layout, is_planar=True)


def _decode_jpeg(data: bytes, layout: PixelLayout, described: Codestream | None) -> Pixels:
    assert described is not None
    if described.is_lossless_jpeg:  # the codestream is believed, not the transfer syntax: they do not always agree
        return _decode_jpeg_lossless(data, layout, described)
    if described.component_count != 3:
        return np.asarray(imagecodecs.jpeg8_decode(data))
    space = "RGB" if is_rgb_jpeg(described, layout) else "YCBCR"
    return np.asarray(imagecodecs.jpeg8_decode(data, colorspace=space, outcolorspace="RGB"))


def is_rgb_jpeg(described: Codestream, layout: PixelLayout) -> bool:
    """Tell whether the components are red, green and blue; the codestream knows better than the attribute."""
    return layout.photometric_interpretation == "RGB" if described.is_rgb is None else described.is_rgb


def _decode_jpeg_lossless(data: bytes, layout: PixelLayout, described: Codestream) -> Pixels:
    if described.component_count == 3:
        try:
            pixels = imagecodecs.jpeg8_decode(data, colorspace="RGB", outcolorspace="RGB")
        except RuntimeError:
            pixels = imagecodecs.jpegsof3_decode(data)
        return _rgb_from_ybr(np.asarray(pixels), layout)
    try:
        return np.asarray(imagecodecs.ljpeg_decode(data))
    except RuntimeError:
        return np.asarray(imagecodecs.jpegsof3_decode(data))


def _decode_jpeg_ls(data: bytes, layout: PixelLayout, _: Codestream | None) -> Pixels:
    return _rgb_from_ybr(_interleaved(np.asarray(imagecodecs.jpegls_decode(data)), layout), layout)


def _decode_jpeg_2000(data: bytes, layout: PixelLayout, _: Codestream | None) -> Pixels:
    return _rgb_from_ybr(_interleaved(np.asarray(imagecodecs.jpeg2k_decode(data)), layout), layout)


def _decode_htj2k(data: bytes, layout: PixelLayout, _: Codestream | None) -> Pixels:
    return _rgb_from_ybr(_interleaved(np.asarray(imagecodecs.htj2k_decode(data)), layout), layout)


def _interleaved(pixels: Pixels, layout: PixelLayout) -> Pixels:
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3) and pixels.shape[1:] == (layout.rows, layout.columns):
        pixels = pixels.transpose(1, 2, 0)
    return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] < 3 else pixels


def _rgb_from_ybr(pixels: Pixels, layout: PixelLayout) -> Pixels:
    """Convert YBR_FULL kinds to RGB; YBR_RCT and YBR_ICT are undone by the codec.  Standard: PS3.3 C.7.6.3.1.2"""
    if pixels.ndim != 3 or not layout.photometric_interpretation.startswith(("YBR_FULL", "YBR_PARTIAL")):
        return pixels
    top = float((1 << layout.bits_stored) - 1)
    middle = (top + 1) / 2
    y, blue, red = (pixels[..., channel].astype(np.float32) for channel in range(3))
    if layout.photometric_interpretation.startswith("YBR_PARTIAL"):
        scale = (top + 1) / 256
        y = (y - 16 * scale) * (255 / 219)
        blue, red = ((part - middle) * (255 / 224) for part in (blue, red))
    else:
        blue, red = blue - middle, red - middle
    rgb = np.stack([y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue], axis=-1)
    return np.asarray(np.clip(np.rint(rgb), 0, top), pixels.dtype)


def _cut_to_stored_bits(pixels: Pixels, layout: PixelLayout) -> Pixels:
    """Drop what lies outside BitsStored (overlays, in old objects) and give the values their sign."""
    shift = layout.high_bit + 1 - layout.bits_stored if layout.transfer_syntax_uid in NATIVE | {RLE} else 0
    width = max(8, layout.bits_allocated, pixels.dtype.itemsize * 8)
    values = pixels.astype(f"i{pixels.dtype.itemsize}").astype(f"u{width // 8}") if pixels.dtype.kind == "i" else pixels
    values = values.astype(f"u{width // 8}", copy=False)
    if layout.is_signed:
        left = width - layout.bits_stored - shift
        signed = (values << np.uint8(left)).view(f"i{width // 8}")
        return np.asarray(signed >> np.uint8(width - layout.bits_stored))
    if layout.bits_stored == width:
        return values
    mask = values.dtype.type((1 << layout.bits_stored) - 1)
    if layout.transfer_syntax_uid not in NATIVE | {RLE}:  # a lossy codec may overshoot; no overlay hides in it
        return np.asarray(np.minimum(values, mask))
    return np.asarray((values >> np.uint8(shift)) & mask)


_DECODERS: tuple[tuple[frozenset[str], Callable[[bytes, PixelLayout, Codestream | None], Pixels]], ...] = (
    (NATIVE, _decode_native),
    (frozenset({RLE}), _decode_rle),
    (JPEG_LOSSY | JPEG_LOSSLESS, _decode_jpeg),
    (JPEG_LS, _decode_jpeg_ls),
    (JPEG_2000, _decode_jpeg_2000),
    (HTJ2K, _decode_htj2k),
)


def encode_native(pixels: Pixels, layout: PixelLayout) -> bytes:
    """Return decoded values as an uncompressed little endian frame, samples interleaved.  Raises: BadInputError."""
    if layout.bits_allocated == 1:
        return np.packbits(pixels.reshape(-1).astype(np.uint8), bitorder="little").tobytes()
    kind = "f" if layout.is_float else "i" if layout.is_signed else "u"
    if layout.bits_allocated % 8:
        raise BadInputError(f"{layout.bits_allocated} bits a sample cannot be written.")
    return pixels.astype(f"<{kind}{layout.bits_allocated // 8}", copy=False).tobytes()
