"""Which reader a scan is opened with: the one that copies most."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from wsi.errors import NotASlideError, UnreadableSlideError, UnsupportedSlideError
from wsi.source import OpenSource

Reader = Literal["", "openslide"]


def open_slide(path: Path, *, through: Reader = "") -> OpenSource:
    """Open a scan with the reader that copies most, or, if asked, through OpenSlide, which decodes every tile.

    Raises: SlideError, saying what is wrong and what to do.
    """
    if not path.exists():
        raise NotASlideError(f"{path} does not exist.")
    if through == "openslide":
        from wsi.openslide_source import open_with_openslide

        return open_with_openslide(path)
    magic = _magic(path)
    if magic[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        from wsi.tiff_source import open_tiff

        try:
            return open_tiff(path)
        except UnsupportedSlideError as reason:
            # Before OpenSlide, which would take the first channel for the whole slide.
            return _stacks(path, magic, reason)
    from wsi.dicom_source import is_dicom, open_dicom

    if is_dicom(magic) or path.is_dir():
        try:
            return open_dicom(path)
        except UnsupportedSlideError as reason:
            return _decoded(path, magic, reason)
    return _decoded(path, magic, None)


def _stacks(path: Path, magic: bytes, reason: UnsupportedSlideError) -> OpenSource:
    from wsi.stack_source import open_stacks

    try:
        return open_stacks(path)
    except NotASlideError:
        # Not what is unreadable: of a slide whose own description is damaged, others take one page for the whole.
        return _decoded(path, magic, reason)


def _decoded(path: Path, magic: bytes, reason: UnsupportedSlideError | None) -> OpenSource:
    """Open what cannot be copied: with OpenSlide, or as a picture where OpenSlide knows nothing of it."""
    from wsi.openslide_source import open_with_openslide
    from wsi.picture_source import open_picture

    try:
        return open_with_openslide(path)
    except UnreadableSlideError:
        # A slide OpenSlide knows and finds broken is no picture: a MIRAX slide begins with its own thumbnail.
        if reason is None:
            raise
    except NotASlideError:
        pass
    try:
        return open_picture(path, magic)
    except NotASlideError:
        if reason is not None:
            raise reason from None
        raise


def _magic(path: Path) -> bytes:
    if path.is_dir():
        return b""
    try:
        with path.open("rb") as file:
            return file.read(132)
    except OSError as error:
        raise NotASlideError(f"{path} cannot be read: {error.strerror}.") from error
