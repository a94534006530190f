"""The hub role: other nodes send whole objects here in pieces, over links that break.

The protocol is that of tus 1.0 with creation, checksum, expiration and termination, and more is said than it asks for:

    POST   /api/v1/uploads          begin, or go on; `Upload-Result: known` when the object is here already
    HEAD   /api/v1/uploads/ID       how far it is: `Upload-Offset`, and `Upload-Digest` of all bytes before it
    PATCH  /api/v1/uploads/ID       more bytes; with the last of them the object is kept: `Upload-Result`
    DELETE /api/v1/uploads/ID       not any more
    GET    /api/v1/proofs/UID       the object is read from the disk, and its digest salted by the asker comes back
    GET    /api/v1/objects/SHA256   an object's bytes, for who names it by its digest: only who has had it can

An object keeps its bytes and its UIDs. What came before a connection broke stays, to the byte. Bytes are told of only
after they were synced.
"""

import asyncio
import base64
import binascii
import hashlib
import logging
import os
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from edge.api.dicomweb_objects import Workers
from edge.api.object_shapes import ProofView
from edge.api.route import Call, Route
from edge.config import Config
from edge.core.access import Action
from edge.errors import BadInputError, BusyError, EdgeError, NotFoundError, UnreachableError
from edge.runtime.clock import wall_s
from edge.runtime.log import event
from edge.store import evictions, fetches, header, scrub
from edge.store.database import Database
from edge.store.instances import Instances, Kept
from edge.store.uploads import DigestError, Growing, Upload, Uploads

log = logging.getLogger(__name__)
VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,expiration,termination"
CHUNK_BYTES = 256 * 1024
SILENCE_S = 120.0
"""Without a byte for so long, a sender has gone; what came stays."""
OPEN_COUNT_MAX = 32
"""Files kept open between two requests of an upload."""
THREAD_COUNT = 4
HANDOVER_S = 15.0
"""A sender that comes again waits so long for its older request to let go."""
NONCE_BYTES_MAX = 64
ROOM_CHECK_BYTES = 64 * 1024 * 1024
_GB = 10**9
_GONE = (OSError, TimeoutError, aiohttp.ClientError, HttpProcessingError)
"""How a broken connection shows while a body is read."""


class OversizeError(BadInputError):
    """An object larger than this node takes."""

    code = "upload.size"
    http_status = 413
    next_step = "Raise hub.object_gb_max on the hub."


@dataclass(slots=True)
class _Turn:
    """Who may touch one upload, one after the other."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    count: int = 0
    """Who holds it, and who waits."""


class UploadDesk:
    """Takes uploads in. One a process."""

    def __init__(self, config: Config, database: Database, instances: Instances) -> None:
        """Nothing is opened before the first upload."""
        hub = config.hub
        self.database = database
        self.instances = instances
        self.size_bytes_max = int(hub.object_gb_max * _GB)
        self.uploads = Uploads(
            config.data_dir, expire_s=hub.expire_h * 3600, count_max=hub.upload_count_max,
            reserve_bytes=config.node.disk_reserve_mb * 2**20,
        )  # fmt: skip
        self.workers = Workers(THREAD_COUNT, "uploads")
        self._open: OrderedDict[str, Growing] = OrderedDict()
        self._locks: dict[str, _Turn] = {}
        self._senders: dict[str, web.Request] = {}
        """Who adds to an upload now."""

    async def begin(self, call: Call) -> web.Response:
        """POST: an object that is here already is told at once."""
        size_bytes, said = _size_of(call.request), _metadata(call.request)
        digest, uid = said.get("sha256", ""), said.get("uid", "")
        if not _is_digest(digest):
            raise BadInputError("The metadata names no sha256.", next_step="Send Upload-Metadata: sha256 <base64>.")
        if size_bytes > self.size_bytes_max:
            raise OversizeError(f"An object of {size_bytes} bytes is larger than this node takes.")
        if await self.workers.run(self._is_known, uid, digest):
            await self.workers.run(self.uploads.forget_sent, call.principal.name, digest, size_bytes)
            return self._answer(200, {"Upload-Result": "known", "Upload-Offset": str(size_bytes)})
        upload = await self.workers.run(_begin, self.uploads, call.principal.name, digest, size_bytes)
        async with self._held(upload, call.request) as growing:
            where = {"Location": f"/api/v1/uploads/{upload.upload_id}"}
            return self._answer(201, {**where, **await self._progress(growing)})

    async def look(self, call: Call) -> web.Response:
        """HEAD: after a broken connection this says where to go on."""
        upload = await self._require(call)
        async with self._held(upload, call.request) as growing:
            return self._answer(200, {"Upload-Length": str(upload.size_bytes), **await self._progress(growing)})

    async def add(self, call: Call) -> web.Response:
        """PATCH: take bytes in as they come. An empty one after the last byte asks again to have the object kept."""
        upload, request = await self._require(call), call.request
        if request.content_type != "application/offset+octet-stream":
            raise BadInputError("The body is not application/offset+octet-stream.")
        async with self._held(upload, request) as growing:
            begun = growing.offset
            if request.headers.get("Upload-Offset") != str(begun):
                return self._answer(409, await self._progress(growing))
            checksum = _checksum(request)
            await self._take(request, growing, checksum)
            if checksum is not None and checksum[0].digest() != checksum[1]:
                await self.workers.run(growing.cut, begun)
                return self._answer(460, await self._progress(growing))
            progress = await self._progress(growing)
            if not growing.is_whole:
                return self._answer(204, progress)
            kept = await self._keep(growing)
        if kept.outcome == "conflict":
            return self._answer(409, {"Upload-Result": kept.outcome})
        return self._answer(204, {**progress, "Upload-Result": kept.outcome})

    async def end(self, call: Call) -> web.Response:
        """DELETE: forget it."""
        upload = await self._require(call)
        async with self._held(upload, call.request):
            self._close(upload.upload_id)
            await self.workers.run(self.uploads.forget, upload.upload_id)
        return self._answer(204, {})

    async def describe(self, call: Call) -> web.Response:
        """OPTIONS: what is spoken here."""
        more = {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Checksum-Algorithm": "sha256"}
        return self._answer(204, {**more, "Tus-Max-Size": str(self.size_bytes_max)})

    async def prove(self, call: Call) -> ProofView:
        """GET: read the object from the disk now. The salt is the asker's, so that no older answer will do."""
        try:
            salt = bytes.fromhex(call.text("salt"))
        except ValueError as error:
            raise BadInputError("The salt is not hexadecimal.") from error
        if not 0 < len(salt) <= NONCE_BYTES_MAX:
            raise BadInputError(f"A salt has 1 to {NONCE_BYTES_MAX} bytes.")
        return await self.workers.run(self._prove, call.path("instance"), salt)

    async def give(self, call: Call) -> web.StreamResponse:
        """GET: the bytes of an object, or a range of them."""
        digest = call.path("digest")
        path = self.instances.path_of_digest(digest) if _is_digest(digest) else None
        if path is None or not await self.workers.run(path.exists):
            study = await self.workers.run(evictions.study_away, self.database, digest)
            if study is not None:  # It has left this hub as well, and is fetched back from where it went.
                raise await call.parts.recall.refuse(study)
            raise NotFoundError("There is no object with this digest here.")
        return web.FileResponse(path, headers={"Content-Type": "application/dicom"})

    def close(self) -> None:
        """Close every file."""
        for upload_id in list(self._open):
            self._close(upload_id)

    async def _require(self, call: Call) -> Upload:
        return await self.workers.run(self.uploads.require, call.path("upload"), call.principal.name)

    @asynccontextmanager
    async def _held(self, upload: Upload, request: web.Request) -> AsyncIterator[Growing]:
        """Hold one upload alone. A sender that comes again takes over from its own older connection."""
        upload_id = upload.upload_id
        turn = self._locks.setdefault(upload_id, _Turn())
        turn.count += 1
        older = self._senders.get(upload_id)
        if older is not None and older.transport is not None:
            older.transport.abort()
        try:
            try:
                await asyncio.wait_for(turn.lock.acquire(), HANDOVER_S)
            except TimeoutError as error:
                raise BusyError("This upload is still being written to by another connection.") from error
            try:
                self._senders[upload_id] = request
                # It may have ended while this waited.
                await self.workers.run(self.uploads.require, upload_id, upload.node)
                yield await self._grow(upload)
            finally:
                self._senders.pop(upload_id, None)
                turn.lock.release()
        finally:
            turn.count -= 1
            if not turn.count:
                del self._locks[upload_id]

    async def _grow(self, upload: Upload) -> Growing:
        growing = self._open.get(upload.upload_id)
        if growing is None:
            growing = self._open[upload.upload_id] = await self.workers.run(self.uploads.open, upload)
        self._open.move_to_end(upload.upload_id)
        idle = [upload_id for upload_id in self._open if upload_id not in self._senders]
        for upload_id in idle[: max(0, len(self._open) - OPEN_COUNT_MAX)]:
            self._close(upload_id)
        return growing

    def _close(self, upload_id: str) -> None:
        growing = self._open.pop(upload_id, None)
        if growing is not None:
            growing.__exit__(None, None, None)

    async def _take(
        self, request: web.Request, growing: Growing, checksum: "tuple[hashlib._Hash, bytes] | None"
    ) -> None:
        """Write the body down as it comes; when the connection breaks, what has come is synced and stays."""
        unchecked_bytes = 0
        try:
            while True:
                async with asyncio.timeout(SILENCE_S):
                    chunk = await request.content.read(CHUNK_BYTES)
                if not chunk:
                    return
                await self.workers.run(_append, growing, chunk, checksum)
                unchecked_bytes += len(chunk)
                if unchecked_bytes > ROOM_CHECK_BYTES:
                    unchecked_bytes = 0
                    await self.workers.run(self.instances.require_room)
        except _GONE as error:
            offset = await self.workers.run(growing.sync)
            event(log, "upload.interrupted", node=growing.upload.node, offset=offset, reason=type(error).__name__)
            raise UnreachableError("The connection broke while bytes came.") from error
        except EdgeError:
            await self.workers.run(growing.sync)
            raise

    async def _progress(self, growing: Growing) -> dict[str, str]:
        """Return how far it is; what is said here is on the disk."""
        offset = await self.workers.run(growing.sync)
        expires = datetime.fromtimestamp(self.uploads.expires_s(growing.upload), UTC)
        return {
            "Upload-Offset": str(offset), "Upload-Digest": growing.digest,
            "Upload-Expires": format_datetime(expires, usegmt=True),
        }  # fmt: skip

    async def _keep(self, growing: Growing) -> Kept:
        """Hand the whole object to the store. What has come stays until the store has it."""
        upload = growing.upload
        try:
            kept = await self.workers.run(_keep, self.instances, growing)
        except DigestError:
            raise
        except BadInputError:
            self._close(upload.upload_id)
            await self.workers.run(self.uploads.forget, upload.upload_id)
            raise
        self._close(upload.upload_id)
        await self.workers.run(self.uploads.forget, upload.upload_id)
        event(
            log, f"upload.{kept.outcome}", node=upload.node, sop_instance_uid=kept.instance.sop_instance_uid,
            size_bytes=upload.size_bytes,
        )  # fmt: skip
        return kept

    def _is_known(self, uid: str, digest: str) -> bool:
        """Tell whether this very object is here, or is safe elsewhere; one that is damaged here is welcome again."""
        instance = self.instances.find(uid) if uid else None
        if instance is None or instance.digest != digest:
            return False
        if instance.evicted_s is not None:
            return True
        path = self.instances.path_of(instance)
        return (
            path.exists() and path.stat().st_size == instance.size_bytes
            and not self.instances.is_damaged(instance)
        )  # fmt: skip

    def _prove(self, uid: str, salt: bytes) -> ProofView:
        """Read the file past what memory holds of it; one that is damaged is no object any more.

        Raises: NotFoundError, BusyError while it is only elsewhere.
        """
        instance = self.instances.require(uid)
        path = self.instances.path_of(instance)
        if instance.evicted_s is not None and not path.exists():
            fetches.ask(self.database, [uid], why="opened", now_s=wall_s())
            raise BusyError(f"{uid} is fetched back from where it is kept first.")
        if path.exists():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if not scrub.examine(self.database, self.instances, instance):
            raise NotFoundError(f"The file of {uid} is missing or damaged on this node.")
        return _digests(path, salt)

    def _answer(self, status: int, headers: dict[str, str]) -> web.Response:
        return web.Response(
            status=status, headers={"Tus-Resumable": VERSION, "Cache-Control": "no-store", **headers}
        )  # fmt: skip


def routes(desk: UploadDesk) -> list[Route]:
    gate, one = Action.UPLOAD, "/api/v1/uploads/{upload}"

    def route(method: str, path: str, name: str, answer: object, summary: str) -> Route:
        return Route(method=method, path=path, name=name, gate=gate, answer=answer, summary=summary)  # type: ignore[arg-type]

    proof = Route(method="GET", path="/api/v1/proofs/{instance}", name="uploads.prove", gate=gate, answer=desk.prove,
                  returns=ProofView, summary="Read an object from the disk; ?salt=HEX goes first")  # fmt: skip
    return [
        route("OPTIONS", "/api/v1/uploads", "uploads.describe", desk.describe, "What the upload protocol offers"),
        route("POST", "/api/v1/uploads", "uploads.begin", desk.begin, "Begin or resume an upload, as in tus"),
        route("HEAD", one, "uploads.look", desk.look, "How far an upload is"),
        route("PATCH", one, "uploads.add", desk.add, "More bytes of an upload"),
        route("DELETE", one, "uploads.end", desk.end, "Forget an upload"),
        proof,
        route("GET", "/api/v1/objects/{digest}", "uploads.give", desk.give, "An object's bytes, by their SHA-256"),
    ]


def _begin(uploads: Uploads, node: str, digest: str, size_bytes: int) -> Upload:
    return uploads.begin(node, digest, size_bytes, now_s=wall_s())


def _append(growing: Growing, chunk: bytes, checksum: "tuple[hashlib._Hash, bytes] | None") -> None:
    growing.append(chunk)
    if checksum is not None:
        checksum[0].update(chunk)


def _keep(instances: Instances, growing: Growing) -> Kept:
    temp = instances.new_temp()
    growing.link(temp)
    return instances.keep(temp, digest=bytes.fromhex(growing.upload.digest), source=growing.upload.node)


def _digests(path: Path, salt: bytes) -> ProofView:
    begins = header.read(path).dataset_offset
    whole, dataset = hashlib.sha256(salt), hashlib.sha256(salt)
    with path.open("rb", buffering=0) as file:
        first = file.read(begins)
        whole.update(first)
        while piece := file.read(CHUNK_BYTES):
            whole.update(piece)
            dataset.update(piece)
        return ProofView(whole=whole.hexdigest(), dataset=dataset.hexdigest(), size_bytes=file.tell())


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def _size_of(request: web.Request) -> int:
    text = request.headers.get("Upload-Length", "")
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 15 and int(text) > 0):
        raise BadInputError("The header Upload-Length is missing, or no number of bytes.")
    return int(text)


def _metadata(request: web.Request) -> dict[str, str]:
    """Read `key base64, key base64`.  Raises: BadInputError."""
    found = {}
    try:
        for pair in filter(None, request.headers.get("Upload-Metadata", "").split(",")):
            key, _, value = pair.strip().partition(" ")
            found[key] = base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise BadInputError("Upload-Metadata is not pairs of a key and a value in base64.") from error
    return found


def _checksum(request: web.Request) -> "tuple[hashlib._Hash, bytes] | None":
    """Return what the body's digest is to be, and the digest that will be compared; None when nothing is said."""
    said = request.headers.get("Upload-Checksum", "")
    if not said:
        return None
    kind, _, value = said.partition(" ")
    try:
        wanted = base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise BadInputError("Upload-Checksum is not in base64.") from error
    if kind != "sha256" or len(wanted) != 32:
        raise BadInputError("Upload-Checksum is not sha256.")
    return hashlib.sha256(), wanted
