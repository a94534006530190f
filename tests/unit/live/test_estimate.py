"""What a viewer's link is believed to carry."""

from edge.live.arrivals import Reading
from edge.live.estimate import (
    ESTIMATE_BPS_FIRST,
    ESTIMATE_BPS_MIN,
    MISSES_MIN,
    MOMENT_S,
    QUEUED_S_HIGH,
    QUEUED_S_LOW,
    REST_S,
    Estimate,
    LossMeter,
    Misses,
)

MAX_BPS = 2_500_000


def made(maximum: int = MAX_BPS) -> Estimate:
    return Estimate(bitrate_bps_max=maximum)


def report(
    estimate: Estimate, *, seconds: int, start: int = 0, loss: float = 0.0, rtt_s: float = 0.02, sent_part: float = 1.0
) -> None:
    for second in range(start, start + seconds):
        estimate.take_report(
            loss=loss, sent_bps=sent_part * estimate.bitrate_bps, rtt_s=rtt_s, now_s=float(second)
        )  # fmt: skip


def test_a_good_link_is_used_fully_within_seconds() -> None:
    estimate = made()
    report(estimate, seconds=5)
    assert estimate.bitrate_bps == MAX_BPS


def test_the_first_estimate_never_exceeds_the_configured_maximum() -> None:
    assert made(300_000).bitrate_bps == 300_000


def test_heavy_loss_lowers_the_estimate_and_ends_the_fast_growth() -> None:
    estimate = made()
    report(estimate, seconds=1, loss=0.4)
    lowered = estimate.bitrate_bps
    assert lowered == int(ESTIMATE_BPS_FIRST * 0.8)
    report(estimate, seconds=2, start=1)
    assert lowered < estimate.bitrate_bps <= lowered * 1.3


def test_loss_of_the_radio_without_a_queue_does_not_keep_the_picture_small() -> None:
    estimate = made()
    report(estimate, seconds=6, loss=0.05)
    assert estimate.bitrate_bps == MAX_BPS


def test_a_queue_on_the_way_stops_the_growth_and_a_long_one_lowers_the_estimate() -> None:
    estimate = made()
    report(estimate, seconds=1)
    report(estimate, seconds=3, start=1, rtt_s=0.03 + QUEUED_S_LOW)
    assert estimate.bitrate_bps == ESTIMATE_BPS_FIRST
    report(estimate, seconds=1, start=4, rtt_s=0.03 + QUEUED_S_HIGH)
    assert estimate.bitrate_bps == int(ESTIMATE_BPS_FIRST * 0.8)


def test_a_falling_remb_is_followed_at_once() -> None:
    estimate = made()
    estimate.take_remb(1_200_000, now_s=0.0)
    estimate.take_remb(400_000, now_s=0.1)
    assert estimate.bitrate_bps == 368_000
    assert estimate.is_steady


def test_what_was_said_of_the_time_before_a_cut_does_not_cut_again() -> None:
    estimate = made()
    estimate.take_nacks(0.5, now_s=1.0)
    cut = estimate.bitrate_bps
    assert cut == ESTIMATE_BPS_FIRST // 2
    estimate.take_nacks(0.5, now_s=1.0 + REST_S / 2)
    estimate.take_report(loss=0.5, sent_bps=cut, rtt_s=0.5, now_s=1.0 + REST_S / 2)
    estimate.take_remb(90_000, now_s=1.0 + REST_S / 2)
    assert estimate.bitrate_bps == cut


def test_a_low_remb_of_a_quiet_picture_does_not_hold_the_estimate_down() -> None:
    estimate = made()
    estimate.take_remb(200_000, now_s=0.0)
    assert estimate.bitrate_bps == ESTIMATE_BPS_FIRST
    report(estimate, seconds=3, sent_part=0.2)
    assert estimate.bitrate_bps > ESTIMATE_BPS_FIRST


def test_a_busy_picture_on_a_full_link_stays_near_the_remb() -> None:
    estimate = made()
    estimate.take_remb(800_000, now_s=0.0)
    estimate.take_remb(400_000, now_s=0.1)
    report(estimate, seconds=60, start=1)
    assert estimate.bitrate_bps <= 400_000 * 1.3


def test_the_estimate_never_ends_at_nothing() -> None:
    estimate = made()
    report(estimate, seconds=30, loss=1.0)
    estimate.take_remb(1, now_s=100.0)
    assert estimate.bitrate_bps == ESTIMATE_BPS_MIN


def test_loss_is_counted_over_half_a_second_at_least() -> None:
    meter = LossMeter()
    assert meter.take(highest_sequence=100, lost_count=0, now_s=0.0) is None
    assert meter.take(highest_sequence=103, lost_count=1, now_s=0.1) is None, "a third of three packets says nothing"
    assert meter.take(highest_sequence=200, lost_count=5, now_s=0.6) == 0.05
    assert meter.take(highest_sequence=300, lost_count=3, now_s=1.2) == 0.0, "resent packets count as arrived"


def test_a_few_missing_packets_may_be_chance() -> None:
    misses = Misses()
    misses.take(0, 100, now_s=0.0)
    assert misses.take(MISSES_MIN - 1, 110, now_s=MOMENT_S) == 0.0
    assert misses.take(MISSES_MIN, 110 + 2 * MISSES_MIN, now_s=2 * MOMENT_S) == 0.5


def arrive(
    estimate: Estimate, *, seconds: float, start_s: float = 0.0, queued_s: float = 0.0,
    capacity_bps: float | None = None, received_part: float = 1.0,
) -> float:  # fmt: skip
    """Tell of arrivals ten times a second; return when the next word is due."""
    count = round(seconds * 10)
    for step in range(count):
        received_bps = received_part * estimate.bitrate_bps
        estimate.take_arrivals(Reading(queued_s, capacity_bps, received_bps), now_s=start_s + step / 10)
    return start_s + count / 10


def test_a_link_where_nothing_waits_is_used_fully_within_two_seconds() -> None:
    estimate = made()
    arrive(estimate, seconds=2)
    assert estimate.bitrate_bps == MAX_BPS
    assert not estimate.is_steady, "a keyframe may still leave at once"


def test_what_the_link_carries_is_approached_and_not_exceeded() -> None:
    estimate = made()
    arrive(estimate, seconds=3, capacity_bps=1_000_000)
    assert 0.8 * 1_000_000 <= estimate.bitrate_bps <= 0.9 * 1_000_000


def test_a_queue_lowers_the_rate_at_the_first_word_of_it_and_its_end_brings_it_back() -> None:
    estimate = made()
    arrive(estimate, seconds=0.1, queued_s=0.2, capacity_bps=300_000)
    assert estimate.bitrate_bps <= 0.7 * 300_000, "less than the link carries, until the queue is gone"
    arrive(estimate, seconds=1.0, start_s=0.5, capacity_bps=300_000)
    assert 0.85 * 300_000 <= estimate.bitrate_bps < 300_000


def test_beyond_what_a_queue_taught_the_growth_is_slow_until_nothing_waits_for_seconds() -> None:
    estimate = made()
    arrive(estimate, seconds=0.1, queued_s=0.1, capacity_bps=300_000)
    at_s = arrive(estimate, seconds=3, start_s=0.5, capacity_bps=400_000)
    assert 300_000 * 0.8 < estimate.bitrate_bps < 300_000
    arrive(estimate, seconds=15, start_s=at_s)
    assert estimate.bitrate_bps == MAX_BPS, "the link became wide"


def test_a_late_packet_on_a_wide_link_does_not_lower_the_rate_but_a_lasting_queue_does() -> None:
    estimate = made()
    at_s = arrive(estimate, seconds=2)
    at_s = arrive(estimate, seconds=0.2, start_s=at_s, queued_s=0.1, capacity_bps=50_000_000)
    assert estimate.bitrate_bps == MAX_BPS
    arrive(estimate, seconds=0.6, start_s=at_s, queued_s=0.1, received_part=0.5)
    assert estimate.bitrate_bps < 0.5 * MAX_BPS


def test_round_trip_and_remb_are_heard_again_when_nothing_is_told_of_arrivals() -> None:
    estimate = made()
    at_s = arrive(estimate, seconds=2)
    estimate.take_report(loss=0.0, sent_bps=MAX_BPS, rtt_s=0.01, now_s=at_s)
    estimate.take_report(loss=0.0, sent_bps=MAX_BPS, rtt_s=0.5, now_s=at_s + 0.5)
    estimate.take_remb(400_000, now_s=at_s + 0.6)
    estimate.take_remb(300_000, now_s=at_s + 0.7)
    assert estimate.bitrate_bps == MAX_BPS
    estimate.take_report(loss=0.0, sent_bps=MAX_BPS, rtt_s=0.01, now_s=at_s + 5)
    estimate.take_report(loss=0.0, sent_bps=MAX_BPS, rtt_s=0.5, now_s=at_s + 6)
    assert estimate.bitrate_bps < MAX_BPS


def test_a_link_where_nothing_waits_is_probed_before_the_rate_grows_quickly() -> None:
    estimate = made()
    at_s = arrive(estimate, seconds=0.1, queued_s=0.1, capacity_bps=300_000)
    at_s = arrive(estimate, seconds=2.0, start_s=at_s)
    assert estimate.is_probing and estimate.bitrate_bps < 300_000
    arrive(estimate, seconds=0.1, start_s=at_s, capacity_bps=300_000)
    assert not estimate.is_probing, "the bursts had to wait: the link is as narrow as before"
