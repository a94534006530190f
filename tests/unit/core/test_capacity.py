"""What will become of the outbox and the disk."""

import random

import pytest

from edge.core.capacity import Flow, empty_in_s, full_in_s, utilisation, waiting_s


def flow(arriving: float, leaving: float, size: float = 1e6) -> Flow:
    return Flow(arriving_bytes_s=arriving, leaving_bytes_s=leaving, object_bytes=size)


def test_the_waiting_time_is_that_of_a_simulated_queue() -> None:
    arriving, leaving = 0.6, 1.0  # Objects a second.
    said_s = waiting_s(flow(arriving * 1e6, leaving * 1e6))
    chance = random.Random(7)
    now_s = free_s = total_s = 0.0
    for _ in range(200_000):
        now_s += chance.expovariate(arriving)
        free_s = max(now_s, free_s) + chance.expovariate(leaving)
        total_s += free_s - now_s
    assert said_s == pytest.approx(2.5)
    assert said_s == pytest.approx(total_s / 200_000, rel=0.05)


@pytest.mark.parametrize("arriving", [1e6, 2e6])
def test_a_link_that_cannot_keep_up_promises_nothing(arriving: float) -> None:
    full = flow(arriving, 1e6)
    assert utilisation(full) == arriving / 1e6
    assert waiting_s(full) is None
    assert empty_in_s(full, bytes_left=10) is None


def test_what_arrives_meanwhile_is_counted_in() -> None:
    assert empty_in_s(flow(0, 1e6), bytes_left=10_000_000) == 10.0
    assert empty_in_s(flow(5e5, 1e6), bytes_left=10_000_000) == 20.0
    assert empty_in_s(flow(5e5, 1e6), bytes_left=0) == 0.0


def test_a_link_of_unknown_rate_is_not_guessed() -> None:
    assert (utilisation(flow(1, 0)), waiting_s(flow(1, 0)), empty_in_s(flow(1, 0), bytes_left=5)) == (None, None, None)


def test_the_disk_is_full_when_only_the_reserve_is_left() -> None:
    assert full_in_s(free_bytes=1100, reserve_bytes=100, growing_bytes_s=10.0) == 100.0
    assert full_in_s(free_bytes=100, reserve_bytes=100, growing_bytes_s=0.0) == 0.0
    assert full_in_s(free_bytes=10**12, reserve_bytes=0, growing_bytes_s=0.0) is None
    assert full_in_s(free_bytes=10**15, reserve_bytes=0, growing_bytes_s=2.0) is None  # Beyond what anybody can know.
