"""What is foretold, in words."""

from edge.core.capacity import Flow
from edge.core.capacity_words import say_disk, say_outbox


def flow(arriving: float, leaving: float) -> Flow:
    return Flow(arriving_bytes_s=arriving, leaving_bytes_s=leaving, object_bytes=60e6)


def test_a_link_with_room_says_when_the_outbox_is_empty_and_how_long_an_object_takes() -> None:
    assert say_outbox(flow(5e5, 1e6), bytes_left=600_000_000, empty_s=1200.0) == [
        "Empty in about 20 min, what comes in meanwhile counted in",
        "The link is used to 50 %",
        "An object is on its way for about 2 min on average",
    ]


def test_a_moment_that_nobody_knows_is_told_as_a_range() -> None:
    def said(early_s: float, late_s: float | None) -> str:
        known = say_outbox(flow(5e5, 1e6), bytes_left=1, empty_s=9000.0, between_s=(early_s, late_s))
        return known[0].partition(",")[0]

    assert said(8000.0, 10_000.0) == "Empty in about 3 h"
    assert said(7300.0, 14_000.0) == "Empty in 3 to 4 h"
    assert said(3000.0, 14_000.0) == "Empty in 50 min to 4 h"
    assert said(7300.0, None) == "Empty in at least 3 h"


def test_a_link_that_is_down_for_long_promises_a_time_from_its_return() -> None:
    said = say_outbox(flow(0, 1e6), bytes_left=600_000_000, empty_s=600.0, is_down_long=True)
    assert said[0] == "Empty in about 10 min, once it is back in reach"


def test_a_link_that_cannot_keep_up_is_told_and_promises_no_time() -> None:
    assert say_outbox(flow(2e6, 1e6), bytes_left=5, empty_s=None) == [
        "More comes in than the link carries: the outbox grows", "The link is used to 200 %",
    ]  # fmt: skip


def test_a_link_near_its_limit_is_told() -> None:
    assert "close to its limit" in say_outbox(flow(9e5, 1e6), bytes_left=0, empty_s=0.0)[0]


def test_nothing_is_said_of_a_link_that_was_never_measured() -> None:
    assert say_outbox(flow(1e6, 0), bytes_left=5, empty_s=None) == []


def test_the_disk_is_spoken_of_only_when_it_fills_up_soon() -> None:
    assert say_disk(None) == say_disk(30 * 86400.0) == ""
    assert say_disk(7200.0) == "The disk is full in about 2 h if as much keeps coming in"
    assert "refused" in say_disk(0.0)
