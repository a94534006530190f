"""What is foretold of the outbox and the disk, in words. Pure."""

from edge.core import capacity
from edge.core.capacity import CLOSE_TO_FULL, Flow
from edge.core.sync_words import is_known, say_duration, say_range

SOON_S = 3 * 86400.0
"""A disk that is full sooner is worth a word."""


def say_outbox(
    flow: Flow, *, bytes_left: int, empty_s: float | None, is_down_long: bool = False,
    between_s: tuple[float | None, float | None] = (None, None),
) -> list[str]:  # fmt: skip
    """Return what is foretold of one destination; nothing while too little is known."""
    used = capacity.utilisation(flow)
    if used is None:
        return []
    said = []
    if bytes_left > 0 and empty_s is not None:
        when = "once it is back in reach" if is_down_long else "what comes in meanwhile counted in"
        is_moment = is_known(empty_s, between_s)
        said.append(f"Empty in {_about(empty_s) if is_moment else say_range(empty_s, between_s)}, {when}")
    elif bytes_left > 0 and used >= 1:
        said.append("More comes in than the link carries: the outbox grows")
    if flow.arriving_bytes_s >= 1:
        close = ", close to its limit" if CLOSE_TO_FULL <= used < 1 else ""
        said.append(f"The link is used to {_percent(used)}{close}")
    if (wait_s := capacity.waiting_s(flow)) is not None and flow.arriving_bytes_s >= 1:
        said.append(f"An object is on its way for {_about(wait_s)} on average")
    return said


def say_disk(full_s: float | None) -> str:
    """Return what is foretold of the disk; empty when there is nothing to worry about."""
    if full_s is None or full_s > SOON_S:
        return ""
    if full_s <= 0:
        return "The disk is full: new objects are refused until there is room"
    return f"The disk is full in {_about(full_s)} if as much keeps coming in"


def _about(duration_s: float) -> str:
    words = say_duration(duration_s)
    return words if words.startswith("less") else f"about {words}"


def _percent(share: float) -> str:
    return "less than 1 %" if share < 0.01 else f"{min(999, round(100 * share))} %"
