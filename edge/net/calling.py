"""An association that we open, to store objects above all: negotiated, sent and answered here, with flat memory.

Several operations are in flight when the peer grants it.  Standard: PS3.7 9.1.1, D.3.3.3, PS3.8 7, 9
"""

import logging
import ssl
from collections import deque
from collections.abc import Callable, Sequence

from edge.dicom.implementation import IMPLEMENTATION_CLASS_UID
from edge.errors import EdgeError, UnreachableError
from edge.net import command, pdu
from edge.net.command import COMMAND_BYTES_MAX, VERIFICATION, Command, Response
from edge.net.fragmenting import CutShortError, Extent, Flow, Fragmenter
from edge.net.pdu import Acceptance, PduType, Proposal, ProtocolError, Reader
from edge.net.peer import (
    ANSWER_S,
    IMPLEMENTATION_VERSION,
    NEGOTIATE_S,
    PDU_BYTES_MAX,
    NotAcceptedError,
    Peer,
    note,
)
from edge.net.stream import AbortedError, BrokenError, NoAnswerError, Stream
from edge.runtime.clock import mono_s
from edge.runtime.gate import OPEN, Gate
from edge.runtime.log import event

log = logging.getLogger(__name__)
OPERATION_COUNT_MAX = 8
"""What we ask to have in flight."""
WORK_BYTES_S = 1_000_000
"""A peer that begins its work on an object when it has all of it is given the time for this rate."""
RELEASE_S = 5.0
EARLY_COUNT_MAX = 64
"""Answers that wait to be looked at."""
Sink = Callable[[memoryview, bool], None]
"""Takes a dataset piece by piece; the flag: it was the last. The view is void afterwards."""
IMPLICIT = "1.2.840.10008.1.2"
_REJECTED = {
    (1, 3): "it does not know our AE title", (1, 7): "its AE title is another", (1, 2): "another application context",
    (2, 2): "another protocol version", (3, 1): "it is too busy", (3, 2): "it has too many associations open",
}  # fmt: skip
"""(source, reason).  Standard: PS3.8 9.3.4"""


class Calling:
    """One association. Used by one thread; `cut` by any. A context manager: released, or cut when the block fails."""

    def __init__(
        self, peer: Peer, pairs: Sequence[tuple[str, Sequence[str]]], *, gate: Gate = OPEN,
        now: Callable[[], float] = mono_s, provided: Sequence[str] = (),
        hold: Callable[[Callable[[], None]], None] = lambda cut: None,
    ) -> None:  # fmt: skip
        """Open it for these (abstract syntax, transfer syntaxes), a context each; of those `provided` we are provider.

        `hold` is first given what cuts it short from another thread, while it is being opened too.

        Raises: UnreachableError, NotAcceptedError (the peer took none of them).
        """
        self.peer = peer
        self._stream = Stream(gate=gate, now=now)
        self._stream.on_readable = self._take_early
        self._reader = Reader(body_bytes_max=PDU_BYTES_MAX)
        self._early: deque[Response] = deque()
        self._said = bytearray()
        self._sink: Sink | None = None
        self.on_request: Callable[[int, Command], Sink | None] = _refuse
        """Called when the peer asks something, with the context: returns what takes the dataset that follows."""
        self._message_count = 0
        self.is_open = False
        note(self._stream, peer, Stream.shut)
        hold(self._stream.shut)
        self.round_trip_s = 0.0
        """How long the peer took to answer the request for the association."""
        try:
            self._stream.open(peer.host, peer.port, peer.tls)
            granted = self._negotiate(pairs, provided)
        except (BrokenError, OSError, EdgeError) as error:
            self._stream.close()
            raise _why_not(peer, error) from error
        self.is_open = True
        self._fragmenter = Fragmenter(granted.pdu_bytes_max)
        self._pdu_bytes_max = min(granted.pdu_bytes_max or PDU_BYTES_MAX, PDU_BYTES_MAX)
        self.operation_count_max = min(OPERATION_COUNT_MAX, granted.operation_count_max or OPERATION_COUNT_MAX)

    def __enter__(self) -> "Calling":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def send(
        self, context_id: int, sop_class_uid: str, sop_instance_uid: str, extent: Extent | Flow, *,
        originator: tuple[str, int] | None = None,
    ) -> int:  # fmt: skip
        """Send one object and return the number of its message; its answer comes by `answer`.

        Raises: BrokenError, which says how far it came; CutShortError, OSError of the file: the association is gone.
        """
        message_id = self.next_message_id()
        said = command.store_request(message_id, sop_class_uid, sop_instance_uid, originator=originator)
        head = pdu.data(context_id, said, is_command=True)
        try:
            for block in self._fragmenter.blocks(head, context_id, extent):
                self._stream.send(block)
        except (BrokenError, OSError):
            self.abort()
            raise
        return message_id

    def answer(self, size_bytes: int) -> Response:
        """Wait for the next answer; `size_bytes` is what the peer may still be busy with.  Raises: BrokenError."""
        try:
            while not self._early:
                self._take(ANSWER_S + size_bytes / WORK_BYTES_S)
        except (BrokenError, ProtocolError) as error:
            raise self._left(error) from error
        return self._early.popleft()

    def _left(self, error: EdgeError) -> BrokenError:
        """Leave because of this, and return what to raise."""
        self.abort()
        return error if isinstance(error, BrokenError) else BrokenError(error.message)

    def echo(self) -> int:
        """Ask whether somebody is there; return the status.  Raises: BrokenError, NotAcceptedError."""
        context_id = self.context_of(VERIFICATION, IMPLICIT)
        if context_id is None:
            raise NotAcceptedError(f"{self.peer.name} does not offer the echo.")
        self.ask(context_id, command.echo_request(self.next_message_id()), b"")
        return self.answer(0).status or 0

    def ask(self, context_id: int, said: bytes, dataset: bytes) -> None:
        """Send a request with its dataset; the number of its message is `next_message_id`.  Raises: BrokenError."""
        step = self._pdu_bytes_max - 6
        parts = [pdu.data(context_id, said, is_command=True)]
        for begin in range(0, len(dataset), step):
            is_last = begin + step >= len(dataset)
            parts.append(pdu.data(context_id, dataset[begin : begin + step], is_command=False, is_last=is_last))
        self.say(b"".join(parts))

    def say(self, data: bytes) -> None:
        """Send PDUs.  Raises: BrokenError."""
        try:
            self._stream.send(memoryview(data))
        except BrokenError:
            self.abort()
            raise

    def next_message_id(self) -> int:
        """Return the number of the next message."""
        self._message_count = self._message_count % 65535 + 1
        return self._message_count

    def listen(self, until: Callable[[], bool], wait_s: float) -> bool:
        """Serve what the peer asks until something has come to pass, at most so long; tell whether it has.

        Raises: BrokenError.
        """
        end_s = self._stream.now_s + wait_s
        try:
            while not until() and (left_s := end_s - self._stream.now_s) > 0:
                self._take(left_s)
        except NoAnswerError:
            return until()
        except ProtocolError as error:
            raise self._left(error) from error
        return until()

    def syntax_of(self, abstract_syntax: str) -> tuple[int, str] | None:
        """Return a context for this service and its transfer syntax; None when the peer did not take it."""
        return next(((found, syntax) for (uid, syntax), found in self.contexts.items() if uid == abstract_syntax), None)

    def context_of(self, abstract_syntax: str, transfer_syntax: str) -> int | None:
        """Return the context for this pair; None when the peer did not take it."""
        return self.contexts.get((abstract_syntax, transfer_syntax))

    def close(self) -> None:
        """Release it, if it is still open; a peer that does not answer is left all the same."""
        if not self.is_open:
            return
        self.is_open = False
        try:
            self._stream.send(memoryview(pdu.RELEASE_RQ))
            while self._next(RELEASE_S)[0] is not PduType.RELEASE_RP:
                pass
        except (BrokenError, ProtocolError) as error:
            event(log, "association.left", level=logging.DEBUG, peer=self.peer.name, reason=error.message)
        finally:
            self._stream.close()

    def abort(self) -> None:
        """Leave at once: what the kernel still holds is not sent any more."""
        self.is_open = False
        self._stream.reset()

    def cut(self) -> None:
        """Break it off from another thread: whoever uses it finds it broken."""
        self._stream.shut()

    def _negotiate(self, pairs: Sequence[tuple[str, Sequence[str]]], provided: Sequence[str]) -> Acceptance:
        proposals = [Proposal(2 * index + 1, uid, tuple(syntaxes)) for index, (uid, syntaxes) in enumerate(pairs)]
        asked = pdu.request(
            proposals, called=self.peer.ae_title, calling=self.peer.own_ae_title, pdu_bytes_max=PDU_BYTES_MAX,
            operation_count_max=OPERATION_COUNT_MAX, implementation_class_uid=IMPLEMENTATION_CLASS_UID,
            implementation_version=IMPLEMENTATION_VERSION, provided=provided,
        )  # fmt: skip
        asked_s = self._stream.now_s
        self._stream.send(memoryview(asked))
        kind, body = self._next(NEGOTIATE_S)
        self.round_trip_s = self._stream.now_s - asked_s
        if kind is PduType.ASSOCIATE_RJ:
            raise _rejected(self.peer, bytes(body))
        if kind is not PduType.ASSOCIATE_AC:
            raise ProtocolError(f"{self.peer.name} answered the association request with {kind.name}.")
        granted = pdu.parse_acceptance(body)
        by_id = {proposal.context_id: proposal.abstract_syntax for proposal in proposals}
        self.contexts = {
            (by_id[context_id], syntax): context_id
            for context_id, syntax in granted.syntaxes.items()
            if context_id in by_id
        }
        """(abstract syntax, transfer syntax) -> the context the peer took for it."""
        if not self.contexts:
            raise NotAcceptedError(f"{self.peer.name} took none of the services we offered.")
        return granted

    def _take_early(self) -> None:
        """Read what arrives while we send: an answer is kept, an abort ends the sending."""
        self._reader.filled(self._stream.receive_now(self._reader.room()))
        while (found := self._reader.next()) is not None:
            self._understand(*found)

    def _take(self, answer_s: float) -> None:
        self._understand(*self._next(answer_s))

    def _next(self, answer_s: float) -> tuple[PduType, memoryview]:
        while (found := self._reader.next()) is None:
            self._reader.filled(self._stream.receive_into(self._reader.room(), answer_s))
        return found

    def _understand(self, kind: PduType, body: memoryview) -> None:
        """Take one PDU of an open association.  Raises: BrokenError, ProtocolError."""
        if kind is PduType.ABORT:
            raise AbortedError("it aborted the association")
        if kind is PduType.RELEASE_RQ:
            raise BrokenError("it ended the association")
        if kind is not PduType.DATA:
            raise ProtocolError(f"it sent {kind.name} on an open association")
        for fragment in pdu.fragments(body):
            if fragment.is_command:
                self._said += fragment.data
                if len(self._said) > COMMAND_BYTES_MAX:
                    raise ProtocolError("it sent a command that is too long")
                if fragment.is_last:
                    self._hear(fragment.context_id, bytes(self._said))
                    self._said.clear()
            elif self._sink is not None:
                self._sink(fragment.data, fragment.is_last)
        if len(self._early) > EARLY_COUNT_MAX:
            raise ProtocolError("it answered what nobody asked")

    def _hear(self, context_id: int, said: bytes) -> None:
        """Take a command: an answer waits to be asked for, a request is served at once."""
        asked = command.parse(said)
        if asked.field & command.RESPONSE:
            self._early.append(command.parse_response(said))
            self._sink = None
        else:
            self._sink = self.on_request(context_id, asked)


def _refuse(_: int, asked: Command) -> None:
    raise ProtocolError(f"it asked for 0x{asked.field:04X} on an association of ours")


def echo(peer: Peer) -> None:
    """Ask whether the peer is there.  Raises: UnreachableError, NotAcceptedError.  Standard: PS3.4 A"""
    try:
        with Calling(peer, [(VERIFICATION, [IMPLICIT])]) as calling:
            status = calling.echo()
    except BrokenError as error:
        raise UnreachableError(f"{peer.name} did not answer the echo: {error.message}.") from error
    if status != 0:
        raise UnreachableError(f"{peer.name} answered the echo with status 0x{status:04X}.")


def _rejected(peer: Peer, body: bytes) -> EdgeError:
    _, result, source, reason = body.ljust(4, b"\0")[:4]
    words = _REJECTED.get((source, reason), f"result {result}, source {source}, reason {reason}")
    return UnreachableError(
        f"{peer.name} rejected us: {words}.", next_step=f"Check that it knows the AE title {peer.own_ae_title!r}."
    )


def _why_not(peer: Peer, error: Exception) -> EdgeError:
    if isinstance(error, UnreachableError | NotAcceptedError):
        return error
    if isinstance(error, BrokenError):
        return UnreachableError(f"{peer.name} ({peer.host}:{peer.port}) does not answer: {error.message}.")
    if isinstance(error, EdgeError):
        return UnreachableError(f"{peer.name} ({peer.host}:{peer.port}): {error.message}")
    if isinstance(error, ssl.SSLError):
        return UnreachableError(
            f"{peer.name} ({peer.host}:{peer.port}) and this node do not agree on TLS: {error.reason or error}.",
            next_step="Check tls_ca, tls_cert and tls_key of the destination.",
        )
    words = getattr(error, "strerror", None) or str(error)
    return UnreachableError(f"{peer.name} ({peer.host}:{peer.port}) does not answer: {words}.")


__all__ = ["BrokenError", "Calling", "CutShortError", "echo"]
