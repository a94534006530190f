"""May an object leave this disk? Only when every required destination has proven that it has it.

Pure. Nothing is evicted yet; whoever will, asks here.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from edge.core.delivery import Delivery, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Yes or no, and why not."""

    may_leave: bool
    reason: str = ""


def judge(deliveries: Iterable[Delivery], *, required: Collection[str]) -> Verdict:
    """Judge one object by its deliveries.

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
    return Verdict(may_leave=True)
