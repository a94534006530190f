"""What comes in and what can go, hour by hour, and what becomes of outbox and disk from that. Pure.

What comes is judged by the same hour of the days before, once a whole day is known: a clinic is not busy at night. What
goes is judged by all the time in which something waited, outages included: a link that flaps carries what it carried.

Nobody knows the moment when an outbox is empty: studies come by chance, and a link is up by chance. How far both have
strayed from their mean says between which two moments it will be. Studies are taken to come independently, each with
all of its bytes, so that what comes in strays by the mean times `dispersion_bytes`, as in any compound Poisson process;
what a link carries strays as its hours have. Both are judged by a past of some length, which strays as much.
"""

import math
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
BLOCK_S = 3600.0
"""A link strays by how its hours differ: outages of minutes fall together within one."""
SPREAD = 1.64
"""Standard deviations to either side: nine of ten are between them."""
KNOWN_WITHIN = 0.2
"""A moment of which both ends of the range are within this part is known; else the range is told."""
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
    dispersion_bytes: float = 0.0
    """Variance over mean of what comes: bytes squared of the studies over their bytes."""
    known_s: float = DAY_S
    """By so much of the past it is judged."""

    @property
    def unsure(self) -> float:
        """Return by which part more the sum of a day strays, since its mean is an estimate."""
        return DAY_S / self.known_s if self.known_s > 0 else 1.0

    def at(self, week_min: int) -> float:
        """Return what is expected at a minute of the local week."""
        return self.by_hour[week_min // 60 % 24] if self.by_hour else self.recent_bytes_s


def inflow_of(
    hours: Sequence[Hour], *, now_s: float, local_minute: LocalMinute, dispersion_bytes: float = 0.0
) -> Inflow:  # fmt: skip
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
        return Inflow(recent_bytes_s=recent / recent_s, dispersion_bytes=dispersion_bytes, known_s=recent_s)
    came, seen_s = [0.0] * 24, [0.0] * 24
    start_s = hours[0].start_s
    while start_s < now_s:
        seen_s[local_minute(start_s) // 60 % 24] += min(HOUR_S, now_s - start_s)
        start_s += HOUR_S
    for hour in hours:
        came[local_minute(hour.start_s) // 60 % 24] += hour.came_bytes
    by_hour = tuple(bytes_ / seen if seen else 0.0 for bytes_, seen in zip(came, seen_s, strict=True))
    return Inflow(
        by_hour=by_hour, recent_bytes_s=recent / recent_s, dispersion_bytes=dispersion_bytes, known_s=known_s
    )  # fmt: skip


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
    variance: float = 0.0
    """Of what it carries in a second, in bytes squared; it adds up with time."""
    known_s: float = 0.0
    """By so much of the past it is judged."""


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
    rate_bytes_s = sent / up_s
    variance = rate_bytes_s**2 * _strayed(useful, lambda one: one.up_s, share_up)
    if len(full) > 1:
        variance += _strayed(full, lambda one: one.sent_bytes, sum(one.sent_bytes for one in full) / _seen(full))
        variance -= rate_bytes_s**2 * _strayed(full, lambda one: one.up_s, sum(one.up_s for one in full) / _seen(full))
    return Carried(
        bytes_s=rate_bytes_s * share_up, up_bytes_s=rate_bytes_s, variance=max(0.0, variance), known_s=seen_s
    )  # fmt: skip


def _seen(stretches: Sequence[Stretch]) -> float:
    return sum(one.seen_s or one.busy_s for one in stretches)


def _strayed(stretches: Sequence[Stretch], measure: Callable[[Stretch], float], mean: float) -> float:
    """Return the variance, for each second, of something whose mean for each second is known: by blocks of an hour."""
    total = block_s = found = 0.0
    seen_s, count = 0.0, 0
    for stretch in stretches:
        block_s += stretch.seen_s or stretch.busy_s
        found += measure(stretch)
        if block_s >= BLOCK_S:
            total, seen_s, count = total + (found - mean * block_s) ** 2, seen_s + block_s, count + 1
            block_s = found = 0.0
    return total / seen_s * count / (count - 1) if count > 1 else 0.0


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

    def empty_between_s(self, bytes_left: float) -> tuple[float | None, float | None]:
        """Return between which two moments nine times of ten everything will have gone; None: not in sight."""
        if bytes_left <= 0:
            return 0.0, 0.0
        early_s = self._walk(bytes_left, lambda left: left <= 0, spread=-SPREAD)
        return early_s, self._walk(bytes_left, lambda left: left <= 0, spread=SPREAD)

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
        self, bytes_left: float, is_over: Callable[[float], bool], *, is_stopped: bool = False, spread: float = 0.0
    ) -> float | None:  # fmt: skip
        """Go through the time to come in steps; an empty outbox stays empty while more can go than comes.

        `spread`: by so many standard deviations more is left than the mean.
        """
        if not is_stopped and max(self.carried.up_bytes_s, self.carried.bytes_s) < RATE_BYTES_S_MIN:
            return None
        at_s, left, came, gone_s, strayed = 0.0, bytes_left, 0.0, 0.0, 0.0
        while at_s < HORIZON_S:
            moment_s = self.now_s + at_s
            gone = 0.0 if is_stopped else self.leaving_at(moment_s)
            comes = self.inflow.at(self.local_minute(moment_s))
            came, gone_s = came + comes * STEP_S, gone_s + (STEP_S if gone > 0 else 0.0)
            before, strayed = strayed, spread * math.sqrt(self._variance(came, gone_s))
            change = comes - gone + (strayed - before) / STEP_S
            after = left + change * STEP_S if spread else max(0.0, left + change * STEP_S)
            if is_over(after):
                return at_s + self._part(left, change, is_over)
            left, at_s = after, at_s + STEP_S
        return None

    def _variance(self, came_bytes: float, gone_s: float) -> float:
        """Return that of what is left, after so much was to come and the link was used for so long."""
        unsure = gone_s / self.carried.known_s if self.carried.known_s > 0 else 0.0
        by_inflow = came_bytes * self.inflow.dispersion_bytes * (1 + self.inflow.unsure)
        return by_inflow + gone_s * self.carried.variance * (1 + unsure)

    def _part(self, left: float, change: float, is_over: Callable[[float], bool]) -> float:
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
