"""Tiles the scan holds damaged: found before anything is written, written white, and named.

What begins or ends wrongly is damaged. Bits flipped inside a tile are not seen here: such a tile is copied as it is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wsi import codec, jpeg_2000, paged
from wsi import encoding as forms
from wsi.errors import SlideError, UnreadableSlideError
from wsi.source import FrameTable, Image, Offsets, OpenSource, Source, StoredImage

_HEAD_BYTES, _TAIL_BYTES = 24, 8
"""Looked at of every tile."""
_BATCH_TILES = 4096
_NAMED_MAX = 500
"""Frame numbers told in words; more damage than that is told as a count."""
_SHARE_MAX = 0.5
"""A level with more damage than this is no slide any more."""
_JPEG_2000 = (forms.JPEG_2000, forms.JPEG_2000_LOSSLESS, forms.HTJ2K_LOSSLESS)


def mend(source: OpenSource) -> None:
    """Replace damaged tiles of a scan's images by white ones, and add to its notes which they are.

    Raises: UnreadableSlideError when most of an image is damaged
    """
    images: list[Image] = []
    notes: list[str] = []
    for image in source.images:
        damaged = find(image) if isinstance(image, StoredImage) else []
        refuse_ruin(source, image, len(damaged))
        if damaged and isinstance(image, StoredImage):
            notes.append(sentence(image, damaged))
            images.append(replace(image, table=_without(image, damaged), defects=tuple(damaged)))
        else:
            images.append(image)
    source.images = tuple(images)
    if notes:
        source.description = replace(source.description, notes=(*source.description.notes, *notes))


def refuse_ruin(source: Source, image: Image, damaged_count: int) -> None:
    """Refuse an image of which little is left.  Raises: UnreadableSlideError"""
    if damaged_count > _SHARE_MAX * image.level.frame_count:
        raise UnreadableSlideError(
            f"{source.path.name}: {damaged_count} of {image.level.frame_count} tiles are damaged in its {_name(image)}."
        )


def can_be_searched(image: Image) -> bool:
    """Tell whether damage can be found before frames are made: where tiles are copied, and all begin alike."""
    return isinstance(image, StoredImage) and bool(image.table.start)


def find(image: StoredImage) -> list[int]:
    """Return the numbers, from 1, of the frames that are damaged in the scan."""
    table = image.table
    if not can_be_searched(image):
        return []
    file_descriptor = os.open(table.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        damaged: list[int] = []
        for first in range(0, len(table.lengths), _BATCH_TILES):
            some = first + np.flatnonzero(table.lengths[first : first + _BATCH_TILES])
            if not len(some):
                continue
            odd = some[~_are_plain(table, some, file_descriptor)].tolist()
            paged.let_go()
            damaged += [index + 1 for index in odd if not _is_sound(image, table.read(file_descriptor, index))]
        return damaged
    finally:
        os.close(file_descriptor)


def _are_plain(table: FrameTable, filled: Offsets, file_descriptor: int) -> NDArray[np.bool_]:
    """Tell at a glance, per tile: it begins as all tiles do, and ends with an end marker, padded or not."""
    starts, lengths = table.offsets[filled], table.lengths[filled]
    ends = starts + lengths
    begin = np.frombuffer(table.start[:_HEAD_BYTES], np.uint8)
    if np.array_equal(ends[:-1], starts[1:]):
        # Each tile's end and the next one's begin in one read.
        both = _windows(file_descriptor, ends[:-1] - _TAIL_BYTES, _TAIL_BYTES + len(begin))
        first = _windows(file_descriptor, starts[:1], len(begin))
        last = _windows(file_descriptor, ends[-1:] - _TAIL_BYTES, _TAIL_BYTES)
        heads, tails = np.vstack((first, both[:, _TAIL_BYTES:])), np.vstack((both[:, :_TAIL_BYTES], last))
    else:
        heads = _windows(file_descriptor, starts, len(begin))
        tails = _windows(file_descriptor, ends - _TAIL_BYTES, _TAIL_BYTES)
    has_end = ((tails[:, :-1] == codec.EOI[0]) & (tails[:, 1:] == codec.EOI[1])).any(axis=1)
    plain: NDArray[np.bool_] = (heads == begin).all(axis=1) & has_end & (lengths >= len(begin) + _TAIL_BYTES)
    return plain


def _windows(file_descriptor: int, starts: Offsets, size_bytes: int) -> NDArray[np.uint8]:
    """Return the bytes at many places of a file, one row each; beyond its ends they are zeros."""
    read = os.pread
    parts = [read(file_descriptor, size_bytes, max(start, 0)).ljust(size_bytes, b"\0") for start in starts.tolist()]
    return np.frombuffer(b"".join(parts), np.uint8).reshape(len(parts), size_bytes)


def _is_sound(image: StoredImage, frame: bytes) -> bool:
    """Look closer: can this frame be decoded at all, to its end?"""
    try:
        if image.encoding.transfer_syntax_uid == forms.JPEG_BASELINE:
            codec.parse_jpeg(frame)
            codec.decode_strictly(frame)
        elif image.encoding.transfer_syntax_uid in _JPEG_2000:
            level = image.level
            codec.decode_frame(frame, image.encoding, width_px=level.tile_width_px, height_px=level.tile_height_px)
    except SlideError:
        return False
    return True


def _without(image: StoredImage, damaged: list[int]) -> FrameTable:
    lengths = image.table.lengths.copy()
    lengths[np.array(damaged) - 1] = 0
    return replace(image.table, lengths=lengths, blank=image.table.blank or _blank(image, lengths))


def _blank(image: StoredImage, lengths: Offsets) -> bytes:
    level, encoding = image.level, image.encoding
    if encoding.transfer_syntax_uid != forms.JPEG_BASELINE:
        return jpeg_2000.white_tile(level.tile_width_px, level.tile_height_px, encoding.photometric_interpretation)
    with image.table.path.open("rb") as file:
        sound = image.table.read(file.fileno(), int(np.flatnonzero(lengths)[0]))
    return codec.white_jpeg(
        level.tile_width_px, level.tile_height_px, encoding.photometric_interpretation, codec.parse_jpeg(sound).sampling
    )


def sentence(image: Image, damaged: Sequence[int]) -> str:
    """Return which tiles of an image are damaged, for people."""
    named = ", ".join(map(str, damaged[:_NAMED_MAX]))
    more = f" and {len(damaged) - _NAMED_MAX} more" if len(damaged) > _NAMED_MAX else ""
    what = "1 tile is" if len(damaged) == 1 else f"{len(damaged)} tiles are"
    return f"{what} damaged in the scan's {_name(image)} and white here: frame {named}{more}."


def _name(image: Image) -> str:
    level = image.level
    what = "level" if image.kind.value == "VOLUME" else image.kind.value.lower()
    return f"{what} of {level.width_px} x {level.height_px} px"
