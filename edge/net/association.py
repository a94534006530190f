"""An association with a DICOM peer, opened by us.

pynetdicom underneath, with three changes: Nagle's algorithm is off, what waits to be sent is bounded (so that memory
stays flat and the answer's timer starts after the last bytes), and a peer that takes no bytes for `STALL_S` is left.
"""

import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any

from pynetdicom import AE, _config, evt
from pynetdicom.association import Association as PynetdicomAssociation
from pynetdicom.presentation import PresentationContext, build_role

from edge.dicom.header import IMPLEMENTATION_CLASS_UID
from edge.errors import EdgeError, UnreachableError
from edge.net.peer import (
    ANSWER_S,
    CONNECT_S,
    CONTEXT_MAX,
    IMPLEMENTATION_VERSION,
    NEGOTIATE_S,
    PDU_BYTES_MAX,
    STALL_S,
    NotAcceptedError,
    Peer,
    cut_all,
    note,
)
from edge.runtime.gate import OPEN, Gate

WAITING_PDU_MAX = 16
UNSENT_BYTES_MAX = 256 * 1024
"""What the kernel may hold back unsent: what is paused stops soon."""
__all__ = ["ANSWER_S", "CONTEXT_MAX", "IMPLEMENTATION_VERSION", "PDU_BYTES_MAX", "NotAcceptedError", "Peer", "cut_all"]
_SO_MAX_PACING_RATE = 47
_UNPACED = 0xFFFFFFFF

# A file that is sent or received goes in pieces, never whole through memory.
_config.STORE_SEND_CHUNKED_DATASET = True
_config.STORE_RECV_CHUNKED_DATASET = True
# Bytes pass as they are: whether a value is valid is not for the transport to judge.
_config.LOG_HANDLER_LEVEL = "none"


Handlers = list[tuple[Any, ...]]


class Association:
    """One open association; a context manager that releases it, or aborts it when the block fails."""

    def __init__(
        self, peer: Peer, contexts: Iterable[PresentationContext], *, handlers: Handlers | None = None,
        provided: Sequence[str] = (), gate: Gate = OPEN,
    ) -> None:  # fmt: skip
        """Open it now; of the services `provided` we are the provider, though we call.

        Raises: UnreachableError, NotAcceptedError, which say what failed.
        """
        self.peer = peer
        ae = AE(peer.own_ae_title)
        ae.connection_timeout = CONNECT_S
        ae.acse_timeout = NEGOTIATE_S
        ae.dimse_timeout = ANSWER_S
        ae.network_timeout = None
        ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        ae.implementation_version_name = IMPLEMENTATION_VERSION
        try:
            self._assoc: PynetdicomAssociation = ae.associate(
                peer.host, peer.port, _numbered(contexts), peer.ae_title, max_pdu=PDU_BYTES_MAX,
                tls_args=(peer.tls, peer.host) if peer.tls else None,
                ext_neg=[build_role(uid, scp_role=True) for uid in provided],
                evt_handlers=[(evt.EVT_CONN_OPEN, _on_open, [peer]), *(handlers or [])],
            )  # fmt: skip
        except (OSError, RuntimeError, ValueError) as error:
            raise UnreachableError(f"{peer.name} ({peer.host}:{peer.port}) cannot be called: {error}.") from error
        if not self._assoc.is_established:
            raise self._why_not()
        bound_sending(self._assoc, gate)

    def __enter__(self) -> "Association":
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    @property
    def is_open(self) -> bool:
        return bool(self._assoc.is_established)

    @property
    def inner(self) -> PynetdicomAssociation:
        """The library's own object, for the services of `edge.net`."""
        return self._assoc

    def close(self) -> None:
        """Release it, if it is still open."""
        if self._assoc.is_established:
            self._assoc.release()

    def abort(self) -> None:
        """Leave at once, also from another thread and while bytes are stuck."""
        if self._assoc.is_established:
            cut(self._assoc)

    def _why_not(self) -> EdgeError:
        peer, assoc = self.peer, self._assoc
        if assoc.is_rejected:
            said = assoc.acceptor.primitive
            reason = f"rejected us: {said.reason_str}" if said is not None else "rejected us"
            return UnreachableError(
                f"{peer.name} {reason}.", next_step=f"Check that it knows the AE title {peer.own_ae_title!r}."
            )
        if assoc.is_aborted and not assoc.rejected_contexts:
            return UnreachableError(f"{peer.name} ({peer.host}:{peer.port}) does not answer.")
        return NotAcceptedError(f"{peer.name} took none of the services we offered.")


def _numbered(contexts: Iterable[PresentationContext]) -> list[PresentationContext]:
    numbered = list(contexts)
    for index, context in enumerate(numbered):
        context.context_id = 2 * index + 1
    return numbered


def _on_open(event: evt.Event, peer: Peer) -> None:
    note(event.assoc, peer, cut)
    switch_nagle_off(event.assoc)


def switch_nagle_off(assoc: PynetdicomAssociation) -> None:
    """Send small packets at once: waiting for the peer's delayed acknowledgement costs 40 ms an object."""
    inner = getattr(assoc.dul.socket, "socket", None)
    if inner is not None:
        inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)


def bound_sending(assoc: PynetdicomAssociation, gate: Gate = OPEN) -> None:
    """Let whoever sends wait while WAITING_PDU_MAX PDUs have not gone yet; cut a peer that takes none for STALL_S.

    While the gate is not open, PDUs pass as it lets them, and none is kept waiting below.
    """
    dul = assoc.dul
    send: Callable[[Any], None] = dul.send_pdu
    if send.__name__ == "send_bounded":
        return

    def waiting_max() -> int:
        return WAITING_PDU_MAX if gate.piece_bytes is None else 1

    paced: list[float | None] = [None]

    def wait_for_gate() -> None:
        if paced[0] != gate.rate_bytes_s:
            paced[0] = gate.rate_bytes_s
            pace(assoc, paced[0])
        while is_alive(assoc) and (wait_s := gate.ask(PDU_BYTES_MAX)):
            time.sleep(wait_s)

    def send_bounded(primitive: Any) -> None:
        waited_from_s, last_size = time.monotonic(), dul.to_provider_queue.qsize()
        wait_for_gate()
        while (size := dul.to_provider_queue.qsize()) >= waiting_max() and is_alive(assoc):
            if size < last_size:
                waited_from_s, last_size = time.monotonic(), size
            elif time.monotonic() - waited_from_s > STALL_S:
                cut(assoc)
            time.sleep(0.0005)
        send(primitive)

    dul.send_pdu = send_bounded


def pace(assoc: PynetdicomAssociation, rate_bytes_s: float | None) -> None:
    """Let the kernel spread what one PDU holds: a packet of somebody's call never waits for all of it."""
    inner = getattr(assoc.dul.socket, "socket", None)
    if inner is not None:
        rate = _UNPACED if not rate_bytes_s else max(1, int(rate_bytes_s))
        inner.setsockopt(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, struct.pack("I", min(rate, _UNPACED)))


def is_alive(assoc: PynetdicomAssociation) -> bool:
    """Tell whether the peer is still there, also from the library's own thread, which notices last."""
    return bool(assoc.is_established and assoc.dul.is_alive() and not assoc.acse.is_aborted())


def cut(assoc: PynetdicomAssociation) -> None:
    """Close the socket below a stuck association, then let the library notice."""
    inner = getattr(assoc.dul.socket, "socket", None)
    if inner is not None:
        try:
            inner.shutdown(socket.SHUT_RDWR)
        except OSError:
            logging.getLogger(__name__).debug("the socket was closed already")
    if assoc.is_established:  # While it is being opened, the closed socket alone ends the waiting.
        threading.Thread(target=assoc.abort, name="dicom-abort", daemon=True).start()
