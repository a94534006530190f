"""pynetdicom as a server that listens nowhere: it is handed the associations that ask for its services.

Loaded with the first of these: who only stores costs none of its memory.
"""

import socket
from collections.abc import Sequence
from typing import Any

from pynetdicom import AE, _config
from pynetdicom.sop_class import Verification
from pynetdicom.transport import AssociationServer

from edge.dicom.implementation import IMPLEMENTATION_CLASS_UID
from edge.net.association import Handlers
from edge.net.partner import Partner
from edge.net.peer import IMPLEMENTATION_VERSION, PDU_BYTES_MAX

OTHER_SYNTAXES = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2")
"""Not deflated: a request that is small on the wire would be inflated whole in memory."""
ASSOCIATION_COUNT_MAX = 1000
"""The library's own limit, out of the way: the acceptor counts."""

_config.UNRESTRICTED_STORAGE_SERVICE = True
"""Private and unknown SOP classes are stored like any other: it is not ours to judge them."""


def build(ae_title: str, services: Sequence[str], handlers: Handlers) -> "Library":
    """Return a library that offers these abstract syntaxes, answered by these handlers."""
    ae = AE(ae_title)
    ae.maximum_pdu_size = PDU_BYTES_MAX
    ae.maximum_associations = ASSOCIATION_COUNT_MAX
    ae.network_timeout = None  # Watched by the conversation.
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION
    for service in (Verification, *services):
        ae.add_supported_context(service, list(OTHER_SYNTAXES), scu_role=True, scp_role=True)
    return Library(ae, handlers, ("127.0.0.1", 0))


class Library:
    """What the library offers; it listens nowhere."""

    def __init__(self, ae: AE, handlers: Handlers, address: tuple[str, int]) -> None:
        """Use this application entity and these event handlers."""
        self._server = _Server(ae, address, ae.ae_title, ae.supported_contexts, None, list(handlers))

    def open(self, peer: tuple[str, int]) -> "Partner":
        """Begin an association with a peer that called from this address."""
        ours, theirs = socket.socketpair()
        try:
            assoc = self._server.begin(theirs, peer)
        except (OSError, RuntimeError):
            ours.close()
            theirs.close()
            raise
        return Partner(ours, assoc)


class _Server(AssociationServer):  # type: ignore[misc]
    """The library's listener without an address: it is handed its connections."""

    def server_bind(self) -> None:
        """There is nothing to bind."""

    def server_activate(self) -> None:
        """There is nothing to listen on."""
        self.socket.close()

    def begin(self, connection: socket.socket, peer: tuple[str, int]) -> Any:
        """Start an association on a connected socket and return it."""
        begun: list[Any] = []
        handler = self.RequestHandlerClass

        class Handler(handler):  # type: ignore[misc, valid-type]
            """The library's own, which tells what it has made."""

            def _create_association(self) -> Any:
                begun.append(super()._create_association())
                return begun[0]

        Handler(connection, peer, self)
        return begun[0]
