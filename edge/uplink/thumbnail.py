"""The small picture that stays of an object whose file leaves."""

import logging
from pathlib import Path

from edge.dicom.frame_index import OpenFrames
from edge.dicom.pixel_layout import open_object
from edge.dicom.presentation import read_presentation
from edge.dicom.render import Viewport, Wish, render
from edge.errors import EdgeError
from edge.runtime.log import event
from edge.store import durable

SIDE_PX = 256
FRAME_BYTES_MAX = 64 * 1024 * 1024
"""Of a larger frame no picture is made."""
log = logging.getLogger(__name__)


def keep_thumbnail(path: Path, target: Path) -> bool:
    """Write the middle frame as a small JPEG, if there is none yet; tell whether there is one.  Raises: OSError.

    An object that cannot be shown has no picture: that is no reason for it to stay.
    """
    if target.exists():
        return True
    try:
        with path.open("rb") as file:
            dataset = open_object(file).dataset
        frames = OpenFrames(path, "")
        number = (frames.index.frame_count + 1) // 2
        if frames.index.extent(number)[1] > FRAME_BYTES_MAX:
            return False
        wish = Wish(media_type="image/jpeg", viewport=Viewport(width_px=SIDE_PX, height_px=SIDE_PX))
        picture = render(frames.read(number), number, read_presentation(dataset, frames.index.layout), wish)
    except EdgeError as error:
        event(log, "thumbnail.failed", level=logging.DEBUG, code=error.code)
        return False
    durable.make_folders(target.parent, below=target.parents[2])
    beside = target.with_suffix(".part")
    beside.write_bytes(picture)
    durable.sync_file(beside)
    beside.replace(target)
    durable.sync_folder(target.parent)
    return True
