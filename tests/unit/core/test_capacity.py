"""What will become of the outbox and the disk."""

import random

import pytest

from edge.core.capacity import Flow, utilisation, waiting_s


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


def test_a_link_of_unknown_rate_is_not_guessed() -> None:
    assert (utilisation(flow(1, 0)), waiting_s(flow(1, 0))) == (None, None)
