"""One connection with a peer, plain or TLS: read by one thread, written to by any.

A TLS connection is one state machine of its library: reading and writing take turns.
"""

import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterable

from edge.runtime import kernel

SEND_STALL_S = 60.0
"""A peer that takes no byte for so long is left."""
SILENT = "the peer was silent for too long"


class Wire:
    """A connected socket; the caller's to close."""

    def __init__(self, connection: socket.socket) -> None:
        """Take over a socket. Small packets go at once: waiting for acknowledgements costs 40 ms an object."""
        self._socket = connection
        self._lock = threading.Lock()
        self._is_shut = False
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._timeout_s = 0.0
        self._stall_s = SEND_STALL_S
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(SEND_STALL_S))
        connection.setblocking(True)

    def shake_hands(self, context: ssl.SSLContext, *, until_s: float) -> None:
        """Make it a TLS connection.  Raises: OSError (TimeoutError, ssl.SSLError)."""
        self._socket.setblocking(False)
        wrapped = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        self._socket = wrapped
        if self._is_shut:  # It was the plain socket's then, which has nothing left to end.
            raise ConnectionAbortedError(0, "the connection was ended here")
        while True:
            try:
                wrapped.do_handshake()
                return
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, until_s - time.monotonic())
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT, until_s - time.monotonic())

    def receive_into(self, room: memoryview, timeout_s: float) -> int:
        """Wait for bytes and take them; 0 when the peer has closed.  Raises: TimeoutError, OSError."""
        if isinstance(self._socket, ssl.SSLSocket):
            return self._receive_by_tls(room, time.monotonic() + timeout_s)
        if timeout_s <= 0:
            raise TimeoutError(SILENT)
        if timeout_s != self._timeout_s:
            self._timeout_s = timeout_s
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(timeout_s))
        try:  # The kernel keeps the time: waiting and reading are one call.
            return kernel.receive_into(self._socket, room)
        except BlockingIOError:
            raise TimeoutError(SILENT) from None

    def _receive_by_tls(self, room: memoryview, until_s: float) -> int:
        while True:
            try:
                with self._lock:
                    return kernel.receive_into(self._socket, room)
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, until_s - time.monotonic())
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT, until_s - time.monotonic())
            except ssl.SSLEOFError:
                return 0

    def hurry(self, stall_s: float) -> None:
        """From now on leave a peer that takes no byte for so long."""
        self._stall_s = stall_s
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(stall_s))

    def send(self, parts: Iterable[bytes | memoryview]) -> None:
        """Send all of it, with nothing of other threads between.  Raises: TimeoutError, OSError."""
        with self._lock:
            for part in parts:
                rest = memoryview(part)
                while rest:
                    try:
                        rest = rest[kernel.send(self._socket, rest) :]
                    except BlockingIOError:
                        raise TimeoutError(SILENT) from None
                    except ssl.SSLWantWriteError:
                        self._wait(select.POLLOUT, self._stall_s)
                    except ssl.SSLWantReadError:
                        self._wait(select.POLLIN, self._stall_s)

    def shut(self) -> None:
        """End it for both sides, from any thread; whoever waits in it wakes."""
        self._is_shut = True
        try:  # Not the method of TLS: it takes the cipher away from whoever waits, and bytes would count as plain.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except OSError:  # The peer was quicker.
            return

    def close(self) -> None:
        self._socket.close()

    def _wait(self, event: int, timeout_s: float) -> None:
        poll = select.poll()
        poll.register(self._socket, event)
        if timeout_s <= 0 or not poll.poll(timeout_s * 1000):
            raise TimeoutError(SILENT)


def _timeval(time_s: float) -> bytes:
    """Return what the kernel takes as a time; 0 would be for ever."""
    whole_s, us = divmod(max(1, round(time_s * 1e6)), 1_000_000)
    return struct.pack("ll", whole_s, us)
