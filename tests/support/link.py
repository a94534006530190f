"""A poor link: a relay between a browser and the node, with a rate, a queue, a delay and a loss, towards the browser.

Both ends see only the relay: the answer's candidates are replaced by its own, the offer's are taken out.
"""

import heapq
import random
import re
import select
import socket
import threading
import time
from types import TracebackType

DATAGRAM_BYTES_MAX = 2048
_CANDIDATE = re.compile(r"^a=candidate:.*\r?\n", re.MULTILINE)
_ADDRESS = re.compile(r"^a=candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) typ host", re.MULTILINE)


class Link:
    """One browser's way to the node."""

    def __init__(
        self, *, rate_bps: float, delay_s: float = 0.02, loss: float = 0.0, queue_s: float = 0.3, seed: int = 1
    ) -> None:
        self.rate_bps = rate_bps
        self.loss = loss
        self.is_down = False
        self._delay_s = delay_s
        self._queue_s = queue_s
        self._random = random.Random(seed)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._node: tuple[str, int] | None = None
        self._browser: tuple[str, int] | None = None
        self._free_s = 0.0
        self._due: list[tuple[float, int, bytes, bool]] = []
        self._count = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.dropped_count = 0
        self.passed_bytes = 0

    def __enter__(self) -> "Link":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def tidy_offer(self, sdp: str) -> str:
        return _CANDIDATE.sub("", sdp)

    def tidy_answer(self, sdp: str) -> str:
        found = _ADDRESS.findall(sdp)
        host, port = next((pair for pair in found if pair[0] == "127.0.0.1"), found[0])
        self._node = (host, int(port))
        mine = f"a=candidate:1 1 udp 2130706431 127.0.0.1 {self._socket.getsockname()[1]} typ host\r\n"
        is_first = True

        def replace(match: re.Match[str]) -> str:
            nonlocal is_first
            kept, is_first = (mine if is_first else ""), False
            return kept

        return _CANDIDATE.sub(replace, sdp)

    def _run(self) -> None:
        while not self._stop.is_set():
            wait_s = min(0.05, max(0.0, self._due[0][0] - time.monotonic())) if self._due else 0.05
            if select.select([self._socket], [], [], wait_s)[0]:
                data, sender = self._socket.recvfrom(DATAGRAM_BYTES_MAX)
                self._take(data, sender)
            now_s = time.monotonic()
            while self._due and self._due[0][0] <= now_s:
                _, _, data, is_down = heapq.heappop(self._due)
                target = self._browser if is_down else self._node
                if target is not None:
                    self._socket.sendto(data, target)

    def _take(self, data: bytes, sender: tuple[str, int]) -> None:
        is_down = sender == self._node
        now_s = time.monotonic()
        if not is_down:
            self._browser = sender
        if self.is_down or (is_down and self._random.random() < self.loss):
            return
        leaves_s = now_s
        if is_down:
            leaves_s = max(now_s, self._free_s) + (len(data) + 28) * 8 / self.rate_bps
            if leaves_s - now_s > self._queue_s:
                self.dropped_count += 1
                return
            self._free_s = leaves_s
            self.passed_bytes += len(data)
        self._count += 1
        heapq.heappush(self._due, (leaves_s + self._delay_s, self._count, data, is_down))
