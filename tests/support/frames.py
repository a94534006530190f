"""Frames made by hand."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from edge.core.frame import FrameInfo
from edge.ring import Frame


def frame_of(pixels: NDArray[np.uint8], index: int, *, interval_ns: int = 40_000_000) -> Frame:
    """Return a frame with its true digest, at an even time."""
    info = FrameInfo(
        index=index, mono_ns=10**12 + index * interval_ns, wall_ns=1_700_000_000 * 10**9 + index * interval_ns,
        width_px=pixels.shape[1], height_px=pixels.shape[0],
        channel_count=pixels.shape[2] if pixels.ndim == 3 else 1,
        digest=hashlib.sha256(np.ascontiguousarray(pixels).data).digest(),
    )  # fmt: skip
    return Frame(info, pixels)
