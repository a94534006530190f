"""The two clocks. Code that decides takes the time as a parameter; these are for its callers."""

import time


def wall_s() -> float:
    """Seconds since 1970 UTC; may jump."""
    return time.time()


def mono_s() -> float:
    """Seconds that only rise."""
    return time.monotonic()
