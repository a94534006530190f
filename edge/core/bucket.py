"""How much the uplink may send while a call runs: a token bucket of small quanta. Pure: time is handed in.

Open, everything passes. Shared, quanta pass at a rate. Closed, nothing does.
"""

from dataclasses import dataclass, replace

QUANTUM_BYTES = 16 * 1024
"""A packet of the call waits for no more than this."""
SAVED_S = 0.05
"""A sender that wakes up late makes up for so much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What is left to send, now. Times are monotonic seconds."""

    rate_bytes_s: float
    """0: nothing passes."""
    level_bytes: float = 0.0
    """At most a quantum, or what passes in `SAVED_S`: what was not used is not saved up."""
    filled_s: float = 0.0

    def at(self, now_s: float) -> "Bucket":
        """Return the bucket as it is filled by now. A clock that goes back fills nothing."""
        grown = self.level_bytes + self.rate_bytes_s * max(0.0, now_s - self.filled_s)
        level_max = max(float(QUANTUM_BYTES), self.rate_bytes_s * SAVED_S)
        return replace(self, level_bytes=min(level_max, grown), filled_s=now_s)

    def wait_s(self, wanted_bytes: int, *, now_s: float) -> float | None:
        """Return how long until so much may pass (at most a quantum at a time); None: nobody knows."""
        missing = min(wanted_bytes, QUANTUM_BYTES) - self.at(now_s).level_bytes
        if missing <= 0:
            return 0.0
        return missing / self.rate_bytes_s if self.rate_bytes_s > 0 else None

    def take(self, taken_bytes: int, *, now_s: float) -> "Bucket":
        """Take what has passed; a debt is paid before the next passes."""
        filled = self.at(now_s)
        return replace(filled, level_bytes=filled.level_bytes - taken_bytes)
