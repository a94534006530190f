"""Promises of `edge.live.resending`: what is asked for is sent again, and never more than the link may bear."""

from edge.live.resending import HISTORY_PACKETS_MAX, RESEND_BYTES_MAX, RESEND_S_FIRST, History


def made(count: int, size: int = 1000) -> History:
    history = History()
    for sequence in range(count):
        history.keep(sequence & 0xFFFF, 96, 7, bytes(size))
    return history


def test_a_packet_is_sent_again_once_a_round_trip() -> None:
    history = made(3)
    assert history.take(1, allowed_bps=10**6, round_trip_s=0.05, now_s=1.0) is not None
    assert history.take(1, allowed_bps=10**6, round_trip_s=0.05, now_s=1.04) is None
    assert history.take(1, allowed_bps=10**6, round_trip_s=0.05, now_s=1.06) is not None
    assert history.take(2, allowed_bps=10**6, round_trip_s=None, now_s=2.0) is not None
    assert history.take(2, allowed_bps=10**6, round_trip_s=None, now_s=2.0 + RESEND_S_FIRST / 2) is None


def test_a_flood_of_requests_is_answered_within_the_allowance() -> None:
    history = made(100)
    taken = [history.take(number, allowed_bps=80_000, round_trip_s=0.05, now_s=1.0) for number in range(100)]
    assert sum(kept is not None for kept in taken) == RESEND_BYTES_MAX // 1000
    assert history.take(99, allowed_bps=80_000, round_trip_s=0.05, now_s=1.2) is not None, "a fifth of a second's worth"


def test_only_the_newest_packets_are_kept_and_each_miss_counts_once() -> None:
    history = made(HISTORY_PACKETS_MAX + 5)
    assert history.take(4, allowed_bps=10**6, round_trip_s=0.05, now_s=1.0) is None
    assert history.take(5, allowed_bps=10**6, round_trip_s=0.05, now_s=1.0) is not None
    assert history.count_new([3, 10, 11]) == 2
    assert history.count_new([10, 11, 12]) == 1
