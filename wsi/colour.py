"""The sRGB profile written where a scan brings none: DICOM demands one for colour.

It is built here, byte for byte the same every time, from the numbers of IEC 61966-2-1.  Standard: PS3.3 C.11.15, ICC.1
"""

from __future__ import annotations

import struct
from functools import cache

_CURVE_POINTS = 1024
# Primaries and white of sRGB adapted to D50, as the profile connection space demands.
_COLUMNS = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.71410),
}
_D50 = (0.96420, 1.0, 0.82491)


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _description(text: bytes) -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + bytes(8 + 2 + 1 + 67)


@cache
def srgb_profile() -> bytes:
    """Return an ICC 2.1 display profile for sRGB."""
    curve = b"curv\0\0\0\0" + struct.pack(
        f">I{_CURVE_POINTS}H",
        _CURVE_POINTS,
        *(round(_linear(index / (_CURVE_POINTS - 1)) * 65535) for index in range(_CURVE_POINTS)),
    )
    blocks: dict[bytes, bytes] = {
        b"desc": _description(b"sRGB"),
        b"cprt": b"text\0\0\0\0No copyright, use freely\0",
        b"wtpt": _xyz(_D50),
        **{name: _xyz(column) for name, column in _COLUMNS.items()},
        b"rTRC": curve,
    }
    at = 128 + 4 + 12 * (len(blocks) + 2)
    table, body = [], b""
    for name, block in blocks.items():
        padded = block + bytes(-len(block) % 4)
        table.append((name, at + len(body), len(block)))
        body += padded
    table += [(name, *table[-1][1:]) for name in (b"gTRC", b"bTRC")]
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += b"".join(map(_fixed, _D50))
    tags = b"".join(struct.pack(">4sII", *entry) for entry in table)
    return head.ljust(128, b"\0") + struct.pack(">I", len(table)) + tags + body
