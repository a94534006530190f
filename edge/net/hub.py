"""Whole objects to a hub, in parts, over links that break: the sender's side of `edge.api.uploads`.

Nothing is remembered here over a restart, because nothing has to be: an upload is begun by naming the object's digest,
and the hub answers how much of it is there, with the digest of those bytes. What is there is never sent again.

Parts grow while the link holds and shrink when it breaks. A part is what the hub checks and confirms at once; what had
come of a part when its connection broke counts all the same.
"""

import asyncio
import base64
import hashlib
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import msgspec

from edge.core.delivery import Outcome
from edge.core.part import PART_BYTES_FIRST, grown, shrunk
from edge.errors import UnreachableError
from edge.net.parcel import Answer, Parcel
from edge.net.readback import Fetch, NotThereError
from edge.net.web import NotLetInError, WebClient
from edge.runtime.gate import OPEN, Gate
from edge.runtime.log import event

log = logging.getLogger(__name__)
CHUNK_BYTES = 128 * 1024
TURN_S = 20.0
"""An object in hand for so long goes on at its next turn: something more urgent may wait."""
BARREN_COUNT_MAX = 3
"""So many connections in a row over which nothing came: the link is down."""
PAUSE_S_MAX = 1.0
"""A gate that is shut for longer ends the connection."""
WORDS_BYTES_MAX = 4096
_TUS = {"Tus-Resumable": "1.0.0"}
_LATER = {
    429: "is busy", 500: "has a fault", 502: "is not ready", 503: "is busy", 504: "is not ready", 507: "has no room"
}  # fmt: skip
_MISMATCH = 460


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the hub said, as far as it matters here."""

    status: int
    offset: int = -1
    """How many bytes are on its disk; -1: not said."""
    digest: str = ""
    """SHA-256 of these bytes, hex."""
    result: str = ""
    """kept, known or conflict: it is done with the object."""
    address: str = ""
    words: str = ""
    pause_s: float = 0.0
    """From the last byte sent to the answer."""


class Proof(msgspec.Struct):
    """What the hub has just read from its disk: SHA-256 of the salt and then the bytes, hex."""

    whole: str
    dataset: str
    """Of the file after its file meta information."""
    size_bytes: int


@dataclass(slots=True)
class _Transfer:
    """One object under way."""

    parcel: Parcel
    size_bytes: int
    address: str = ""
    """Of the upload; empty before it is begun, and after whatever leaves its offset unknown."""
    offset: int = 0
    barren_count: int = 0
    has_restarted: bool = False

    @property
    def digest(self) -> str:
        """The store names files by their digest."""
        return self.parcel.path.name


@dataclass
class Hub:
    """A way for objects, of the kind `edge.uplink.carrier.Way`; a context manager. Only `abort` is for any thread."""

    client: WebClient
    gate: Gate = OPEN
    clock: Callable[[], float] = time.monotonic
    part_bytes: int = PART_BYTES_FIRST
    is_open: bool = True
    is_batched: bool = False
    _is_aborted: bool = False
    _left: _Transfer | None = field(default=None, repr=False)
    """What the last turn ended in: its offset need not be asked for."""

    def __enter__(self) -> "Hub":
        self.is_open, self._is_aborted = True, False
        return self

    def __exit__(self, *_: object) -> None:
        """The connection stays open for the next turn."""

    def check(self) -> None:
        """Ask whether the hub is there and lets us in.  Raises: UnreachableError, NotLetInError."""
        reply = self._ask("OPTIONS", "/api/v1/uploads")
        if reply.status != 204:
            raise UnreachableError(
                f"{self.client.peer.name}: no hub answers at {self.client.peer.url} (HTTP {reply.status}).",
                next_step="Correct destination.url; the node there needs a release that can be a hub.",
            )

    def abort(self) -> None:
        """Break off; from any thread. What has come stays at the hub."""
        self._is_aborted = True
        self.client.abort()

    def fits(self, parcel: Parcel) -> bool:
        return True

    def send_each(self, parcels: Iterable[Parcel]) -> Iterator[Answer]:
        """Send one after the other, each when it is asked for."""
        return map(self.send, parcels)

    def send(self, parcel: Parcel) -> Answer:
        """Send one object, or as much of it as its turn allows."""
        left, self._left = self._left, None
        is_same = left is not None and left.parcel.sop_instance_uid == parcel.sop_instance_uid
        transfer = left if left is not None and is_same else _Transfer(parcel, parcel.path.stat().st_size)
        until_s, begun = self.clock() + TURN_S, transfer.offset
        while True:
            try:
                answer = self._step(transfer)
            except (NotLetInError, UnreachableError) as error:
                answer = self._broke(transfer, error)
            is_over = self._is_aborted or self.gate.is_closed or self.clock() > until_s
            if answer is None and is_over:
                self._left = transfer
                words = f"{100 * transfer.offset // transfer.size_bytes} % is there"
                answer = Answer(outcome=Outcome.FAILED, reason=words, is_unfinished=True)
            if answer is not None:
                return replace(answer, sent_bytes=max(0, transfer.offset - begun))

    def ask_proof(self, sop_instance_uid: str, salt: bytes) -> Proof:
        """Have the hub read an object from its disk.  Raises: NotThereError, UnreachableError, NotLetInError."""

        async def work(session: aiohttp.ClientSession) -> tuple[int, bytes]:
            address = f"{self.client.peer.url}/api/v1/proofs/{sop_instance_uid}"
            async with session.get(address, params={"salt": salt.hex()}, allow_redirects=False) as answer:
                return answer.status, await answer.content.read(WORDS_BYTES_MAX)

        status, body = self.client.ask(work)
        self.client.require_let_in(status)
        if status == 404:
            raise NotThereError(f"{self.client.peer.name} does not have {sop_instance_uid}.")
        try:
            if status == 200:
                return msgspec.json.decode(body, type=Proof)
        except (msgspec.DecodeError, msgspec.ValidationError):
            pass
        raise UnreachableError(f"{self.client.peer.name} cannot prove what it has now (HTTP {status}).")

    def _step(self, transfer: _Transfer) -> Answer | None:
        """Do the next thing for an object; return how it ended, if it has.  Raises: UnreachableError, NotLetInError."""
        reply = self._send_part(transfer) if transfer.address else self._begin(transfer)
        if reply.result in ("kept", "known"):
            transfer.offset = transfer.size_bytes
            return Answer(outcome=Outcome.ACCEPTED)
        if reply.result == "conflict":
            words = "the hub has another object under the same UID; ours is put aside there"
            return Answer(outcome=Outcome.REFUSED, reason=words)
        if reply.status in _LATER:
            return self._fault(f"it {_LATER[reply.status]} (HTTP {reply.status})")
        if reply.status in (404, 410):  # It has forgotten the upload: begin again.
            transfer.address = ""
            return self._count_barren(transfer, "it forgets what it is sent")
        if reply.status in (201, 409) and reply.offset >= 0:
            return self._go_on(transfer, reply)
        if reply.status == _MISMATCH:
            transfer.address = ""
            self.part_bytes = shrunk(self.part_bytes)
            return self._count_barren(transfer, "what arrives there is not what is sent")
        if reply.status == 204 and reply.offset >= transfer.offset:
            transfer.barren_count = 0 if reply.offset > transfer.offset else transfer.barren_count + 1
            transfer.offset = reply.offset
            return self._count_barren(transfer, "it takes nothing", more=0)
        if 400 <= reply.status < 500:
            return Answer(outcome=Outcome.REFUSED, reason=f"refused with HTTP {reply.status}: {reply.words}")
        return self._fault(f"it answers what is not understood (HTTP {reply.status})")

    def _begin(self, transfer: _Transfer) -> Reply:
        pairs = {"sha256": transfer.digest, "uid": transfer.parcel.sop_instance_uid}
        metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())
        headers = {"Upload-Length": str(transfer.size_bytes), "Upload-Metadata": metadata}
        return self._ask("POST", "/api/v1/uploads", headers)

    def _go_on(self, transfer: _Transfer, reply: Reply) -> Answer | None:
        """Go on where the hub is, if what it has is ours; else from the beginning."""
        transfer.address = reply.address or transfer.address
        if reply.offset and reply.digest != _digest_of(transfer.parcel.path, reply.offset):
            event(log, "upload.damaged", destination=self.client.peer.name, offset=reply.offset)
            self._ask("DELETE", transfer.address)
            transfer.address = ""
            if transfer.has_restarted:
                return self._fault("what it keeps of an upload is not what it was sent")
            transfer.has_restarted = True
            return None
        if reply.offset > transfer.offset:
            transfer.barren_count = 0
        transfer.offset = reply.offset
        return None

    def _send_part(self, transfer: _Transfer) -> Reply:
        size = min(self.gate.piece_bytes or self.part_bytes, transfer.size_bytes - transfer.offset)
        begun_s = self.clock()
        checksum = _digest_of(transfer.parcel.path, size, offset=transfer.offset)
        headers = {
            "Upload-Offset": str(transfer.offset), "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(size),
            "Upload-Checksum": f"sha256 {base64.b64encode(bytes.fromhex(checksum)).decode()}",
        }  # fmt: skip
        reply = self._ask("PATCH", transfer.address, headers, body=(transfer.parcel.path, transfer.offset, size))
        if reply.status == 204 and size == self.part_bytes:
            self.part_bytes = grown(size, self.clock() - begun_s, reply.pause_s)
        return reply

    def _broke(self, transfer: _Transfer, error: NotLetInError | UnreachableError) -> Answer | None:
        """A connection broke: ask where to go on, unless that has not helped."""
        transfer.address = ""
        if self._is_aborted or self.gate.is_closed:
            return None
        if isinstance(error, NotLetInError):
            return self._fault(error.message.rstrip("."))
        self.part_bytes = shrunk(self.part_bytes)
        return self._count_barren(transfer, error.message.rstrip("."))

    def _count_barren(self, transfer: _Transfer, words: str, *, more: int = 1) -> Answer | None:
        transfer.barren_count += more
        return self._fault(words) if transfer.barren_count >= BARREN_COUNT_MAX else None

    def _fault(self, words: str) -> Answer:
        self.is_open = False
        return Answer(outcome=Outcome.FAILED, reason=words, is_link_fault=True)

    def _ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, *,
        body: tuple[Path, int, int] | None = None,
    ) -> Reply:  # fmt: skip
        reply = self.client.ask(lambda session: self._request(session, method, path, headers or {}, body))
        self.client.require_let_in(reply.status)
        return reply

    async def _request(
        self, session: aiohttp.ClientSession, method: str, path: str, headers: dict[str, str],
        body: tuple[Path, int, int] | None,
    ) -> Reply:  # fmt: skip
        sent_s = [self.clock()]
        data = None if body is None else self._body(*body, sent_s)
        async with session.request(
            method, f"{self.client.peer.url}{path}", headers={**_TUS, **headers}, data=data, allow_redirects=False
        ) as answer:
            said = answer.headers
            offset = said.get("Upload-Offset", "")
            words = "" if answer.status < 400 else _words(await answer.content.read(WORDS_BYTES_MAX))
            return Reply(
                status=answer.status, offset=int(offset) if offset.isdigit() else -1,
                digest=said.get("Upload-Digest", ""), result=said.get("Upload-Result", ""),
                address=said.get("Location", ""), words=words, pause_s=self.clock() - sent_s[0],
            )  # fmt: skip

    async def _body(self, path: Path, offset: int, size: int, sent_s: list[float]) -> AsyncIterator[bytes]:
        """Give a piece of the file, as fast as the gate lets it pass; notes when the last byte was given."""
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            while size:
                piece = await asyncio.to_thread(file.read, min(size, self.gate.piece_bytes or CHUNK_BYTES))
                if not piece:
                    return
                await self._pass(len(piece))
                size -= len(piece)
                yield piece
        sent_s[0] = self.clock()

    async def _pass(self, size_bytes: int) -> None:
        """Wait until the gate, which other threads move, lets so much through; leave when it stays shut.

        What has come stays at the hub, so that a pause of any length costs no more than a new connection.
        """
        closed_s: float | None = None
        wait_s = self.gate.ask(size_bytes)
        while wait_s > 0:
            closed_s = (closed_s or self.clock()) if self.gate.is_closed else None
            if closed_s is not None and self.clock() - closed_s > PAUSE_S_MAX:
                raise ConnectionAbortedError("paused")
            await asyncio.sleep(wait_s)
            wait_s = self.gate.ask(size_bytes)


def by_digest(client: WebClient) -> Fetch:
    """Return what fetches objects back from a hub, byte for byte, going on where a connection broke."""

    def fetch(parcel: Parcel, target: Path) -> None:
        status = client.ask(lambda session: _fetch(session, client, parcel.path.name, target))
        client.require_let_in(status)
        if status in (404, 410):
            raise NotThereError(f"{client.peer.name} does not have {parcel.sop_instance_uid}.")
        if status not in (200, 206):
            raise UnreachableError(f"{client.peer.name} cannot give objects back now (HTTP {status}).")

    return fetch


async def _fetch(session: aiohttp.ClientSession, client: WebClient, digest: str, target: Path) -> int:
    barren_count = 0
    with target.open("wb", buffering=0) as file:
        while True:
            begun = file.tell()
            headers = {"Range": f"bytes={begun}-"} if begun else {}
            address = f"{client.peer.url}/api/v1/objects/{digest}"
            try:
                async with session.get(address, headers=headers, allow_redirects=False) as answer:
                    if answer.status == (206 if begun else 200):
                        async for piece in answer.content.iter_chunked(CHUNK_BYTES):
                            await asyncio.to_thread(file.write, piece)
                    return answer.status
            except (aiohttp.ClientError, OSError):
                barren_count = barren_count + 1 if file.tell() == begun else 0
                if barren_count >= BARREN_COUNT_MAX:
                    raise


def _digest_of(path: Path, size: int, *, offset: int = 0) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        os.lseek(file.fileno(), offset, os.SEEK_SET)
        while size and (piece := file.read(min(size, CHUNK_BYTES))):
            digest.update(piece)
            size -= len(piece)
    return digest.hexdigest()


def _words(body: bytes) -> str:
    """Return the sentence of one of our own errors; empty for anything else."""
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    return str(said.get("message", "")).rstrip(".") if isinstance(said, dict) else ""
