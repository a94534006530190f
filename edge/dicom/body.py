"""An object's file cut in three: what stands before its pixels, the pixels as they are coded, what stands after.

An archive writes the header anew, and sets names right; the coded pixels it keeps. So with the two ends kept here, the
whole file can be had back from there byte for byte.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from edge.dicom.frame_index import ITEM, ITEM_HEADER_BYTES
from edge.dicom.pixel_layout import open_object

COPY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Body:
    """Where the coded pixels lie in a file, from and to. The offset table at their beginning counts to the header."""

    start: int
    end: int


def find_body(path: Path) -> Body | None:
    """Return where the pixels lie; None when there are none, or the file is deflated as a whole.

    Raises: BadInputError, OSError.
    """
    with path.open("rb") as file:
        opened = open_object(file)
        if opened.pixels is None or opened.inflated is not None:
            return None
        size, start = os.fstat(file.fileno()).st_size, opened.pixels.value_offset
        if not opened.pixels.is_undefined_length:
            return Body(start, min(size, start + opened.pixels.length))
        header = os.pread(file.fileno(), ITEM_HEADER_BYTES, start)
        if len(header) < ITEM_HEADER_BYTES or header[:4] != ITEM:
            return None
        return Body(min(size, start + ITEM_HEADER_BYTES + int.from_bytes(header[4:], "little")), size)


def join(head: bytes, source: Path, body: Body, tail: bytes, target: Path) -> None:
    """Write a file from two ends and another file's pixels; memory stays flat.  Raises: OSError."""
    with source.open("rb", buffering=0) as reader, target.open("wb", buffering=0) as writer:
        writer.write(head)
        reader.seek(body.start)
        left = body.end - body.start
        while left > 0 and (piece := reader.read(min(left, COPY_BYTES))):
            writer.write(piece)
            left -= len(piece)
        writer.write(tail)
