"""One object while a peer sends it: straight into a file, with a running SHA-256; memory is one small buffer.

A disk that fills up or fails is not an error of the network: the rest of the object is let through, and `problem`
tells what to answer.  Standard: PS3.10 7.1
"""

import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

from edge.dicom.implementation import IMPLEMENTATION_CLASS_UID
from edge.dicom.items import ItemWatch
from edge.net.peer import IMPLEMENTATION_VERSION
from edge.runtime import kernel

BUFFER_BYTES = 128 * 1024
DIRECT_BYTES_MIN = 32 * 1024
"""A piece so large is written at once, without a copy."""
HEAD_BYTES_MAX = 16 * 1024
ROOM_EVERY_BYTES = 32 * 1024 * 1024
"""After so many bytes the reserve of the disk is looked at again."""


class IncomingObject:
    """A file being received. Close it with `complete` or `discard`; `discard` also after `complete` does no harm."""

    def __init__(
        self, path: Path, has_room: Callable[[], bool], head: bytes, *, has_items: bool = False
    ) -> None:  # fmt: skip
        """Make the file and begin it with `head`; a disk that refuses is noted, not raised.

        `has_items`: its pixels may be compressed; where each item lies is noted meanwhile.
        """
        self.path = path
        self.problem: OSError | None = None
        self.is_refused = not has_room()
        """The reserve of the disk is reached: nothing more is written."""
        self.size_bytes = 0
        self.head = bytearray()
        """The first bytes of the file: most headers are in them."""
        self._has_room = has_room
        self._room_at_bytes = ROOM_EVERY_BYTES
        self._digest = hashlib.sha256()
        self._waiting = bytearray()
        self._descriptor = -1
        self._items: ItemWatch | None = None
        if self.is_refused:
            return
        try:
            self._descriptor = kernel.open_new(path)
        except OSError as error:
            self.problem = error
        self.write(memoryview(head))
        self._items = ItemWatch(begin=len(head)) if has_items else None

    def write(self, data: memoryview) -> None:
        """Take the next bytes; the view may be used again when this returns."""
        if self.problem is not None or self.is_refused:
            return
        self.size_bytes += len(data)
        if (missing_bytes := HEAD_BYTES_MAX - len(self.head)) > 0:
            self.head += data[:missing_bytes]
        if self._items is not None:
            self._items.feed(data)
        if len(data) < DIRECT_BYTES_MIN:
            self._waiting += data
            if len(self._waiting) >= BUFFER_BYTES:
                self._flush()
        else:
            self._flush()
            self._put(data)
        if self.size_bytes >= self._room_at_bytes:
            self._room_at_bytes += ROOM_EVERY_BYTES
            self.is_refused = not self._has_room()

    def complete(self) -> bytes:
        """Write out what is buffered and return the digest of the whole file.  Raises: OSError, also of before."""
        self._flush()
        if self.problem is None:
            try:
                kernel.begin_sync(self._descriptor)
                self._close()
            except OSError as error:
                self.problem = error
        if self.problem is not None:
            raise self.problem
        return self._digest.digest()

    @property
    def items(self) -> bytes | None:
        """Where the items of its pixels lie, see `edge.dicom.items`; None: it has none."""
        return self._items.table() if self._items is not None else None

    def discard(self) -> None:
        """Close it and remove it, if it is still there.  Raises: OSError when it cannot be removed: a sweep will."""
        try:
            self._close()
        finally:
            kernel.unlink(self.path)

    def _flush(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, bytearray()
            self._put(waiting)

    def _put(self, data: memoryview | bytearray) -> None:
        if self.problem is None:
            try:
                kernel.write(self._descriptor, data)
                self._digest.update(data)
            except OSError as error:
                self.problem = error

    def _close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def file_head(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Return preamble and file meta information: the same for the same object, whoever sends it."""
    elements = b"".join(
        (
            struct.pack("<HH2sHI", 2, 1, b"OB", 0, 2) + b"\0\1", _text(2, b"UI", sop_class_uid),
            _text(3, b"UI", sop_instance_uid), _text(0x10, b"UI", transfer_syntax_uid),
            _text(0x12, b"UI", IMPLEMENTATION_CLASS_UID), _text(0x13, b"SH", IMPLEMENTATION_VERSION),
        )
    )  # fmt: skip
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(elements)) + elements


def _text(element: int, vr: bytes, text: str) -> bytes:
    value = text.encode("ascii", "replace")
    value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    return struct.pack("<HH2sH", 2, element, vr, len(value)) + value
