"""How objects get to one kind of destination: the promise, and the kinds there are."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from edge.config import Destination
from edge.core import width
from edge.core.delivery import Outcome
from edge.core.width import Width
from edge.errors import UnreachableError
from edge.net.calling import echo
from edge.net.fan import Fan
from edge.net.fetching import Fetch
from edge.net.getting import by_get
from edge.net.parcel import Answer, Parcel
from edge.net.peer import NotAcceptedError, Peer, cut_all
from edge.net.storage import Doubts, Storage
from edge.net.tls import calling_context
from edge.runtime.gate import OPEN, Gate
from edge.runtime.log import event
from edge.store import durable
from edge.store.header import read

COPY_BYTES = 4 * 1024 * 1024
log = logging.getLogger(__name__)


class Way(Protocol):
    """An open way to a destination."""

    @property
    def is_open(self) -> bool:
        """Tell whether more can be sent over it."""

    @property
    def is_batched(self) -> bool:
        """Tell whether `send_each` takes all that it is given at once; else it takes what it can send, as it can."""

    def fits(self, parcel: Parcel) -> bool:
        """Tell whether this way was opened for such an object."""

    def send_each(self, parcels: Iterable[Parcel]) -> Iterator[Answer]:
        """Send these, and return an answer for each in turn; never raises for what a peer or a file does.

        More than one may be on its way before the first is answered.
        """


class Carrier(Protocol):
    """One destination. Its methods block; they raise an EdgeError when the destination cannot be reached."""

    def check(self) -> None:
        """Ask whether the destination is there."""

    def open(self, parcels: Sequence[Parcel]) -> AbstractContextManager[Way]:
        """Open a way for these objects, or as many kinds of them as fit."""

    def abort(self) -> None:
        """Break off whatever is asked or sent; from any thread."""


class DimseCarrier:
    """C-ECHO and C-STORE."""

    def __init__(self, peer: Peer, gate: Gate = OPEN, *, associations_max: int = width.COUNT_MAX) -> None:
        self.peer = peer
        self.doubts = Doubts()
        self._gate = gate
        self.width = Width(count_max=associations_max, wanted_count=min(associations_max, width.COUNT_FIRST))

    def check(self) -> None:
        try:
            echo(self.peer)
        except NotAcceptedError:  # It has no echo, but it answered.
            return

    def open(self, parcels: Sequence[Parcel]) -> AbstractContextManager[Way]:
        kinds = [(parcel.sop_class_uid, parcel.transfer_syntax_uid) for parcel in parcels]

        def call(hold: Callable[[Callable[[], None]], None]) -> Storage:
            return Storage(self.peer, kinds, gate=self._gate, doubts=self.doubts, hold=hold)

        return Fan(call, self.width, name=self.peer.name)

    def abort(self) -> None:
        cut_all(self.peer)


class FolderCarrier:
    """Copies into a folder, a mounted share at best: <study>/<series>/<instance>.dcm, each read back."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder
        self.is_open = True
        self.is_batched = False

    def check(self) -> None:
        if not (self._folder.is_dir() and os.access(self._folder, os.W_OK)):
            raise UnreachableError(
                f"{self._name}: {self._folder} is not a folder that can be written to.",
                next_step="Mount it, or correct its path or its permissions.",
            )

    def open(self, parcels: Sequence[Parcel]) -> AbstractContextManager[Way]:
        self.check()
        return nullcontext(self)

    def fits(self, parcel: Parcel) -> bool:
        return True

    def abort(self) -> None:
        """A copy is never stuck in our hands."""

    def send_each(self, parcels: Iterable[Parcel]) -> Iterator[Answer]:
        return map(self._send, parcels)

    def _send(self, parcel: Parcel) -> Answer:
        header = read(parcel.path)  # Its UIDs are known to be UIDs: safe as names.
        final = self._folder / header.study_instance_uid / header.series_instance_uid / f"{header.sop_instance_uid}.dcm"
        temp = final.with_suffix(".part")
        try:
            durable.make_folders(final.parent, below=self._folder)
            wanted = _copy(parcel.path, temp)
            durable.sync_file(temp)
            if durable.digest_of(temp) != wanted:
                return Answer(outcome=Outcome.FAILED, reason="the copy is not the same as the object")
            temp.replace(final)
            durable.sync_folder(final.parent)
        except OSError as error:
            event(log, "folder.failed", level=logging.WARNING, destination=self._name, reason=str(error.strerror))
            return Answer(outcome=Outcome.FAILED, reason=f"the folder cannot be written: {error.strerror}")
        finally:
            if self._folder.is_dir():
                temp.unlink(missing_ok=True)
        return Answer(outcome=Outcome.ACCEPTED, is_proven=True)


def carrier_for(destination: Destination, *, own_ae_title: str, gate: Gate = OPEN, errand: str = "") -> Carrier:
    """Return the carrier of a configured destination. What speaks HTTP is loaded for a destination that does."""
    match destination.kind:
        case "dimse":
            peer = peer_of(destination, own_ae_title=own_ae_title, errand=errand)
            return DimseCarrier(peer, gate, associations_max=destination.associations_max)
        case "folder":
            return FolderCarrier(destination.name, Path(destination.path))
        case _:
            from edge.uplink import web_carriers

            return web_carriers.carrier_for(destination, gate)


def fetch_from(destination: Destination, carrier: Carrier, *, own_ae_title: str) -> Fetch | None:
    """Return what fetches objects back from a destination; None when nothing does, or nobody wants it."""
    if not destination.readback or isinstance(carrier, FolderCarrier):
        return None
    if isinstance(carrier, DimseCarrier) and not destination.readback_url:
        return by_get(carrier.peer)
    from edge.uplink import web_carriers

    return web_carriers.fetch_from(destination, carrier)


def peer_of(destination: Destination, *, own_ae_title: str, errand: str = "") -> Peer:
    """Return whom to call for a DIMSE destination.  Raises: ConfigError."""
    tls = None
    if destination.is_tls:
        tls = calling_context(
            destination.name, authority=destination.tls_ca, certificate=destination.tls_cert, key=destination.tls_key
        )
    return Peer(
        name=destination.name, host=destination.host, port=destination.port, ae_title=destination.ae_title,
        own_ae_title=own_ae_title, tls=tls, errand=errand,
    )  # fmt: skip


def _copy(source: Path, target: Path) -> bytes:
    """Copy a file in pieces and return the digest of what was read."""
    with source.open("rb") as reader, target.open("wb") as writer:
        while piece := reader.read(COPY_BYTES):
            writer.write(piece)
    return durable.digest_of(source)
