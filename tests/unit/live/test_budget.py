"""What of a link goes to which picture."""

from dataclasses import dataclass

from edge.live.budget import OFF_BPS, ON_BPS, SECOND_BPS_MAX, Budget


@dataclass
class _Link:
    bitrate_bps: int


def test_the_whole_link_is_the_ultrasounds_until_somebody_wants_a_second_picture() -> None:
    budget = Budget(_Link(5_000_000))
    assert (budget.first_bps, budget.second_bps, budget.is_second_on()) == (5_000_000, 0, False)


def test_a_second_picture_gets_a_fifth_and_never_more_than_its_limit() -> None:
    link = _Link(1_000_000)
    budget = Budget(link)
    budget.want_second(True)
    assert budget.is_second_on()
    assert (budget.first_bps, budget.second_bps) == (800_000, 200_000)
    link.bitrate_bps = 5_000_000
    assert (budget.first_bps, budget.second_bps) == (5_000_000 - SECOND_BPS_MAX, SECOND_BPS_MAX)


def test_a_poor_link_carries_the_ultrasound_alone_and_does_not_hop() -> None:
    link = _Link(300_000)
    budget = Budget(link)
    budget.want_second(True)
    assert not budget.is_second_on() and budget.first_bps == 300_000
    seen = []
    for bitrate_bps in (ON_BPS - 1, ON_BPS, OFF_BPS, OFF_BPS - 1, ON_BPS - 1):
        link.bitrate_bps = bitrate_bps
        seen.append(budget.is_second_on())
    assert seen == [False, True, True, False, False]


def test_a_second_picture_that_is_put_away_gives_its_part_back_at_once() -> None:
    budget = Budget(_Link(1_000_000))
    budget.want_second(True)
    assert budget.is_second_on()
    budget.want_second(False)
    assert budget.first_bps == 1_000_000
