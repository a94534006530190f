"""How an object's pixels are laid out, read from its header without touching the pixels."""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

from edge.errors import BadInputError

PIXEL_TAGS = (0x7FE00010, 0x7FE00008, 0x7FE00009)
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
INFLATED_BYTES_MAX = 256 * 1024 * 1024
DIMENSION_MAX = 0xFFFF
FRAME_COUNT_MAX = 0x7FFFFFFF
UNDEFINED_LENGTH = 0xFFFFFFFF
_LONG_VRS = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "UN"})

# What a malformed file makes the parser raise; the parser has no root class of its own.
PARSE_FAULTS = (
    InvalidDicomError, BytesLengthException, struct.error, zlib.error, ValueError, TypeError, KeyError, IndexError,
    AttributeError, NotImplementedError, OverflowError, MemoryError, EOFError, OSError, RecursionError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelLayout:
    """The pixel module in numbers.  Standard: PS3.3 C.7.6.3"""

    rows: int
    columns: int
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    photometric_interpretation: str
    planar_configuration: int
    frame_count: int
    transfer_syntax_uid: str
    is_big_endian: bool
    is_float: bool
    word_bytes: int
    """Bytes are swapped in groups of so many when big endian."""

    @property
    def frame_bits(self) -> int:
        """The size of a native frame; chrominance at half width counts half."""
        samples = 2 if self.is_subsampled else self.samples_per_pixel
        return self.rows * self.columns * samples * self.bits_allocated

    @property
    def is_subsampled(self) -> bool:
        return self.photometric_interpretation == "YBR_FULL_422" and self.samples_per_pixel == 3

    def unpack_native(self, index: int, raw: bytes) -> bytes:
        """Cut one native frame out of the bytes that hold it.  Raises: BadInputError when they are too few."""
        bits = self.frame_bits
        first_bit = index * bits
        if self.is_big_endian and self.word_bytes > 1:
            raw = np.frombuffer(raw[: len(raw) // self.word_bytes * self.word_bytes], f">u{self.word_bytes}").astype(
                f"<u{self.word_bytes}"
            ).tobytes()  # fmt: skip
            first_bit -= first_bit // 8 // self.word_bytes * self.word_bytes * 8
        else:
            first_bit %= 8
        if len(raw) * 8 < first_bit + bits:
            raise BadInputError("The file ends inside this frame.", next_step="Send the object again.")
        if first_bit == 0 and len(raw) * 8 == bits:
            return raw
        if first_bit % 8 == 0 and bits % 8 == 0:
            return raw[first_bit // 8 : (first_bit + bits) // 8]
        cut = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[first_bit : first_bit + bits]
        return np.packbits(cut, bitorder="little").tobytes()


@dataclass(frozen=True, slots=True)
class PixelElement:
    """Where the pixel data element lies."""

    tag: int
    vr: str
    value_offset: int
    length: int

    @property
    def is_undefined_length(self) -> bool:
        return self.length == UNDEFINED_LENGTH


@dataclass(slots=True)
class Opened:
    """A header, and where its pixels are."""

    dataset: FileDataset
    layout: PixelLayout | None
    pixels: PixelElement | None
    extended_offsets: bytes | None
    extended_lengths: bytes | None
    inflated: bytes | None


def open_object(file: BinaryIO) -> Opened:
    """Read a header up to the pixels.  Raises: BadInputError for anything that is no readable DICOM object."""
    try:
        return _open(file)
    except PARSE_FAULTS as error:
        raise BadInputError(
            f"The object cannot be read as DICOM ({type(error).__name__}).", next_step="Send the object again."
        ) from error


def _open(file: BinaryIO) -> Opened:
    inflated = None
    dataset, found = _read_header(file)
    syntax = str(dataset.file_meta.get("TransferSyntaxUID", "") or "")
    if syntax == DEFLATED:
        inflated = _inflate(file)
        dataset, found = _read_header(BytesIO(inflated))
    if not syntax:
        is_implicit, is_little = dataset.original_encoding
        syntax = "1.2.840.10008.1.2" if is_implicit else "1.2.840.10008.1.2.1" if is_little else BIG_ENDIAN
    layout = _layout(dataset, found, syntax) if found is not None else None
    return Opened(
        dataset=dataset,
        layout=layout,
        pixels=found,
        extended_offsets=dataset.get("ExtendedOffsetTable"),
        extended_lengths=dataset.get("ExtendedOffsetTableLengths"),
        inflated=inflated,
    )


def _read_header(file: BinaryIO) -> tuple[FileDataset, PixelElement | None]:
    seen: list[tuple[int, str | None, int]] = []

    def is_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        if int(tag) in PIXEL_TAGS:
            seen[:] = [(int(tag), vr, length)]
            return True
        return False

    file.seek(0)
    dataset = read_partial(file, stop_when=is_pixels, force=True)
    if not isinstance(dataset, FileDataset):
        raise ValueError("a directory, not an object")
    if not seen:
        return dataset, None
    tag, vr, length = seen[0]
    is_long_header = vr in _LONG_VRS
    return dataset, PixelElement(tag, vr or "OW", file.tell() + (12 if is_long_header else 8), length)


def _inflate(file: BinaryIO) -> bytes:
    """Return the whole object with its deflated part opened, as Explicit VR Little Endian.  Standard: PS3.5 A.5"""
    file.seek(0)
    meta = pydicom.filereader.read_preamble(file, force=True)
    del meta
    pydicom.filereader._read_file_meta_info(file)
    start = file.tell()
    file.seek(0)
    head = file.read(start)
    packer = zlib.decompressobj(-zlib.MAX_WBITS)
    body = packer.decompress(file.read(), INFLATED_BYTES_MAX)
    if packer.unconsumed_tail:
        raise BadInputError("The deflated object is too large to open here.", next_step="Send it uncompressed.")
    return head.replace(DEFLATED.encode(), b"1.2.840.10008.1.2.1\0\0\0", 1) + body


def _layout(dataset: Dataset, pixels: PixelElement, syntax: str) -> PixelLayout:
    is_float = pixels.tag != PIXEL_TAGS[0]
    bits = _number(dataset, "BitsAllocated", {0x7FE00008: 32, 0x7FE00009: 64}.get(pixels.tag, 8))
    if bits not in (1, 8, 16, 32, 64):
        raise BadInputError(f"{bits} bits a sample cannot be read.", next_step="Send the object in another form.")
    samples = _number(dataset, "SamplesPerPixel", 1)
    if samples not in (1, 3, 4):
        raise BadInputError(f"{samples} samples a pixel cannot be read.", next_step="Send the object in another form.")
    stored = _number(dataset, "BitsStored", bits)
    stored = stored if 1 <= stored <= bits else bits
    high_bit = _number(dataset, "HighBit", stored - 1)
    return PixelLayout(
        rows=min(_number(dataset, "Rows", 0), DIMENSION_MAX),
        columns=min(_number(dataset, "Columns", 0), DIMENSION_MAX),
        samples_per_pixel=samples,
        bits_allocated=bits,
        bits_stored=stored,
        high_bit=high_bit if stored - 1 <= high_bit < bits else stored - 1,
        is_signed=_number(dataset, "PixelRepresentation", 0) == 1,
        photometric_interpretation=str(dataset.get("PhotometricInterpretation") or "MONOCHROME2").strip().upper(),
        planar_configuration=_number(dataset, "PlanarConfiguration", 0),
        frame_count=min(max(1, _number(dataset, "NumberOfFrames", 1)), FRAME_COUNT_MAX),
        transfer_syntax_uid=syntax,
        is_big_endian=syntax == BIG_ENDIAN,
        is_float=is_float,
        word_bytes=max(bits // 8, 2 if pixels.vr == "OW" else 1),
    )


def _number(dataset: Dataset, keyword: str, default: int) -> int:
    """Return an integer attribute; absent, empty or unreadable means the default."""
    try:
        value = dataset.get(keyword)
        if isinstance(value, (list, tuple)) or (hasattr(value, "__len__") and not isinstance(value, (str, bytes))):
            value = value[0] if len(value) else None
        return default if value in (None, "", b"") else int(value)
    except PARSE_FAULTS:
        return default
