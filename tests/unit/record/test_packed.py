"""Frames in memory: smaller, and the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.record.packed import DigestMismatch, PackedFrame, check, is_intact, pack, unpack
from edge.ring import Frame
from tests.support.frames import frame_of


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3]), st.booleans(), st.integers(0, 2**32))
def test_a_packed_frame_unpacks_to_what_was_captured(h: int, w: int, channels: int, is_equal: bool, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (h, w) if channels == 1 else (h, w, 3), np.uint8)
    if channels == 3 and is_equal:
        pixels = np.repeat(pixels[:, :, :1], 3, axis=2)
    frame = frame_of(pixels, 5)
    packed = pack(frame)
    assert packed.is_grey or channels == 3
    assert np.array_equal(unpack(packed, channel_count=channels), pixels)
    if packed.is_grey:
        check(unpack(packed, channel_count=1), frame.info)


def test_one_coloured_pixel_keeps_the_colour() -> None:
    pixels = np.full((40, 50, 3), 77, np.uint8)
    pixels[39, 49, 2] = 78
    assert not pack(frame_of(pixels, 0)).is_grey


def test_other_pixels_than_captured_are_noticed() -> None:
    frame = frame_of(np.zeros((4, 4), np.uint8), 0)
    changed = frame.pixels.copy()
    changed[3, 3] = 1
    assert is_intact(frame)
    assert not is_intact(Frame(frame.info, changed))
    with pytest.raises(DigestMismatch):
        check(changed, frame.info)


def test_bytes_that_are_no_frame_are_an_error_of_ours_not_a_crash() -> None:
    packed = pack(frame_of(np.zeros((4, 4), np.uint8), 0))
    with pytest.raises(DigestMismatch):
        unpack(PackedFrame(packed.info, True, b"nonsense"), channel_count=1)
