"""Levels without the tiles the scanner left out: TILED_SPARSE, each frame with its place."""

from __future__ import annotations

import numpy as np

from wsi.errors import UnsupportedSlideError
from wsi.pyramid import AnyImage
from wsi.source import Kind, StoredImage

FRAMES_MAX = 50_000
"""Each place takes some kilobytes of memory while the header is made."""


def kept_frames(image: AnyImage) -> tuple[int, ...] | None:
    """Return the indices from 0 of a level's frames that the scan holds; None where none is left out.

    A damaged tile stays, white: it was scanned. So does one, the first, of a level without any.
    Raises: UnsupportedSlideError for more frames than a header has room for.
    """
    level = image.level
    if not isinstance(image, StoredImage) or image.kind is not Kind.VOLUME:
        return None
    if level.focal_plane_count > 1 or level.optical_path_count > 1:
        return None
    is_kept = image.table.lengths > 0
    is_kept[np.array(image.defects, np.int64) - 1] = True
    if is_kept.all():
        return None
    kept = np.flatnonzero(is_kept)
    if len(kept) > FRAMES_MAX:
        raise UnsupportedSlideError(
            f"A level of {len(kept)} tiles has more than the {FRAMES_MAX} whose places are written one by one.",
            next_step="Convert it without --sparse.",
        )
    return tuple(kept.tolist()) or (0,)
