"""Scans that are being converted, opened as the objects they will become: headers and frames straight from the scan.

What is served here is byte for byte what the written files will hold, so nobody sees when they take over.
"""

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from edge.dicom.frame_index import INLINE_BYTES_MAX, FrameIndex
from edge.dicom.pixel_layout import Opened, PixelLayout, open_object
from edge.errors import BadInputError, ConflictError, NotFoundError
from edge.store import scans
from edge.store.database import Database
from edge.store.instances import Instance

if TYPE_CHECKING:
    from wsi.series import Levels
    from wsi.source import StoredImage
    from wsi.virtual import VirtualInstance

OPEN_COUNT_MAX = 8
"""Scans held open; each holds a few files and its tile offsets."""
MADE_BYTES_MAX = 64 * 1024 * 1024
"""Of frames that had to be encoded, kept for the next who asks."""


class ScanUnreadableError(BadInputError):
    """The scan could be opened once, and now it cannot be read."""

    code = "scan.unreadable"
    next_step = "Look whether the scan is still in the inbox, and at what its conversion says."


class OpenScan:
    """One scan, open as long as anybody refers to it."""

    def __init__(self, scan: scans.Scan, sop_instance_uid: str) -> None:
        """Open it for one of its objects: as it is, or, where that object is not in it, searched for damage; blocking.

        Raises: ScanUnreadableError.
        """
        from wsi.convert import open_slide
        from wsi.errors import SlideError
        from wsi.metadata import SlideMetadata, load_metadata
        from wsi.virtual import VirtualSlide

        try:
            metadata = load_metadata(Path(scan.metadata_path)) if scan.metadata_path else SlideMetadata()
            source = open_slide(Path(scan.path))
            weakref.finalize(self, source.close)
            levels: Levels = "all" if scan.levels == "all" else "native"
            slide = VirtualSlide(source, metadata, levels=levels, is_searched=False)
            if not any(each.planned.sop_instance_uid == sop_instance_uid for each in slide.instances):
                slide = VirtualSlide(source, metadata, levels=levels)
        except (SlideError, OSError) as error:
            raise ScanUnreadableError("The scan of this slide cannot be read now.") from error
        self._instances = {each.planned.sop_instance_uid: each for each in slide.instances}
        self._headers: dict[str, Opened] = {}
        self._indices: dict[str, FrameIndex] = {}
        self._files: dict[Path, BinaryIO] = {}
        self._made: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._made_bytes = 0
        self._lock = threading.Lock()

    def has(self, sop_instance_uid: str) -> bool:
        """Tell whether an object is one of this scan's."""
        return sop_instance_uid in self._instances

    def instance(self, sop_instance_uid: str) -> "VirtualInstance":
        """Return one object to be.  Raises: NotFoundError."""
        found = self._instances.get(sop_instance_uid)
        if found is None:  # The metadata beside the scan changed: it is about to be announced anew.
            raise NotFoundError(f"There is no object {sop_instance_uid}.")
        return found

    def header(self, sop_instance_uid: str) -> Opened:
        """Return an object's header as its file will hold it; blocking.  Raises: NotFoundError."""
        kept = self._headers.get(sop_instance_uid)
        if kept is None:
            kept = open_object(BytesIO(self.instance(sop_instance_uid).header_file()))
            self._headers[sop_instance_uid] = kept
        return kept

    def index(self, sop_instance_uid: str) -> FrameIndex:
        """Return how many frames an object has, and how long they are where that is known; blocking."""
        kept = self._indices.get(sop_instance_uid)
        if kept is None:
            instance, layout = self.instance(sop_instance_uid), self.header(sop_instance_uid).layout
            assert isinstance(layout, PixelLayout)
            stored = stored_image(instance)
            count = instance.planned.level.frame_count
            extents = np.zeros(count, np.int64) if stored is None else stored.table.frame_lengths()
            is_encapsulated = not instance.planned.encoding.is_native
            kept = FrameIndex(layout, np.zeros(count, np.int64), extents, is_encapsulated)
            self._indices[sop_instance_uid] = kept
        return kept

    def file(self, path: Path) -> BinaryIO:
        """Return a file of the scan, held open: it may be taken away once its objects are written."""
        with self._lock:
            if path not in self._files:
                try:
                    self._files[path] = open(path, "rb", buffering=0)  # noqa: SIM115 - closed with this object
                except OSError as error:
                    raise ScanUnreadableError("The scan of this slide cannot be read now.") from error
            return self._files[path]

    def make(self, instance: "VirtualInstance", number: int) -> bytes:
        """Return a frame that has to be encoded, or was a moment ago; blocking.  Raises: ScanUnreadableError."""
        from wsi.errors import SlideError

        key = (instance.planned.sop_instance_uid, number)
        with self._lock:
            kept = self._made.get(key)
            if kept is not None:
                self._made.move_to_end(key)
                return kept
        try:
            data = instance.frame(number)
        except (SlideError, OSError) as error:
            raise ScanUnreadableError(f"Frame {number} cannot be read from the scan.") from error
        with self._lock:
            if key not in self._made:
                self._made[key] = data
                self._made_bytes += len(data)
            while self._made_bytes > MADE_BYTES_MAX and len(self._made) > 1:
                self._made_bytes -= len(self._made.popitem(last=False)[1])
        return data


def stored_image(instance: "VirtualInstance") -> "StoredImage | None":
    """Return the image whose frames lie in the scan as they are; None where they have to be made."""
    from wsi.source import StoredImage

    return instance.image if isinstance(instance.image, StoredImage) else None


class ScanFrames:
    """The frames of one object to be; reads as `edge.dicom.frame_index.OpenFrames` does."""

    __slots__ = ("_file", "_instance", "_scan", "_stored", "digest", "index")

    def __init__(self, scan: OpenScan, instance: Instance) -> None:
        """Blocking.  Raises: NotFoundError, ScanUnreadableError."""
        self._scan = scan
        self._instance = scan.instance(instance.sop_instance_uid)
        self._stored = stored_image(self._instance)
        self._file = None if self._stored is None else scan.file(self._stored.table.path)
        self.digest = instance.digest
        self.index = scan.index(instance.sop_instance_uid)

    def read(self, number: int) -> bytes:
        """Read or make one frame, from 1; blocking.  Raises: NotFoundError, ScanUnreadableError."""
        from wsi.errors import SlideError

        self.index.extent(number)
        if self._stored is None or self._file is None:
            return self._padded(self._scan.make(self._instance, number))
        try:
            return self._padded(self._stored.table.read(self._file.fileno(), number - 1))
        except (SlideError, OSError) as error:
            raise ScanUnreadableError(f"Frame {number} cannot be read from the scan.") from error

    def read_if_cached(self, number: int) -> bytes | None:
        """Read one frame without ever waiting for the disk or an encoder: None when it would have to wait."""
        self.index.extent(number)
        if self._stored is None or self._file is None:
            return None
        table = self._stored.table
        length = int(table.lengths[number - 1])
        if not length:
            return self._padded(table.blank)
        if length > INLINE_BYTES_MAX:
            return None
        buffer = bytearray(length)
        try:
            if os.preadv(self._file.fileno(), [buffer], int(table.offsets[number - 1]), os.RWF_NOWAIT) != length:
                return None
        except OSError:
            return None
        return self._padded(table.prefix + bytes(buffer[table.skip_bytes :]))

    def _padded(self, data: bytes) -> bytes:
        """Fragments are of even length in the file, and are served with their padding.  Standard: PS3.5 A.4"""
        return data + b"\0" if self.index.is_encapsulated and len(data) % 2 else data


class Scans:
    """The scans open now; the least used is let go first. Safe between threads."""

    def __init__(self, database: Database, count_max: int = OPEN_COUNT_MAX) -> None:
        self._database = database
        self._count_max = count_max
        self._opened: OrderedDict[str, OpenScan] = OrderedDict()
        self._lock = threading.Lock()
        self._opening = threading.Lock()

    def find(self, instance: Instance) -> OpenScan | None:
        """Return the scan of an object, if it is open."""
        assert instance.scan_id is not None
        with self._lock:
            found = self._opened.get(instance.scan_id)
            if found is None or not found.has(instance.sop_instance_uid):
                return None
            self._opened.move_to_end(instance.scan_id)
            return found

    def open(self, instance: Instance) -> OpenScan:
        """Return the scan of an object, opened if needed; blocking.  Raises: NotFoundError, ScanUnreadableError."""
        with self._opening:
            found = self.find(instance)
            if found is not None:
                return found
            scan = scans.find(self._database, instance.scan_id or "")
            if scan is None:
                raise NotFoundError(f"There is no object {instance.sop_instance_uid}.")
            opened = OpenScan(scan, instance.sop_instance_uid)
        with self._lock:
            self._opened[scan.scan_id] = opened
            self._opened.move_to_end(scan.scan_id)
            while len(self._opened) > self._count_max:
                self._opened.popitem(last=False)
        return opened

    def frames(self, instance: Instance) -> ScanFrames:
        """Return an object's frames; blocking.  Raises: NotFoundError, ScanUnreadableError."""
        return ScanFrames(self.open(instance), instance)

    def frames_if_open(self, instance: Instance) -> ScanFrames | None:
        """Return an object's frames without waiting: None when the scan is yet to be opened."""
        found = self.find(instance)
        is_ready = found is not None and instance.sop_instance_uid in found._indices
        return ScanFrames(found, instance) if found is not None and is_ready else None

    def header(self, instance: Instance) -> Opened:
        """Return an object's header; blocking.  Raises: NotFoundError, ScanUnreadableError."""
        return self.open(instance).header(instance.sop_instance_uid)

    def file_bytes(self, instance: Instance) -> Iterator[bytes]:
        """Yield the file to be, a few megabytes at a time; blocking.

        Raises: ConflictError where its frames have to be made first, ScanUnreadableError.
        """
        from wsi.errors import SlideError

        virtual = self.open(instance).instance(instance.sop_instance_uid)
        if stored_image(virtual) is None:
            raise ConflictError(
                "This object is still being made from its scan.", next_step="Ask for its frames, or wait until it is."
            )
        try:
            yield from virtual.stream()
        except (SlideError, OSError) as error:
            raise ScanUnreadableError("The scan of this slide cannot be read now.") from error
