"""A stored object as an uncompressed one: Explicit VR Little Endian, which every client reads.

The header is written anew, then the frames follow one by one: memory holds a frame, whatever the object's size.
Nothing is compressed here, so nothing is lost that was not lost before.  Standard: PS3.5 A.2, PS3.18 8.7.3
"""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.dataset import FileDataset
from pydicom.filewriter import dcmwrite

from edge.dicom.decode import NATIVE, NotDecodableError, decode, encode_native
from edge.dicom.frame_index import VIDEO_SYNTAXES, OpenFrames
from edge.dicom.pixel_layout import PARSE_FAULTS, Opened, PixelLayout

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
PIXELS_BYTES_MAX = 0xFFFFFFFE
"""What a length of 32 bits can say, for pixels that are not encapsulated."""
WHOLE_BYTES_MAX = 256 * 1024 * 1024
"""Objects without pixels are held in memory as a whole."""
_PIXEL_TAG = 0x7FE00010
_OFFSET_TABLES = (0x7FE00001, 0x7FE00002, 0x7FE00003)


@dataclass(frozen=True, slots=True)
class Transcoding:
    """A file to be: what stands before its pixels, and how each frame is made."""

    head: bytes
    frame_count: int
    make: Callable[[bytes], bytes]
    """From a frame as stored to its uncompressed bytes."""
    tail: bytes
    size_bytes: int


def plan(opened: Opened, frames: OpenFrames | None, path: Path) -> Transcoding:
    """Work out an uncompressed file of an object; blocks.

    Raises: NotDecodableError for what cannot be written so (video, too large, damaged).
    """
    try:
        if frames is None or opened.layout is None:
            return _without_pixels(path)
        return _with_pixels(opened.dataset, opened.layout, frames)
    except PARSE_FAULTS as error:
        raise NotDecodableError(f"The object cannot be written uncompressed ({type(error).__name__}).") from error


def _without_pixels(path: Path) -> Transcoding:
    if path.stat().st_size > WHOLE_BYTES_MAX:
        raise NotDecodableError("The object is too large to be written in another transfer syntax.")
    head = _write(pydicom.dcmread(path, force=True))
    return Transcoding(head, 0, bytes, b"", len(head))


def _with_pixels(dataset: FileDataset, layout: PixelLayout, frames: OpenFrames) -> Transcoding:
    index, syntax = frames.index, layout.transfer_syntax_uid
    if syntax in VIDEO_SYNTAXES:
        raise NotDecodableError("A video has no uncompressed form here.")
    if layout.is_float:
        raise NotDecodableError("Pixels in floating point are sent as they are stored only.")
    changed = copy(dataset)
    for tag in _OFFSET_TABLES:
        if tag in changed:
            del changed[tag]
    changed.NumberOfFrames = index.frame_count
    if index.frame_count == 1 and "NumberOfFrames" not in dataset:
        del changed.NumberOfFrames
    is_native = syntax in NATIVE
    if not is_native:
        _describe_decoded(changed, layout)
    frame_bits = layout.frame_bits if is_native else layout.rows * layout.columns * _bits_a_pixel(layout)
    pixel_bytes = (frame_bits * index.frame_count + 7) // 8
    if pixel_bytes > PIXELS_BYTES_MAX:
        raise NotDecodableError("Uncompressed, the object is larger than one object may be.")
    if frame_bits % 8 and index.frame_count > 1:
        raise NotDecodableError("Frames that do not end on a byte are sent as they are stored only.")
    head = _write(changed) + _pixel_header(layout, pixel_bytes + pixel_bytes % 2)

    def make(data: bytes) -> bytes:
        made = data if is_native else encode_native(decode(data, layout), layout)
        if len(made) * 8 < frame_bits or len(made) > (frame_bits + 7) // 8:
            raise NotDecodableError("A frame decodes to another size than the object says.")
        return made

    tail = b"\0" * (pixel_bytes % 2)
    return Transcoding(head, index.frame_count, make, tail, len(head) + pixel_bytes + len(tail))


def _bits_a_pixel(layout: PixelLayout) -> int:
    return layout.samples_per_pixel * layout.bits_allocated


def _describe_decoded(dataset: FileDataset, layout: PixelLayout) -> None:
    """Say what the decoder gives: RGB by pixel, values at the low end.  Standard: PS3.5 8.2"""
    if layout.samples_per_pixel > 1:
        dataset.PhotometricInterpretation = "RGB"
        dataset.PlanarConfiguration = 0
    dataset.HighBit = layout.bits_stored - 1


def _pixel_header(layout: PixelLayout, length: int) -> bytes:
    vr = b"OB" if layout.bits_allocated <= 8 else b"OW"
    return b"\xe0\x7f\x10\x00" + vr + b"\0\0" + length.to_bytes(4, "little")


def _write(dataset: FileDataset) -> bytes:
    """Return preamble, meta information and dataset in Explicit VR Little Endian, values as they were."""
    if dataset.file_meta.get("TransferSyntaxUID") != EXPLICIT_LITTLE:
        for _ in dataset.iterall():  # Values still in the bytes of another encoding are read now.
            pass
    meta = copy(dataset.file_meta)
    meta.TransferSyntaxUID = EXPLICIT_LITTLE
    meta.setdefault("MediaStorageSOPClassUID", dataset.get("SOPClassUID", ""))
    meta.setdefault("MediaStorageSOPInstanceUID", dataset.get("SOPInstanceUID", ""))
    dataset.file_meta = meta
    out = BytesIO()
    dcmwrite(out, dataset, implicit_vr=False, little_endian=True, enforce_file_format=True, overwrite=True)
    return out.getvalue()


def chunks(transcoding: Transcoding, frames: OpenFrames | None) -> Iterator[bytes]:
    """Yield the file, a frame at a time; blocks.  Raises: NotDecodableError, BadInputError."""
    yield transcoding.head
    for number in range(1, transcoding.frame_count + 1):
        assert frames is not None, "there are frames"
        yield transcoding.make(frames.read(number))
    if transcoding.tail:
        yield transcoding.tail
