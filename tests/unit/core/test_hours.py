"""When a destination may be sent to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.hours import DAY_MIN, WEEK_MIN, Hours, cap_at, opens_in_min, parse_minute

DAY = Hours(start_min=8 * 60, end_min=18 * 60, rate_bytes_s=0.0)
NIGHT = Hours(start_min=22 * 60, end_min=6 * 60, rate_bytes_s=5.0, days=frozenset({4}))
"""From Friday evening to Saturday morning."""


@pytest.mark.parametrize(
    ("minute", "cap"),
    [
        (8 * 60, 0.0), (18 * 60 - 1, 0.0), (18 * 60, None), (7 * 60 + 59, None),
        (4 * DAY_MIN + 22 * 60, 5.0), (5 * DAY_MIN + 5 * 60, 5.0), (5 * DAY_MIN + 6 * 60, None), (4 * DAY_MIN, None),
    ],
)  # fmt: skip
def test_a_line_holds_from_its_start_to_its_end_also_over_midnight(minute: int, cap: float | None) -> None:
    assert cap_at([DAY, NIGHT], minute) == cap


def test_the_first_line_that_matches_decides() -> None:
    assert cap_at([Hours(start_min=9 * 60, end_min=10 * 60, rate_bytes_s=7.0), DAY], 9 * 60) == 7.0


def test_it_says_when_sending_goes_on() -> None:
    assert opens_in_min([DAY], 9 * 60) == 9 * 60
    assert opens_in_min([DAY], 19 * 60) == 0
    assert opens_in_min([Hours(start_min=0, end_min=DAY_MIN, rate_bytes_s=0.0)], 5) is None


@given(st.integers(0, WEEK_MIN - 1))
def test_the_minute_in_which_it_opens_is_open_and_the_one_before_is_not(minute: int) -> None:
    after = opens_in_min([DAY], minute)
    assert after is not None and cap_at([DAY], minute + after) != 0
    assert after == 0 or cap_at([DAY], minute + after - 1) == 0


def test_times_of_day_are_read_strictly() -> None:
    assert (parse_minute("00:00"), parse_minute("8:05"), parse_minute("24:00")) == (0, 485, 1440)
    for text in ("", "8", "24:01", "12:60", "12:5", "-1:00", "noon"):
        with pytest.raises(ValueError):
            parse_minute(text)
