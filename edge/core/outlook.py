"""What comes in and what can go, hour by hour, and what becomes of outbox and disk from that. Pure.

What comes is judged by the same hour of the days before, once a whole day is known: a clinic is not busy at night. What
goes is judged by all the time in which something waited, outages included: a link that flaps carries what it carried.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edge.core.hours import Hours, LocalMinute, cap_at

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
RECENT_S = 6 * HOUR_S
RECENT_S_MIN = 600.0
"""Of less, nothing is foretold but from this: three stills in a minute are no rate."""
KNOWN_S_MIN = 12 * HOUR_S
"""What a link carries is judged by so much time in which something waited, the newest, if there is as much."""
FULLY_BUSY = 0.9
"""Of a stretch: something waited nearly all the time. What is sent in between, one by one, tells less of a link."""
HARDLY_UP = 0.05
"""Of a stretch: a link that was up for less was out of reach."""
STEP_S = 300.0
HORIZON_S = 60 * DAY_S
"""Nothing is foretold beyond."""
RATE_BYTES_S_MIN = 1.0
"""Slower than this is standing still."""
LONG_OUTAGE_S = 3600.0
"""A link that has been down for longer is no longer just flapping: nobody knows when it is back, and once it is, that
outage says nothing of what it carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """What came in one hour."""

    start_s: float
    came_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflow:
    """What comes in, in bytes a second."""

    by_hour: tuple[float, ...] = ()
    """Of each hour of the day, once a whole day is known."""
    recent_bytes_s: float = 0.0

    def at(self, week_min: int) -> float:
        """Return what is expected at a minute of the local week."""
        return self.by_hour[week_min // 60 % 24] if self.by_hour else self.recent_bytes_s


def inflow_of(hours: Sequence[Hour], *, now_s: float, local_minute: LocalMinute) -> Inflow:
    """Judge what comes in by what came, the oldest hour first; the hour that runs counts as far as it has run."""
    if not hours:
        return Inflow()
    known_s = now_s - hours[0].start_s
    recent_s = max(RECENT_S_MIN, min(RECENT_S, known_s))
    recent = sum(
        hour.came_bytes * min(1.0, (hour.start_s + HOUR_S - (now_s - recent_s)) / HOUR_S)
        for hour in hours
        if hour.start_s + HOUR_S > now_s - recent_s
    )
    if known_s < DAY_S:
        return Inflow(recent_bytes_s=recent / recent_s)
    came, seen_s = [0.0] * 24, [0.0] * 24
    start_s = hours[0].start_s
    while start_s < now_s:
        seen_s[local_minute(start_s) // 60 % 24] += min(HOUR_S, now_s - start_s)
        start_s += HOUR_S
    for hour in hours:
        came[local_minute(hour.start_s) // 60 % 24] += hour.came_bytes
    by_hour = tuple(bytes_ / seen if seen else 0.0 for bytes_, seen in zip(came, seen_s, strict=True))
    return Inflow(by_hour=by_hour, recent_bytes_s=recent / recent_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What one link did in a stretch of time, the oldest first."""

    sent_bytes: float
    busy_s: float
    """Of it, how long something waited to go."""
    up_s: float
    seen_s: float = 0.0
    """How long it was looked after; 0: all the time in which something waited."""
    cap_bytes_s: float | None = None
    """What the hours of the destination allowed then; 0: nothing, None: no cap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a link carries, in bytes a second; 0: not known."""

    bytes_s: float = 0.0
    """While something waits, outages and all."""
    up_bytes_s: float = 0.0
    """While it is up."""


def carried_of(stretches: Sequence[Stretch], *, rate_bytes_s: float = 0.0) -> Carried:
    """Judge a link by what it did lately; one of which too little is known by the rate of its last objects.

    Its rate is that of the newest hours in which something waited nearly all the time and it was up; how much of the
    time it is up is known from all the time it was looked after, idle or not.
    """
    useful = [stretch for stretch in _without_long_outages(stretches) if stretch.cap_bytes_s != 0]
    full = [stretch for stretch in useful if stretch.busy_s >= FULLY_BUSY * stretch.seen_s]
    sent = up_s = 0.0
    for stretch in reversed(full if sum(one.busy_s for one in full) >= HOUR_S else useful):
        sent += stretch.sent_bytes
        up_s += min(stretch.busy_s, stretch.up_s)
        if up_s >= KNOWN_S_MIN:
            break
    if up_s < RECENT_S_MIN or sent <= 0:
        return Carried(bytes_s=rate_bytes_s, up_bytes_s=rate_bytes_s)
    seen_s = sum(stretch.seen_s or stretch.busy_s for stretch in useful)
    share_up = min(1.0, sum(stretch.up_s for stretch in useful) / seen_s) if seen_s else 1.0
    return Carried(bytes_s=sent / up_s * share_up, up_bytes_s=sent / up_s)


def _without_long_outages(stretches: Sequence[Stretch]) -> list[Stretch]:
    kept: list[Stretch] = []
    down: list[Stretch] = []

    def settle() -> None:
        if sum(one.seen_s or one.busy_s for one in down) < LONG_OUTAGE_S:
            kept.extend(down)
        down.clear()

    for stretch in stretches:
        if stretch.up_s <= HARDLY_UP * (stretch.seen_s or stretch.busy_s):
            down.append(stretch)
            continue
        settle()
        kept.append(stretch)
    settle()
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """One destination and what is known of it."""

    now_s: float
    inflow: Inflow
    carried: Carried
    local_minute: LocalMinute
    hours: tuple[Hours, ...] = ()
    is_down_long: bool = False
    """Then nobody knows when; what is foretold begins when the link is back."""

    def leaving_at(self, at_s: float) -> float:
        """Return what can go a second at a time to come."""
        rate = self.carried.up_bytes_s if self.is_down_long else self.carried.bytes_s
        cap = cap_at(self.hours, self.local_minute(at_s)) if self.hours else None
        return rate if cap is None else min(rate, cap)

    def empty_in_s(self, bytes_left: float) -> float | None:
        """Return when everything will have gone, what comes meanwhile counted in; None: not in sight."""
        if bytes_left <= 0:
            return 0.0
        return self._walk(bytes_left, lambda left: left <= 0)

    def full_in_s(self, bytes_left: float, *, room_bytes: float) -> float | None:
        """Return when what cannot leave yet takes `room_bytes` more than now; None: not in sight.

        A link that is down for long is taken to stay so: the disk must be told of in time.
        """
        if room_bytes <= 0:
            return 0.0
        return self._walk(
            bytes_left, lambda left: left - bytes_left >= room_bytes, is_stopped=self.is_down_long
        )  # fmt: skip

    def _walk(
        self, bytes_left: float, is_over: Callable[[float], bool], *, is_stopped: bool = False
    ) -> float | None:  # fmt: skip
        """Go through the time to come in steps; an empty outbox stays empty while more can go than comes."""
        if not is_stopped and max(self.carried.up_bytes_s, self.carried.bytes_s) < RATE_BYTES_S_MIN:
            return None
        at_s, left = 0.0, bytes_left
        while at_s < HORIZON_S:
            moment_s = self.now_s + at_s
            gone = 0.0 if is_stopped else self.leaving_at(moment_s)
            change = self.inflow.at(self.local_minute(moment_s)) - gone
            after = max(0.0, left + change * STEP_S)
            if is_over(after):
                return at_s + self._part(left, after, change, is_over)
            left, at_s = after, at_s + STEP_S
        return None

    def _part(self, left: float, after: float, change: float, is_over: Callable[[float], bool]) -> float:
        """Return how far into a step it was over, by halving."""
        low, high = 0.0, STEP_S
        for _ in range(12):
            middle = (low + high) / 2
            low, high = (low, middle) if is_over(max(0.0, left + change * middle)) else (middle, high)
        return high


@dataclass(frozen=True, slots=True)
class Left:
    """What of a study still has to go."""

    size_bytes: int
    priority: int = 0


def study_ends_s(left: Mapping[str, Left], *, empty_s: float | None) -> dict[str, float | None]:
    """Return when each study will have gone, when all have in `empty_s`.

    The most urgent go before the others. Those of one priority share the link by bytes: the smallest are through first,
    each when every other has had as much as it.
    """
    total = sum(one.size_bytes for one in left.values())
    ends: dict[str, float | None] = {}
    done = 0
    for priority in sorted({one.priority for one in left.values()}, reverse=True):
        alike = sorted((one.size_bytes, study) for study, one in left.items() if one.priority == priority)
        before, waiting = 0, len(alike)
        for size_bytes, study in alike:
            done += (size_bytes - before) * waiting
            before, waiting = size_bytes, waiting - 1
            ends[study] = None if empty_s is None else empty_s * done / total if total else 0.0
    return ends
