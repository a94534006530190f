"""The encoder, read back by a decoder."""

from itertools import pairwise

import av
import numpy as np
import pytest

from edge.live.encoder import VBV_S, Encoder
from edge.live.packing import PAYLOAD_BYTES_MAX
from edge.live.rungs import RUNGS, TOP

RNG = np.random.default_rng(7)
SPECKLE = RNG.integers(0, 160, (240, 320), dtype=np.uint8)


def image(index: int) -> av.VideoFrame:
    return av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(np.roll(SPECKLE, 3 * index, 1)), "gray")


def run(
    encoder: Encoder, indices: range, *, bitrate_bps: int, owed: frozenset[int] = frozenset()
) -> list[tuple[int, bool]]:
    made = []
    for index in indices:
        encoded = encoder.encode(
            encoder.convert(image(index)), ticks=index * 3000, fps=30, bitrate_bps=bitrate_bps,
            is_keyframe_owed=index in owed,
        )  # fmt: skip
        made.append((sum(map(len, encoded.payloads)), encoded.is_keyframe))
    return made


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_every_frame_gives_a_picture_and_only_what_is_owed_is_a_keyframe(codec: str) -> None:
    made = run(Encoder(codec, TOP), range(20), bitrate_bps=1_000_000, owed=frozenset({7}))  # type: ignore[arg-type]
    assert all(size for size, _ in made)
    assert [index for index, (_, is_key) in enumerate(made) if is_key] == [0, 7]


def test_a_new_rate_takes_effect_without_a_keyframe() -> None:
    encoder = Encoder("h264", TOP)
    sizes = []
    for index in range(270):
        noise = av.VideoFrame.from_numpy_buffer(RNG.integers(0, 160, (240, 320), dtype=np.uint8), "gray")
        bitrate_bps = (1_200_000, 900_000, 2_400_000)[index // 90]
        encoded = encoder.encode(
            encoder.convert(noise), ticks=index * 3000, fps=30, bitrate_bps=bitrate_bps, is_keyframe_owed=False
        )
        sizes.append(sum(map(len, encoded.payloads)))
        assert encoded.is_keyframe == (index == 0)
    rates_bps = [sum(sizes[second * 30 : second * 30 + 30]) * 8 for second in (2, 5, 8)]
    assert 1_000_000 < rates_bps[0] < 1_300_000
    assert 750_000 < rates_bps[1] < 1_000_000
    assert 1_900_000 < rates_bps[2] < 2_600_000


def test_a_much_lower_rate_is_kept_too() -> None:
    encoder = Encoder("h264", RUNGS[3])
    run(encoder, range(30), bitrate_bps=400_000)
    after = run(encoder, range(30, 120), bitrate_bps=100_000)
    assert sum(size for size, _ in after[30:]) * 8 / 2 < 130_000


@pytest.mark.parametrize(("codec", "decoder"), [("h264", "h264"), ("vp8", "vp8")])
def test_the_picture_decodes_to_what_was_encoded(codec: str, decoder: str) -> None:
    encoder = Encoder(codec, TOP)  # type: ignore[arg-type]
    flat = np.full((240, 320, 3), (200, 60, 30), np.uint8)
    encoded = encoder.encode(
        encoder.convert(av.VideoFrame.from_numpy_buffer(flat, "rgb24")), ticks=0, fps=30, bitrate_bps=2_000_000,
        is_keyframe_owed=True,
    )  # fmt: skip
    from aiortc.codecs.h264 import h264_depayload
    from aiortc.codecs.vpx import vp8_depayload

    depayload = h264_depayload if codec == "h264" else vp8_depayload
    context = av.CodecContext.create(decoder, "r")
    packet = av.Packet(b"".join(map(depayload, encoded.payloads)))
    [frame] = [*context.decode(packet), *context.decode(None)]  # type: ignore[attr-defined]
    shown = frame.to_ndarray(format="rgb24")
    assert np.abs(shown.astype(int) - flat).max() <= 6
    assert max(map(len, encoded.payloads)) <= PAYLOAD_BYTES_MAX


def test_a_source_that_changes_its_size_is_followed_with_a_keyframe() -> None:
    encoder = Encoder("h264", TOP)
    run(encoder, range(3), bitrate_bps=500_000)
    other = av.VideoFrame.from_numpy_buffer(np.zeros((100, 200), np.uint8), "gray")
    encoded = encoder.encode(encoder.convert(other), ticks=9000, fps=30, bitrate_bps=500_000, is_keyframe_owed=False)
    assert encoded.is_keyframe


@pytest.mark.parametrize("rung", RUNGS)
def test_no_picture_is_larger_than_the_buffer_allows(rung: object) -> None:
    made = run(Encoder("h264", rung), range(60), bitrate_bps=300_000)  # type: ignore[arg-type]
    frame_bits = 300_000 / 30
    for (first, _), (second, _) in pairwise(made):
        assert (first + second) * 8 <= 300_000 * VBV_S + 2 * frame_bits
