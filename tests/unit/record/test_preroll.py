"""The last seconds, within both limits."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.record.packed import pack
from edge.record.preroll import PreRoll
from tests.support.frames import frame_of


def packed(index: int, width_px: int = 8):
    return pack(frame_of(np.random.default_rng(index).integers(0, 256, (8, width_px), np.uint8), index))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 100), st.floats(0.05, 5.0), st.integers(1, 3000))
def test_both_limits_hold_after_every_frame(count: int, seconds_max: float, bytes_max: int) -> None:
    kept = PreRoll(seconds_max=seconds_max, bytes_max=bytes_max)
    for index in range(count):
        kept.add(packed(index))
        frames = kept.last(1000)
        assert frames[-1].info.index == index
        assert kept.size_bytes == sum(len(frame.data) for frame in frames)
        assert len(frames) == 1 or kept.size_bytes <= bytes_max
        assert frames[-1].info.mono_ns - frames[0].info.mono_ns <= seconds_max * 1e9 + 1


def test_frames_are_found_by_their_index_until_they_go() -> None:
    kept = PreRoll(seconds_max=1.0, bytes_max=10**6)
    for index in range(100):
        kept.add(packed(index))
    assert kept.find(99) is kept.newest
    assert kept.find(80).info.index == 80
    assert kept.find(10) is None


def test_another_size_begins_anew_because_a_clip_has_one_size() -> None:
    kept = PreRoll(seconds_max=10, bytes_max=10**6)
    kept.add(packed(0))
    kept.add(packed(1, width_px=16))
    assert [frame.info.index for frame in kept.last(10)] == [1]
