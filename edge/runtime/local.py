"""The node's own time of day."""

from datetime import datetime

from edge.core.hours import DAY_MIN


def local_minute(at_s: float) -> int:
    """Return the minute of the local week, from Monday 00:00."""
    at = datetime.fromtimestamp(at_s)
    return at.weekday() * DAY_MIN + at.hour * 60 + at.minute
