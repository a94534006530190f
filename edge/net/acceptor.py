"""The listening socket: a thread that only accepts, and one for each connection."""

import logging
import socket
import threading
import time
from dataclasses import replace

from edge.errors import ConfigError
from edge.net.conversation import Conversation, House
from edge.net.wire import Wire
from edge.runtime.log import event as log_event

log = logging.getLogger(__name__)
BACKLOG = 64
WAITING_MAX = 32
"""Connections that have not asked for an association yet; more are closed at once."""
STOP_S = 10.0
FULL_PAUSE_S = 0.2
"""When the process has no descriptor left, accepting waits so long."""


class Acceptor:
    """A listener. `start`, then `stop`; both from the thread that owns it."""

    def __init__(self, house: House, *, association_count_max: int) -> None:
        """Nothing is opened yet."""
        self._house = replace(house, enter=self._enter)
        self._association_count_max = association_count_max
        self._open: dict[Conversation, threading.Thread] = {}
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._stopping = threading.Event()

    def start(self, host: str, port: int) -> int:
        """Listen, and return the port (port 0: a free one).  Raises: ConfigError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        except OSError as error:
            raise ConfigError(
                f"Cannot listen for DICOM on {host}:{port}: {error.strerror}.",
                next_step="Choose another address, or stop the program that has this one.",
            ) from error
        self.serve(listener)
        return int(listener.getsockname()[1])

    def serve(self, listener: socket.socket) -> None:
        """Accept on a socket that listens already, and own it."""
        self._listener = listener
        threading.Thread(target=self._accept, args=[listener], name="dicom-accept", daemon=True).start()

    def stop(self) -> None:
        """Take no new associations, let objects under way be answered, then close."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._stopping.set()
        try:
            listener.shutdown(socket.SHUT_RDWR)  # Wakes who waits in accept().
        finally:
            listener.close()
        with self._lock:
            under_way = dict(self._open)
        for conversation in under_way:
            conversation.stop()
        until_s = time.monotonic() + STOP_S
        for conversation, thread in under_way.items():
            thread.join(max(0.0, until_s - time.monotonic()))
            conversation.stop(is_hard=True)
        for thread in under_way.values():
            thread.join(1.0)

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                connection, address = listener.accept()
            except OSError as error:
                if self._stopping.is_set():
                    return
                log_event(log, "receive.accept_failed", level=logging.ERROR, reason=error.strerror)
                self._stopping.wait(FULL_PAUSE_S)
                continue
            self._begin(connection, (str(address[0]), int(address[1])))

    def _begin(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        try:
            conversation = Conversation(Wire(connection), peer, self._house)
        except OSError:  # It has closed already.
            connection.close()
            return
        with self._lock:
            waiting_count = sum(not other.has_place for other in self._open)
            if waiting_count >= WAITING_MAX:
                connection.close()
                return
            thread = threading.Thread(target=self._run, args=[conversation], name="dicom-association", daemon=True)
            self._open[conversation] = thread
        thread.start()

    def _run(self, conversation: Conversation) -> None:
        try:
            conversation.run()
        finally:
            with self._lock:
                del self._open[conversation]

    def _enter(self, conversation: Conversation) -> bool:
        with self._lock:
            conversation.has_place = sum(other.has_place for other in self._open) < self._association_count_max
            return conversation.has_place
