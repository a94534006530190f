"""How often somebody may guess."""

import pytest

from edge.api.attempts import KEY_COUNT_MAX, Attempts, TooManyAttemptsError


def test_guessing_ends_after_so_many_failures() -> None:
    attempts = Attempts(count_max=3, window_s=60)
    for second in range(3):
        attempts.check("a", now_s=second)
        attempts.fail("a", now_s=second)
    with pytest.raises(TooManyAttemptsError):
        attempts.check("a", now_s=3)
    attempts.check("b", now_s=3)


def test_after_the_window_one_may_try_again() -> None:
    attempts = Attempts(count_max=1, window_s=60)
    attempts.fail("a", now_s=0)
    with pytest.raises(TooManyAttemptsError):
        attempts.check("a", now_s=59.9)
    attempts.check("a", now_s=60)


def test_success_forgives() -> None:
    attempts = Attempts(count_max=1, window_s=60)
    attempts.fail("a", now_s=0)
    attempts.forgive("a")
    attempts.check("a", now_s=1)


def test_a_flood_of_callers_does_not_fill_memory() -> None:
    attempts = Attempts(count_max=1, window_s=60)
    for number in range(KEY_COUNT_MAX + 10):
        attempts.fail(str(number), now_s=0)
    attempts.check("0", now_s=0)
    with pytest.raises(TooManyAttemptsError):
        attempts.check(str(KEY_COUNT_MAX + 9), now_s=0)
