"""A clip on its way: an append-only file that a power cut can shorten but not spoil.

    file:    EDGESPL1, length u32, CRC-32 u32, header (JSON: the whole session and source)
    frame:   FRAM, length u32, CRC-32 u32, index, times, size, digest, then zstd pixels
    end:     DONE, length u32, CRC-32 u32, JSON with the reason; absent after a crash

What is written is synced at least once a second (`sync`), and the file's name at once. Reading stops at a torn tail
and passes over a damaged frame.
"""

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from edge.core.clip import EndReason, Moment
from edge.core.frame import FrameInfo
from edge.core.session import Session
from edge.errors import BadInputError
from edge.record.packed import PackedFrame
from edge.store.durable import full_disk_explained, sync_folder

MAGIC = b"EDGESPL1"
SUFFIX = ".spool"
HEADER_BYTES_MAX = 1024 * 1024
FRAME_BYTES_MAX = 256 * 1024 * 1024
_PREFIX = struct.Struct("<8sII")
_RECORD = struct.Struct("<4sII")  # kind, length of what follows, its CRC
_FRAME = struct.Struct("<QQQIIIB3x32s")  # index, monotonic ns, wall ns, width, height, channels, is grey, digest
_FRAME_KIND = b"FRAM"
_END_KIND = b"DONE"


class SpoolDamaged(BadInputError):
    """The head of a spool cannot be read: nothing in it can be attributed."""

    code = "record.spool"
    next_step = "The file is left where it is; keep it for support."


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolHeader:
    """Everything that is needed to finish the clip in a process that knows nothing else."""

    clip_id: str
    kind: str
    """clip or still."""
    sop_instance_uid: str
    instance_number: int
    session: Session
    source: dict[str, Any] = field(default_factory=dict)
    """The row of `capture` when the clip began."""
    started_s: float


class SpoolWriter:
    """The writing side: `append` in one thread, `sync` in another."""

    def __init__(self, folder: Path, header: SpoolHeader) -> None:
        """Make the file; its header and its name are on the disk when this returns.  Raises: StorageFullError."""
        self.path = folder / f"{header.clip_id}{SUFFIX}"
        document = msgspec.json.encode(asdict(header))
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        self.size_bytes = 0
        try:
            with full_disk_explained(self.path):
                self._write(_PREFIX.pack(MAGIC, len(document), zlib.crc32(document)), document)
                os.fsync(self._file)
        except BaseException:
            self.abandon()
            raise
        sync_folder(folder)

    def append(self, frame: PackedFrame) -> None:
        """Add one frame.  Raises: StorageFullError; then the file ends with the last whole frame."""
        info = frame.info
        head = _FRAME.pack(
            info.index, info.mono_ns, info.wall_ns, info.width_px, info.height_px, info.channel_count,
            frame.is_grey, info.digest,
        )  # fmt: skip
        with full_disk_explained(self.path):
            self._write_record(_FRAME_KIND, head, frame.data)

    def sync(self) -> None:
        """Return when everything appended so far is on the disk."""
        os.fdatasync(self._file)

    def finish(self, reason: EndReason) -> None:
        """Write the end and close; on a full disk the end is missing, and the clip counts as broken off."""
        try:
            with full_disk_explained(self.path):
                self._write_record(_END_KIND, b"", msgspec.json.encode({"reason": reason.value}))
                os.fsync(self._file)
        finally:
            os.close(self._file)

    def abandon(self) -> None:
        """Close and remove: there is nothing in it."""
        os.close(self._file)
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close without an end."""
        os.close(self._file)

    def _write_record(self, kind: bytes, head: bytes, payload: bytes) -> None:
        crc = zlib.crc32(payload, zlib.crc32(head))
        self._write(_RECORD.pack(kind, len(head) + len(payload), crc) + head, payload)

    def _write(self, *parts: bytes) -> None:
        """Write all of it or, on failure, nothing."""
        try:
            rest = sum(map(len, parts)) - os.writev(self._file, parts)
            if rest:
                joined = b"".join(parts)[-rest:]
                while joined:
                    joined = joined[os.write(self._file, joined) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.size_bytes)
                os.lseek(self._file, self.size_bytes, os.SEEK_SET)
            raise
        self.size_bytes += sum(map(len, parts))


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a frame lies in the spool."""

    info: FrameInfo
    is_grey: bool
    offset: int
    length: int

    @property
    def moment(self) -> Moment:
        return Moment(self.info.index, self.info.mono_ns, self.info.wall_ns)


@dataclass(frozen=True, slots=True)
class Spool:
    """What a spool file holds, without the pixels."""

    path: Path
    header: SpoolHeader
    entries: tuple[Entry, ...]
    end: EndReason | None
    """None when nobody ended it: a crash or a power cut."""
    whole_bytes: int
    """Up to here every record is whole."""

    def frames(self) -> Iterator[PackedFrame]:
        """Yield the frames in order, one in memory at a time."""
        with open(self.path, "rb") as file:
            for entry in self.entries:
                file.seek(entry.offset)
                yield PackedFrame(entry.info, entry.is_grey, file.read(entry.length))


def read_spool(path: Path) -> Spool:
    """Read what is whole in a spool.  Raises: SpoolDamaged when its head is not."""
    with open(path, "rb") as file:
        header = _read_header(file, path)
        entries: list[Entry] = []
        end: EndReason | None = None
        whole_bytes = file.tell()
        for kind, payload_offset, payload in _records(file):
            if kind == _END_KIND:
                end = EndReason(msgspec.json.decode(payload)["reason"])
            else:
                entries.append(_entry(payload_offset, payload))
            whole_bytes = payload_offset + len(payload)
    return Spool(path, header, tuple(entries), end, whole_bytes)


def cut_torn_tail(spool: Spool) -> int:
    """Cut the file after its last whole record; return how many bytes went."""
    torn_bytes = spool.path.stat().st_size - spool.whole_bytes
    if torn_bytes > 0:
        with open(spool.path, "r+b") as file:
            file.truncate(spool.whole_bytes)
            os.fsync(file.fileno())
    return torn_bytes


def _read_header(file: BinaryIO, path: Path) -> SpoolHeader:
    prefix = file.read(_PREFIX.size)
    if len(prefix) == _PREFIX.size:
        magic, length, crc = _PREFIX.unpack(prefix)
        document = file.read(min(length, HEADER_BYTES_MAX))
        if magic == MAGIC and len(document) == length and zlib.crc32(document) == crc:
            try:
                return msgspec.json.decode(document, type=SpoolHeader)
            except msgspec.ValidationError as error:
                raise SpoolDamaged(f"The spool {path.name} was written by another version.") from error
    raise SpoolDamaged(f"The head of the spool {path.name} is not whole.")


def _records(file: BinaryIO) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield (kind, offset of the payload, payload) of every whole record, up to the end or a torn tail."""
    while len(head := file.read(_RECORD.size)) == _RECORD.size:
        kind, length, crc = _RECORD.unpack(head)
        if kind not in (_FRAME_KIND, _END_KIND) or length > FRAME_BYTES_MAX:
            return
        offset = file.tell()
        payload = file.read(length)
        if len(payload) < length:
            return
        if zlib.crc32(payload) != crc:
            if not _is_record_next(file):
                return
            continue  # One frame is damaged; those after it are not. Its index is missing then: a gap.
        yield kind, offset, payload
        if kind == _END_KIND:
            return


def _is_record_next(file: BinaryIO) -> bool:
    kind = file.read(4)
    file.seek(-len(kind), os.SEEK_CUR)
    return kind in (_FRAME_KIND, _END_KIND)


def _entry(offset: int, payload: bytes) -> Entry:
    index, mono_ns, wall_ns, width_px, height_px, channel_count, is_grey, digest = _FRAME.unpack_from(payload)
    info = FrameInfo(
        index=index, mono_ns=mono_ns, wall_ns=wall_ns, width_px=width_px, height_px=height_px,
        channel_count=channel_count, digest=digest,
    )  # fmt: skip
    return Entry(info, bool(is_grey), offset + _FRAME.size, len(payload) - _FRAME.size)
