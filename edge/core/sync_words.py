"""How forwarding stands, in words: one sentence a destination. Pure: time and time zone are handed in."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from edge.core.outlook import KNOWN_WITHIN

KB, MB, GB = 1e3, 1e6, 1e9
RATE_BYTES_S_MIN = 1.0
"""Slower than this is standing still: no time left is promised."""
DAY_S = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is known of one destination now."""

    link_state: str
    """up, slow, down or unknown."""
    rate_bytes_s: float = 0.0
    since_s: float | None = None
    """When the link came into this state."""
    next_try_s: float | None = None
    bytes_left: int = 0
    bytes_done: int = 0
    """Of what has been on its way since the outbox was last empty, or of all."""
    waiting_count: int = 0
    """Not yet there: waiting and sending."""
    held_count: int = 0
    arrived_count: int = 0
    unproven_count: int = 0
    """Arrived, and to be fetched back and compared yet."""
    left_s: float | None = None
    """How long it will take, outages, hours and what comes in meanwhile counted in; None: not in sight."""
    between_s: tuple[float | None, float | None] = (None, None)
    """Between which two moments, nine times of ten."""
    is_foretold: bool = False
    """`left_s` says it; else it is judged by the rate."""
    paused: str = ""
    """Why nothing is sent although the link is up: "paused for a call"."""


def say(progress: Progress, *, now_s: float, zone: tzinfo = UTC) -> str:
    """Return the sentence for a destination."""
    sentence = _say_main(progress, now_s=now_s, zone=zone)
    if progress.held_count and progress.link_state != "down":
        return f"{sentence}; {say_count(progress.held_count, 'object')} held"
    return sentence


def _say_main(progress: Progress, *, now_s: float, zone: tzinfo) -> str:
    if progress.link_state == "down":
        return _say_down(progress, now_s=now_s, zone=zone)
    if progress.waiting_count and progress.paused:
        words = progress.paused[:1].upper() + progress.paused[1:]
        return f"{words}, {say_count(progress.waiting_count, 'object')} waiting"
    if progress.waiting_count:
        return _say_syncing(progress)
    if not progress.arrived_count and not progress.held_count:
        return "Nothing to send yet"
    if progress.held_count:
        return "Everything else has arrived"
    if progress.unproven_count:
        return f"Up to date, {say_count(progress.unproven_count, 'object')} not yet proven there"
    return "Up to date"


def _say_down(progress: Progress, *, now_s: float, zone: tzinfo) -> str:
    parts = ["Out of reach"]
    if progress.since_s is not None:
        parts.append(f" since {say_clock(progress.since_s, now_s=now_s, zone=zone)}")
    if progress.next_try_s is not None:
        # A try that is due is under way; naming a time in the past would look like a fault.
        is_due = progress.next_try_s <= now_s
        parts.append(
            ", trying now" if is_due else f", next try {say_clock(progress.next_try_s, now_s=now_s, zone=zone)}"
        )
    return "".join(parts)


def _say_syncing(progress: Progress) -> str:
    parts = [f"Syncing {percent_done(progress)} %"]
    eta = eta_s(progress)
    if eta is not None:
        between_s = progress.between_s if progress.is_foretold else (None, None)
        parts += [f"{say_rate(progress.rate_bytes_s)}", f"{say_range(eta, between_s)} left"]
    else:
        parts.append(f"{say_count(progress.waiting_count, 'object')} waiting")
    return ", ".join(parts)


def percent_done(progress: Progress) -> int:
    """Return 0 to 99: what is not finished is never 100."""
    total = progress.bytes_done + progress.bytes_left
    return min(99, int(100 * progress.bytes_done / total)) if total else 0


def eta_s(progress: Progress) -> float | None:
    """Return the seconds left at the present rate; None when nobody can know."""
    if progress.link_state == "down" or progress.paused or not progress.waiting_count:
        return None
    if progress.is_foretold:
        return progress.left_s
    if progress.rate_bytes_s < RATE_BYTES_S_MIN:
        return None
    return progress.bytes_left / progress.rate_bytes_s


def say_rate(rate_bytes_s: float) -> str:
    return f"{say_size(rate_bytes_s)}/s"


def say_size(size_bytes: float) -> str:
    """Return a size as people read it: 999 B, 12 kB, 2.1 MB."""
    for unit, name in ((GB, "GB"), (MB, "MB"), (KB, "kB")):
        if size_bytes >= unit:
            value = size_bytes / unit
            return f"{value:.1f} {name}" if value < 10 else f"{value:.0f} {name}"
    return f"{size_bytes:.0f} B"


def say_duration(duration_s: float) -> str:
    """Return a duration in one unit, rounded up: nobody is promised too much."""
    if duration_s < 60:
        return "less than 1 min"
    if duration_s < 2 * 3600:
        return f"{-int(-duration_s // 60)} min"
    if duration_s < 2 * DAY_S:
        return f"{-int(-duration_s // 3600)} h"
    return f"{-int(-duration_s // DAY_S)} days"


def say_range(duration_s: float, between_s: tuple[float | None, float | None]) -> str:
    """Return a duration, or between which two it is when it is not known within `KNOWN_WITHIN`."""
    early_s, late_s = between_s
    if is_known(duration_s, between_s) or early_s is None:
        return say_duration(duration_s)
    if late_s is None:
        return f"at least {say_duration(early_s)}"
    early, late = say_duration(early_s), say_duration(late_s)
    if early == late:
        return late
    return f"{early.removesuffix(' ' + late.rpartition(' ')[2])} to {late}"


def is_known(duration_s: float, between_s: tuple[float | None, float | None]) -> bool:
    """Tell whether a duration is worth more than the range it is in."""
    early_s, late_s = between_s
    if late_s is None:
        return early_s is None
    return (
        late_s - duration_s <= KNOWN_WITHIN * duration_s and duration_s - (early_s or 0.0) <= KNOWN_WITHIN * duration_s
    )


def say_clock(at_s: float, *, now_s: float, zone: tzinfo) -> str:
    """Return hours and minutes, with the date when it is another day."""
    at, now = datetime.fromtimestamp(at_s, zone), datetime.fromtimestamp(now_s, zone)
    return at.strftime("%H:%M") if at.date() == now.date() else at.strftime("%Y-%m-%d %H:%M")


def say_count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
