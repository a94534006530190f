"""Puts the services for local carts and workstations together, from the configuration."""

import ipaddress
import logging
from dataclasses import dataclass

from pydicom.uid import UID, UID_dictionary

from edge.config import Config, is_loopback
from edge.config import Peer as PeerConfig
from edge.core.callers import Caller, Callers, Service
from edge.errors import ConfigError
from edge.net.association import Handlers, Peer
from edge.net.offers import PROVIDED, Offers
from edge.net.vouching import CLASS_INSTANCE_CONFLICT, NO_SUCH_OBJECT, PROCESSING_FAILURE, Voucher
from edge.receive.query import Catalogue, Shelf
from edge.receive.schedule import Schedule
from edge.runtime.log import event
from edge.store import scrub
from edge.store.database import Database
from edge.store.instances import Instances

log = logging.getLogger(__name__)
_KEYWORDS = {entry[4]: uid for uid, entry in UID_dictionary.items() if entry[4]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the listener is given; start the voucher with it, and stop it after."""

    callers: Callers
    handlers: Handlers
    services: tuple[str, ...]
    voucher: Voucher


def build(config: Config, database: Database, instances: Instances) -> Desk:
    """Build it.  Raises: ConfigError."""
    callers = callers_of(config)
    where = destinations_of(config)
    title = config.node.ae_title

    def check(sop_class_uid: str, sop_instance_uid: str) -> int:
        """Open the object and read it all: what was kept once may have rotted since.  Standard: PS3.4 J.3.2.1"""
        instance = instances.find(sop_instance_uid)
        if instance is None:
            return NO_SUCH_OBJECT
        if instance.sop_class_uid != sop_class_uid:
            return CLASS_INSTANCE_CONFLICT
        return 0 if scrub.examine(database, instances, instance) else PROCESSING_FAILURE

    voucher = Voucher(title, check, where.get)
    offers = Offers(
        find=Catalogue(database, title).search, schedule=Schedule(database).search,
        select=Shelf(database, instances, callers).select, find_destination=where.get, voucher=voucher,
    )  # fmt: skip
    if callers.is_open and not is_loopback(config.receive.listen):
        event(log, "receive.open", level=logging.WARNING, advice="any device may store and read: name each as a peer")
    return Desk(callers=callers, handlers=offers.handlers(callers), services=tuple(PROVIDED), voucher=voucher)


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
    uid = str(_KEYWORDS.get(name, name))
    if not UID(uid).is_valid:
        raise ConfigError(
            f"peer {peer.name!r}: {name!r} is no SOP class.",
            next_step="Write a UID or a keyword, for example UltrasoundMultiFrameImageStorage.",
        )
    return uid
