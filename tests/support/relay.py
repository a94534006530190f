"""A bad link for TCP: a relay with a rate, that cuts every connection when it is so old, or after so many bytes.

with Relay(port, rate_bytes_s=8e6, cut_s=8.0) as relay: …      # connect to relay.port
"""

import contextlib
import selectors
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType

PIECE_BYTES = 64 * 1024
BURST_S = 0.01


@dataclass
class _Pair:
    """One connection and its twin to the far end."""

    near: socket.socket
    far: socket.socket
    begun_s: float = field(default_factory=time.monotonic)
    passed_bytes: int = 0


class Relay:
    """Listens on `port` from `with` to its end. Counters may be read at any time."""

    def __init__(
        self,
        target_port: int,
        *,
        rate_bytes_s: float = 0.0,
        cut_s: float = 0.0,
        cut_bytes: int = 0,
        cut_count_max: int = -1,
        is_gentle: bool = False,
    ) -> None:
        """0: no limit. `cut_bytes` counts what the near end sends over one connection.

        A cut resets both ends: what the far one has not read yet is lost. `is_gentle`: it may read what has come.
        """
        self._is_gentle = is_gentle
        self.rate_bytes_s, self.cut_s, self.cut_bytes = rate_bytes_s, cut_s, cut_bytes
        self.cut_count_max = cut_count_max
        self.target_port = target_port
        self.up_bytes = 0
        """Put on the link by the near end, whether or not it arrived."""
        self.down_bytes = 0
        self.cut_count = 0
        self.connection_count = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._free_s = {True: 0.0, False: 0.0}
        """When each direction of the link is free again: all connections share it."""

    def __enter__(self) -> "Relay":
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
            except OSError:
                near.close()
                continue
            self.connection_count += 1
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.rate_bytes_s:  # A link holds little; what it holds is lost with it.
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE_BYTES)
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE_BYTES)
            self._start(self._run, _Pair(near, far))

    def _run(self, pair: _Pair) -> None:
        """Move what comes, both ways, until one end closes or the link cuts."""
        open_ways = {pair.near: pair.far, pair.far: pair.near}
        with selectors.DefaultSelector() as selector:
            for end in open_ways:
                selector.register(end, selectors.EVENT_READ)
            try:
                while open_ways and not self._stop.is_set():
                    for key, _ in selector.select(0.05):
                        source = key.fileobj
                        assert isinstance(source, socket.socket)
                        if not self._move(pair, source, open_ways[source]):
                            selector.unregister(source)
                            with contextlib.suppress(OSError):
                                open_ways.pop(source).shutdown(socket.SHUT_WR)
                    if self._is_due(pair):
                        self.cut_count += 1
                        self._reset(pair)
                        return
            except OSError:
                self._reset(pair)
                return
        pair.near.close()
        pair.far.close()

    def _is_due(self, pair: _Pair) -> bool:
        if not self._may_cut():
            return False
        is_old = bool(self.cut_s) and time.monotonic() - pair.begun_s >= self.cut_s
        return is_old or (bool(self.cut_bytes) and pair.passed_bytes >= self.cut_bytes)

    def _may_cut(self) -> bool:
        return self.cut_count_max < 0 or self.cut_count < self.cut_count_max

    def _move(self, pair: _Pair, source: socket.socket, target: socket.socket) -> bool:
        """Pass one piece on as fast as the link is; tell whether there may be more."""
        is_up = source is pair.near
        size = PIECE_BYTES
        if is_up and self.cut_bytes and self._may_cut():
            size = max(1, min(size, self.cut_bytes - pair.passed_bytes))
        data = source.recv(size)
        if not data:
            return False
        with self._lock:
            if is_up:
                self.up_bytes += len(data)
                pair.passed_bytes += len(data)
            else:
                self.down_bytes += len(data)
        self._wait(len(data), is_up=is_up)
        target.sendall(data)
        return True

    def _wait(self, size_bytes: int, *, is_up: bool) -> None:
        if not self.rate_bytes_s:
            return
        with self._lock:
            now_s = time.monotonic()
            self._free_s[is_up] = max(now_s - BURST_S, self._free_s[is_up]) + size_bytes / self.rate_bytes_s
            wait_s = self._free_s[is_up] - now_s
        if wait_s > 0:
            time.sleep(wait_s)

    def _reset(self, pair: _Pair) -> None:
        for end in (pair.near, pair.far):
            if end is pair.near or not self._is_gentle:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()
