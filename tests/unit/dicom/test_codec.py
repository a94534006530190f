"""Every encoder gives back what went in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.dicom.codec import JPEG_BASELINE, JPEG_LS, RLE, SYNTAX_BY_NAME, CodecError, decode, decode_any, encoder_for
from edge.dicom.encapsulate import GROWTH

KINDS = ("noise", "flat", "steps")


def picture(kind: str, height_px: int, width_px: int, channel_count: int, seed: int) -> np.ndarray:
    shape = (height_px, width_px) if channel_count == 1 else (height_px, width_px, channel_count)
    if kind == "noise":
        return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    if kind == "flat":
        return np.full(shape, seed % 256, np.uint8)
    return (np.arange(np.prod(shape)).reshape(shape) // 7 % 256).astype(np.uint8)


@pytest.mark.parametrize("name", SYNTAX_BY_NAME)
@settings(deadline=None, max_examples=25)
@given(st.sampled_from(KINDS), st.integers(1, 40), st.integers(1, 300), st.sampled_from([1, 3]), st.integers(0, 2**16))
def test_every_lossless_encoder_is_lossless(
    name: str, kind: str, height_px: int, width_px: int, channel_count: int, seed: int
) -> None:
    encoder = encoder_for(SYNTAX_BY_NAME[name])
    pixels = picture(kind, height_px, width_px, channel_count, seed)
    data = encoder.encode(pixels)
    data += b"\0" * (len(data) % 2)
    back = decode(
        encoder.syntax_uid, data, width_px=width_px, height_px=height_px, channel_count=channel_count
    )  # fmt: skip
    assert np.array_equal(back, pixels)


@pytest.mark.parametrize("name", SYNTAX_BY_NAME)
@pytest.mark.parametrize("channel_count", [1, 3])
def test_pure_noise_grows_no_more_than_the_tables_allow_for(name: str, channel_count: int) -> None:
    pixels = picture("noise", 200, 300, channel_count, 5)
    encoder = encoder_for(SYNTAX_BY_NAME[name])
    data = encoder.encode(pixels)
    assert len(data) <= pixels.nbytes * GROWTH
    back = decode(encoder.syntax_uid, data, width_px=300, height_px=200, channel_count=channel_count)
    assert np.array_equal(back, pixels)


def test_a_jpeg_ls_stream_begins_with_its_frame_header() -> None:
    data = encoder_for(JPEG_LS).encode(picture("noise", 9, 9, 3, 1))
    assert data[:4] == b"\xff\xd8\xff\xf7"


@pytest.mark.parametrize("name", ["htj2k", "jpeg-2000"])
def test_the_colour_transform_in_the_stream_is_the_one_the_dataset_names(name: str) -> None:
    encoder = encoder_for(SYNTAX_BY_NAME[name])
    data = encoder.encode(picture("noise", 40, 40, 3, 1))
    style = data.index(b"\xff\x52")
    assert data[style + 8] == 1
    assert encoder.photometric(3) == "YBR_RCT"
    assert encoder.photometric(1) == "MONOCHROME2"


@pytest.mark.parametrize("syntax", [JPEG_LS, RLE, JPEG_BASELINE, *SYNTAX_BY_NAME.values()])
def test_damaged_bytes_are_an_error_of_ours(syntax: str) -> None:
    with pytest.raises(CodecError):
        decode(syntax, b"\xff\xd8nonsense", width_px=9, height_px=9, channel_count=1)


def test_an_unknown_syntax_is_named() -> None:
    with pytest.raises(CodecError, match=r"1\.2\.3"):
        decode_any("1.2.3", b"")
