"""How many associations fill a link: judged on a link whose arithmetic is known."""

from itertools import pairwise

from edge.core.width import REFUSED_S, Width


def answer_all(width: Width, *, rate_bytes_s: float, size_bytes: int, work_s: float = 0.0, count: int = 200) -> float:
    """Send over a link of this rate, as many at once as are wanted; return the part of the rate that was used."""
    now_s = used_s = 0.0
    width.go_on(now_s=now_s)
    for _ in range(count):
        cycle_s = max(
            width.round_trip_s + work_s + size_bytes / rate_bytes_s, width.wanted_count * size_bytes / rate_bytes_s
        )
        now_s += cycle_s / width.wanted_count
        used_s += size_bytes / rate_bytes_s
        width.answered(size_bytes, now_s=now_s)
    return used_s / now_s


def far(round_trip_s: float = 0.6) -> Width:
    width = Width()
    width.begin(round_trip_s, now_s=0.0)
    return width


def test_a_long_way_is_filled_with_as_many_objects_as_fit_on_it() -> None:
    width = far()
    answer_all(width, rate_bytes_s=2.5e6, size_bytes=500_000, work_s=0.05)
    assert width.wanted_count == 5
    assert answer_all(width, rate_bytes_s=2.5e6, size_bytes=500_000, work_s=0.05) > 0.97


def test_a_near_peer_and_large_objects_get_one_association() -> None:
    width = far(0.02)
    answer_all(width, rate_bytes_s=1e8, size_bytes=50_000)
    assert width.wanted_count == 1
    width = far()
    answer_all(width, rate_bytes_s=2.5e6, size_bytes=60_000_000)
    assert width.wanted_count <= 2


def test_there_are_never_more_than_the_most_and_they_are_given_back() -> None:
    width = far()
    answer_all(width, rate_bytes_s=2.5e6, size_bytes=10_000)
    assert width.wanted_count == width.count_max
    answer_all(width, rate_bytes_s=2.5e6, size_bytes=20_000_000)
    assert width.wanted_count <= 3


def test_they_grow_one_by_one() -> None:
    width, seen = far(), [1]
    for number in range(1, 400):
        width.answered(10_000, now_s=number * 0.2)
        seen.append(width.wanted_count)
    assert max(after - before for before, after in pairwise(seen)) == 1
    assert width.wanted_count > 2


def test_a_peer_that_took_no_more_is_asked_for_fewer_and_for_more_only_after_some_time() -> None:
    width = far()
    answer_all(width, rate_bytes_s=2.5e6, size_bytes=10_000)
    width.refuse(4, now_s=1000.0)
    assert width.wanted_count == 3
    for number in range(100):
        width.answered(10_000, now_s=1001.0 + number)
    assert width.wanted_count == 3
    width.refuse(1, now_s=1200.0)
    assert width.wanted_count == 1
    for number in range(100):
        width.answered(1_000, now_s=1200.0 + REFUSED_S + number * 0.01)
    assert width.wanted_count > 1
