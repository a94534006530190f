"""What becomes of outbox and disk, hour by hour."""

import random
from dataclasses import replace

import pytest

from edge.core.hours import Hours
from edge.core.outlook import Carried, Hour, Inflow, Left, Outlook, Stretch, carried_of, inflow_of, study_ends_s

DAY = 86400.0
MONDAY = 4 * DAY
"""The fifth of January 1970 was a Monday."""


def minute(at_s: float) -> int:
    return int((at_s - MONDAY) // 60) % (7 * 24 * 60)


def outlook(*, arriving: float = 0.0, leaving: float = 1000.0, now_s: float = MONDAY) -> Outlook:
    return Outlook(
        now_s=now_s, local_minute=minute, inflow=Inflow(recent_bytes_s=arriving),
        carried=Carried(bytes_s=leaving, up_bytes_s=leaving),
    )  # fmt: skip


def test_what_arrives_meanwhile_is_counted_in() -> None:
    assert outlook().empty_in_s(10_000_000) == pytest.approx(10_000, rel=0.001)
    assert outlook(arriving=500.0).empty_in_s(10_000_000) == pytest.approx(20_000, rel=0.001)
    assert outlook(arriving=500.0).empty_in_s(0) == 0.0


@pytest.mark.parametrize("view", [outlook(arriving=2000.0), outlook(arriving=1.0, leaving=0.0)])
def test_an_outbox_that_will_not_be_empty_promises_nothing(view: Outlook) -> None:
    assert view.empty_in_s(5_000_000) is None


def test_a_clinic_that_sleeps_at_night_is_known_to() -> None:
    """Eight hours at 2,000 bytes a second, sixteen of nothing: in the evening only the backlog counts."""
    hours = [
        Hour(start_s=MONDAY + day * DAY + hour * 3600, came_bytes=2000 * 3600)
        for day in range(3)
        for hour in range(8, 16)
    ]
    evening = MONDAY + 2 * DAY + 16 * 3600
    came = inflow_of(hours, now_s=evening, local_minute=minute)
    assert came.at(minute(evening)) == 0 and came.at(minute(evening + 18 * 3600)) == pytest.approx(2000)
    assert came.recent_bytes_s == pytest.approx(2000)
    view = replace(outlook(now_s=evening), inflow=came)
    assert view.empty_in_s(20_000_000) == pytest.approx(20_000, rel=0.01)
    # Not through before the morning: then the day's work comes on top, faster than the link, until the next evening.
    assert view.empty_in_s(60_000_000) == pytest.approx(24 * 3600 + 31_200, rel=0.01)


def test_of_less_than_a_day_the_last_hours_are_taken_to_go_on() -> None:
    hours = [Hour(start_s=MONDAY + hour * 3600, came_bytes=3_600_000) for hour in range(3)]
    came = inflow_of(hours, now_s=MONDAY + 3 * 3600, local_minute=minute)
    assert not came.by_hour and came.at(0) == pytest.approx(1000)
    assert inflow_of([], now_s=0.0, local_minute=minute) == Inflow()


def test_a_link_that_flaps_carries_what_it_carried() -> None:
    """Ten minutes up, five down, while something waits all the time."""
    stretches = [Stretch(sent_bytes=600_000, busy_s=900, up_s=600) for _ in range(30)]
    carried = carried_of(stretches)
    assert carried.bytes_s == pytest.approx(600_000 / 900) and carried.up_bytes_s == pytest.approx(1000)


def test_a_link_that_idles_between_single_objects_is_judged_by_when_it_was_full() -> None:
    full = [Stretch(sent_bytes=900_000, busy_s=890, up_s=900, seen_s=900) for _ in range(5)]
    single = [Stretch(sent_bytes=20_000, busy_s=100, up_s=900, seen_s=900) for _ in range(20)]
    assert carried_of([*full, *single]).bytes_s == pytest.approx(900_000 / 890)
    assert carried_of(single).bytes_s == pytest.approx(200)


def test_an_outage_of_hours_says_nothing_of_what_the_link_carries_once_it_is_back() -> None:
    flaps = [Stretch(sent_bytes=600_000, busy_s=900, up_s=600) for _ in range(8)]
    gone = [Stretch(sent_bytes=0, busy_s=900, up_s=0) for _ in range(24)]
    assert carried_of([*flaps, *gone]).bytes_s == carried_of([*gone, *flaps]).bytes_s == pytest.approx(600_000 / 900)
    short = gone[:2]
    assert carried_of([*flaps, *short]).bytes_s == pytest.approx(600_000 * 8 / 9000)


def test_time_in_which_nothing_waited_or_nothing_was_allowed_says_nothing_of_a_link() -> None:
    idle = Stretch(sent_bytes=0, busy_s=0, up_s=900, seen_s=900)
    closed = Stretch(sent_bytes=0, busy_s=900, up_s=900, seen_s=900, cap_bytes_s=0.0)
    busy = Stretch(sent_bytes=900_000, busy_s=900, up_s=900)
    assert carried_of([idle, busy, closed, idle]).bytes_s == pytest.approx(1000)


def test_of_a_link_that_was_hardly_used_the_last_rate_counts() -> None:
    assert carried_of([Stretch(sent_bytes=9, busy_s=5, up_s=5)], rate_bytes_s=7.0).bytes_s == 7.0


def test_hours_in_which_nothing_goes_are_waited_for() -> None:
    night = Hours(start_min=6 * 60, end_min=22 * 60, rate_bytes_s=0.0)
    view = replace(outlook(now_s=MONDAY + 6 * 3600), hours=(night,))
    assert view.empty_in_s(3_600_000) == pytest.approx(17 * 3600, rel=0.01)
    slow = replace(view, hours=(replace(night, rate_bytes_s=100.0),))
    assert slow.empty_in_s(3_600_000) == pytest.approx(36_000, rel=0.01)


def test_the_disk_is_full_when_what_cannot_leave_takes_the_room() -> None:
    down = replace(outlook(arriving=100.0), is_down_long=True)
    assert down.full_in_s(5_000, room_bytes=360_000) == pytest.approx(3600, rel=0.01)
    assert outlook(arriving=100.0).full_in_s(5_000, room_bytes=360_000) is None  # It leaves faster than it comes.
    assert outlook(arriving=1100.0).full_in_s(0, room_bytes=360_000) == pytest.approx(3600, rel=0.01)
    assert outlook().full_in_s(0, room_bytes=0) == 0.0


def test_a_link_down_for_long_promises_from_its_return_at_the_rate_it_has_when_up() -> None:
    view = replace(outlook(), carried=Carried(bytes_s=10.0, up_bytes_s=1000.0), is_down_long=True)
    assert view.empty_in_s(1_000_000) == pytest.approx(1000, rel=0.01)


def test_the_smallest_study_is_through_first_when_all_have_had_as_much() -> None:
    sizes = {"a": 10, "b": 30, "c": 60, "d": 0}
    ends = study_ends_s({study: Left(size) for study, size in sizes.items()}, empty_s=100.0)
    assert ends == {"d": 0.0, "a": pytest.approx(30.0), "b": pytest.approx(70.0), "c": pytest.approx(100.0)}
    assert study_ends_s({"a": Left(10)}, empty_s=None) == {"a": None}


def test_what_is_urgent_is_through_before_the_others() -> None:
    ends = study_ends_s({"small": Left(10), "urgent": Left(90, priority=100)}, empty_s=100.0)
    assert ends == {"urgent": pytest.approx(90.0), "small": pytest.approx(100.0)}


def test_a_link_that_never_strays_and_nothing_coming_is_known_to_the_minute() -> None:
    early_s, late_s = outlook().empty_between_s(10_000_000)
    assert early_s == late_s == pytest.approx(10_000, rel=0.001)


def test_what_strays_is_told_as_a_range_around_what_is_expected_and_a_longer_past_makes_it_narrower() -> None:
    """A link up for half of the hours or all of each, by turns, and studies of a megabyte."""
    hours = [Stretch(sent_bytes=1000 * up_s, busy_s=3600, up_s=up_s, seen_s=3600) for up_s in (1800, 3600)] * 6
    carried = carried_of(hours)
    view = replace(outlook(arriving=100.0), carried=carried)
    flapping = view.empty_between_s(20_000_000)
    expected = view.empty_in_s(20_000_000)
    assert flapping[0] and flapping[1] and expected and flapping[0] < 0.9 * expected < 1.1 * expected < flapping[1]
    longer = replace(view, carried=carried_of(hours * 4)).empty_between_s(20_000_000)
    assert longer[0] and longer[1] and longer[1] - longer[0] < flapping[1] - flapping[0]
    coming = replace(view, inflow=Inflow(recent_bytes_s=100.0, dispersion_bytes=1e6)).empty_between_s(20_000_000)
    assert coming[0] and coming[1] and coming[1] - coming[0] > flapping[1] - flapping[0]


def test_a_range_of_many_chances_holds_as_often_as_it_says() -> None:
    """Hours up all the time or for a third of it, by the toss of a coin: nine of ten ends are in the range."""
    chance = random.Random(1)

    def hour() -> float:
        return chance.choice((3600.0, 1200.0))

    held = 0
    for _ in range(200):
        tossed = [hour() for _ in range(48)]
        carried = carried_of([Stretch(sent_bytes=up * 100, busy_s=3600, up_s=up, seen_s=3600) for up in tossed])
        early_s, late_s = replace(outlook(), carried=carried).empty_between_s(2_400_000)
        left, took_s = 2_400_000.0, 0.0
        while left > 0:
            can = 100 * hour()
            took_s += 3600.0 * min(1.0, left / can)
            left -= can
        assert early_s is not None and late_s is not None
        held += early_s <= took_s <= late_s
    assert 0.82 <= held / 200 <= 0.98
