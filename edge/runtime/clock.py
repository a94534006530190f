"""The two clocks. Code that decides takes the time as a parameter; these are for its callers.

`scaled` is another time for both, where a test lets weeks pass in seconds. Outside of tests there is none.
"""

import time
from collections.abc import Callable

scaled: Callable[[], float] | None = None


def wall_s() -> float:
    """Seconds since 1970 UTC; may jump."""
    return time.time() if scaled is None else scaled()


def mono_s() -> float:
    """Seconds that only rise."""
    return time.monotonic() if scaled is None else scaled()
