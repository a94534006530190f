"""Whom we call, and who is being called now. Light: the sender's process loads no DICOM library for it."""

import ssl
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from edge.errors import EdgeError

CONNECT_S = 10.0
NEGOTIATE_S = 20.0
ANSWER_S = 120.0
"""For the answer to a message whose last byte has arrived there."""
STALL_S = 60.0
"""A peer that acknowledges not one byte for so long is left."""
PDU_BYTES_MAX = 128 * 1024
CONTEXT_MAX = 128
"""Presentation contexts of one association.  Standard: PS3.8 9.3.2.2"""
IMPLEMENTATION_VERSION = "EDGE_DIMSE"
Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Whom to call, and how we call ourselves."""

    name: str
    """For messages."""
    host: str
    port: int
    ae_title: str
    own_ae_title: str
    tls: ssl.SSLContext | None = None
    errand: str = ""
    """What it is called for: calls of one errand are cut together, and leave those of another alone."""


class NotAcceptedError(EdgeError):
    """The peer answers, but does not offer the service."""

    code = "peer.unwilling"
    http_status = 502
    exit_code = 6
    next_step = "Check which services the peer is set up to offer to this AE title."


_under_way: "weakref.WeakKeyDictionary[Any, tuple[str, str, Callable[[Any], None]]]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def note(thing: Thing, peer: Peer, cut: Callable[[Thing], None]) -> None:
    """Remember a call, for as long as it lives, and how it is cut short from another thread."""
    with _lock:
        _under_way[thing] = (peer.name, peer.errand, cut)


def cut_all(peer: Peer) -> None:
    """Leave every association with a peer on this errand at once, those still being opened too; from any thread."""
    with _lock:
        found = list(_under_way.items())
    for thing, (name, errand, cut) in found:
        if (name, errand) == (peer.name, peer.errand):
            cut(thing)
