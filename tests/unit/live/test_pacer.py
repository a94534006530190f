"""How packets leave: in short bursts, at the pace of the link, a picture always before the next one."""

from collections.abc import Sequence

import pytest

from edge.live.pacer import BURST_S, Pacer, bursts_of
from edge.live.packet import WIRE_BYTES
from edge.live.picture import RTP_CLOCK_HZ, Picture


def picture(payloads: Sequence[bytes], *, at_s: float, is_keyframe: bool = False) -> Picture:
    ticks = int(at_s * RTP_CLOCK_HZ)
    return Picture(payloads=tuple(payloads), ticks=ticks, frame_index=0, mono_ns=0, is_keyframe=is_keyframe)


@pytest.mark.parametrize("pace_bps", [80_000, 2_000_000, 50_000_000])
def test_bursts_take_every_packet_once_in_order_and_no_longer_than_five_milliseconds(pace_bps: int) -> None:
    payloads = [bytes(size) for size in (1180, 1180, 40, 900, 1180, 1, 1180)]
    bursts = list(bursts_of(payloads, pace_bps))
    assert [number for begin, end in bursts for number in range(begin, end)] == list(range(len(payloads)))
    for begin, end in bursts:
        assert end - begin == 1 or sum(map(len, payloads[begin:end])) <= pace_bps / 8 * BURST_S
    assert list(bursts_of([], pace_bps)) == []


def test_what_was_sent_has_its_time_before_the_next_burst_leaves() -> None:
    pacer, payloads = Pacer(), [bytes(1000)] * 2
    assert pacer.wait_s(5.0) == 0
    pacer.take_turn(payloads, 1_000_000, now_s=5.0)
    needed_s = 2 * (1000 + WIRE_BYTES) * 8 / 1_000_000
    assert pacer.wait_s(5.0) == pytest.approx(needed_s)
    assert pacer.wait_s(6.0) == 0, "time that was not used is not saved up"
    pacer.take_turn(payloads, 1_000_000, now_s=6.0)
    assert pacer.wait_s(6.0) == pytest.approx(needed_s)


def test_a_picture_leaves_before_the_next_one_and_a_keyframe_keeps_to_the_link() -> None:
    pacer, payloads = Pacer(), [bytes(1000)] * 10
    pacer.pace_for(picture(payloads, at_s=1.0), 100_000)
    bits = 10 * (1000 + WIRE_BYTES) * 8
    assert pacer.pace_for(picture(payloads, at_s=1.1), 100_000) == pytest.approx(bits / 0.1, rel=0.01)
    assert pacer.pace_for(picture(payloads, at_s=1.2, is_keyframe=True), 100_000) == 100_000
    assert pacer.pace_for(picture([b""], at_s=1.3), 10**9) == 10**9
