"""How close a link is to its limit, and how long an object waits there: told before it hurts. Pure.

Objects arrive at a node at random and leave it one after the other, so a link is a queue with one server: with lambda
objects arriving and mu leaving a second it is used to lambda / mu, and an object is on its way for
W = 1 / (mu - lambda) on average (M/M/1). At lambda >= mu the outbox only grows.
"""

from dataclasses import dataclass

RATE_BYTES_S_MIN = 1.0
"""Slower than this is standing still."""
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
