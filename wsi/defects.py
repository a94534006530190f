"""Tiles the scan holds damaged: found before anything is written, written white, and named.

What begins or ends wrongly is damaged. Bits flipped inside a tile are not seen here: such a tile is copied as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from wsi import codec
from wsi import encoding as forms
from wsi.errors import SlideError, UnreadableSlideError
from wsi.source import FrameTable, Image, OpenSource, StoredImage

_HEAD_BYTES = 64
_TAIL_BYTES = 16
_GAP_BYTES_MAX = 4096
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
        if len(damaged) > _SHARE_MAX * image.level.frame_count:
            raise UnreadableSlideError(
                f"{source.path.name}: {len(damaged)} of {image.level.frame_count} tiles are damaged"
                f" in its {_name(image)}."
            )
        if damaged and isinstance(image, StoredImage):
            notes.append(_sentence(image, damaged))
            images.append(replace(image, table=_without(image, damaged), defects=tuple(damaged)))
        else:
            images.append(image)
    source.images = tuple(images)
    if notes:
        source.description = replace(source.description, notes=(*source.description.notes, *notes))


def find(image: StoredImage) -> list[int]:
    """Return the numbers, from 1, of the frames that are damaged in the scan."""
    if not image.table.start:
        return []
    file_descriptor = os.open(image.table.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return [
            index + 1
            for index, head, tail in _ends(image.table, file_descriptor)
            if not _is_plain(image, head, tail) and not _is_sound(image, image.table.read(file_descriptor, index))
        ]
    finally:
        os.close(file_descriptor)


def _ends(table: FrameTable, file_descriptor: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (index, first bytes, last bytes) of every tile: one read where one tile follows the other."""
    head_bytes = max(len(table.start), _HEAD_BYTES)
    filled = np.flatnonzero(table.lengths)
    starts, lengths = table.offsets[filled].tolist(), table.lengths[filled].tolist()
    head = os.pread(file_descriptor, min(head_bytes, lengths[0]), starts[0]) if starts else b""
    for place, index in enumerate(filled.tolist()):
        end = starts[place] + lengths[place]
        tail_bytes = min(_TAIL_BYTES, lengths[place])
        following = starts[place + 1] if place + 1 < len(starts) else -1
        if 0 <= following - end <= _GAP_BYTES_MAX:
            wanted = min(head_bytes, lengths[place + 1])
            both = os.pread(file_descriptor, tail_bytes + following - end + wanted, end - tail_bytes)
            yield index, head, both[:tail_bytes]
            head = both[tail_bytes + following - end :]
        else:
            yield index, head, os.pread(file_descriptor, tail_bytes, end - tail_bytes)
            if following >= 0:
                head = os.pread(file_descriptor, min(head_bytes, lengths[place + 1]), following)


def _is_plain(image: StoredImage, head: bytes, tail: bytes) -> bool:
    """Tell at a glance: it begins as all tiles do, and ends with an end marker, padded or not."""
    return head.startswith(image.table.start) and codec.EOI in tail


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


def _blank(image: StoredImage, lengths: np.ndarray) -> bytes:
    level, encoding = image.level, image.encoding
    if encoding.transfer_syntax_uid != forms.JPEG_BASELINE:
        return codec.white_jpeg_2000(level.tile_width_px, level.tile_height_px, encoding.photometric_interpretation)
    with image.table.path.open("rb") as file:
        sound = image.table.read(file.fileno(), int(np.flatnonzero(lengths)[0]))
    return codec.white_jpeg(
        level.tile_width_px, level.tile_height_px, encoding.photometric_interpretation, codec.parse_jpeg(sound).sampling
    )


def _sentence(image: StoredImage, damaged: list[int]) -> str:
    named = ", ".join(map(str, damaged[:_NAMED_MAX]))
    more = f" and {len(damaged) - _NAMED_MAX} more" if len(damaged) > _NAMED_MAX else ""
    what = "1 tile is" if len(damaged) == 1 else f"{len(damaged)} tiles are"
    return f"{what} damaged in the scan's {_name(image)} and white here: frame {named}{more}."


def _name(image: Image) -> str:
    level = image.level
    what = "level" if image.kind.value == "VOLUME" else image.kind.value.lower()
    return f"{what} of {level.width_px} x {level.height_px} px"
