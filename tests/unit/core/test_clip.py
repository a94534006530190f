"""Which frames, when, what is missing."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.clip import (
    VALUE_BYTES_MAX,
    EndReason,
    Moment,
    end_reason,
    find_gaps,
    start_of_last,
    time_vector,
    timing_of,
)


def moments(offsets_ns: list[int], first_index: int = 0) -> list[Moment]:
    return [Moment(first_index + number, 10**12 + at_ns, 10**18 + at_ns) for number, at_ns in enumerate(offsets_ns)]


@pytest.mark.parametrize(
    ("rate", "wanted_ms"),
    [(Fraction(25), 40.0), (Fraction(30000, 1001), 33.366667), (Fraction(30), 33.333333), (Fraction(60), 16.666667)],
)
def test_an_even_source_has_one_frame_time(rate: Fraction, wanted_ms: float) -> None:
    timing = timing_of(moments([round(number * 10**9 / rate) for number in range(300)]))
    assert timing.is_even
    assert timing.frame_time_ms == pytest.approx(wanted_ms, abs=1e-6)


def test_times_rounded_to_milliseconds_by_the_container_still_count_as_even() -> None:
    timing = timing_of(moments([round(number * 1000 / 30) * 10**6 for number in range(301)]))
    assert timing.is_even
    assert timing.frame_time_ms == pytest.approx(1000 / 30, abs=0.001)


def test_one_frame_late_by_more_than_a_millisecond_makes_a_vector() -> None:
    offsets = [number * 40_000_000 for number in range(50)]
    offsets[20] += 1_100_000
    timing = timing_of(moments(offsets))
    assert not timing.is_even
    assert timing.vector[:2] == ("0", "40")
    assert timing.vector[20:22] == ("41.1", "38.9")


def test_a_hole_in_the_indices_is_a_gap_even_where_the_times_look_even() -> None:
    taken = moments([0, 40_000_000, 80_000_000])
    taken[2] = Moment(5, taken[2].mono_ns, taken[2].wall_ns)
    (gap,) = find_gaps(taken)
    assert (gap.after_number, gap.missing_count, gap.duration_ns) == (2, 3, 40_000_000)
    assert "3 frames are missing after frame 2" in gap.sentence()
    assert not timing_of(taken).is_even


def test_a_single_frame_takes_the_source_s_usual_interval() -> None:
    assert timing_of(moments([0]), nominal_ms=20.0).frame_time_ms == 20.0


@given(st.lists(st.integers(1_000_000, 200_000_000), min_size=1, max_size=300))
def test_a_vector_never_drifts_from_the_true_times(steps_ns: list[int]) -> None:
    offsets = [0]
    for step_ns in steps_ns:
        offsets.append(offsets[-1] + step_ns)
    at_ms = 0.0
    for text, offset_ns in zip(time_vector(offsets), offsets, strict=True):
        at_ms += float(text)
        assert abs(at_ms - offset_ns / 1e6) <= 0.001
        assert len(text) <= 16


def test_ten_minutes_at_thirty_frames_fit_into_one_value_and_keep_the_millisecond() -> None:
    offsets = [round(number * 1e9 / 29.97) + number % 7 * 400_000 for number in range(18_000)]
    vector = time_vector(offsets)
    assert len("\\".join(vector)) <= VALUE_BYTES_MAX
    assert sum(map(float, vector)) == pytest.approx(offsets[-1] / 1e6, abs=1.0)


def test_a_clip_ends_at_its_limit_and_when_the_disk_is_full() -> None:
    assert end_reason(frame_count=9, duration_s=9.9, duration_s_max=10, is_room_left=True) is None
    assert end_reason(frame_count=9, duration_s=10, duration_s_max=10, is_room_left=True) is EndReason.LIMIT
    assert end_reason(frame_count=9, duration_s=1, duration_s_max=10, is_room_left=False) is EndReason.DISK_FULL


def test_the_last_seconds_are_counted_back_from_the_newest_frame() -> None:
    taken = moments([number * 100_000_000 for number in range(50)])
    assert start_of_last(taken, 1.0) == 40
    assert start_of_last(taken, 60.0) == 0
    assert start_of_last(taken, 0.0) == 49
    assert start_of_last([], 1.0) == 0
