"""Storage commitment as a provider: a peer asks us to be responsible for objects, and we say for which we are.

The report goes out on the association of the request while the peer keeps it open, else on one of our own. The
objects are looked at by one thread, in the order of the requests; the request itself is answered at once, after it is
written down: a node that starts again answers what is still open.  Standard: PS3.4 J.3
"""

import heapq
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydicom import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pynetdicom.dimse_primitives import N_ACTION
from pynetdicom.pdu_primitives import A_RELEASE
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from edge.dicom import keys
from edge.errors import BadInputError, EdgeError
from edge.net.association import Association, Peer, is_alive
from edge.runtime.log import event

log = logging.getLogger(__name__)

REFERENCE_COUNT_MAX = 20_000
"""Objects in one request."""
REQUEST_BYTES_MAX = 16 * 1024 * 1024
WAITING_MAX = 100
"""Requests whose report has not been taken yet; more are refused for now."""
REPORT_AFTER_S = (0.0, 5.0, 30.0, 120.0, 600.0)
"""When a report on an association of our own is tried."""
RELEASE_LOOK_S = 0.02

PROCESSING_FAILURE = 0x0110
NO_SUCH_OBJECT = 0x0112
INVALID_ARGUMENT = 0x0115
CLASS_INSTANCE_CONFLICT = 0x0119
NO_SUCH_ACTION = 0x0123
RESOURCE_LIMITATION = 0x0213

Check = Callable[[str, str], int]
"""(SOP class, SOP instance) -> 0, or why we are not responsible.  Standard: PS3.3 C.14.1.1"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a peer asks for."""

    transaction_uid: str
    references: tuple[tuple[str, str], ...]
    """(SOP class, SOP instance)."""
    caller: str


class Ledger(Protocol):
    """Where open requests are written down. Every method is durable when it returns."""

    def add(self, request: Request) -> None: ...

    def drop(self, request: Request) -> None:
        """It is reported, or given up."""

    def note_attempt(self, request: Request, attempt: int) -> None:
        """A report was not taken; the next attempt is this one."""

    def open(self) -> Sequence[tuple[Request, int]]:
        """Return what is still open, and the attempt that is next."""


class NoLedger:
    """For who need not outlive a restart."""

    def add(self, request: Request) -> None: ...

    def drop(self, request: Request) -> None: ...

    def note_attempt(self, request: Request, attempt: int) -> None: ...

    def open(self) -> Sequence[tuple[Request, int]]:
        return ()


@dataclass(slots=True)
class _Job:
    """A request under way."""

    request: Request
    failures: dict[str, int] = field(default_factory=dict)
    is_checked: threading.Event = field(default_factory=threading.Event)
    is_detached: bool = False
    """Nobody waits on the association any more: the report goes another way."""
    attempt: int = 0
    """Of the report on an association of our own."""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Voucher:
    """Answers requests for commitment."""

    def __init__(
        self, ae_title: str, check: Check, find_peer: Callable[[str], Peer | None], ledger: Ledger | None = None
    ) -> None:
        """`check` opens and reads an object; `find_peer` tells where a caller listens, if that is known."""
        self._ae_title = ae_title
        self._check = check
        self._find_peer = find_peer
        self._ledger: Ledger = ledger or NoLedger()
        self._jobs: queue.Queue[_Job] = queue.Queue(WAITING_MAX)
        self._reports: list[tuple[float, int, _Job]] = []
        """A heap; its length and that of the queue are bounded by `_open_count`."""
        self._lock = threading.Lock()
        self._open_count = 0
        self._is_stopping = False
        self._count = 0
        self._thread = threading.Thread(target=self._work, name="commitment", daemon=True)

    def start(self) -> None:
        """Begin with what was left open by the node that ran before."""
        for request, attempt in self._ledger.open()[:WAITING_MAX]:
            self._enter(_Job(request, is_detached=True, attempt=min(attempt, len(REPORT_AFTER_S) - 1)))
        self._thread.start()

    def stop(self) -> None:
        """Finish the object in hand; what has not been reported is written down."""
        self._is_stopping = True
        if self._thread.is_alive():
            self._thread.join(10.0)

    def answer(self, assoc: Any, message: Any, context: Any) -> None:
        """Answer an N-ACTION and, if the peer stays, report on the same association. In the association's thread."""
        status, job = self._accept(assoc, message, str(context.transfer_syntax[0]))
        response = N_ACTION()
        response.MessageIDBeingRespondedTo = message.MessageID
        response.AffectedSOPClassUID = message.RequestedSOPClassUID
        response.AffectedSOPInstanceUID = message.RequestedSOPInstanceUID
        response.ActionTypeID = message.ActionTypeID
        response.Status = status
        assoc.dimse.send_msg(response, context.context_id)
        if job is None:
            return
        while not job.is_checked.wait(RELEASE_LOOK_S):
            if not is_alive(assoc) or isinstance(assoc.dul.peek_next_pdu(), A_RELEASE):
                break
        with job.lock:
            if not job.is_checked.is_set():
                job.is_detached = True
                return
        is_leaving = not is_alive(assoc) or isinstance(assoc.dul.peek_next_pdu(), A_RELEASE)
        if is_leaving or not self._report(assoc, job):
            self._later(job)
        else:
            self._close(job)

    def _accept(self, assoc: Any, message: Any, transfer_syntax_uid: str) -> tuple[int, _Job | None]:
        if message.ActionTypeID != 1:
            return NO_SUCH_ACTION, None
        if message.RequestedSOPInstanceUID != StorageCommitmentPushModelInstance:
            return NO_SUCH_OBJECT, None
        information = message.ActionInformation
        try:
            request = read_request(
                information.getvalue() if information is not None else b"", transfer_syntax_uid,
                caller=str(assoc.requestor.ae_title).strip(),
            )  # fmt: skip
        except BadInputError as error:
            event(log, "commitment.refused", level=logging.WARNING, reason=error.message)
            return INVALID_ARGUMENT, None
        job = _Job(request)
        try:
            return (0x0000, job) if self._enter(job, is_new=True) else (RESOURCE_LIMITATION, None)
        except EdgeError as error:
            event(log, "commitment.refused", level=logging.ERROR, reason=error.message)
            return RESOURCE_LIMITATION, None

    def _enter(self, job: _Job, *, is_new: bool = False) -> bool:
        """Take a request, if there is a place for it; a new one is written down first.  Raises: EdgeError."""
        with self._lock:
            if self._open_count >= WAITING_MAX:
                return False
            self._open_count += 1
        try:
            if is_new:
                self._ledger.add(job.request)
        except EdgeError:
            self._leave()
            raise
        self._jobs.put_nowait(job)  # There are as many places as may be open.
        return True

    def _leave(self) -> None:
        with self._lock:
            self._open_count -= 1

    def _close(self, job: _Job) -> None:
        """It is reported, or nothing more can be done."""
        self._leave()
        try:
            self._ledger.drop(job.request)
        except EdgeError as error:  # It is reported a second time after the next start, which does no harm.
            event(log, "commitment.not_closed", level=logging.ERROR, reason=error.message)

    def _work(self) -> None:
        """Look at objects, and report what could not be reported at once, until stopped."""
        while not self._is_stopping:
            try:
                job = self._jobs.get(timeout=0.2)
            except queue.Empty:
                job = None
            if job is not None:
                self._look(job)
            while self._reports and self._reports[0][0] <= time.monotonic() and not self._is_stopping:
                with self._lock:
                    late = heapq.heappop(self._reports)[-1]
                self._report_anew(late)

    def _look(self, job: _Job) -> None:
        for sop_class, sop_instance in job.request.references:
            if self._is_stopping:
                return
            reason = self._check(sop_class, sop_instance)
            if reason:
                job.failures[sop_instance] = reason
        event(
            log, "commitment.checked", transaction_uid=job.request.transaction_uid, caller=job.request.caller,
            object_count=len(job.request.references), failed_count=len(job.failures),
        )  # fmt: skip
        with job.lock:
            job.is_checked.set()
            is_detached = job.is_detached
        if is_detached:
            self._later(job)

    def _later(self, job: _Job) -> None:
        with self._lock:
            self._count += 1
            heapq.heappush(self._reports, (time.monotonic() + REPORT_AFTER_S[job.attempt], self._count, job))

    def _report_anew(self, job: _Job) -> None:
        peer = self._find_peer(job.request.caller)
        if peer is None:
            event(log, "commitment.unreported", level=logging.WARNING, caller=job.request.caller, reason="unknown")
            self._close(job)
            return
        try:
            with Association(
                peer, [build_context(StorageCommitmentPushModel)], provided=[StorageCommitmentPushModel]
            ) as association:
                is_told = self._report(association.inner, job)
        except EdgeError as error:
            event(log, "commitment.unreported", level=logging.WARNING, caller=job.request.caller, reason=error.message)
            is_told = False
        job.attempt += 1
        if is_told or job.attempt >= len(REPORT_AFTER_S):
            self._close(job)
            return
        try:
            self._ledger.note_attempt(job.request, job.attempt)
        except EdgeError as error:
            event(log, "commitment.not_noted", level=logging.ERROR, reason=error.message)
        self._later(job)

    def _report(self, assoc: Any, job: _Job) -> bool:
        """Send the report; tell whether the peer took it."""
        ds = report_of(job.request, job.failures, self._ae_title)
        try:
            status, _ = assoc.send_n_event_report(
                ds, 2 if job.failures else 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
            )
        except (RuntimeError, ValueError):  # It has gone meanwhile, or does not take reports this way.
            return False
        return bool("Status" in status and status.Status == 0x0000)


def read_request(data: bytes, transfer_syntax_uid: str, *, caller: str) -> Request:
    """Read the information of an N-ACTION.  Raises: BadInputError.  Standard: PS3.4 Table J.3-1"""
    asked = keys.read(
        data, transfer_syntax_uid, bytes_max=REQUEST_BYTES_MAX, key_count_max=8 * REFERENCE_COUNT_MAX
    )  # fmt: skip
    sequence = asked.by_keyword.get("ReferencedSOPSequence")
    references = tuple(
        (item.text("ReferencedSOPClassUID"), item.text("ReferencedSOPInstanceUID"))
        for item in (sequence.items if sequence is not None else ())
    )
    transaction_uid = asked.text("TransactionUID")
    if not transaction_uid or not references or not all(sop_instance for _, sop_instance in references):
        raise BadInputError("The request for commitment names no transaction or no objects.")
    if len(references) > REFERENCE_COUNT_MAX:
        raise BadInputError(f"The request for commitment names more than {REFERENCE_COUNT_MAX} objects.")
    return Request(transaction_uid=transaction_uid, references=references, caller=caller)


def report_of(request: Request, failures: dict[str, int], ae_title: str) -> Dataset:
    """Return the information of the report.  Standard: PS3.4 Table J.3-2"""
    ds = Dataset()
    ds.TransactionUID = request.transaction_uid
    ds.RetrieveAETitle = ae_title
    kept = [reference for reference in request.references if reference[1] not in failures]
    failed = [reference for reference in request.references if reference[1] in failures]
    if kept:
        ds.ReferencedSOPSequence = _items(kept)
    if failed:
        ds.FailedSOPSequence = _items(failed)
        for item in ds.FailedSOPSequence:
            item.FailureReason = failures[item.ReferencedSOPInstanceUID]
    return ds


def _items(references: Sequence[tuple[str, str]]) -> DicomSequence:
    items = []
    for sop_class, sop_instance in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
        items.append(item)
    return DicomSequence(items)
