"""How often somebody may guess. Pure: the caller passes the time in."""

from collections import OrderedDict, deque

from edge.errors import BusyError

KEY_COUNT_MAX = 4096
"""More callers than that at once: the oldest is forgotten, so memory is bounded."""


class TooManyAttemptsError(BusyError):
    """Somebody guesses, or forgot a password."""

    code = "limit.attempts"
    http_status = 429
    next_step = "Wait a few minutes, then try again."


class Attempts:
    """Failures a key may have within a window."""

    def __init__(self, *, count_max: int, window_s: float) -> None:
        self._count_max = count_max
        self._window_s = window_s
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, key: str, *, now_s: float) -> None:
        """Let it pass while failures are few.  Raises: TooManyAttemptsError."""
        failures = self._failures.get(key)
        if failures is None:
            return
        while failures and failures[0] <= now_s - self._window_s:
            failures.popleft()
        if len(failures) >= self._count_max:
            raise TooManyAttemptsError(f"There were {len(failures)} failed attempts in {self._window_s / 60:.0f} min.")

    def fail(self, key: str, *, now_s: float) -> None:
        """Count a failure."""
        self._failures.setdefault(key, deque(maxlen=self._count_max)).append(now_s)
        self._failures.move_to_end(key)
        while len(self._failures) > KEY_COUNT_MAX:
            self._failures.popitem(last=False)

    def forgive(self, key: str) -> None:
        """Forget: the right password was given."""
        self._failures.pop(key, None)
