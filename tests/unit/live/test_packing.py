"""Bitstreams survive being cut into payloads and put together again, as aiortc's own depacketiser sees it."""

import pytest
from aiortc.codecs.h264 import H264PayloadDescriptor
from aiortc.codecs.vpx import VpxPayloadDescriptor
from hypothesis import given
from hypothesis import strategies as st

from edge.live.packing import PAYLOAD_BYTES_MAX, pack_h264, pack_vp8, split_annex_b

START = b"\x00\x00\x00\x01"
SIZES = st.lists(st.integers(1, 4 * PAYLOAD_BYTES_MAX), min_size=1, max_size=6)


def unit(size: int, kind: int = 1) -> bytes:
    return bytes([0x60 | kind]) + b"\x5a" * (size - 1)


def rebuild(payloads: tuple[bytes, ...]) -> bytes:
    return b"".join(H264PayloadDescriptor.parse(payload)[1] for payload in payloads)


@given(SIZES)
def test_h264_units_of_any_size_come_out_as_they_went_in(sizes: list[int]) -> None:
    stream = b"".join(START + unit(max(2, size)) for size in sizes)
    payloads = pack_h264(stream)
    assert rebuild(payloads) == stream
    assert max(map(len, payloads)) <= PAYLOAD_BYTES_MAX


def test_parameter_sets_share_a_payload() -> None:
    stream = START + unit(20, 7) + START + unit(4, 8) + START + unit(5000, 5)
    payloads = pack_h264(stream)
    assert payloads[0][0] & 0x1F == 24
    assert rebuild(payloads) == stream


def test_fragments_are_of_nearly_equal_size() -> None:
    lengths = [len(payload) for payload in pack_h264(START + unit(PAYLOAD_BYTES_MAX + 50, 5))]
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("start", [b"\x00\x00\x01", b"\x00\x00\x00\x01"])
def test_both_start_codes_are_known(start: bytes) -> None:
    assert list(split_annex_b(start + b"\x67ab" + start + b"\x68cd")) == [b"\x67ab", b"\x68cd"]


def test_a_stream_without_a_start_code_has_no_units() -> None:
    assert pack_h264(b"nothing") == ()


@given(st.integers(1, 5 * PAYLOAD_BYTES_MAX), st.integers(0, 0x7FFF))
def test_vp8_frames_come_out_as_they_went_in(size: int, picture_id: int) -> None:
    frame = bytes(number % 251 for number in range(size))
    payloads = pack_vp8(frame, picture_id=picture_id)
    parsed = [VpxPayloadDescriptor.parse(payload) for payload in payloads]
    assert b"".join(data for _, data in parsed) == frame
    assert [descriptor.partition_start for descriptor, _ in parsed] == [1] + [0] * (len(payloads) - 1)
    assert {descriptor.picture_id for descriptor, _ in parsed} == {picture_id}
    assert max(map(len, payloads)) <= PAYLOAD_BYTES_MAX
