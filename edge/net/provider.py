"""A DICOM listener: echo and storage of every SOP class and transfer syntax, and what else it is given to offer.

Objects are received by `conversation`, straight into files; other services are answered by pynetdicom (`partner`),
through its event handlers, on the same port and also on the same association.

Standard: PS3.4 A (Verification), B (Storage)
"""

import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, _config
from pynetdicom.sop_class import Verification

from edge.core.callers import EVERYBODY, Callers
from edge.dicom.header import IMPLEMENTATION_CLASS_UID
from edge.net.acceptor import Acceptor
from edge.net.association import IMPLEMENTATION_VERSION, PDU_BYTES_MAX, Handlers
from edge.net.conversation import NO_DATASET, NO_ROOM, House, Received, StoreAnswer
from edge.net.negotiation import Terms
from edge.net.partner import Library

__all__ = ["NO_DATASET", "NO_ROOM", "Provider", "Received", "StoreAnswer"]

NETWORK_S = 120.0
"""A peer that is silent for so long, between or within messages, is left."""
REQUEST_S = 30.0
"""From a connection to its whole association request."""

OTHER_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)
"""Not deflated: a request that is small on the wire would be inflated whole in memory."""

_config.UNRESTRICTED_STORAGE_SERVICE = True
"""Private and unknown SOP classes are stored like any other: it is not ours to judge them."""


class Provider:
    """A listener. Give it what to do with an object; it answers nothing before that has returned."""

    def __init__(
        self,
        *,
        ae_title: str,
        new_temp: Callable[[], Path],
        take: Callable[[Received], StoreAnswer],
        has_room: Callable[[], bool] = lambda: True,
        association_count_max: int = 16,
        tls: ssl.SSLContext | None = None,
        handlers: Handlers | None = None,
        other_services: Sequence[str] = (),
        callers: Callers | None = None,
        is_called_title_checked: bool = False,
        request_s: float = REQUEST_S,
        idle_s: float = NETWORK_S,
    ) -> None:
        """Nothing is opened yet; see `start`. `handlers` are the library's, for `other_services`."""
        self._ae_title = ae_title
        self._handlers = handlers or []
        self._other_services = [str(uid) for uid in other_services]
        terms = Terms(
            ae_title=ae_title, is_called_title_checked=is_called_title_checked, callers=callers or EVERYBODY,
            other_services=frozenset(self._other_services),
        )  # fmt: skip
        house = House(
            terms=terms, new_temp=new_temp, take=take, has_room=has_room, enter=lambda _: True, request_s=request_s,
            idle_s=idle_s, tls=tls, library=self._library() if self._other_services else None,
        )  # fmt: skip
        self._acceptor = Acceptor(house, association_count_max=association_count_max)

    def start(self, host: str, port: int) -> int:
        """Listen, and return the port (port 0: a free one).  Raises: ConfigError."""
        return self._acceptor.start(host, port)

    def stop(self) -> None:
        """Take no new associations, let objects under way be answered, then close."""
        self._acceptor.stop()

    @property
    def acceptor(self) -> Acceptor:
        """Where connections come in."""
        return self._acceptor

    def _library(self) -> Library:
        ae = AE(self._ae_title)
        ae.maximum_pdu_size = PDU_BYTES_MAX
        ae.maximum_associations = 1000  # Counted by the acceptor.
        ae.network_timeout = None  # Watched by the conversation.
        ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        ae.implementation_version_name = IMPLEMENTATION_VERSION
        for service in (Verification, *self._other_services):
            ae.add_supported_context(service, list(OTHER_SYNTAXES), scu_role=True, scp_role=True)
        return Library(ae, self._handlers, ("127.0.0.1", 0))
