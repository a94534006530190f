"""STOW-RS: objects to a DICOMweb peer, straight from disk, with what it says about each.

Standard: PS3.18 10.5 (Store transaction), annex I.2 (its answer)
"""

import asyncio
import io
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO

import aiohttp
import msgspec

from edge.core.delivery import Outcome
from edge.errors import EdgeError, UnreachableError
from edge.net.parcel import Answer, Parcel
from edge.net.recoding import UNREADABLE, plain_file
from edge.net.status import judge_store
from edge.net.web import NotLetInError, WebClient
from edge.runtime.gate import OPEN, Gate

CHUNK_BYTES = 128 * 1024
REPLY_BYTES_MAX = 4 * 1024 * 1024
PART_HEAD = "\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n"
_SYNTAX_REFUSED = 0xC122
_LATER = frozenset({408, 425, 429, 502, 503, 504})
"""The peer, not the object, cannot now."""
_NOBODY_HERE = frozenset({301, 302, 303, 307, 308, 404, 405, 501})
_REFUSED_ALONE = {
    400: "it cannot understand the request",
    406: "it cannot answer in a form we read",
    411: "it wants another form of request",
    413: "it is too large for it",
    414: "it cannot understand the request",
    415: "it does not take this kind of object",
    422: "it cannot process the object",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back for one request."""

    status: int
    body: bytes = b""


class Stow:
    """A way for objects, of the kind `edge.uplink.carrier.Way`; a context manager."""

    def __init__(
        self, client: WebClient, *, gate: Gate = OPEN, has_already: Callable[[Parcel], bool] = lambda parcel: False,
        doubtful: "set[str] | None" = None,
    ) -> None:  # fmt: skip
        """`doubtful`: UIDs sent and never answered; they are looked for by `has_already` before they go again."""
        self._client = client
        self._gate = gate
        self._has_already = has_already
        self._doubtful = doubtful if doubtful is not None else set()
        self.is_open = True
        self.is_batched = True

    def __enter__(self) -> "Stow":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def fits(self, parcel: Parcel) -> bool:
        return True

    def send_each(self, parcels: Iterable[Parcel]) -> Iterator[Answer]:
        """Send all in one request; what is refused as a whole goes again one by one, so that one stops nothing."""
        parcels = list(parcels)
        doubtful = [p for p in parcels if p.is_doubtful or p.sop_instance_uid in self._doubtful]
        there = {p.sop_instance_uid for p in doubtful if self._is_there(p)}
        rest = [parcel for parcel in parcels if parcel.sop_instance_uid not in there]
        answers = self._store(rest) if rest else {}
        for parcel in parcels:
            uid = parcel.sop_instance_uid
            if uid in there:
                self._doubtful.discard(uid)
                yield Answer(outcome=Outcome.ACCEPTED, is_proven=True)
            elif answers is not None:
                yield self._or_plain(parcel, answers[uid])
            else:
                alone = self._store([parcel])
                yield self._or_plain(parcel, alone[uid] if alone is not None else Answer(outcome=Outcome.FAILED))

    def _is_there(self, parcel: Parcel) -> bool:
        try:
            return self._has_already(parcel)
        except EdgeError:
            return False

    def _or_plain(self, parcel: Parcel, answer: Answer) -> Answer:
        """Send an object whose compression is not taken as plain pixels, where that loses nothing."""
        if not answer.is_syntax_refused:
            return answer
        try:
            content = plain_file(parcel)
        except UNREADABLE as error:
            return Answer(outcome=Outcome.REFUSED, reason=f"{answer.reason}; it cannot be unpacked here: {error}")
        if content is None:
            return Answer(outcome=Outcome.REFUSED, reason=f"{answer.reason}, and it has no other form without loss")
        again = self._store([parcel], content=content)
        return answer if again is None else again[parcel.sop_instance_uid]

    def _store(self, parcels: Sequence[Parcel], *, content: bytes | None = None) -> dict[str, Answer] | None:
        """Post these objects; None when they had better go one by one."""
        uids = [parcel.sop_instance_uid for parcel in parcels]
        try:
            with ExitStack() as files:
                pieces: list[BinaryIO] = [
                    io.BytesIO(content) if content is not None else files.enter_context(parcel.path.open("rb"))
                    for parcel in parcels
                ]
                reply = self._client.ask(lambda session: self._post(session, pieces))
                self._client.require_let_in(reply.status)
        except NotLetInError as error:
            return self._all_failed(uids, error.message.rstrip("."))
        except UnreachableError as error:
            self._doubtful.update(uids)
            return self._all_failed(uids, error.message.rstrip("."))
        self._doubtful.difference_update(uids)
        return self._judge(reply, uids)

    def _judge(self, reply: Reply, uids: Sequence[str]) -> dict[str, Answer] | None:
        if reply.status in _LATER or reply.status in _NOBODY_HERE:
            words = "is busy" if reply.status in _LATER else f"takes no objects at {self._client.peer.url}"
            return self._all_failed(uids, f"it {words} (HTTP {reply.status})")
        answers = read_reply(reply, uids)
        if answers is None and len(uids) == 1:
            answers = {uids[0]: _alone(reply.status)}
        return answers

    def _all_failed(self, uids: Sequence[str], reason: str) -> dict[str, Answer]:
        self.is_open = False
        return {uid: Answer(outcome=Outcome.FAILED, reason=reason, is_link_fault=True) for uid in uids}

    async def _post(self, session: aiohttp.ClientSession, files: Sequence[BinaryIO]) -> Reply:
        boundary = secrets.token_hex(16)
        sizes = [file.seek(0, io.SEEK_END) for file in files]
        head, tail = PART_HEAD.format(boundary=boundary).encode(), f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Content-Length": str(sum(sizes) + len(head) * len(files) + len(tail)),
            "Accept": "application/dicom+json",
        }
        body = self._body(files, head, tail)
        async with session.post(
            f"{self._client.peer.url}/studies", data=body, headers=headers, allow_redirects=False
        ) as answer:
            return Reply(status=answer.status, body=await answer.content.read(REPLY_BYTES_MAX))

    async def _body(self, files: Sequence[BinaryIO], head: bytes, tail: bytes) -> AsyncIterator[bytes]:
        for file in files:
            yield head
            await asyncio.to_thread(file.seek, 0)
            while piece := await asyncio.to_thread(file.read, self._gate.piece_bytes or CHUNK_BYTES):
                await self._pass(len(piece))
                yield piece
        yield tail

    async def _pass(self, size_bytes: int) -> None:
        """Wait until the gate, which other threads move, lets so much through."""
        wait_s = self._gate.ask(size_bytes)
        while wait_s > 0:
            await asyncio.sleep(wait_s)
            wait_s = self._gate.ask(size_bytes)


def read_reply(reply: Reply, uids: Sequence[str]) -> dict[str, Answer] | None:
    """Return what was said about each object; None when nothing was said about any.  Standard: PS3.18 10.5.3"""
    said = _read_body(reply.body)
    stored, failed = _rows(said, "00081199"), _rows(said, "00081198")
    answers: dict[str, Answer] = {}
    for row in stored:
        code = _number(row, "00081196")
        answers[_text(row, "00081155")] = _answer(code or 0)
    for row in failed:
        answers[_text(row, "00081155")] = _answer(_number(row, "00081197") or 0x0110)
    if not any(uid in answers for uid in uids):
        # Some answer a success with nothing; that everything is there is then proven by reading it back.
        if reply.status == 200 and not failed:
            return {uid: Answer(outcome=Outcome.ACCEPTED) for uid in uids}
        return None
    silent = Answer(outcome=Outcome.FAILED, reason=f"it said nothing about this object (HTTP {reply.status})")
    return {uid: answers.get(uid, silent) for uid in uids}


def _answer(code: int) -> Answer:
    if code == _SYNTAX_REFUSED:
        return Answer(
            outcome=Outcome.REFUSED, reason="refused with status 0xC122: it does not take this transfer syntax",
            is_syntax_refused=True,
        )  # fmt: skip
    outcome, reason = judge_store(code)
    return Answer(outcome=outcome, reason=reason)


def _alone(status: int) -> Answer:
    """Judge one object by the status alone; what is not known is tried again."""
    if status in _REFUSED_ALONE:
        words = f"refused with HTTP {status}: {_REFUSED_ALONE[status]}"
        return Answer(outcome=Outcome.REFUSED, reason=words, is_syntax_refused=status == 415)
    return Answer(outcome=Outcome.FAILED, reason=f"HTTP {status}: {_words_of(status)}")


def _words_of(status: int) -> str:
    return "it has no room" if status in (413, 507) else "processing failed there"


def _read_body(body: bytes) -> dict[str, Any]:
    """Return a dataset in DICOM JSON; empty for anything else."""
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    if isinstance(said, list) and said:
        said = said[0]
    return said if isinstance(said, dict) else {}


def _rows(said: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    return [row for row in _values(said, tag) if isinstance(row, dict)]


def _values(said: dict[str, Any], tag: str) -> list[Any]:
    element = said.get(tag)
    found = element.get("Value") if isinstance(element, dict) else None
    return found if isinstance(found, list) else []


def _text(row: dict[str, Any], tag: str) -> str:
    return str(next(iter(_values(row, tag)), "")).strip("\0 ")


def _number(row: dict[str, Any], tag: str) -> int | None:
    """Return a status; some write it as text."""
    value = next(iter(_values(row, tag)), None)
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None
