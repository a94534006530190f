"""Objects that arrive in pieces, over days if need be: what has come is on the disk and stays.

    data_dir/uploads/<id>.json     what is to come: from which node, how long, with which digest
    data_dir/uploads/<id>.part     what has come so far

The name of an upload follows from who sends what, so that whoever begins it again goes on where it was. An offset is
told only after its bytes were synced. The digest of all bytes before it goes with it: a disk that lost some in a power
cut is found out by the sender, who has them.
"""

import hashlib
import logging
import os
import threading
from pathlib import Path
from types import TracebackType

import msgspec

from edge.errors import BadInputError, BusyError, NotFoundError, StorageFullError
from edge.runtime import kernel
from edge.runtime.log import event
from edge.store import durable

log = logging.getLogger(__name__)
SWEEP_EVERY_S = 3600.0
_ID_LENGTH = 40


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """What is to come."""

    upload_id: str
    node: str
    digest: str
    """SHA-256 of the whole file, hex."""
    size_bytes: int
    begun_s: float


class DigestError(BadInputError):
    """What has come whole is not what was announced."""

    code = "upload.digest"
    http_status = 460
    next_step = "Send it again from the beginning."


class Uploads:
    """All uploads of this node. Every method blocks on the disk; safe from any thread."""

    def __init__(self, data_dir: Path, *, expire_s: float, count_max: int, reserve_bytes: int = 0) -> None:
        """Forget an upload that nothing came for in `expire_s`; take `count_max` of each node at once."""
        self._folder = data_dir / "uploads"
        self._expire_s = expire_s
        self._count_max = count_max
        self._reserve_bytes = reserve_bytes
        self._lock = threading.Lock()
        self._swept_s = 0.0

    def begin(self, node: str, digest: str, size_bytes: int, *, now_s: float) -> Upload:
        """Begin an upload, or return the one that has begun.  Raises: BusyError, StorageFullError."""
        with self._lock, durable.full_disk_explained(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            if not 0 <= now_s - self._swept_s < SWEEP_EVERY_S:
                self._swept_s = now_s
                self.sweep(now_s=now_s)
            upload_id = _name(node, digest, size_bytes)
            known = self._read(upload_id)
            if known is not None:
                return known
            others = self._all()
            if sum(other.node == node for other in others) >= self._count_max:
                raise BusyError(f"{node} has begun {self._count_max} uploads already.", next_step="Finish one of them.")
            to_come = sum(other.size_bytes - self._size(other.upload_id) for other in others)
            if durable.free_bytes(self._folder) - self._reserve_bytes < to_come + size_bytes:
                raise StorageFullError(f"There is no room for {size_bytes} more bytes on the disk of this node.")
            upload = Upload(upload_id=upload_id, node=node, digest=digest, size_bytes=size_bytes, begun_s=now_s)
            self._write(upload)
            return upload

    def require(self, upload_id: str, node: str) -> Upload:
        """Return an upload of this node's.  Raises: NotFoundError, also for another's."""
        upload = self._read(upload_id)
        if upload is None or upload.node != node:
            raise NotFoundError("There is no such upload: it has ended, or was never begun.", next_step="Begin it.")
        return upload

    def open(self, upload: Upload) -> "Growing":
        """Open what has come; the caller closes it, and is the only one who writes.  Raises: StorageFullError."""
        with durable.full_disk_explained(self._folder):
            return Growing(self.path_of(upload.upload_id), upload)

    def path_of(self, upload_id: str) -> Path:
        """Return where the bytes are."""
        return self._folder / f"{upload_id}.part"

    def forget(self, upload_id: str) -> None:
        """Take an upload away, with all that has come."""
        self._note(upload_id).unlink(missing_ok=True)
        self.path_of(upload_id).unlink(missing_ok=True)

    def forget_sent(self, node: str, digest: str, size_bytes: int) -> None:
        """Take away what a crash left of an upload whose object was kept all the same."""
        self.forget(_name(node, digest, size_bytes))

    def expires_s(self, upload: Upload) -> float:
        """Return when it is forgotten if nothing more comes. Wall clock seconds."""
        path = self.path_of(upload.upload_id)
        return (path.stat().st_mtime if path.exists() else upload.begun_s) + self._expire_s

    def sweep(self, *, now_s: float) -> int:
        """Forget what nothing came for since long, and pieces that belong to nothing; return how many."""
        upload_ids = {path.stem for path in self._folder.iterdir()} if self._folder.is_dir() else set()
        old = []
        for upload_id in upload_ids:
            upload = self._read(upload_id)
            if upload is None or self.expires_s(upload) < now_s:
                old.append(upload_id)
        for upload_id in old:
            self.forget(upload_id)
        if old:
            event(log, "upload.expired", count=len(old))
        return len(old)

    def _all(self) -> list[Upload]:
        found = (self._read(path.stem) for path in self._folder.glob("*.json"))
        return [upload for upload in found if upload is not None]

    def _note(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.json"

    def _size(self, upload_id: str) -> int:
        path = self.path_of(upload_id)
        return path.stat().st_size if path.exists() else 0

    def _read(self, upload_id: str) -> Upload | None:
        if len(upload_id) != _ID_LENGTH or not set(upload_id) <= set("0123456789abcdef"):
            return None
        try:
            return msgspec.json.decode(self._note(upload_id).read_bytes(), type=Upload)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _write(self, upload: Upload) -> None:
        note = self._note(upload.upload_id)
        beside = note.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(upload))
        durable.sync_file(beside)
        os.replace(beside, note)
        durable.sync_folder(self._folder)


class Growing:
    """The file of one upload while bytes are added; a context manager."""

    def __init__(self, path: Path, upload: Upload) -> None:
        """Open the file, sync it and read what it holds: memory stays flat."""
        self.upload = upload
        self._file = path.open("a+b", buffering=0)
        self.offset = self._file.seek(0, os.SEEK_END)
        """How many bytes have come."""
        if self.offset > upload.size_bytes:
            self._truncate(upload.size_bytes)
        os.fsync(self._file.fileno())
        durable.sync_folder(path.parent)
        self._hash = _digest_so_far(path)

    def __enter__(self) -> "Growing":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:  # fmt: skip
        self._file.close()

    @property
    def digest(self) -> str:
        """SHA-256 of all that has come, hex."""
        return self._hash.hexdigest()

    @property
    def is_whole(self) -> bool:
        return self.offset == self.upload.size_bytes

    def append(self, data: bytes) -> None:
        """Add bytes; they are durable after `sync`.  Raises: StorageFullError, BadInputError beyond the end."""
        if self.offset + len(data) > self.upload.size_bytes:
            raise BadInputError("More came than was announced.")
        try:
            with durable.full_disk_explained(Path(self._file.name)):
                kernel.write(self._file.fileno(), data)
        except StorageFullError:
            self._truncate(self.offset)  # A part of these bytes may have been written.
            raise
        self._hash.update(data)
        self.offset += len(data)

    def sync(self) -> int:
        """Return how many bytes have come, all of them on the disk."""
        with durable.full_disk_explained(Path(self._file.name)):
            kernel.step("sync_file")
            os.fsync(self._file.fileno())
        return self.offset

    def cut(self, offset: int) -> None:
        """Throw away what came after this offset."""
        self._truncate(offset)
        self._hash = _digest_so_far(Path(self._file.name))

    def link(self, target: Path) -> None:
        """Give the whole file another name as well.  Raises: DigestError, which also empties the upload."""
        if self.digest != self.upload.digest:
            self.cut(0)
            raise DigestError("What came is not what was announced: its SHA-256 is another.")
        os.link(self._file.name, target)

    def _truncate(self, offset: int) -> None:
        os.ftruncate(self._file.fileno(), offset)
        self.offset = offset


def _digest_so_far(path: Path) -> "hashlib._Hash":
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(durable.CHUNK_BYTES):
            digest.update(piece)
    return digest


def _name(node: str, digest: str, size_bytes: int) -> str:
    return hashlib.sha256(f"{node}\0{digest}\0{size_bytes}".encode()).hexdigest()[:_ID_LENGTH]
