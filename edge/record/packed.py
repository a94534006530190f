"""A frame as the record keeps it in memory and on disk: compressed at once, exactly as captured."""

import hashlib
import platform
from dataclasses import dataclass

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from edge.core.clip import Moment
from edge.core.frame import FrameInfo
from edge.errors import EdgeError
from edge.ring import Frame

ZSTD_LEVEL = 1
LOOK_ROWS = 64
IS_ORDERED = platform.machine() in ("x86_64", "AMD64")
"""What one of these processors stores others see in the same order: then the ring's sequence numbers alone prove that
a copy is whole."""

Pixels = NDArray[np.uint8]


class DigestMismatch(EdgeError):
    """Pixels are not those that were captured."""

    code = "record.digest"
    next_step = "The spool stays on the disk; look for a fault of memory or disk, then restart the record service."


@dataclass(frozen=True, slots=True)
class PackedFrame:
    """zstd of the pixels; of one channel only when all three are equal."""

    info: FrameInfo
    is_grey: bool
    data: bytes

    @property
    def moment(self) -> Moment:
        return Moment(self.info.index, self.info.mono_ns, self.info.wall_ns)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Width, height and channels as captured."""
        return self.info.width_px, self.info.height_px, self.info.channel_count


def is_intact(frame: Frame) -> bool:
    """Tell whether the pixels are still those of their digest."""
    return hashlib.sha256(frame.pixels.data).digest() == frame.info.digest


def is_whole(frame: Frame) -> bool:
    """Tell whether a copy just taken from the ring was not overtaken by the writer.

    Hashing each frame costs a twentieth of a core. Every frame is compared with its digest before its spool goes.
    """
    return IS_ORDERED or is_intact(frame)


def pack(frame: Frame) -> PackedFrame:
    """Compress a frame; the heavy part runs without the interpreter's lock."""
    pixels = frame.pixels
    is_grey = pixels.ndim == 2 or _is_grey(pixels)
    kept = np.ascontiguousarray(pixels[:, :, 0]) if is_grey and pixels.ndim == 3 else pixels
    data = imagecodecs.zstd_encode(kept.data, ZSTD_LEVEL)  # type: ignore[arg-type]  # any buffer will do
    return PackedFrame(frame.info, is_grey, bytes(data))


def unpack(frame: PackedFrame, *, channel_count: int) -> Pixels:
    """Return the pixels with 1 or 3 channels.  Raises: DigestMismatch."""
    info = frame.info
    stored_channels = 1 if frame.is_grey else info.channel_count
    size = info.width_px * info.height_px * stored_channels
    try:
        pixels = np.frombuffer(imagecodecs.zstd_decode(frame.data, out=size), np.uint8)
    except (RuntimeError, ValueError) as error:
        raise DigestMismatch(f"Frame {info.index} of the spool cannot be unpacked.") from error
    if pixels.size != size:
        raise DigestMismatch(f"Frame {info.index} of the spool is cut short.")
    if stored_channels == 1:
        grey = pixels.reshape(info.height_px, info.width_px)
        return grey if channel_count == 1 else as_captured(grey, channel_count)
    return pixels.reshape(info.height_px, info.width_px, stored_channels)


def as_captured(pixels: Pixels, captured_channel_count: int) -> Pixels:
    """Give a grey picture back the equal channels it was captured with."""
    if pixels.ndim == 2 and captured_channel_count > 1:
        return np.repeat(pixels[:, :, None], captured_channel_count, axis=2)
    return pixels


def check(pixels: Pixels, info: FrameInfo) -> None:
    """Compare pixels with the digest taken at capture.  Raises: DigestMismatch."""
    whole = np.ascontiguousarray(as_captured(pixels, info.channel_count))
    if hashlib.sha256(whole.data).digest() != info.digest:
        raise DigestMismatch(f"Frame {info.index} is not what was captured.")


def _is_grey(pixels: Pixels) -> bool:
    # A colour picture differs in the first rows that are looked at: the whole is compared only where it may be grey.
    few = pixels[::LOOK_ROWS]
    if not np.array_equal(few[:, :, 0], few[:, :, 1]):
        return False
    return np.array_equal(pixels[:, :, 0], pixels[:, :, 1]) and np.array_equal(pixels[:, :, 0], pixels[:, :, 2])
