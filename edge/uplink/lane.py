"""The gate of one destination: the common one of the uplink, and the hours of that destination inside it."""

import time
from collections.abc import Sequence

from edge.core.bucket import QUANTUM_BYTES, Bucket
from edge.core.hours import Hours, cap_at, opens_in_min
from edge.runtime import clock
from edge.runtime.gate import LOOK_S, Gate
from edge.runtime.local import local_minute

OFF_LOOK_S = 1.0
"""Hours that begin or end are noticed within this."""


class Lane(Gate):
    """Safe from any thread, but `is_urgent` is the sender's own."""

    def __init__(self, outer: Gate, hours: Sequence[Hours] = ()) -> None:
        """Narrow what `outer` lets pass by the hours of one destination."""
        super().__init__()
        self._outer = outer
        self._hours = tuple(hours)
        self._looked_s = 0.0
        self._cap: float | None = None
        self.is_urgent = False
        """What is sent now is urgent: hours in which nothing else goes do not hold it up."""

    @property
    def is_off(self) -> bool:
        """Tell whether these are hours in which only what is urgent goes."""
        return self._cap_now() == 0

    @property
    def why(self) -> str:
        """Return why nothing goes, in words."""
        if self._outer.is_closed or not self.is_off:
            return self._outer.why
        minutes = opens_in_min(self._hours, local_minute(clock.wall_s()))
        if minutes is None:
            return "its hours never allow sending"
        opens_s = clock.wall_s() + 60.0 * minutes
        return f"outside its hours, goes on at {time.strftime('%H:%M', time.localtime(opens_s))}"

    @property
    def is_closed(self) -> bool:
        return self._outer.is_closed or (self.is_off and not self.is_urgent)

    @property
    def rate_bytes_s(self) -> float | None:
        rates = [rate for rate in (self._outer.rate_bytes_s, self._own_rate()) if rate is not None]
        return min(rates, default=None)

    @property
    def piece_bytes(self) -> int | None:
        return None if self.rate_bytes_s is None else QUANTUM_BYTES

    def ask(self, wanted_bytes: int) -> float:
        if self.is_closed:
            return LOOK_S
        rate_bytes_s = self._own_rate()
        if rate_bytes_s is None:
            return self._outer.ask(wanted_bytes)
        with self._lock:
            now_s = clock.mono_s()
            if self._bucket is None or self._bucket.rate_bytes_s != rate_bytes_s:
                self._bucket = Bucket(rate_bytes_s=rate_bytes_s, filled_s=now_s)
            wait_s = self._bucket.wait_s(wanted_bytes, now_s=now_s)
            if wait_s is None or wait_s > 0:
                return LOOK_S if wait_s is None else min(LOOK_S, max(0.001, wait_s))
            wait_s = self._outer.ask(wanted_bytes)
            if wait_s == 0.0:
                self._bucket = self._bucket.take(wanted_bytes, now_s=now_s)
            return wait_s

    def wait_open(self, timeout_s: float) -> bool:
        return self._outer.wait_open(timeout_s) and not self.is_closed

    def feel(self, queue_s: float, rate_bytes_s: float, *, connection: int = 0) -> None:
        self._outer.feel(queue_s, rate_bytes_s, connection=connection)

    def _own_rate(self) -> float | None:
        cap = self._cap_now()
        return None if cap == 0 and self.is_urgent else cap

    def _cap_now(self) -> float | None:
        now_s = clock.wall_s()
        if self._hours and not 0 <= now_s - self._looked_s < OFF_LOOK_S:
            self._looked_s = now_s
            self._cap = cap_at(self._hours, local_minute(now_s))
        return self._cap
