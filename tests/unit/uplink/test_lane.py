"""The gate of one destination: its hours inside what the call leaves."""

from collections.abc import Iterator

import pytest

from edge.core.bucket import QUANTUM_BYTES
from edge.core.hours import Hours
from edge.runtime import clock
from edge.runtime.gate import Gate
from edge.runtime.local import local_minute
from edge.uplink.lane import Lane

NOON_S = 1_790_000_000.0 - (1_790_000_000.0 % 86400) + 12 * 3600


@pytest.fixture
def now() -> Iterator[list[float]]:
    """The time, to be changed."""
    time = [NOON_S]
    clock.scaled = lambda: time[0]
    yield time
    clock.scaled = None


def around(now_s: float, minutes: int, rate_bytes_s: float) -> Hours:
    """Hours that end so many minutes from now."""
    minute = local_minute(now_s) % 1440
    return Hours(start_min=(minute - 60) % 1440, end_min=(minute + minutes) % 1440, rate_bytes_s=rate_bytes_s)


def test_a_destination_without_hours_takes_what_the_link_gives(now: list[float]) -> None:
    lane = Lane(Gate())
    assert not lane.is_closed and lane.rate_bytes_s is None and lane.ask(10**9) == 0.0


def test_a_cap_lets_only_so_much_pass_a_second(now: list[float]) -> None:
    lane, sent = Lane(Gate(), [around(now[0], 30, 100_000.0)]), 0
    began_s = now[0]
    while now[0] < began_s + 10:
        wait_s = lane.ask(QUANTUM_BYTES)
        sent += QUANTUM_BYTES if wait_s == 0 else 0
        now[0] += max(wait_s, 0.001)
    assert lane.piece_bytes == QUANTUM_BYTES
    assert sent == pytest.approx(1_000_000, rel=0.05)


def test_in_closed_hours_only_what_is_urgent_goes_and_it_says_until_when(now: list[float]) -> None:
    lane = Lane(Gate(), [around(now[0], 30, 0.0)])
    assert lane.is_off and lane.is_closed and lane.ask(1) > 0 and not lane.wait_open(0.0)
    assert lane.why.startswith("outside its hours, goes on at ")
    lane.is_urgent = True
    assert not lane.is_closed and lane.ask(1) == 0.0
    lane.is_urgent = False
    now[0] += 31 * 60
    assert not lane.is_off and lane.ask(10**9) == 0.0


def test_a_call_comes_before_everything_that_is_urgent_too(now: list[float]) -> None:
    outer = Gate()
    lane = Lane(outer, [around(now[0], 30, 0.0)])
    lane.is_urgent = True
    outer.narrow(0.0)
    assert lane.is_closed and lane.ask(1) > 0 and lane.why == "paused for a call"
    outer.narrow(1000.0)
    assert lane.rate_bytes_s == 1000.0 and not lane.is_closed


def test_the_smaller_of_both_rates_counts(now: list[float]) -> None:
    outer = Gate()
    lane = Lane(outer, [around(now[0], 30, 5000.0)])
    outer.narrow(9000.0)
    assert lane.rate_bytes_s == 5000.0
    outer.narrow(100.0)
    assert lane.rate_bytes_s == 100.0
