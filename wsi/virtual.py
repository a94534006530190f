"""A scan answered as the DICOM series it will become, before anything is written.

UIDs, headers and frames are those of the files a conversion with the same metadata and levels writes; an object whose
frames are copied can also be streamed, byte for byte the later file, with its length known beforehand. A level that is
made from another made level is left out: its frames exist only once that one is written. Where frames must be decoded
to be made, damage shows only then: such a frame is served white, and only the file's header will name it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wsi.defects import mend
from wsi.errors import UnsupportedSlideError
from wsi.metadata import SlideMetadata
from wsi.plan import PlannedInstance
from wsi.pyramid import AnyImage, MissingImage
from wsi.series import Levels, images_of, lossy_ratios, plan_conversion, subject_of
from wsi.source import Image, OpenSource, StoredImage
from wsi.spool import Maker
from wsi.writer import FrameReader, Layout, batches, buffer_for, lay_out

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from wsi.dataset import Subject


_NO_FRAMES = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0" + bytes(4) + b"\xfe\xff\xdd\xe0" + bytes(4)
"""Pixel data of unknown length, an empty offset table, and the end."""


class VirtualSlide:
    """The series of an open scan. The scan must stay open as long as this is used, and is not closed by it.

    Damaged tiles are found first, as a conversion finds them: they are white, and the UIDs depend on them. That takes a
    look at every tile; unless `is_searched`, the scan is taken to be sound.
    Raises: UnreadableSlideError when most of an image is damaged
    """

    def __init__(
        self,
        source: OpenSource,
        metadata: SlideMetadata | None = None,
        *,
        levels: Levels = "native",
        is_searched: bool = True,
    ) -> None:
        if is_searched:
            mend(source)
        known = (metadata or SlideMetadata()).over(source.metadata)
        self.plan = plan_conversion(source, known, levels=levels)
        subject = subject_of(source, known, self.plan)
        self.instances = tuple(
            VirtualInstance(planned=planned, image=bound, subject=subject)
            for planned, image in zip(self.plan.instances, images_of(source, levels), strict=True)
            if (bound := _bound(image)) is not None
        )

    def instance(self, sop_instance_uid: str) -> VirtualInstance:
        """Return one object.  Raises: KeyError"""
        for instance in self.instances:
            if instance.planned.sop_instance_uid == sop_instance_uid:
                return instance
        raise KeyError(sop_instance_uid)


def _bound(image: AnyImage) -> Image | None:
    if not isinstance(image, MissingImage):
        return image
    return image.bind(image.parent.table) if isinstance(image.parent, StoredImage) else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VirtualInstance:
    """One object of the series to be."""

    planned: PlannedInstance
    image: Image
    subject: Subject
    _header_kept: list[bytes] = field(default_factory=list)

    def dataset(self) -> Dataset:
        """Return the header; the ratio of a compression that is still to come is not in it."""
        from wsi.dataset import build_dataset

        return build_dataset(self.subject, self.planned, lossy_ratios=self._ratios())

    def header_file(self) -> bytes:
        """Return a DICOM file with the header of the file to be, and no frames."""
        return self._header() + _NO_FRAMES

    def _header(self) -> bytes:
        from wsi.dataset import header_bytes

        if not self._header_kept:
            self._header_kept.append(header_bytes(self.subject, self.planned, lossy_ratios=self._ratios()))
        return self._header_kept[0]

    def frame(self, number: int) -> bytes:
        """Return a frame as the file will hold it, its padding byte left out; from 1.

        Raises: IndexError outside; SlideError
        """
        if not 1 <= number <= self.planned.level.frame_count:
            raise IndexError(f"frame {number} lies outside 1 to {self.planned.level.frame_count}")
        if not isinstance(self.image, StoredImage):
            return self.image.make_frame(number - 1)
        file_descriptor = os.open(self.image.table.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return self.image.table.read(file_descriptor, number - 1)
        finally:
            os.close(file_descriptor)

    def made(self, scratch: Path, *, workers: int = 2) -> VirtualInstance:
        """Return this object with its frames made, where they must be, in a folder that stays until it is streamed.

        Raises: UnsupportedSlideError for damage that shows only then: the file of a conversion names it in its header.
        """
        image = self.image
        if isinstance(image, StoredImage):
            return self
        folder = scratch / self.planned.sop_instance_uid
        folder.mkdir()
        maker = Maker(folder, workers)
        try:
            table = maker.begin(lambda: image, image.level.frame_count).wait()
        finally:
            maker.close()
        if image.damaged:
            raise UnsupportedSlideError(
                f"{len(image.damaged)} frames are damaged.", next_step="Convert it, which names them in the objects."
            )
        stored = StoredImage(
            kind=image.kind, level=image.level, encoding=image.encoding, is_resampled=image.is_resampled, table=table
        )
        return VirtualInstance(planned=self.planned, image=stored, subject=self.subject)

    def size_bytes(self) -> int:
        """Return the size of the file to be.  Raises: UnsupportedSlideError where frames must be made first."""
        return self._layout().file_bytes

    def stream(self) -> Iterator[bytes]:
        """Yield the file to be, a few megabytes at a time.

        Raises: UnsupportedSlideError where frames must be made first; TruncatedSlideError
        """
        layout = self._layout()
        yield from layout.head()
        reader, buffer = FrameReader(self._stored().table, layout), buffer_for(layout)
        try:
            for first, end in batches(layout):
                yield bytes(buffer[: reader.fill(buffer, first, end)])
        finally:
            reader.close()
        yield layout.tail

    def _layout(self) -> Layout:
        table, encoding = self._stored().table, self.planned.encoding
        return lay_out(self._header(), table, is_native=encoding.is_native, is_word=encoding.bits > 8)

    def _ratios(self) -> tuple[float, ...]:
        earlier = self.image.encoding.lossy_ratios
        return lossy_ratios(self.image, self.image.table, earlier) if isinstance(self.image, StoredImage) else earlier

    def _stored(self) -> StoredImage:
        if not isinstance(self.image, StoredImage):
            raise UnsupportedSlideError("The frames of this image must be made before its size is known.")
        return self.image
