"""One association with a peer that called us, from its first byte to its last, in a thread of its own.

Echo and storage are answered here; what belongs to another service is passed on to the library (see `partner`).
An object is answered with success only after `take` has returned, and a message counts only when its last fragment,
marked as such, has come.  Standard: PS3.7 9, PS3.8 7, 9
"""

import logging
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge.dicom.implementation import IMPLEMENTATION_CLASS_UID
from edge.dicom.items import may_have_items
from edge.net import command as dimse
from edge.net import pdu
from edge.net.command import COMMAND_BYTES_MAX, Command
from edge.net.incoming import IncomingObject, file_head
from edge.net.negotiation import BUSY, FULL, Refusal, Terms, only_stores
from edge.net.partner import REST_AFTER_S, Partner
from edge.net.pdu import AssociateRequest, ContextResult, Fragment, PduType, ProtocolError, Reader
from edge.net.peer import IMPLEMENTATION_VERSION, PDU_BYTES_MAX
from edge.net.wire import Wire
from edge.runtime.log import event as log_event

log = logging.getLogger(__name__)
PASSED_BYTES_MAX = 16 * 1024 * 1024
"""The dataset of a request that is not an object: the library holds it in memory."""
CLOSE_S = 2.0
"""After the last word, the peer has so long to close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An object a peer has sent whole. `path` is the taker's to consume."""

    path: Path
    digest: bytes
    """SHA-256 of the file at `path`."""
    sop_class_uid: str
    sop_instance_uid: str
    """As the command said; the dataset may say otherwise."""
    calling_ae_title: str
    head: bytes | bytearray = b""
    """The first bytes of the file, if they are at hand."""
    items: bytes | None = None
    """Where the items of its compressed pixels lie, see `edge.dicom.items`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAnswer:
    """What the peer is told."""

    status: int
    comment: str = ""
    """At most 64 characters, without patient data.  Standard: PS3.7 C"""


NO_ROOM = StoreAnswer(status=0xA700, comment="No room on the disk")
NO_DATASET = StoreAnswer(status=0xC000, comment="The message had no dataset")
NOT_ALLOWED = StoreAnswer(status=0x0124, comment="This peer may not store such objects")
UNKNOWN_OPERATION = StoreAnswer(status=0x0211)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all associations of a listener share."""

    terms: Terms
    new_temp: Callable[[], Path]
    take: Callable[[Received], StoreAnswer]
    has_room: Callable[[], bool]
    enter: "Callable[[Conversation], bool]"
    """Gives a place, `has_place`, to a peer that is about to be accepted; tells whether there was one."""
    request_s: float
    """From the connection to the whole association request, the handshake of TLS included."""
    idle_s: float
    tls: ssl.SSLContext | None = None
    open_partner: Callable[[tuple[str, int]], Partner] | None = None
    """Begins an association of the library, for a peer that asks for more than echo and storage; loads it first."""


@dataclass(slots=True)
class _Message:
    """A message under way."""

    context_id: int
    command_bytes: bytearray = field(default_factory=bytearray)
    command: Command | None = None
    object: IncomingObject | None = None
    is_passed_on: bool = False
    passed_bytes: int = 0


class _Ended(Exception):
    """The peer has closed, or was told to go."""


class Conversation:
    """An association, and the connection below it."""

    def __init__(self, wire: Wire, peer: tuple[str, int], house: House) -> None:
        """Own the connection."""
        self._wire = wire
        self._peer = peer
        self._house = house
        self._reader = Reader(body_bytes_max=pdu.ASSOCIATE_BYTES_MAX)
        self._request: AssociateRequest | None = None
        self._syntaxes: dict[int, str] = {}
        """Context -> transfer syntax, of those that were accepted."""
        self._classes: dict[int, str] = {}
        self._message: _Message | None = None
        self._partner: Partner | None = None
        self._lock = threading.Lock()
        self._is_busy = False
        self._is_stopping = False
        self.has_place = False
        """Whether it counts among the open associations; given by the house."""
        self._stored_count = 0
        self._stored_bytes = 0

    def run(self) -> None:
        """Talk until one of the two ends it. Whatever happens, nothing half-received stays behind."""
        try:
            self._talk()
        except _Ended:
            pass
        except (ProtocolError, TimeoutError) as error:
            log_event(log, "association.aborted", level=logging.WARNING, host=self._peer[0], reason=str(error))
            self._say_goodbye(pdu.abort(2 if isinstance(error, ProtocolError) else 0))
        except OSError as error:
            log_event(log, "association.lost", host=self._peer[0], reason=error.strerror or str(error))
        finally:
            self._clean_up()

    def stop(self, *, is_hard: bool = False) -> None:
        """End it when no object is under way, or at once; from any thread."""
        with self._lock:
            self._is_stopping = True
            if is_hard or not self._is_busy:
                self._wire.shut()

    def _talk(self) -> None:
        request = self._await_request()
        if self._house.terms.wants_other(request) and self._house.open_partner is not None:
            self._open_with_partner(request, self._house.open_partner(self._peer))
        else:
            answers = self._house.terms.answer(request, self._peer[0])
            self._accepted({a.context_id: a.transfer_syntax for a in answers if a.result == ContextResult.ACCEPTED})
            said = pdu.accept(
                request, answers, pdu_bytes_max=PDU_BYTES_MAX, implementation_class_uid=IMPLEMENTATION_CLASS_UID,
                implementation_version=IMPLEMENTATION_VERSION,
            )  # fmt: skip
            self._wire.send([said])
        self._reader.body_bytes_max = PDU_BYTES_MAX
        while True:
            kind, body = self._next_pdu()
            match kind:
                case PduType.DATA:
                    for fragment in pdu.fragments(body):
                        self._take_fragment(fragment)
                case PduType.RELEASE_RQ if self._partner is None:
                    self._say_goodbye(pdu.RELEASE_RP)
                    raise _Ended
                case PduType.ABORT if self._partner is None:
                    raise _Ended
                case _ if self._partner is not None and kind not in (PduType.ASSOCIATE_RQ, PduType.ASSOCIATE_AC):
                    self._partner.send(kind, body)
                case _:
                    raise ProtocolError(f"The peer sent {kind.name} in the middle of an association.")

    def _await_request(self) -> AssociateRequest:
        """Return the association request of a peer that may call and has got a place."""
        until_s = time.monotonic() + self._house.request_s
        if self._house.tls is not None:
            self._shake_hands(self._house.tls, until_s)
        while (found := self._reader.next()) is None:
            if not (count := self._wire.receive_into(self._reader.room(), until_s - time.monotonic())):
                raise _Ended
            self._reader.filled(count)
        kind, body = found
        if kind == PduType.ABORT:
            raise _Ended
        if kind != PduType.ASSOCIATE_RQ:
            raise ProtocolError(f"The peer began with {kind.name}.")
        self._request_bytes = bytes(body)
        self._request = request = pdu.parse_request(body)
        refusal = self._house.terms.judge(request, self._peer[0])
        if refusal is None and only_stores(request) and not self._house.has_room():
            refusal = FULL
        if refusal is None and not self._house.enter(self):
            refusal = BUSY
        if refusal is not None:
            self._refuse(request, refusal)
        return request

    def _shake_hands(self, tls: ssl.SSLContext, until_s: float) -> None:
        try:
            self._wire.shake_hands(tls, until_s=until_s)
        except OSError as error:  # There is no language yet to say goodbye in.
            log_event(log, "association.no_tls", level=logging.WARNING, host=self._peer[0], reason=str(error))
            raise _Ended from None

    def _refuse(self, request: AssociateRequest, refusal: Refusal) -> None:
        log_event(
            log, "association.rejected", level=logging.WARNING, host=self._peer[0],
            calling_ae_title=request.calling_ae_title, called_ae_title=request.called_ae_title, reason=refusal.words,
        )  # fmt: skip
        self._say_goodbye(pdu.reject(refusal.result, refusal.source, refusal.reason))
        raise _Ended

    def _open_with_partner(self, request: AssociateRequest, partner: Partner) -> None:
        """Let the library negotiate, and pass its answer on."""
        self._partner = partner
        partner.send(PduType.ASSOCIATE_RQ, self._request_bytes)
        kind, body = partner.receive_first(self._house.request_s)
        if kind != PduType.ASSOCIATE_AC:
            self._say_goodbye(pdu.header(kind, len(body)) + body)
            raise _Ended
        self._accepted(pdu.parse_accept(body))
        self._wire.send([pdu.header(kind, len(body)), body])
        threading.Thread(target=self._pump, args=[partner], name="dicom-partner", daemon=True).start()

    def _pump(self, partner: Partner) -> None:
        """Pass on what the library says until it ends; then end the connection, so that `run` notices."""
        try:
            partner.pump(self._wire)
        except OSError:  # Either side has closed: there is nothing left to say.
            return
        finally:
            self._wire.shut()

    def _accepted(self, syntaxes: dict[int, str]) -> None:
        assert self._request is not None
        self._syntaxes = syntaxes
        self._classes = {p.context_id: p.abstract_syntax for p in self._request.proposals if p.context_id in syntaxes}

    def _next_pdu(self) -> tuple[PduType, memoryview]:
        """Wait for the next whole PDU. Every byte that comes begins the time of silence anew."""
        while (found := self._reader.next()) is None:
            if not (count := self._receive()):
                if self._message is not None or not self._reader.is_empty:
                    raise ConnectionAbortedError(0, "the peer closed in the middle of a message")
                raise _Ended
            self._reader.filled(count)
        return found

    def _receive(self) -> int:
        room, partner = self._reader.room(), self._partner
        if partner is None:
            return self._wire.receive_into(room, self._house.idle_s)
        while True:
            try:
                slice_s = self._house.idle_s if partner.is_resting else REST_AFTER_S
                return self._wire.receive_into(room, min(slice_s, self._house.idle_s))
            except TimeoutError:
                if time.monotonic() - partner.moved_s >= self._house.idle_s and not partner.is_answering:
                    raise
                partner.rest()

    def _take_fragment(self, fragment: Fragment) -> None:
        message = self._message
        if message is None:
            if fragment.context_id not in self._syntaxes:
                raise ProtocolError(f"The peer used the context {fragment.context_id}, which was not accepted.")
            message = self._message = _Message(fragment.context_id)
        if fragment.context_id != message.context_id or fragment.is_command != (message.command is None):
            raise ProtocolError("The peer mixed two messages.")
        if fragment.is_command:
            message.command_bytes += fragment.data
            if len(message.command_bytes) > COMMAND_BYTES_MAX:
                raise ProtocolError("The peer sent a command without end.")
            if fragment.is_last:
                self._begin(message, dimse.parse(message.command_bytes))
            return
        if message.object is not None:
            message.object.write(fragment.data)
        elif message.is_passed_on and self._partner is not None:
            message.passed_bytes += len(fragment.data)
            if message.passed_bytes > PASSED_BYTES_MAX:
                raise ProtocolError("The peer sent a request without end.")
            self._partner.send(
                PduType.DATA,
                pdu.data(message.context_id, bytes(fragment.data), is_command=False, is_last=fragment.is_last)[6:],
            )
        if fragment.is_last:
            self._end(message)

    def _begin(self, message: _Message, command: Command) -> None:
        """A command is whole: make ready for its dataset, or answer it."""
        message.command = command
        if command.field == dimse.C_STORE_RQ and command.has_dataset and self._may_store(message, command):
            with self._lock:
                if self._is_stopping:
                    raise _Ended
                self._is_busy = True
            syntax = self._syntaxes[message.context_id]
            head = file_head(command.sop_class_uid, command.sop_instance_uid, syntax)
            message.object = IncomingObject(
                self._house.new_temp(), self._house.has_room, head, has_items=may_have_items(syntax)
            )
        elif command.field not in (dimse.C_STORE_RQ, dimse.C_ECHO_RQ) and self._partner is not None:
            message.is_passed_on = True
            self._partner.send(
                PduType.DATA, pdu.data(message.context_id, bytes(message.command_bytes), is_command=True)[6:]
            )
        if not command.has_dataset:
            self._end(message)

    def _may_store(self, message: _Message, command: Command) -> bool:
        assert self._request is not None
        terms, sop_class = self._house.terms, command.sop_class_uid
        return (
            terms.service(self._classes[message.context_id]) == "storage"
            and terms.service(sop_class) == "storage"
            and terms.may_store(self._request, self._peer[0], sop_class)
        )

    def _end(self, message: _Message) -> None:
        """A message is whole: answer it."""
        command, self._message = message.command, None
        assert command is not None
        if message.is_passed_on or command.field == dimse.C_CANCEL_RQ or command.field & dimse.RESPONSE:
            return
        if message.object is not None:
            answer = self._store(command, message.object)
            if answer.status == 0:
                self._stored_count += 1
                self._stored_bytes += message.object.size_bytes
        elif command.field == dimse.C_ECHO_RQ:
            answer = StoreAnswer(status=0)
        elif command.field == dimse.C_STORE_RQ:
            answer = NOT_ALLOWED if command.has_dataset else NO_DATASET
        else:
            answer = UNKNOWN_OPERATION
        said = dimse.response(command, answer.status, answer.comment)
        self._wire.send([pdu.data(message.context_id, said, is_command=True)])
        with self._lock:
            self._is_busy = False
            if self._is_stopping:
                raise _Ended

    def _store(self, command: Command, incoming: IncomingObject) -> StoreAnswer:
        assert self._request is not None
        try:
            if incoming.is_refused:
                return NO_ROOM
            digest = incoming.complete()
            return self._house.take(
                Received(
                    path=incoming.path, digest=digest, sop_class_uid=command.sop_class_uid,
                    sop_instance_uid=command.sop_instance_uid, calling_ae_title=self._request.calling_ae_title,
                    head=incoming.head, items=incoming.items,
                )
            )  # fmt: skip
        except OSError as error:
            log_event(log, "receive.failed", level=logging.ERROR, errno=error.errno, reason=error.strerror)
            return NO_ROOM
        finally:
            _discard(incoming)

    def _say_goodbye(self, last_word: bytes) -> None:
        """Say it and let the peer close first: closing at once could make its kernel throw the last word away."""
        self.has_place = False
        try:
            self._wire.hurry(CLOSE_S)
            self._wire.send([last_word])
            until_s = time.monotonic() + CLOSE_S
            scratch = memoryview(bytearray(4096))
            while time.monotonic() < until_s and self._wire.receive_into(scratch, until_s - time.monotonic()):
                pass
        except OSError:
            log.debug("the peer was gone before the last word")

    def _clean_up(self) -> None:
        if self._message is not None and self._message.object is not None:
            _discard(self._message.object)
        if self._partner is not None:
            self._partner.close()
        self._wire.shut()
        self._wire.close()
        if self._request is not None:
            log_event(
                log, "association.ended", host=self._peer[0], calling_ae_title=self._request.calling_ae_title,
                stored_count=self._stored_count, stored_bytes=self._stored_bytes,
            )  # fmt: skip


def _discard(incoming: IncomingObject) -> None:
    try:
        incoming.discard()
    except OSError as error:
        log_event(log, "receive.leftover", level=logging.ERROR, errno=error.errno, reason=error.strerror)
