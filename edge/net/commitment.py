"""Asking a peer to take responsibility for objects, and hearing its answer: on the same association or on its own.

Standard: PS3.4 J (Storage Commitment Push Model)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.dicom import keys
from edge.errors import BadInputError, UnreachableError
from edge.net import command, pdu
from edge.net.calling import IMPLICIT, Calling, Sink
from edge.net.command import Command
from edge.net.pdu import ProtocolError
from edge.net.peer import NotAcceptedError, Peer
from edge.net.stream import BrokenError

PUSH_MODEL = "1.2.840.10008.1.20.1"
PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"
SYNTAXES = ("1.2.840.10008.1.2.1", IMPLICIT)
REPORT_BYTES_MAX = 1024 * 1024
REPORT_COUNT_MAX = 100
"""On one association; what comes beyond is not answered, and comes again."""
INSTANCE_COUNT_MAX = 500
"""Objects in one transaction."""

REASONS = {
    0x0110: "processing failed there",
    0x0112: "it does not have the object",
    0x0119: "the SOP class is not the one it has",
    0x0122: "it does not commit this SOP class",
    0x0131: "it knows the transaction already",
    0x0213: "it has no room",
}
_NOT_OFFERED = frozenset({0x0112, 0x0118, 0x0122, 0x0124, 0x0211})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The peer's answer to one transaction."""

    transaction_uid: str
    committed: frozenset[str]
    """SOPInstanceUIDs it is responsible for from now on."""
    failed: dict[str, str]
    """SOPInstanceUID -> why not, in words."""


def ask(
    peer: Peer, transaction_uid: str, references: Sequence[tuple[str, str]], *, wait_s: float,
    on_other: Callable[[Report], None] = lambda report: None,
) -> Report | None:  # fmt: skip
    """Ask for (SOP class, SOP instance) pairs; return the report if it comes on this association within `wait_s`.

    The caller has written the transaction down before: the report may come later, elsewhere, or twice. Reports on
    other transactions that come meanwhile go to `on_other`.
    Raises: UnreachableError, NotAcceptedError.
    """
    reports: list[Report] = []
    try:
        with Calling(peer, [(PUSH_MODEL, SYNTAXES)]) as calling:
            context_id, syntax = _context(calling)
            calling.on_request = _serve_reports(calling, syntax, reports)
            said = command.action_request(calling.next_message_id(), PUSH_MODEL, PUSH_MODEL_INSTANCE, 1)
            calling.ask(context_id, said, _request(transaction_uid, references, syntax))
            _judge(peer, calling.answer(0).status)
            calling.listen(lambda: any(report.transaction_uid == transaction_uid for report in reports), wait_s)
    except BrokenError as error:
        if not reports:
            raise UnreachableError(f"{peer.name}, asked for commitment: {error.message}.") from error
    for report in reports:
        if report.transaction_uid != transaction_uid:
            on_other(report)
    return next((report for report in reports if report.transaction_uid == transaction_uid), None)


def _context(calling: Calling) -> tuple[int, str]:
    found = calling.syntax_of(PUSH_MODEL)
    if found is None:
        raise NotAcceptedError(f"{calling.peer.name} does not offer storage commitment.")
    return found


def _judge(peer: Peer, status: int | None) -> None:
    if status in _NOT_OFFERED:
        raise NotAcceptedError(f"{peer.name} does not offer storage commitment (status 0x{status:04X}).")
    if status != 0:
        words = "without a status" if status is None else f"with 0x{status:04X}"
        raise UnreachableError(f"{peer.name} answered the request for commitment {words}.")


def _serve_reports(calling: Calling, syntax: str, reports: list[Report]) -> Callable[[int, Command], Sink]:
    """Return what takes event reports on our own association.  Standard: PS3.7 10.1.1"""

    def serve(context_id: int, asked: Command) -> Sink:
        if asked.field != command.N_EVENT_REPORT_RQ or not asked.has_dataset:
            raise ProtocolError(f"it asked for 0x{asked.field:04X} where a report was waited for")
        said = bytearray()

        def take(data: memoryview, is_last: bool) -> None:
            said.extend(data)
            if len(said) > REPORT_BYTES_MAX:
                raise ProtocolError("it sent a report that is too long")
            if is_last and len(reports) < REPORT_COUNT_MAX:
                try:
                    reports.append(parse_report(bytes(said), syntax))
                    status = 0x0000
                except BadInputError:
                    status = 0x0110
                calling.say(pdu.data(context_id, command.response(asked, status), is_command=True))

        return take

    return serve


def parse_report(data: bytes, syntax: str) -> Report:
    """Read the information of an event report from its bytes.  Raises: BadInputError.  Standard: PS3.4 J.3.3"""
    said = keys.read(data, syntax, bytes_max=REPORT_BYTES_MAX, key_count_max=8 * INSTANCE_COUNT_MAX)

    def rows(keyword: str) -> tuple[keys.Identifier, ...]:
        key = said.by_keyword.get(keyword)
        return key.items if key is not None else ()

    return Report(
        transaction_uid=said.text("TransactionUID"),
        committed=frozenset(row.text("ReferencedSOPInstanceUID") for row in rows("ReferencedSOPSequence")),
        failed={
            row.text("ReferencedSOPInstanceUID"): _words(row.text("FailureReason"))
            for row in rows("FailedSOPSequence")
        },
    )  # fmt: skip


def _words(reason: str) -> str:
    number = int(reason) if reason.isdigit() else 0x0110
    return REASONS.get(number or 0x0110, f"reason 0x{number:04X}")


def _request(transaction_uid: str, references: Sequence[tuple[str, str]], syntax: str) -> bytes:
    rows = [
        {"ReferencedSOPClassUID": sop_class, "ReferencedSOPInstanceUID": sop_instance}
        for sop_class, sop_instance in references
    ]
    return keys.write({"TransactionUID": transaction_uid, "ReferencedSOPSequence": rows}, (), syntax)
