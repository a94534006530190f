"""Where peers report commitments on associations of their own.  Standard: PS3.4 J.3.3"""

from collections.abc import Callable
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from edge.errors import ConfigError
from edge.net.association import switch_nagle_off
from edge.net.commitment import REASONS, Report


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
            str(row.ReferencedSOPInstanceUID): REASONS.get(
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
