"""C-MOVE and C-GET as a provider: objects go from disk to the network, without a copy in memory.

Standard: PS3.4 C.4.2 (Move), C.4.3 (Get)
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from edge.core.delivery import Outcome
from edge.dicom import keys
from edge.dicom.keys import Identifier
from edge.errors import EdgeError, UnreachableError
from edge.net.association import NotAcceptedError, Peer, cut
from edge.net.exchange import (
    CANCELLED,
    NOT_COUNTED,
    NOT_SENT,
    PENDING,
    SOME_FAILED,
    SUCCESS,
    UNKNOWN_DESTINATION,
    Answerer,
    Exchange,
)
from edge.net.lent import Sender
from edge.net.parcel import Answer, Parcel
from edge.net.storage import Storage
from edge.runtime.log import event

log = logging.getLogger(__name__)

SUBOPERATION_COUNT_MAX = 65535
"""Their numbers are 16 bits.  Standard: PS3.7 E"""
FAILED_LISTED_MAX = 1000
"""So many UIDs fit one value of explicit VR."""
CALL_COUNT_MAX = 3
"""A destination that breaks off is called again so often in one C-MOVE."""

Select = Callable[[str, Identifier, str], Sequence[Parcel]]
"""(SOP class, what is asked for, who asks) -> objects, in order.  Raises: BadInputError."""
FindDestination = Callable[[str], Peer | None]
"""AE title -> where that is; None: unknown here."""


@dataclass(slots=True)
class _Progress:
    """Sub-operations of one request, counted as the standard wants them."""

    remaining_count: int
    completed_count: int = 0
    failed_count: int = 0
    warning_count: int = 0
    failed_uids: list[str] = field(default_factory=list)

    def take(self, uid: str, answer: Answer) -> None:
        self.remaining_count -= 1
        if answer.outcome is not Outcome.ACCEPTED:
            self.failed_count += 1
            self.failed_uids.append(uid)
        elif answer.reason:
            self.warning_count += 1
        else:
            self.completed_count += 1

    def give_up(self, rest: Sequence[Parcel]) -> None:
        self.remaining_count -= len(rest)
        self.failed_count += len(rest)
        self.failed_uids += [parcel.sop_instance_uid for parcel in rest]

    def counts(self, *, with_remaining: bool) -> dict[str, int]:
        remaining = {"NumberOfRemainingSuboperations": self.remaining_count} if with_remaining else {}
        return {
            **remaining, "NumberOfCompletedSuboperations": self.completed_count,
            "NumberOfFailedSuboperations": self.failed_count, "NumberOfWarningSuboperations": self.warning_count,
        }  # fmt: skip

    def failed(self) -> keys.Keys | None:
        return {"FailedSOPInstanceUIDList": self.failed_uids[:FAILED_LISTED_MAX]} if self.failed_uids else None


def getting(select: Select) -> Answerer:
    """Return what answers C-GET: objects go back over the same association."""

    def answer(exchange: Exchange) -> None:
        assoc = exchange.assoc
        accepted = [(cx.abstract_syntax, cx.transfer_syntax[0]) for cx in assoc.accepted_contexts if cx.as_scu]
        sender = Sender(assoc, accepted, abort=lambda: cut(assoc))
        _run(exchange, select, lambda parcels: ((parcel, sender.send(parcel)) for parcel in parcels))

    return answer


def moving(select: Select, find_destination: FindDestination) -> Answerer:
    """Return what answers C-MOVE: objects go to a destination that is known here by its AE title."""

    def answer(exchange: Exchange) -> None:
        title = str(exchange.message.MoveDestination).strip()
        destination = find_destination(title)
        if destination is None:
            event(log, "move.unknown", level=logging.WARNING, destination=title, caller=exchange.calling_ae_title)
            exchange.answer(UNKNOWN_DESTINATION, comment="This node does not know the destination")
            return
        originator = (exchange.calling_ae_title, exchange.message_id)
        _run(exchange, select, lambda parcels: _send_all(destination, parcels, originator))

    return answer


def _run(
    exchange: Exchange, select: Select, send: Callable[[Sequence[Parcel]], Iterator[tuple[Parcel, Answer]]]
) -> None:
    """Send what is asked for, tell after each object how far it is, and how it ended."""
    parcels = select(exchange.sop_class_uid, exchange.identifier(), exchange.calling_ae_title)
    if len(parcels) > SUBOPERATION_COUNT_MAX:
        exchange.answer(NOT_COUNTED, comment=f"More than {SUBOPERATION_COUNT_MAX} objects")
        return
    progress = _Progress(len(parcels))
    sending = send(parcels) if parcels else iter(())
    try:
        for parcel, result in sending:
            progress.take(parcel.sop_instance_uid, result)
            if exchange.is_gone:
                return
            if result.reason:
                event(log, "retrieve.noted", sop_instance_uid=parcel.sop_instance_uid, reason=result.reason)
            if progress.remaining_count and exchange.is_cancelled:
                exchange.answer(CANCELLED, progress.failed(), counts=progress.counts(with_remaining=True))
                return
            if progress.remaining_count:
                exchange.answer(PENDING, counts=progress.counts(with_remaining=True))
    except (UnreachableError, NotAcceptedError) as error:
        event(log, "retrieve.failed", level=logging.WARNING, reason=error.message)
        progress.give_up(parcels[len(parcels) - progress.remaining_count :])
    finally:
        if hasattr(sending, "close"):
            sending.close()
    event(
        log, "retrieve.ended", caller=exchange.calling_ae_title, completed_count=progress.completed_count,
        failed_count=progress.failed_count,
    )  # fmt: skip
    exchange.answer(_status(progress), progress.failed(), counts=progress.counts(with_remaining=False))


def _status(progress: _Progress) -> int:
    if progress.failed_count and not progress.completed_count + progress.warning_count:
        return NOT_SENT
    return SOME_FAILED if progress.failed_count or progress.warning_count else SUCCESS


def _send_all(
    destination: Peer, parcels: Sequence[Parcel], originator: tuple[str, int]
) -> Iterator[tuple[Parcel, Answer]]:
    """Send over as few associations as the kinds of objects allow; one that breaks is opened again, a few times."""
    storage: Storage | None = None
    call_count = 0
    try:
        for index, parcel in enumerate(parcels):
            for _ in range(2):
                if storage is not None and not (storage.is_open and storage.fits(parcel)):
                    call_count += not storage.is_open
                    _leave(storage)
                    storage = None
                if storage is None:
                    if call_count >= CALL_COUNT_MAX:
                        raise UnreachableError(f"{destination.name} breaks off again and again.")
                    kinds = ((one.sop_class_uid, one.transfer_syntax_uid) for one in parcels[index:])
                    storage = Storage(destination, kinds, originator=originator)
                answer = storage.send(parcel)
                if not answer.is_link_fault:
                    break
            yield parcel, answer
    finally:
        if storage is not None:
            _leave(storage)


def _leave(storage: Storage) -> None:
    try:
        storage.close()
    except EdgeError:
        storage.abort()
