"""Fetching one object back by C-GET: it comes on the same association, straight into a file.

Standard: PS3.4 C.4.3 (C-GET)
"""

import os
from pathlib import Path
from typing import BinaryIO

from edge.dicom import keys
from edge.errors import UnreachableError
from edge.net import command, pdu
from edge.net.calling import IMPLICIT, Calling, Sink
from edge.net.command import Command
from edge.net.fetching import Fetch, NotGivenError, NotThereError, bytes_max, size_of
from edge.net.incoming import file_head
from edge.net.parcel import Parcel
from edge.net.pdu import ProtocolError
from edge.net.peer import NotAcceptedError, Peer
from edge.net.stream import AbortedError, BrokenError

STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
EXPLICIT = "1.2.840.10008.1.2.1"
NO_ROOM = 0xA700
_PENDING = frozenset({0xFF00, 0xFF01})
_NOT_OFFERED = frozenset({0x0122, 0x0124, 0x0211})


def by_get(peer: Peer) -> Fetch:
    """Return what fetches by C-GET, in the transfer syntax it is kept in here, else plain."""

    def fetch(parcel: Parcel, target: Path) -> None:
        syntaxes = dict.fromkeys([parcel.transfer_syntax_uid, EXPLICIT, IMPLICIT])
        pairs = [(STUDY_ROOT_GET, [EXPLICIT, IMPLICIT]), *((parcel.sop_class_uid, [one]) for one in syntaxes)]
        try:
            with Calling(peer, pairs, provided=[parcel.sop_class_uid]) as calling:
                arrival = _Arrival(calling, parcel, target)
                status = _get(calling, parcel, arrival)
        except AbortedError as error:  # Some archives do that when they do not have the object.
            raise NotGivenError(f"{peer.name} aborts when asked to give {parcel.sop_instance_uid} back.") from error
        except BrokenError as error:
            raise UnreachableError(f"{peer.name}, asked to give an object back: {error.message}.") from error
        if arrival.fault is not None:
            raise arrival.fault
        _judge(peer, parcel, status, has_come=arrival.is_whole)

    return fetch


def _get(calling: Calling, parcel: Parcel, arrival: "_Arrival") -> int:
    """Ask, and take what comes until the last answer; return its status.  Raises: BrokenError, NotAcceptedError."""
    found = calling.syntax_of(STUDY_ROOT_GET)
    if found is None:
        raise NotAcceptedError(f"{calling.peer.name} does not offer C-GET.")
    context_id, syntax = found
    calling.on_request = arrival.begin
    identifier = {
        "QueryRetrieveLevel": "IMAGE", "StudyInstanceUID": parcel.study_instance_uid,
        "SeriesInstanceUID": parcel.series_instance_uid, "SOPInstanceUID": parcel.sop_instance_uid,
    }  # fmt: skip
    said = command.get_request(calling.next_message_id(), STUDY_ROOT_GET)
    calling.ask(context_id, said, keys.write(identifier, (), syntax))
    try:
        while True:
            status = calling.answer(size_of(parcel)).status
            if status not in _PENDING:
                return 0x0110 if status is None else status
    finally:
        arrival.close()


class _Arrival:
    """The object, while it comes. What is not the object that was asked for is let through."""

    def __init__(self, calling: Calling, parcel: Parcel, target: Path) -> None:
        self._calling = calling
        self._parcel = parcel
        self._target = target
        self._file: BinaryIO | None = None
        self._left_bytes = 0
        self.fault: OSError | None = None
        self.is_whole = False

    def begin(self, context_id: int, asked: Command) -> Sink:
        """Take a C-STORE of the peer."""
        if asked.field != command.C_STORE_RQ:
            raise ProtocolError(f"it asked for 0x{asked.field:04X} where an object was waited for")
        syntax = next((uid for (_, uid), found in self._calling.contexts.items() if found == context_id), "")
        is_wanted = asked.sop_instance_uid == self._parcel.sop_instance_uid and not self.is_whole
        self.close()
        if is_wanted:
            self._open(file_head(asked.sop_class_uid, asked.sop_instance_uid, syntax))

        def take(data: memoryview, is_last: bool) -> None:
            self._write(data)
            if is_last:
                self.is_whole = self.is_whole or self._file is not None
                self.close()
                status = NO_ROOM if self.fault is not None else 0x0000
                self._calling.say(pdu.data(context_id, command.response(asked, status), is_command=True))

        return take

    def close(self) -> None:
        """Close the file; what was written stays."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _open(self, head: bytes) -> None:
        try:
            self._left_bytes = bytes_max(self._parcel)
            self._file = self._target.open("wb", buffering=0)
            self._write(memoryview(head))
        except OSError as error:
            self.fault = error

    def _write(self, data: memoryview) -> None:
        """Write, as long as it can be what was asked for: beyond, what is here is enough to see that it is not."""
        if self._file is None or self.fault is not None:
            return
        rest = data[: self._left_bytes]
        self._left_bytes -= len(rest)
        try:
            while rest:
                rest = rest[os.write(self._file.fileno(), rest) :]
        except OSError as error:
            self.fault = error


def _judge(peer: Peer, parcel: Parcel, status: int, *, has_come: bool) -> None:
    if has_come:
        return
    if status in _NOT_OFFERED:
        raise NotAcceptedError(f"{peer.name} does not give objects back (status 0x{status:04X}).")
    if status == 0:
        raise NotThereError(f"{peer.name} does not have {parcel.sop_instance_uid}.")
    raise NotGivenError(f"{peer.name} cannot give {parcel.sop_instance_uid} back (status 0x{status:04X}).")
