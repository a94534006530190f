"""The gate that everything sent passes: open, narrow or closed for a while. One for all senders of a process."""

import threading
from collections.abc import Callable
from dataclasses import replace

from edge.core.bucket import QUANTUM_BYTES, Bucket
from edge.core.share import Share
from edge.runtime.clock import mono_s

LOOK_S = 0.05
"""A gate that opens, or narrows, is noticed within this."""
FORGET_S = 20.0
"""What the link carried so long ago says nothing of it any more."""
NEW_WEIGHT = 0.1
"""Of one measurement against those before: about a second counts."""
SIDE_S = 0.5
"""Connections that were measured within this carry side by side."""


class Gate:
    """Safe from any thread."""

    def __init__(self) -> None:
        """Open."""
        self._lock = threading.Lock()
        self.is_urgent = False
        """What is sent now is urgent."""
        self._bucket: Bucket | None = None
        self._share: Share | None = None
        self._carried_bytes_s = 0.0
        self._carried_s = -FORGET_S
        self._sides: dict[int, tuple[float, float]] = {}
        """Of each connection, how fast its bytes arrive and when it was measured."""
        self._opened = threading.Event()
        self._opened.set()

    @property
    def is_off(self) -> bool:
        """Tell whether these are hours in which only what is urgent goes."""
        return False

    @property
    def why(self) -> str:
        """Return why nothing passes, in words."""
        return "paused for a call"

    @property
    def is_closed(self) -> bool:
        """Tell whether nothing at all passes now."""
        bucket = self._bucket
        return bucket is not None and bucket.rate_bytes_s <= 0

    @property
    def rate_bytes_s(self) -> float | None:
        """What passes a second; None: everything."""
        bucket = self._bucket
        return None if bucket is None else bucket.rate_bytes_s

    @property
    def piece_bytes(self) -> int | None:
        """What to ask for at once while it is narrow; None: as much as one likes."""
        return None if self._bucket is None else QUANTUM_BYTES

    def narrow(self, rate_bytes_s: float) -> None:
        """Let only so much pass; 0: nothing."""
        with self._lock:
            self._narrow(rate_bytes_s)

    def _narrow(self, rate_bytes_s: float) -> None:
        now_s = mono_s()
        if self._bucket is None:
            self._bucket = Bucket(rate_bytes_s=rate_bytes_s, filled_s=now_s)
        elif self._bucket.rate_bytes_s != rate_bytes_s:
            self._bucket = replace(self._bucket.at(now_s), rate_bytes_s=rate_bytes_s)
        self._opened.clear() if rate_bytes_s <= 0 else self._opened.set()

    def open(self) -> None:
        """Let everything pass again."""
        with self._lock:
            self._bucket, self._share = None, None
            self._opened.set()

    def ask(self, wanted_bytes: int) -> float:
        """Return 0 and count the bytes as passed, or the seconds after which to ask again."""
        with self._lock:
            if self._bucket is None:
                return 0.0
            now_s = mono_s()
            wait_s = self._bucket.wait_s(wanted_bytes, now_s=now_s)
            if wait_s == 0.0:
                self._bucket = self._bucket.take(wanted_bytes, now_s=now_s)
                return 0.0
            return LOOK_S if wait_s is None else min(LOOK_S, max(0.001, wait_s))

    def feel(self, queue_s: float, rate_bytes_s: float, *, connection: int = 0) -> None:
        """Be told by one connection how long its bytes wait on the way, and how fast they arrive."""
        with self._lock:
            now_s = mono_s()
            self._sides = {one: side for one, side in self._sides.items() if 0 <= now_s - side[1] < SIDE_S}
            self._sides[connection] = (rate_bytes_s, now_s)
            weight = NEW_WEIGHT / len(self._sides) if now_s - self._carried_s <= FORGET_S else 1.0
            all_bytes_s = sum(rate for rate, _ in self._sides.values())
            self._carried_bytes_s += weight * (all_bytes_s - self._carried_bytes_s)
            self._carried_s = now_s
            if self._share is not None:
                self._use(self._share.feel(queue_s, self._carried_bytes_s, now_s=now_s))

    def share(self, change: Callable[[Share], Share]) -> float:
        """Let a call have what it needs and change what is left by what it says; return what passes a second."""
        with self._lock:
            if self._share is None:
                is_known = mono_s() - self._carried_s <= FORGET_S
                self._share = Share(begun_s=mono_s(), link_bytes_s=self._carried_bytes_s if is_known else 0.0)
            self._use(change(self._share))
            return self._share.rate_bytes_s

    def _use(self, share: Share) -> None:
        self._share = share
        self._narrow(share.rate_bytes_s)

    def wait_open(self, timeout_s: float) -> bool:
        """Block while nothing passes, at most so long; tell whether something does."""
        return self._opened.wait(timeout_s)


OPEN = Gate()
"""A gate that nobody closes."""
