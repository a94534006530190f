"""What is known of the way to one destination.

    unknown ──answers──▶ up ⇄ slow          any ──no answer──▶ down ──answers──▶ up

A link that is down is asked again after a growing, bounded wait; it never is given up. Pure: time and jitter come in.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

PROBE_S_FIRST = 2.0
PROBE_S_MAX = 60.0
IDLE_PROBE_S = 30.0
"""A link over which nothing goes is asked this often whether it is still there."""
SLOW_BYTES_S = 64 * 1024
MEASURED_BYTES_MIN = 256 * 1024
"""Smaller objects tell the delay of the link, not its rate."""
MEMORY_S = 20.0
"""A measurement this long outweighs what was known before; a short one counts for little."""


class LinkState(StrEnum):
    """How the way to a destination is."""

    UNKNOWN = "unknown"
    UP = "up"
    SLOW = "slow"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The link to one destination. Times are wall clock seconds, rates bytes a second."""

    state: LinkState = LinkState.UNKNOWN
    rate_bytes_s: float = 0.0
    """0 until something large enough was sent."""
    since_s: float = 0.0
    """When this state was entered."""
    seen_s: float = 0.0
    """When it was last asked or used."""
    next_try_s: float | None = None
    """When it is asked again; None while it answers."""
    failure_count: int = 0
    """In a row."""
    reason: str = ""
    """Why it is down, in words."""

    @property
    def is_usable(self) -> bool:
        return self.state in (LinkState.UP, LinkState.SLOW)

    def answered(self, *, now_s: float) -> "Link":
        """The destination has answered."""
        state = LinkState.SLOW if 0 < self.rate_bytes_s < SLOW_BYTES_S else LinkState.UP
        return self._enter(state, now_s, next_try_s=None, failure_count=0, reason="")

    def failed(self, reason: str, *, now_s: float, jitter: float = 0.5) -> "Link":
        """It has not; `jitter` in [0, 1] spreads the next try."""
        wait_s = min(PROBE_S_MAX, PROBE_S_FIRST * 2 ** min(self.failure_count, 16)) * (0.75 + 0.5 * jitter)
        return self._enter(
            LinkState.DOWN, now_s, next_try_s=now_s + wait_s, failure_count=self.failure_count + 1, reason=reason
        )

    def measured(self, sent_bytes: int, duration_s: float, *, now_s: float) -> "Link":
        """So much went over it in that time, and was confirmed."""
        if sent_bytes < MEASURED_BYTES_MIN or duration_s <= 0:
            return self.answered(now_s=now_s)
        weight = 1.0 if self.rate_bytes_s == 0 else max(0.1, min(1.0, duration_s / MEMORY_S))
        rate = self.rate_bytes_s + weight * (sent_bytes / duration_s - self.rate_bytes_s)
        return replace(self, rate_bytes_s=rate).answered(now_s=now_s)

    def is_probe_due(self, *, now_s: float) -> bool:
        """Tell whether to ask now. A clock that was set back does not silence the link."""
        if self.state is LinkState.UNKNOWN or now_s < self.seen_s:
            return True
        if self.next_try_s is not None:
            return now_s >= self.next_try_s
        return now_s - self.seen_s >= IDLE_PROBE_S

    def asked_by_person(self, *, now_s: float) -> "Link":
        """Somebody wants it tried now: do not wait, unless it was tried this very moment."""
        if self.next_try_s is None or now_s - self.seen_s < PROBE_S_FIRST:
            return self
        return replace(self, next_try_s=now_s)

    def _enter(
        self, state: LinkState, now_s: float, *, next_try_s: float | None, failure_count: int, reason: str
    ) -> "Link":
        return replace(
            self, state=state, since_s=self.since_s if state is self.state else now_s, seen_s=now_s,
            next_try_s=next_try_s, failure_count=failure_count, reason=reason,
        )  # fmt: skip
