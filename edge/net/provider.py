"""A DICOM listener: echo and storage of every SOP class and transfer syntax, and what else it is given to offer.

Objects are received by `conversation`, straight into files; other services are answered by pynetdicom (`partner`),
through its event handlers, on the same port and also on the same association.

Standard: PS3.4 A (Verification), B (Storage)
"""

import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.core.callers import EVERYBODY, Callers
from edge.net.acceptor import Acceptor
from edge.net.conversation import NO_DATASET, NO_ROOM, House, Received, StoreAnswer
from edge.net.negotiation import Terms
from edge.net.partner import Partner

if TYPE_CHECKING:
    from edge.net.library import Library

__all__ = ["NO_DATASET", "NO_ROOM", "Provider", "Received", "StoreAnswer"]

NETWORK_S = 120.0
"""A peer that is silent for so long, between or within messages, is left."""
REQUEST_S = 30.0
"""From a connection to its whole association request."""

Handlers = list[tuple[Any, ...]]
"""The library's."""


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
        handlers: Handlers | Callable[[], Handlers] | None = None,
        other_services: Sequence[str] = (),
        callers: Callers | None = None,
        is_called_title_checked: bool = False,
        request_s: float = REQUEST_S,
        idle_s: float = NETWORK_S,
    ) -> None:
        """Nothing is opened yet; see `start`. `handlers` are the library's, for `other_services`.

        Given as a function, they are asked for with the first association that wants such a service.
        """
        self._ae_title = ae_title
        self._handlers = handlers or []
        self._library: Library | None = None
        self._library_lock = threading.Lock()
        self._other_services = [str(uid) for uid in other_services]
        terms = Terms(
            ae_title=ae_title, is_called_title_checked=is_called_title_checked, callers=callers or EVERYBODY,
            other_services=frozenset(self._other_services),
        )  # fmt: skip
        house = House(
            terms=terms, new_temp=new_temp, take=take, has_room=has_room, enter=lambda _: True, request_s=request_s,
            idle_s=idle_s, tls=tls, open_partner=self._open_partner if self._other_services else None,
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

    def _open_partner(self, peer: tuple[str, int]) -> Partner:
        """Begin an association of the library, which is loaded with the first one."""
        with self._library_lock:
            if self._library is None:
                from edge.net import library

                handlers = self._handlers() if callable(self._handlers) else self._handlers
                self._library = library.build(self._ae_title, self._other_services, handlers)
        return self._library.open(peer)
