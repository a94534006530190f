"""Objects sent while they come into being: by C-STORE or STOW-RS, with their length known and no file anywhere.

Standard: PS3.4 B, PS3.18 10.5
"""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass

import aiohttp

from edge.core.delivery import Outcome
from edge.net.calling import Calling
from edge.net.fragmenting import CutShortError, Flow
from edge.net.parcel import Answer
from edge.net.peer import Peer
from edge.net.status import judge_store
from edge.net.stow import PART_HEAD, REPLY_BYTES_MAX, Reply, read_reply
from edge.net.stream import BrokenError
from edge.net.web import WebClient, WebPeer

_META_BEGIN = 132 + 12
"""Preamble, magic, and the element with the length of the group that follows.  Standard: PS3.10 7.1"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedObject:
    """One object, as the bytes its file would have."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    size_bytes: int
    pieces: Callable[[], Iterator[bytes]]
    """The first holds the whole header."""


def store_by_dimse(peer: Peer, objects: Sequence[StreamedObject]) -> Iterator[Answer]:
    """Send objects over one association and give the answers.  Raises: UnreachableError"""
    pairs = sorted({(each.sop_class_uid, each.transfer_syntax_uid) for each in objects})
    with Calling(peer, [(sop_class, [syntax]) for sop_class, syntax in pairs]) as calling:
        for each in objects:
            yield _store(calling, each)


def _store(calling: Calling, each: StreamedObject) -> Answer:
    context_id = calling.context_of(each.sop_class_uid, each.transfer_syntax_uid)
    if context_id is None:
        return Answer(outcome=Outcome.REFUSED, reason="it does not take slides in this transfer syntax")
    pieces = each.pieces()
    first = next(pieces)
    dataset_at = _META_BEGIN + int.from_bytes(first[_META_BEGIN - 4 : _META_BEGIN], "little")
    flow = Flow(_all(first[dataset_at:], pieces), each.size_bytes - dataset_at)
    try:
        calling.send(context_id, each.sop_class_uid, each.sop_instance_uid, flow)
        status, comment = (answer := calling.answer(flow.size_bytes)).status, answer.comment
    except BrokenError as error:
        return Answer(outcome=Outcome.FAILED, reason=error.message, is_link_fault=True)
    except CutShortError as error:
        return Answer(outcome=Outcome.FAILED, reason=str(error), is_link_fault=True)
    if status is None:
        return Answer(outcome=Outcome.FAILED, reason="it answered without a status", is_link_fault=True)
    outcome, reason = judge_store(status)
    return Answer(outcome=outcome, reason=f"{reason} ({comment})" if reason and comment else reason)


def _all(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from (piece for piece in rest if piece)


def store_by_web(peer: WebPeer, objects: Sequence[StreamedObject]) -> Iterator[Answer]:
    """Post objects one by one and give the answers.  Raises: UnreachableError, NotLetInError"""
    with WebClient(peer) as client:
        for each in objects:
            reply = client.ask(lambda session, each=each: _post(session, client, each))  # type: ignore[misc]
            client.require_let_in(reply.status)
            said = read_reply(reply, [each.sop_instance_uid])
            yield (
                said[each.sop_instance_uid]
                if said
                else Answer(outcome=Outcome.FAILED, reason=f"it answered with HTTP {reply.status}")
            )


async def _post(session: aiohttp.ClientSession, client: WebClient, each: StreamedObject) -> Reply:
    boundary = secrets.token_hex(16)
    head, tail = PART_HEAD.format(boundary=boundary).encode(), f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Content-Length": str(len(head) + each.size_bytes + len(tail)),
        "Accept": "application/dicom+json",
    }

    async def body() -> AsyncIterator[bytes]:
        yield head
        for piece in each.pieces():
            yield piece
        yield tail

    async with session.post(
        f"{client.peer.url}/studies", data=body(), headers=headers, allow_redirects=False
    ) as answer:
        return Reply(status=answer.status, body=await answer.content.read(REPLY_BYTES_MAX))
