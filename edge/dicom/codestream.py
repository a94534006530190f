"""What a compressed frame says about itself, read from its first markers without decoding it.

Standard: ISO/IEC 10918-1 Annex B (JPEG), 14495-1 Annex C (JPEG-LS), 15444-1 Annex A (JPEG 2000)
"""

from dataclasses import dataclass

_SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7})
_ALONE = frozenset({0x01, 0xD8, *range(0xD0, 0xD8)})
MARKER_COUNT_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Codestream:
    """Size and colour as the compressed data has them."""

    width_px: int
    height_px: int
    component_count: int
    precision_bits: int
    is_rgb: bool | None = None
    """JPEG with three components: True or False when the codestream tells, None when it leaves it open."""
    is_lossless_jpeg: bool = False
    is_jfif: bool = False


def describe(data: bytes) -> Codestream | None:
    """Read the markers of a JPEG, JPEG-LS, JPEG 2000 or HTJ2K frame; None when there is no frame header in it."""
    if data[:2] == b"\xff\xd8":
        return _describe_jpeg(data)
    start = data.find(b"\xff\x4f\xff\x51", 0, 4096)  # behind the boxes of a JP2 file, which some writers leave in
    return _describe_jpeg_2000(data, start + 4) if start >= 0 else None


def _describe_jpeg(data: bytes) -> Codestream | None:
    position = 2
    transform: int | None = None
    is_jfif = False
    for _ in range(MARKER_COUNT_MAX):
        if position + 4 > len(data) or data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF or marker in _ALONE:
            position += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        body = data[position + 4 : position + 2 + length]
        if marker in _SOF and len(body) >= 6:
            count = body[5]
            ids = bytes(body[6 : 6 + 3 * count : 3])
            return Codestream(
                width_px=int.from_bytes(body[3:5], "big"),
                height_px=int.from_bytes(body[1:3], "big"),
                component_count=count,
                precision_bits=body[0],
                is_rgb=_is_rgb(transform, is_jfif, ids) if count == 3 else None,
                is_lossless_jpeg=marker in (0xC3, 0xC7, 0xCB, 0xCF),
                is_jfif=is_jfif,
            )
        if marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
            transform = body[11]
        is_jfif = is_jfif or (marker == 0xE0 and body[:5] == b"JFIF\0")
        position += 2 + max(2, length)
    return None


def _is_rgb(transform: int | None, is_jfif: bool, ids: bytes) -> bool | None:
    if transform is not None:
        return transform == 0
    if ids == b"RGB":
        return True
    return False if is_jfif else None


def _describe_jpeg_2000(data: bytes, position: int) -> Codestream | None:
    if position + 41 > len(data):
        return None
    sizes = [int.from_bytes(data[position + 4 + 4 * i : position + 8 + 4 * i], "big") for i in range(4)]
    count = int.from_bytes(data[position + 36 : position + 38], "big")
    return Codestream(
        width_px=max(0, sizes[0] - sizes[2]),
        height_px=max(0, sizes[1] - sizes[3]),
        component_count=count,
        precision_bits=(data[position + 38] & 0x7F) + 1,
    )
