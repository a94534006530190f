"""One image out of the parts of a concatenation: its frames lie in several files, and keep their bytes."""

from __future__ import annotations

import bisect
import os
from collections.abc import Sequence
from itertools import accumulate

from wsi import codec
from wsi.encoding import Encoding
from wsi.geometry import Level
from wsi.source import FrameTable, Kind, MadeImage, Pixels


def joined_image(
    tables: Sequence[FrameTable], *, kind: Kind, level: Level, encoding: Encoding, is_resampled: bool
) -> MadeImage:
    """Return the image whose frames are those of the tables, one after the other."""
    starts = [0, *accumulate(len(table.offsets) for table in tables)]

    def frame(index: int) -> bytes:
        number = bisect.bisect_right(starts, index) - 1
        file_descriptor = os.open(tables[number].path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return tables[number].read(file_descriptor, index - starts[number])
        finally:
            os.close(file_descriptor)

    def read_pixels(index: int) -> Pixels:
        return codec.decode_frame(frame(index), encoding, width_px=level.tile_width_px, height_px=level.tile_height_px)

    def is_same(index: int, found: bytes) -> bool:
        # Read back without its length at hand, a frame has lost its padding byte.
        kept = frame(index)
        return found == kept or found + b"\0" == kept

    return MadeImage(
        kind=kind,
        level=level,
        encoding=encoding,
        is_resampled=is_resampled,
        make_frame=frame,
        read_pixels=read_pixels,
        is_same=is_same,
    )
