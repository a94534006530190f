"""Where the frames of a DICOM file lie: an integer index, read once, from which any frame is one `pread`."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_partial

from wsi import paged
from wsi.errors import NotASlideError, TruncatedSlideError, UnreadableSlideError
from wsi.source import Offsets

_PIXEL_TAG = b"\xe0\x7f\x10\x00"
_OFFSETS_TAG, _LENGTHS_TAG = b"\xe0\x7f\x01\x00", b"\xe0\x7f\x02\x00"
_EXTENDED_OFFSETS = 0x7FE00001
_ITEM = b"\xfe\xff\x00\xe0"
_UNDEFINED = 0xFFFFFFFF
_SHORT, _LONG = np.dtype("<u4"), np.dtype("<u8")
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
            # The offset tables of a large slide are megabytes: they are read below, as arrays.
            dataset = read_partial(file, lambda tag, *_: tag >= _EXTENDED_OFFSETS)
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
    start, extended = _extended_tables(file, start)
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
    offsets, lengths = _encapsulated(path, extended, file, body, count)
    if len(offsets) != count:
        raise UnreadableSlideError(f"{path.name} has {len(offsets)} items for {count} frames.")
    for low, high in paged.runs(count):
        if int((offsets[low:high] + lengths[low:high]).max()) > file_bytes or int(lengths[low:high].min()) < 0:
            raise TruncatedSlideError(f"{path.name} has frames beyond its end.")
    return FrameIndex(path=path, dataset=dataset, offsets=offsets, lengths=lengths, is_native=False)


def _extended_tables(file: int, at: int) -> tuple[int, dict[bytes, tuple[int, int]]]:
    """Return where the pixel data begins, and before it, by tag, each extended offset table's place and entries."""
    found: dict[bytes, tuple[int, int]] = {}
    while (head := os.pread(file, 12, at))[:4] in (_OFFSETS_TAG, _LENGTHS_TAG) and head[4:6] == b"OV":
        (size_bytes,) = struct.unpack_from("<I", head, 8)
        found[head[:4]] = at + 12, size_bytes // 8
        at += 12 + size_bytes
    return at, found


def _encapsulated(
    path: Path, extended: dict[bytes, tuple[int, int]], file: int, body: int, count: int
) -> tuple[Offsets, Offsets]:
    tag, table_bytes = struct.unpack("<4sI", os.pread(file, 8, body))
    if tag != _ITEM:
        raise UnreadableSlideError(f"{path.name} has no offset table item.")
    first = body + 8 + table_bytes
    if _OFFSETS_TAG in extended:
        if not all(extended.get(tag, (0, 0))[1] == count for tag in (_OFFSETS_TAG, _LENGTHS_TAG)):
            raise UnreadableSlideError(f"{path.name} has an extended offset table for another number of frames.")
        offsets, lengths = (paged.read(file, *extended[tag], _LONG) for tag in (_OFFSETS_TAG, _LENGTHS_TAG))
        offsets += first + 8
        return offsets, lengths
    if table_bytes == 4 * count:
        offsets, lengths = paged.read(file, body + 8, count, _SHORT), paged.zeros(count)
        offsets += first + 8
        head = os.pread(file, 8, int(offsets[-1]) - 8)
        if len(head) < 8:
            raise TruncatedSlideError(f"{path.name} has frames beyond its end.")
        np.subtract(offsets[1:], offsets[:-1], out=lengths[:-1])
        lengths[:-1] -= 8
        (lengths[-1],) = struct.unpack_from("<I", head, 4)
        return offsets, lengths
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
