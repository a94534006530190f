"""How many associations side by side fill a link: as many as objects fit on the way and back. Pure: time is handed in.

A peer that answers each object before it takes the next leaves the link idle for a round trip an object. At a rate of
R bytes a second, objects of S bytes and a round trip of T seconds, 1 + R T / S of them in flight leave none of it idle.
R is what arrives with as many as there are; while the link has room it grows with them, and so does what is wanted.
"""

import math
from dataclasses import dataclass

COUNT_FIRST = 1
COUNT_MAX = 8
"""An archive serves others, too."""
FAR_S = 0.05
"""A round trip that is shorter costs less than what a further association does to the peer."""
SPARE = 1.2
"""Of the objects that just fit: a peer takes its time, too."""
ROUND_TRIPS_MIN = 1.5
"""So long, at least, is looked at before the number changes."""
REFUSED_S = 600.0
"""A peer that took no more is not asked for more before."""


@dataclass(slots=True)
class Width:
    """One destination; kept from one way to the next. Times are monotonic seconds."""

    count_max: int = COUNT_MAX
    wanted_count: int = COUNT_FIRST
    round_trip_s: float = 0.0
    """As the association that was opened last found it, with nothing else on the way."""
    _refused_count: int = COUNT_MAX
    """More than so many it did not take."""
    _refused_s: float = -REFUSED_S
    _round_s: float = 0.0
    _bytes: int = 0
    _count: int = 0

    def begin(self, round_trip_s: float, *, now_s: float) -> None:
        """A way is open, and nothing has been sent over it."""
        self.round_trip_s = round_trip_s
        self.wanted_count = min(self.wanted_count, self._count_max(now_s))
        self.go_on(now_s=now_s)

    def go_on(self, *, now_s: float) -> None:
        """Objects go again after a pause, which says nothing of the link."""
        self._begin_round(now_s)

    def refuse(self, taken_count: int, *, now_s: float) -> None:
        """The peer served so many, and no more: it gets one less for a while, so that there is one for others."""
        self._refused_count, self._refused_s = max(1, taken_count - 1), now_s
        self.wanted_count = min(self.wanted_count, self._refused_count)

    def answered(self, size_bytes: int, *, now_s: float) -> None:
        """An object was answered."""
        self._bytes, self._count = self._bytes + size_bytes, self._count + 1
        taken_s = now_s - self._round_s
        if self._count < self.wanted_count or taken_s < ROUND_TRIPS_MIN * self.round_trip_s or taken_s <= 0:
            return
        needed_count = self._needed(self._bytes / taken_s, self._bytes / self._count)
        if needed_count > self.wanted_count:
            self.wanted_count = min(self.wanted_count + 1, self._count_max(now_s))
        elif needed_count < self.wanted_count - 1:
            self.wanted_count -= 1
        self._begin_round(now_s)

    def _needed(self, rate_bytes_s: float, mean_bytes: float) -> int:
        if self.round_trip_s < FAR_S:
            return COUNT_FIRST
        return 1 + math.ceil(SPARE * rate_bytes_s * self.round_trip_s / max(1.0, mean_bytes))

    def _count_max(self, now_s: float) -> int:
        is_refused = 0 <= now_s - self._refused_s < REFUSED_S
        return min(self.count_max, self._refused_count) if is_refused else self.count_max

    def _begin_round(self, now_s: float) -> None:
        self._round_s, self._bytes, self._count = now_s, 0, 0
