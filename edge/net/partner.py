"""The library's end of an association: query, retrieve, worklist and commitment are answered by pynetdicom.

An association that asks for more than echo and storage is negotiated by the library, behind a pair of sockets (see
`library`), and its PDUs are passed on; objects are received by `conversation` all the same. The library waits by
looking again every millisecond: while nothing moves, it is put to rest here.
"""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from itertools import chain
from typing import Any

from edge.net.pdu import ASSOCIATE_BYTES_MAX, HEADER_BYTES, PduType, ProtocolError, header
from edge.net.wire import Wire

REST_AFTER_S = 2.0
REST_LOOK_S = 0.25
"""How often the library at rest looks for what it has to send by itself."""
AWAKE_LOOK_S = 0.001
COPY_BYTES = 128 * 1024


class Partner:
    """One association of the library. One thread writes to it, another reads from it."""

    def __init__(self, connection: socket.socket, assoc: Any) -> None:
        """Own our end of the pair."""
        self._socket = connection
        self._assoc = assoc
        self.is_resting = False
        """Whether the library sleeps: see `rest`."""
        self._rest_lock = threading.Lock()
        self.moved_s = time.monotonic()
        """When bytes last went either way."""

    @property
    def is_answering(self) -> bool:
        """Tell whether the library works for the peer, who waits: a silence is ours then."""
        return bool(getattr(self._assoc, "is_answering", False))

    def send(self, kind: PduType, body: memoryview | bytes) -> None:
        """Pass a PDU of the peer on.  Raises: OSError."""
        self.wake()
        self._socket.sendall(header(kind, len(body)))
        self._socket.sendall(body)

    def receive_first(self, timeout_s: float) -> tuple[PduType, bytes]:
        """Return the answer to the association request.  Raises: OSError, ProtocolError."""
        self._socket.settimeout(timeout_s)
        kind, length = self._receive_header()
        if length > ASSOCIATE_BYTES_MAX:
            raise ProtocolError("The answer to the association request is too long.")
        body = b""
        while len(body) < length:
            body += self._receive(length - len(body))
        self._socket.settimeout(None)
        return kind, body

    def pump(self, wire: Wire) -> None:
        """Pass on what the library sends, PDU by PDU, until it closes.  Raises: OSError."""
        while True:
            kind, length = self._receive_header()
            self.wake()
            wire.send(chain([header(kind, length)], self._pieces(length)))

    def rest(self) -> None:
        """Let the library sleep if nothing has moved for a while."""
        with self._rest_lock:
            if not self.is_resting and time.monotonic() - self.moved_s >= REST_AFTER_S:
                self.is_resting = True
                self._assoc._reactor_checkpoint.clear()
                self._assoc.dul._run_loop_delay = REST_LOOK_S

    def wake(self) -> None:
        """Let the library work."""
        self.moved_s = time.monotonic()
        with self._rest_lock:
            if self.is_resting:
                self.is_resting = False
                self._assoc.dul._run_loop_delay = AWAKE_LOOK_S
                self._assoc._reactor_checkpoint.set()

    def close(self) -> None:
        """End it from our side; the library sees a closed connection."""
        self.wake()
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
        finally:
            self._socket.close()

    def _pieces(self, length: int) -> Iterator[bytes]:
        while length:
            piece = self._receive(length)
            length -= len(piece)
            yield piece

    def _receive_header(self) -> tuple[PduType, int]:
        found = b""
        while len(found) < HEADER_BYTES:
            found += self._receive(HEADER_BYTES - len(found))
        kind, _, length = struct.unpack(">BBI", found)
        return PduType(kind), length

    def _receive(self, size_max: int) -> bytes:
        found = self._socket.recv(min(size_max, COPY_BYTES))
        if not found:
            raise ConnectionResetError("the library has closed")
        self.moved_s = time.monotonic()
        return found
