"""Codec bitstreams cut into RTP payloads.  Pure.

Standard: RFC 6184 (H.264: single NAL, STAP-A, FU-A), RFC 7741 (VP8).
"""

import struct
from collections.abc import Iterator

PAYLOAD_BYTES_MAX = 1180
"""Leaves room for IP, UDP, RTP, its extensions and the SRTP tag within an IPv6 path of 1280 bytes."""

_STAP_A = 24
_FU_A = 28
_START = b"\x00\x00\x01"


def split_annex_b(stream: bytes) -> Iterator[bytes]:
    """Yield the NAL units between the start codes."""
    start = stream.find(_START)
    while start >= 0:
        start += len(_START)
        end = stream.find(_START, start)
        unit = stream[start:] if end < 0 else stream[start:end]
        # A start code of four bytes leaves its first zero here; a NAL unit never ends in one.
        unit = unit.rstrip(b"\x00")
        if unit:
            yield unit
        start = end


def pack_h264(stream: bytes) -> tuple[bytes, ...]:
    """Cut one access unit (Annex B): small units share a payload, large ones are split."""
    payloads: list[bytes] = []
    small: list[bytes] = []
    for unit in split_annex_b(stream):
        if len(unit) > PAYLOAD_BYTES_MAX:
            _flush(small, payloads)
            payloads.extend(_fragment(unit))
            continue
        if small and _aggregate_bytes([*small, unit]) > PAYLOAD_BYTES_MAX:
            _flush(small, payloads)
        small.append(unit)
    _flush(small, payloads)
    return tuple(payloads)


def _aggregate_bytes(units: list[bytes]) -> int:
    return 1 + sum(2 + len(unit) for unit in units)


def _flush(units: list[bytes], payloads: list[bytes]) -> None:
    if len(units) == 1:
        payloads.append(units[0])
    elif units:
        importance = max(unit[0] & 0x60 for unit in units)
        header = bytes([importance | _STAP_A])
        payloads.append(header + b"".join(struct.pack("!H", len(unit)) + unit for unit in units))
    units.clear()


def _fragment(unit: bytes) -> Iterator[bytes]:
    """Split one unit into payloads of one size, the last a little shorter: no runt packet ends a picture, and the
    kernel can cut them out of one buffer."""
    indicator, kind, body = (unit[0] & 0xE0) | _FU_A, unit[0] & 0x1F, unit[1:]
    count = -(-len(body) // (PAYLOAD_BYTES_MAX - 2))
    step = -(-len(body) // count)
    for first in range(0, len(body), step):
        flags = (0x80 if first == 0 else 0) | (0x40 if first + step >= len(body) else 0)
        yield bytes([indicator, flags | kind]) + body[first : first + step]


def pack_vp8(stream: bytes, *, picture_id: int) -> tuple[bytes, ...]:
    """Cut one VP8 frame; `picture_id` is 15 bits."""
    tail = struct.pack("!BH", 0x80, 0x8000 | picture_id & 0x7FFF)  # X bits: I only; 15-bit picture id
    step = PAYLOAD_BYTES_MAX - 4
    return tuple(
        bytes([0x80 | (0x10 if start == 0 else 0)]) + tail + stream[start : start + step]
        for start in range(0, len(stream), step)
    )
