"""Puts the services for local carts and workstations together, from the configuration."""

import ipaddress
import logging
import re
import threading
from typing import TYPE_CHECKING

from edge.config import Config, is_loopback
from edge.config import Peer as PeerConfig
from edge.core.callers import Caller, Callers, Service
from edge.errors import ConfigError
from edge.net.peer import Peer
from edge.net.provider import Handlers
from edge.net.services import PROVIDED
from edge.runtime.log import event
from edge.store import vouchings
from edge.store.database import Database
from edge.store.instances import Instances

if TYPE_CHECKING:
    from edge.net.offers import Offers

log = logging.getLogger(__name__)
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")


class Desk:
    """What the listener is given. Start it with the listener, and stop it after."""

    services = tuple(PROVIDED)

    def __init__(self, config: Config, database: Database, instances: Instances) -> None:
        """Load nothing yet: who only stores needs none of it.  Raises: ConfigError."""
        self.callers = callers_of(config)
        self._where = destinations_of(config)
        self._ae_title = config.node.ae_title
        self._database = database
        self._instances = instances
        self._lock = threading.Lock()
        self._offers: Offers | None = None
        if self.callers.is_open and not is_loopback(config.receive.listen):
            event(
                log, "receive.open", level=logging.WARNING, advice="any device may store and read: name each as a peer"
            )

    def handlers(self) -> Handlers:
        """Return what answers the library's events."""
        return self._open().handlers(self.callers)

    def start(self) -> None:
        """Go on with requests for commitment that were left open."""
        if vouchings.is_any(self._database):
            self._open()

    def stop(self) -> None:
        """Finish what is being looked at; the rest is written down."""
        if self._offers is not None:
            self._offers.voucher.stop()

    def _open(self) -> "Offers":
        from edge.receive import answering

        with self._lock:
            if self._offers is None:
                self._offers = answering.offers(
                    self._database, self._instances, self.callers, self._ae_title, self._where.get
                )
                self._offers.voucher.start()
            return self._offers


def callers_of(config: Config) -> Callers:
    """Return who may call.  Raises: ConfigError for a SOP class that nobody knows."""
    return Callers(
        tuple(
            Caller(
                ae_title=peer.ae_title.strip(),
                addresses=tuple(peer.addresses) or _address_of(peer),
                services=frozenset(Service(name) for name in peer.services),
                sop_classes=frozenset(_uid_of(name, peer) for name in peer.sop_classes),
            )
            for peer in config.peer
        )
    )


def destinations_of(config: Config) -> dict[str, Peer]:
    """Return where objects can be moved to, by AE title: every DIMSE destination, and every peer that listens."""
    found = {one.ae_title.strip(): (one.name, one.host, one.port) for one in config.destination if one.kind == "dimse"}
    found |= {one.ae_title.strip(): (one.name, one.host, one.port) for one in config.peer if one.host}
    return {
        title: Peer(name=name, host=host, port=port, ae_title=title, own_ae_title=config.node.ae_title)
        for title, (name, host, port) in found.items()
        if host
    }


def _address_of(peer: PeerConfig) -> tuple[str, ...]:
    try:
        return (str(ipaddress.ip_address(peer.host)),)
    except ValueError:  # A name: whose address may change.
        return ()


def _uid_of(name: str, peer: PeerConfig) -> str:
    if _UID.fullmatch(name):
        uid = name
    else:
        from pydicom.uid import UID_dictionary

        uid = next((str(one) for one, entry in UID_dictionary.items() if entry[4] == name), "")
    if not 0 < len(uid) <= 64:
        raise ConfigError(
            f"peer {peer.name!r}: {name!r} is no SOP class.",
            next_step="Write a UID or a keyword, for example UltrasoundMultiFrameImageStorage.",
        )
    return uid
