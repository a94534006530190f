"""Who may call this node over DIMSE, from where, and for what.

Pure. With nobody named every device may call: right on loopback, a risk on a network.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Service(StrEnum):
    """What a device may be allowed to ask for. Verification (C-ECHO) is for everybody who may call at all."""

    STORE = "store"
    QUERY = "query"
    RETRIEVE = "retrieve"
    COMMITMENT = "commitment"
    WORKLIST = "worklist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One device and what it may do."""

    ae_title: str
    """Empty: any."""
    addresses: tuple[str, ...] = ()
    """Addresses or networks it may call from; none: any."""
    services: frozenset[Service] = frozenset(Service)
    sop_classes: frozenset[str] = frozenset()
    """UIDs it may store and retrieve; none: every one."""

    def may(self, service: Service) -> bool:
        return service in self.services

    def may_exchange(self, sop_class_uid: str) -> bool:
        """Tell whether objects of this class may come from it and go to it."""
        return not self.sop_classes or sop_class_uid in self.sop_classes

    def calls_from(self, address: str) -> bool:
        """Tell whether it may call from this address."""
        if not self.addresses:
            return True
        found = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in ipaddress.ip_network(network, strict=False) for network in self.addresses)


ANYBODY = Caller(ae_title="")


@dataclass(frozen=True, slots=True)
class Callers:
    """All devices that are named."""

    named: Sequence[Caller] = ()

    @property
    def is_open(self) -> bool:
        """Tell whether any device may call."""
        return not self.named

    def judge(self, ae_title: str, address: str) -> Caller | None:
        """Return what a device may do; None: it is to be rejected, its AE title or its address is not known."""
        if self.is_open:
            return ANYBODY
        title = ae_title.strip()
        return next((one for one in self.named if one.ae_title == title and one.calls_from(address)), None)

    def sop_classes_of(self, ae_title: str) -> frozenset[str]:
        """Return what a device that is let in may store and retrieve; empty: every SOP class."""
        title = ae_title.strip()
        return next((one.sop_classes for one in self.named if one.ae_title == title), frozenset())


EVERYBODY = Callers()
