"""May an object leave this disk? Only when every required destination has proven that it has it. How much has to?

Pure. `edge.store.evictions` asks here inside the transaction in which an object leaves.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from edge.core.delivery import Delivery, State

LEAVE_FROM = 0.9
"""Of a budget: from here on the oldest leave, so that what comes next still has room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What objects may take. 0: no limit of that kind."""

    budget_bytes: int = 0
    free_bytes: int = 0
    """What is to stay free on the disk."""


def excess_bytes(limits: Limits, *, used_bytes: int, free_bytes: int) -> int:
    """Return how many bytes should leave now; 0: none."""
    over = used_bytes - int(limits.budget_bytes * LEAVE_FROM) if limits.budget_bytes else 0
    short = limits.free_bytes - free_bytes if limits.free_bytes else 0
    return max(0, over, short)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Yes or no, and why not."""

    may_leave: bool
    reason: str = ""


def judge(deliveries: Sequence[Delivery], *, required: Collection[str]) -> Verdict:
    """Judge one object by its deliveries.

    One of those who have it must give back the very bytes, not only the same picture: full fidelity is to come back.
    Committed is not enough: an archive may commit what it has cut short, so it must have been read back as well.
    Without a required destination nothing ever leaves: there would be no other copy anywhere.
    """
    if not required:
        return Verdict(may_leave=False, reason="no destination is required to have it")
    states = {delivery.destination: delivery.state for delivery in deliveries}
    for destination in sorted(required):
        state = states.get(destination)
        if state is None:
            return Verdict(may_leave=False, reason=f"{destination} was never to have it")
        if state is not State.SAFE:
            return Verdict(may_leave=False, reason=f"at {destination} it is {state}, not safe")
    if not any(delivery.state is State.SAFE and not delivery.is_other_form for delivery in deliveries):
        return Verdict(may_leave=False, reason="nobody could give back its very bytes")
    return Verdict(may_leave=True)
