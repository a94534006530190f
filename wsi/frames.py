"""Where the frames of a DICOM file lie: an integer index, read once, from which any frame is one `pread`."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError

from wsi.errors import NotASlideError, TruncatedSlideError, UnreadableSlideError
from wsi.source import Offsets

_PIXEL_TAG = b"\xe0\x7f\x10\x00"
_ITEM = b"\xfe\xff\x00\xe0"
_UNDEFINED = 0xFFFFFFFF
_ITEMS_MAX = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameIndex:
    """The header of an object and the place of each of its frames."""

    path: Path
    dataset: FileDataset
    """Without the pixels and the tables of their offsets."""
    offsets: Offsets
    """Of each frame's first byte from the start of the file."""
    lengths: Offsets
    """Of each frame as stored, its padding byte included."""
    is_native: bool

    def read(self, file_descriptor: int, index: int) -> bytes:
        """Return one frame, by index from 0.  Raises: TruncatedSlideError"""
        data = os.pread(file_descriptor, int(self.lengths[index]), int(self.offsets[index]))
        if len(data) != int(self.lengths[index]):
            raise TruncatedSlideError(f"{self.path.name} ends inside frame {index + 1}.")
        return data


def index_frames(path: Path) -> FrameIndex:
    """Read an object's header and offset table; fragments are not supported, one frame is one item.

    Raises: NotASlideError, UnreadableSlideError, TruncatedSlideError
    """
    try:
        with path.open("rb") as file:
            dataset = dcmread(file, stop_before_pixels=True)
            start = file.tell()
            count = int(dataset.get("NumberOfFrames", 1) or 1)
            if not 0 < count <= _ITEMS_MAX:
                raise UnreadableSlideError(f"{path.name} claims {count} frames.")
            return _index(path, dataset, file.fileno(), start, count)
    except InvalidDicomError as error:
        raise NotASlideError(f"{path.name} is not a DICOM file.") from error
    except (OSError, EOFError, struct.error, ValueError, KeyError, AttributeError, NotImplementedError) as error:
        raise UnreadableSlideError(f"{path.name} cannot be read as DICOM: {error}.") from error


def _index(path: Path, dataset: FileDataset, file: int, start: int, count: int) -> FrameIndex:
    file_bytes = os.fstat(file).st_size
    head = os.pread(file, 12, start)
    if head[:4] != _PIXEL_TAG:
        raise UnreadableSlideError(f"{path.name} has no pixel data.")
    is_explicit = head[4:6] in (b"OB", b"OW")
    (length,) = struct.unpack_from("<I", head, 8 if is_explicit else 4)
    body = start + (12 if is_explicit else 8)
    if length != _UNDEFINED:
        size = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated // 8
        offsets = body + size * np.arange(count, dtype=np.int64)
        lengths = np.full(count, size, np.int64)
        if size * count > length or body + length > file_bytes:
            raise TruncatedSlideError(f"{path.name} is shorter than its {count} frames.")
        return FrameIndex(path=path, dataset=dataset, offsets=offsets, lengths=lengths, is_native=True)
    offsets, lengths = _encapsulated(path, dataset, file, body, count)
    if len(offsets) != count:
        raise UnreadableSlideError(f"{path.name} has {len(offsets)} items for {count} frames.")
    if int((offsets + lengths).max()) > file_bytes or int(lengths.min()) < 0:
        raise TruncatedSlideError(f"{path.name} has frames beyond its end.")
    return FrameIndex(path=path, dataset=dataset, offsets=offsets, lengths=lengths, is_native=False)


def _encapsulated(path: Path, dataset: FileDataset, file: int, body: int, count: int) -> tuple[Offsets, Offsets]:
    tag, table_bytes = struct.unpack("<4sI", os.pread(file, 8, body))
    if tag != _ITEM:
        raise UnreadableSlideError(f"{path.name} has no offset table item.")
    first = body + 8 + table_bytes
    if "ExtendedOffsetTable" in dataset:
        offsets = np.frombuffer(dataset.ExtendedOffsetTable, "<u8").astype(np.int64)
        lengths = np.frombuffer(dataset.ExtendedOffsetTableLengths, "<u8").astype(np.int64)
        offsets += first + 8
        # Kept as arrays, not twice: these are megabytes in a large slide.
        del dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths
        return offsets, lengths
    if table_bytes == 4 * count:
        starts = first + np.frombuffer(os.pread(file, table_bytes, body + 8), "<u4").astype(np.int64)
        head = os.pread(file, 8, int(starts[-1]))
        if len(head) < 8:
            raise TruncatedSlideError(f"{path.name} has frames beyond its end.")
        (last,) = struct.unpack_from("<I", head, 4)
        ends = np.append(starts[1:], starts[-1] + 8 + last)
        return starts + 8, ends - starts - 8
    return _walk(path, file, first)


def _walk(path: Path, file: int, at: int) -> tuple[Offsets, Offsets]:
    offsets: list[int] = []
    lengths: list[int] = []
    while len(offsets) < _ITEMS_MAX:
        head = os.pread(file, 8, at)
        if head[:4] != _ITEM:
            if len(head) < 8:
                raise TruncatedSlideError(f"{path.name} ends inside its frames.")
            break
        (length,) = struct.unpack_from("<I", head, 4)
        offsets.append(at + 8)
        lengths.append(length)
        at += 8 + length
    return np.array(offsets, np.int64), np.array(lengths, np.int64)
