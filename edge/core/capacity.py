"""What will become of the outbox and the disk if things go on as they do: told before it hurts. Pure.

Objects arrive at a node at random and leave it one after the other, so a link is a queue with one server: with lambda
objects arriving and mu leaving a second it is used to lambda / mu, and an object is on its way for
W = 1 / (mu - lambda) on average (M/M/1). At lambda >= mu the outbox only grows.
"""

from dataclasses import dataclass

RATE_BYTES_S_MIN = 1.0
"""Slower than this is standing still."""
HORIZON_S = 365 * 86400.0
"""Nothing is foretold beyond."""
CLOSE_TO_FULL = 0.85
"""From this utilisation on, waiting grows fast: at 85 % it is already more than six times the sending itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What comes and what can go, over one link."""

    arriving_bytes_s: float
    """As measured over the last hours."""
    leaving_bytes_s: float
    """What the link carries when it is busy; 0: not known."""
    object_bytes: float = 0.0
    """Mean size of an object; 0: not known."""


def utilisation(flow: Flow) -> float | None:
    """Return how much of the link is used, from 0; at 1 and above it cannot keep up. None: not known."""
    if flow.leaving_bytes_s < RATE_BYTES_S_MIN:
        return None
    return max(0.0, flow.arriving_bytes_s) / flow.leaving_bytes_s


def waiting_s(flow: Flow) -> float | None:
    """Return the mean time from arrival to delivery, W = 1 / (mu - lambda); None: not known, or without bound."""
    if flow.object_bytes <= 0 or flow.leaving_bytes_s < RATE_BYTES_S_MIN:
        return None
    mu, arriving = flow.leaving_bytes_s / flow.object_bytes, max(0.0, flow.arriving_bytes_s) / flow.object_bytes
    return 1.0 / (mu - arriving) if mu > arriving else None


def empty_in_s(flow: Flow, *, bytes_left: int) -> float | None:
    """Return when the outbox will be empty, what arrives meanwhile counted in; None: never, as things are."""
    if bytes_left <= 0:
        return 0.0
    spare_bytes_s = flow.leaving_bytes_s - max(0.0, flow.arriving_bytes_s)
    if flow.leaving_bytes_s < RATE_BYTES_S_MIN or spare_bytes_s < RATE_BYTES_S_MIN:
        return None
    return _within(bytes_left / spare_bytes_s)


def full_in_s(*, free_bytes: int, reserve_bytes: int, growing_bytes_s: float) -> float | None:
    """Return when new work will be refused, because less than the reserve is free; None: not in sight."""
    if free_bytes <= reserve_bytes:
        return 0.0
    if growing_bytes_s < RATE_BYTES_S_MIN:
        return None
    return _within((free_bytes - reserve_bytes) / growing_bytes_s)


def _within(duration_s: float) -> float | None:
    return duration_s if duration_s <= HORIZON_S else None
