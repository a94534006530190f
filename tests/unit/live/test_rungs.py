"""Who stands on which rung."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.live.rungs import ENCODED_RUNG_COUNT_MAX, RUNGS, TOP, choose_rung, ladder_for, plan_rungs

MAX_BPS = 2_500_000


@pytest.mark.parametrize(
    ("source", "rung", "encoded"),
    [
        ((640, 480), 0, (640, 480)), ((1920, 1080), 0, (1280, 720)), ((641, 481), 0, (640, 480)),
        ((1024, 768), 0, (960, 720)), ((1280, 720), 3, (640, 360)), ((480, 1920), 2, (90, 360)), ((1, 1), 0, (2, 2)),
    ],
)  # fmt: skip
def test_the_encoded_size_keeps_the_aspect_and_is_even(
    source: tuple[int, int], rung: int, encoded: tuple[int, int]
) -> None:
    assert RUNGS[rung].fit(*source) == encoded


@given(st.integers(2, 4096), st.integers(2, 4096), st.sampled_from(RUNGS))
def test_the_encoded_size_never_exceeds_the_rung_nor_the_source(width: int, height: int, rung: object) -> None:
    got_width, got_height = rung.fit(width, height)  # type: ignore[attr-defined]
    assert got_width % 2 == got_height % 2 == 0
    assert 2 <= got_width <= min(width, 1280) and 2 <= got_height <= min(height, 720)


def test_a_slow_viewer_does_not_drag_down_a_fast_one() -> None:
    plan = plan_rungs({"fast": 2_400_000, "slow": 300_000}, {}, bitrate_bps_max=MAX_BPS)
    assert plan.rung_of["fast"] is TOP
    assert plan.bitrate_bps_of[TOP] == 2_400_000
    assert plan.rung_of["slow"].name == "360p30"
    assert plan.bitrate_bps_of[plan.rung_of["slow"]] == 300_000


def test_viewers_between_two_rungs_join_the_lower() -> None:
    plan = plan_rungs({"a": 2_000_000, "b": 600_000, "c": 100_000}, {}, bitrate_bps_max=MAX_BPS)
    assert [plan.rung_of[name].name for name in "abc"] == ["720p30", "360p15", "360p15"]


def test_stepping_up_takes_a_margin() -> None:
    low = RUNGS[1]
    assert choose_rung(1_000_000, low) is low
    assert choose_rung(1_200_000, low) is TOP
    assert choose_rung(1_000_000, TOP) is TOP
    assert choose_rung(899_999, TOP) is low


def test_rungs_that_show_a_source_in_the_same_size_are_one() -> None:
    ladder = ladder_for(640, 480)
    assert [rung.name for rung in ladder] == ["720p30", "360p30", "360p15"]
    assert ladder[0].bitrate_bps_min == RUNGS[1].bitrate_bps_min
    assert ladder_for(1280, 720) == RUNGS
    assert [rung.name for rung in ladder_for(320, 240)] == ["720p30", "360p15"]
    assert choose_rung(500_000, None, ladder).name == "720p30"


@given(st.dictionaries(st.text(max_size=3), st.integers(80_000, 5_000_000), max_size=16))
def test_no_more_encoders_than_two_and_none_above_its_weakest_viewer(estimates: dict[str, int]) -> None:
    plan = plan_rungs(estimates, {}, bitrate_bps_max=MAX_BPS)
    assert set(plan.rung_of) == set(estimates)
    assert len(plan.bitrate_bps_of) <= ENCODED_RUNG_COUNT_MAX
    for name, rung in plan.rung_of.items():
        assert plan.bitrate_bps_of[rung] <= min(MAX_BPS, estimates[name])
