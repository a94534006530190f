"""Asking a peer to take responsibility for objects, and hearing its answer: on the same association or on its own.

Standard: PS3.4 J (Storage Commitment Push Model)
"""

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pynetdicom import AE, evt
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance, Verification

from edge.errors import ConfigError, UnreachableError
from edge.net.association import Association, NotAcceptedError, Peer, switch_nagle_off

INSTANCE_COUNT_MAX = 500
"""Objects in one transaction."""

_REASONS = {
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


def ask(peer: Peer, transaction_uid: str, references: Sequence[tuple[str, str]], *, wait_s: float) -> Report | None:
    """Ask for (SOP class, SOP instance) pairs; return the report if it comes on this association within `wait_s`.

    The caller has written the transaction down before: the report may come later, elsewhere, or twice.
    Raises: UnreachableError, NotAcceptedError.
    """
    reports: queue.Queue[Report] = queue.Queue()
    handlers: list[tuple[Any, ...]] = [(evt.EVT_N_EVENT_REPORT, _handle, [reports.put])]
    with Association(peer, [build_context(StorageCommitmentPushModel)], handlers=handlers) as association:
        status, _ = association.inner.send_n_action(
            _request(transaction_uid, references), 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        if "Status" not in status:
            raise UnreachableError(f"{peer.name} did not answer the request for commitment.")
        if status.Status in _NOT_OFFERED:
            raise NotAcceptedError(f"{peer.name} does not offer storage commitment (status 0x{status.Status:04X}).")
        if status.Status != 0:
            raise UnreachableError(f"{peer.name} answered the request for commitment with 0x{status.Status:04X}.")
        try:
            return reports.get(timeout=wait_s) if wait_s > 0 else None
        except queue.Empty:
            return None


class Listener:
    """Where peers report on associations of their own."""

    def __init__(self, ae_title: str, on_report: Callable[[Report], None]) -> None:
        """`on_report` is called in a thread of the library; what it raises is answered as a failure."""
        self._ae = AE(ae_title)
        for service in (StorageCommitmentPushModel, Verification):
            self._ae.add_supported_context(service, scu_role=True, scp_role=True)
        self._on_report = on_report
        self._server: Any = None

    def start(self, host: str, port: int) -> int:
        """Listen, and return the port.  Raises: ConfigError."""
        handlers = [
            (evt.EVT_CONN_OPEN, lambda event: switch_nagle_off(event.assoc)),
            (evt.EVT_N_EVENT_REPORT, _handle, [self._on_report]),
        ]
        try:
            self._server = self._ae.start_server((host, port), block=False, evt_handlers=handlers)
        except OSError as error:
            raise ConfigError(f"Cannot listen for commitments on {host}:{port}: {error.strerror}.") from error
        return int(self._server.server_address[1])

    def stop(self) -> None:
        if self._server is not None:
            self._ae.shutdown()
            self._server = None


def read_report(ds: Dataset) -> Report:
    """Read an event report; what is neither confirmed nor refused is in neither.  Standard: PS3.4 J.3.3"""
    return Report(
        transaction_uid=str(ds.get("TransactionUID", "")),
        committed=frozenset(str(row.ReferencedSOPInstanceUID) for row in ds.get("ReferencedSOPSequence") or []),
        failed={
            str(row.ReferencedSOPInstanceUID): _REASONS.get(
                int(row.get("FailureReason") or 0x0110), f"reason 0x{int(row.get('FailureReason') or 0):04X}"
            )
            for row in ds.get("FailedSOPSequence") or []
        },
    )


def _handle(event: Any, on_report: Callable[[Report], None]) -> tuple[int, None]:
    try:
        report = read_report(event.event_information)
    except (AttributeError, ValueError, TypeError):
        return 0x0110, None
    on_report(report)
    return 0x0000, None


def _request(transaction_uid: str, references: Sequence[tuple[str, str]]) -> Dataset:
    ds = Dataset()
    ds.TransactionUID = transaction_uid
    rows = []
    for sop_class, sop_instance in references:
        row = Dataset()
        row.ReferencedSOPClassUID = sop_class
        row.ReferencedSOPInstanceUID = sop_instance
        rows.append(row)
    ds.ReferencedSOPSequence = DicomSequence(rows)
    return ds
