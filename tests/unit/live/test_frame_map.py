"""From a timestamp on the screen back to the frame."""

from edge.live.frame_map import KEPT_S, FrameMap
from edge.live.picture import RTP_MODULUS, ticks_after, ticks_of


def test_a_time_is_found_exactly_or_not_at_all() -> None:
    frames = FrameMap()
    frames.add(1000, 7)
    frames.add(4000, 8)
    assert frames.find(4000) == 8
    assert frames.find(4001) is None


def test_times_are_found_across_the_wrap_of_the_clock() -> None:
    frames = FrameMap()
    for number in range(4):
        frames.add(RTP_MODULUS - 3000 + number * 3000, number)
    assert frames.find(0) == 1
    assert frames.find(-3000) == 0
    assert frames.find(RTP_MODULUS + 3000) == 2


def test_half_a_minute_is_kept_and_no_more() -> None:
    frames = FrameMap()
    for second in range(3 * KEPT_S):
        frames.add(second * 90_000, second)
    newest = 3 * KEPT_S - 1
    assert frames.find((newest - 10) * 90_000) == newest - 10
    assert frames.find((newest - KEPT_S - 1) * 90_000) is None


def test_frames_on_a_second_rung_change_nothing() -> None:
    frames = FrameMap()
    for ticks, index in ((1000, 1), (1000, 1), (4000, 2), (4000, 2)):
        frames.add(ticks, index)
    assert (frames.find(1000), frames.find(4000)) == (1, 2)


def test_nothing_is_found_after_indices_began_anew() -> None:
    frames = FrameMap()
    frames.add(1000, 1)
    frames.clear()
    assert frames.find(1000) is None


def test_no_two_pictures_share_a_time() -> None:
    assert ticks_of(1_000_000_000) == 90_000
    assert ticks_after(5, None) == 5
    assert ticks_after(5, 5) == 6
    assert ticks_after(5, 90) == 91
    assert ticks_after(95, 90) == 95
