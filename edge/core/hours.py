"""When a destination may be sent to, and how fast, by the hour of the node's own clock. Pure.

The first line that matches the hour decides. Outside of every line the link is used as it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
WEEK_MIN = 7 * DAY_MIN
MINUTE_S = 60.0

LocalMinute = Callable[[float], int]
"""Tells, for a wall clock time, the minute of the local week from Monday 00:00."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """One line: from a minute of the day up to another, on some days. An end before its start is on the next day."""

    start_min: int
    end_min: int
    days: frozenset[int] = frozenset(range(7))
    """0 is Monday: the day on which it starts."""
    rate_bytes_s: float
    """At most; 0: only what is urgent goes."""

    def holds(self, week_min: int) -> bool:
        """Tell whether a minute of the week lies within."""
        day, minute = divmod(week_min % WEEK_MIN, DAY_MIN)
        if self.start_min < self.end_min:
            return day in self.days and self.start_min <= minute < self.end_min
        return (day in self.days and minute >= self.start_min) or ((day - 1) % 7 in self.days and minute < self.end_min)


def cap_at(hours: Sequence[Hours], week_min: int) -> float | None:
    """Return what may be sent a second; 0: nothing but what is urgent, None: as much as the link takes."""
    return next((line.rate_bytes_s for line in hours if line.holds(week_min)), None)


def opens_in_min(hours: Sequence[Hours], week_min: int) -> int | None:
    """Return in how many minutes sending is allowed again; 0: it is now, None: never."""
    edges = sorted({0, *((edge - week_min) % WEEK_MIN for edge in _edges(hours))})
    return next((after for after in edges if cap_at(hours, (week_min + after) % WEEK_MIN) != 0), None)


def parse_minute(text: str) -> int:
    """Return the minute of the day of `HH:MM`; 24:00 is its end.  Raises: ValueError."""
    hour, separator, minute = text.partition(":")
    if not (separator and hour.isdigit() and minute.isdigit() and len(minute) == 2):
        raise ValueError(text)
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > DAY_MIN:
        raise ValueError(text)
    return total


def _edges(hours: Sequence[Hours]) -> set[int]:
    return {
        (day * DAY_MIN + minute) % WEEK_MIN
        for line in hours
        for day in range(7)
        for minute in (line.start_min, line.end_min)
    }
