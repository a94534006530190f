"""A connection that we open and send much over: bounded, watched, and soon at rest when it has to be.

A stall is judged by bytes that the peer acknowledges, never by how long the whole takes: a gigabyte may take two days.
The timer for an answer starts after the last byte has been acknowledged. Nothing is queued here: the kernel is handed
what it sends within `HELD_BACK_S`, and no more.
"""

import os
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import Any

from edge.errors import EdgeError
from edge.net.peer import CONNECT_S, NEGOTIATE_S, STALL_S
from edge.runtime import kernel, tcp_info
from edge.runtime.clock import mono_s
from edge.runtime.gate import OPEN, Gate

LOOK_S = 0.25
"""How often a connection that does not move is looked at."""
TUNE_S = 0.1
"""How often it is looked at while it moves."""
HELD_BACK_S = 0.1
HELD_BACK_BYTES_MIN = 2 * 1024
HELD_BACK_BYTES_MAX = 1024 * 1024
HELD_BACK_BYTES_FIRST = 128 * 1024


class BrokenError(EdgeError):
    """The connection is of no use any more; says why in words that follow a name and a colon."""

    code = "peer.broken"
    http_status = 503
    exit_code = 5
    is_temporary = True
    next_step = "It is tried again by itself."


class NoAnswerError(BrokenError):
    """The peer has everything and says nothing."""


class AbortedError(BrokenError):
    """The peer is there, and said that it does not go on."""


class Stream:
    """One connection, plain or TLS. Used by one thread; `shut` by any."""

    def __init__(self, *, gate: Gate = OPEN, now: Callable[[], float] = mono_s) -> None:
        """Nothing is opened yet. `now` are the seconds by which a stall is judged."""
        self._gate = gate
        self._now = now
        self._socket: socket.socket | None = None
        self._is_shut = False
        self._tuned_s = 0.0
        self._acked_bytes = 0
        self._paced: float | None = None
        self._held_back_bytes = HELD_BACK_BYTES_FIRST
        self.on_readable: Callable[[], None] = lambda: None
        """Called when something arrives while we send: it reads it, so that an early no is heard early."""

    def open(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Connect, and shake hands.  Raises: OSError (TimeoutError, ssl.SSLError), BrokenError when it was shut."""
        fault: OSError | None = None
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            made = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
            self._socket = made
            try:
                self._connect(made, address)
                break
            except OSError as error:
                made.close()
                fault = error
        else:
            self._socket = None
            raise fault or OSError("the name has no address")
        if tls is not None:
            self._shake_hands(tls, host)

    def send(self, data: memoryview) -> None:
        """Send all of it, as fast as the peer takes it and the gate lets it.  Raises: BrokenError."""
        rest = data
        while rest:
            if self._now() - self._tuned_s >= TUNE_S:
                self._tune()
            piece_bytes = self._gate.piece_bytes
            piece = rest if piece_bytes is None else rest[:piece_bytes]
            self._wait_for_gate(len(piece))
            rest = rest[len(piece) :]
            while piece:
                piece = piece[self._send_some(piece) :]

    def receive_into(self, room: memoryview, answer_s: float) -> int:
        """Wait for bytes and take them; the time counts from when the peer has everything.  Raises: BrokenError."""
        watch, quiet_from_s = _Watch(self), None
        while True:
            try:
                if self._is_pending() or self._wait(select.POLLIN):
                    taken = kernel.receive_into(self._open_socket(), room)
                    if taken == 0:
                        raise BrokenError("it closed the connection")
                    return taken
            except (ssl.SSLWantReadError, BlockingIOError):
                continue
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT)
            except OSError as error:
                raise _broken(error) from error
            if watch.is_drained():
                quiet_from_s = self._now() if quiet_from_s is None else quiet_from_s
                if self._now() - quiet_from_s > answer_s:
                    raise NoAnswerError(f"no answer came within {answer_s:.0f} s of the last byte's arrival")

    def receive_now(self, room: memoryview) -> int:
        """Take what has arrived, if anything has; 0: nothing.  Raises: BrokenError, also when it has closed."""
        try:
            taken = kernel.receive_into(self._open_socket(), room)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return 0
        except OSError as error:
            raise _broken(error) from error
        if taken == 0:
            raise BrokenError("it closed the connection")
        return taken

    def shut(self) -> None:
        """End it for both sides, from any thread; whoever waits in it wakes."""
        self._is_shut = True
        connection = self._socket
        if connection is not None:
            try:  # Not the method of TLS: it takes the cipher away first, and a thread in `send` would go on in plain.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            except OSError:  # It was not connected yet, or not any more.
                return

    def reset(self) -> None:
        """Close it and drop what is under way: an object that was given up does not arrive after all."""
        if self._socket is not None:
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:  # It is closed below already.
                self._is_shut = True
        self.close()

    def close(self) -> None:
        """Close it; a stream is opened once."""
        connection, self._socket = self._socket, None
        self._is_shut = True
        if connection is not None:
            connection.close()

    def look(self) -> tcp_info.TcpInfo:
        """Return what the kernel knows.  Raises: BrokenError."""
        try:
            return tcp_info.look(self._open_socket())
        except OSError as error:
            raise _broken(error) from error

    @property
    def now_s(self) -> float:
        return self._now()

    def _connect(self, made: socket.socket, address: Any) -> None:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        tcp_info.hold_back(made, self._held_back_bytes)
        until_s = time.monotonic() + CONNECT_S
        try:
            made.connect(address)
        except BlockingIOError:
            while not self._wait(select.POLLOUT):
                if time.monotonic() > until_s:
                    raise TimeoutError("nobody answers") from None
        fault = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if fault:
            raise OSError(fault, os.strerror(fault))

    def _shake_hands(self, tls: ssl.SSLContext, host: str) -> None:
        until_s = time.monotonic() + NEGOTIATE_S
        wrapped = tls.wrap_socket(self._open_socket(), server_hostname=host, do_handshake_on_connect=False)
        self._socket = wrapped
        while True:
            try:
                wrapped.do_handshake()
                return
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT)
            if time.monotonic() > until_s:
                raise TimeoutError("it does not answer the TLS handshake")

    def _send_some(self, piece: memoryview) -> int:
        watch: _Watch | None = None
        while True:
            try:
                return kernel.send(self._open_socket(), piece)
            except (BlockingIOError, ssl.SSLWantWriteError):
                wanted = select.POLLOUT | select.POLLIN
            except ssl.SSLWantReadError:
                wanted = select.POLLIN
            except OSError as error:
                raise _broken(error) from error
            watch = watch or _Watch(self)
            found = self._wait(wanted)
            if found & select.POLLIN:
                self.on_readable()
            if not found & select.POLLOUT:
                watch.is_drained()

    def _wait(self, events: int) -> int:
        """Wait for any of these, at most `LOOK_S`, and return what has come.  Raises: BrokenError when it was shut."""
        poll = select.poll()
        poll.register(self._open_socket(), events)
        found = poll.poll(LOOK_S * 1000)
        self._open_socket()
        if not found:
            return 0
        # Errors and a closed connection show in the call that follows.
        return found[0][1] & events or events

    def _is_pending(self) -> bool:
        """Whether TLS holds bytes that the socket does not show."""
        return isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def _open_socket(self) -> socket.socket:
        if self._socket is None or self._is_shut:
            raise BrokenError("it was broken off here")
        return self._socket

    def _wait_for_gate(self, wanted_bytes: int) -> None:
        while wait_s := self._gate.ask(wanted_bytes):
            self._open_socket()
            time.sleep(wait_s)

    def _tune(self) -> None:
        """Let the kernel hold back what passes in `HELD_BACK_S`, and spread it; tell the gate how long the queue is."""
        now_s, info = self._now(), self.look()
        carried_bytes_s = (info.acked_bytes - self._acked_bytes) / max(1e-3, now_s - self._tuned_s)
        if self._tuned_s:  # The first time it is not known when it began.
            self._gate.feel(info.round_trip_s - info.round_trip_s_min, carried_bytes_s, connection=id(self))
        self._tuned_s, self._acked_bytes = now_s, info.acked_bytes
        rate_bytes_s = self._gate.rate_bytes_s
        lately = info.rate_bytes_s if rate_bytes_s is None else min(info.rate_bytes_s, rate_bytes_s)
        wanted_bytes = int(min(HELD_BACK_BYTES_MAX, max(HELD_BACK_BYTES_MIN, lately * HELD_BACK_S)))
        try:
            if lately and not wanted_bytes / 1.5 < self._held_back_bytes < wanted_bytes * 1.5:
                self._held_back_bytes = wanted_bytes
                tcp_info.hold_back(self._open_socket(), wanted_bytes)
            if rate_bytes_s != self._paced:
                self._paced = rate_bytes_s
                tcp_info.pace(self._open_socket(), rate_bytes_s)
        except OSError as error:
            raise _broken(error) from error


class _Watch:
    """Looks whether bytes that were written arrive."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._acked_bytes = -1
        self._moved_s = stream.now_s

    def is_drained(self) -> bool:
        """Tell whether the peer has everything.  Raises: BrokenError at a stall."""
        info, now_s = self._stream.look(), self._stream.now_s
        if info.is_drained or info.acked_bytes != self._acked_bytes:
            self._acked_bytes, self._moved_s = info.acked_bytes, now_s
        elif now_s - self._moved_s > STALL_S:
            raise BrokenError(f"it stalled: not a byte was acknowledged for {STALL_S:.0f} s")
        return info.is_drained


def _broken(error: OSError) -> BrokenError:
    words = error.strerror or str(error) or type(error).__name__
    return BrokenError(f"the connection broke ({words})")
