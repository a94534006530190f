"""Writes an object front to back, frame by frame: memory holds one frame, however long the clip.

Encapsulated pixel data gets its offset table: the place is kept free and filled in at the end, before anybody may see
the file. Frames that may pass 4 GiB in all get the Extended Offset Table, and the basic one stays empty.
Standard: PS3.5 A.4, PS3.3 C.7.6.3.1.8
"""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from edge.dicom.codec import Encoder

BASIC_OFFSET_MAX = 2**32 - 1
NATIVE_BYTES_MAX = 2**32 - 2
GROWTH = 1.25
"""No lossless codec here makes a frame larger than this, headers and noise included."""
_PIXEL_DATA = b"\xe0\x7f\x10\x00OB\0\0"
_EXTENDED_OFFSETS = b"\xe0\x7f\x01\x00OV\0\0"
_EXTENDED_LENGTHS = b"\xe0\x7f\x02\x00OV\0\0"
_ITEM = b"\xfe\xff\x00\xe0"
_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
_UNDEFINED = 0xFFFFFFFF


def fits_native(frame_bytes: int, frame_count: int) -> bool:
    """Tell whether uncompressed pixel data of that size has a length field large enough."""
    return frame_bytes * frame_count <= NATIVE_BYTES_MAX


def write_object(
    path: Path,
    ds: Dataset,
    frames: Iterable[NDArray[np.uint8]],
    encoder: Encoder,
    *,
    frame_count: int,
    frame_bytes: int,
) -> None:
    """Write `ds` and exactly `frame_count` frames to a new file; the caller syncs it.

    Raises: ValueError when `frames` are fewer or more; OSError.
    """
    with open(path, "wb") as file:
        ds.save_as(file, enforce_file_format=True)
        if encoder.is_encapsulated:
            _write_encapsulated(file, frames, encoder, frame_count, frame_bytes)
        else:
            _write_native(file, frames, encoder, frame_count, frame_bytes)


def _write_native(
    file: BinaryIO, frames: Iterable[NDArray[np.uint8]], encoder: Encoder, frame_count: int, frame_bytes: int
) -> None:
    size = frame_bytes * frame_count
    file.write(_PIXEL_DATA + struct.pack("<I", size + size % 2))
    written = 0
    for frame in frames:
        written += file.write(encoder.encode(frame))
    if written != size:
        raise ValueError(f"{written} bytes of pixels instead of {size}")
    file.write(b"\0" * (size % 2))


def _write_encapsulated(
    file: BinaryIO, frames: Iterable[NDArray[np.uint8]], encoder: Encoder, frame_count: int, frame_bytes: int
) -> None:
    is_extended = frame_count * (frame_bytes * GROWTH + 1024) > BASIC_OFFSET_MAX
    tables_at = file.tell()
    file.write(_tables([0] * frame_count, [0] * frame_count, is_extended=is_extended))
    offsets: list[int] = []
    lengths: list[int] = []
    position = 0
    for frame in frames:
        data = encoder.encode(frame)
        data += b"\0" * (len(data) % 2)
        file.write(_ITEM + struct.pack("<I", len(data)))
        file.write(data)
        offsets.append(position)
        lengths.append(len(data))
        position += 8 + len(data)
    if len(offsets) != frame_count:
        raise ValueError(f"{len(offsets)} frames instead of {frame_count}")
    file.write(_END)
    file.seek(tables_at)
    file.write(_tables(offsets, lengths, is_extended=is_extended))


def _tables(offsets: list[int], lengths: list[int], *, is_extended: bool) -> bytes:
    """Return what stands between the dataset and the first frame; its size depends on the count alone."""
    count = len(offsets)
    pixel_data = _PIXEL_DATA + struct.pack("<I", _UNDEFINED) + _ITEM
    if not is_extended:
        return pixel_data + struct.pack(f"<I{count}I", 4 * count, *offsets)
    return b"".join(
        (
            _EXTENDED_OFFSETS + struct.pack(f"<I{count}Q", 8 * count, *offsets),
            _EXTENDED_LENGTHS + struct.pack(f"<I{count}Q", 8 * count, *lengths),
            pixel_data + struct.pack("<I", 0),
        )
    )
