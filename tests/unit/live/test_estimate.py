"""What a viewer's link is believed to carry."""

from edge.live.estimate import ESTIMATE_BPS_FIRST, ESTIMATE_BPS_MIN, Estimate


def made(maximum: int = 2_500_000) -> Estimate:
    return Estimate(bitrate_bps_max=maximum)


def report(estimate: Estimate, *, loss: float, seconds: int, start: int = 0) -> None:
    for second in range(start, start + seconds):
        estimate.take_report(loss=loss, now_s=float(second))


def test_a_good_link_is_used_fully_within_seconds() -> None:
    estimate = made()
    report(estimate, loss=0.0, seconds=4)
    assert estimate.bitrate_bps == 2_500_000


def test_the_first_estimate_never_exceeds_the_configured_maximum() -> None:
    assert made(300_000).bitrate_bps == 300_000


def test_heavy_loss_lowers_the_estimate_and_ends_the_fast_growth() -> None:
    estimate = made()
    estimate.take_report(loss=0.4, now_s=0.0)
    lowered = estimate.bitrate_bps
    assert lowered == int(ESTIMATE_BPS_FIRST * 0.8)
    report(estimate, loss=0.0, seconds=2, start=1)
    assert lowered < estimate.bitrate_bps <= lowered * 1.2


def test_a_little_loss_changes_nothing() -> None:
    estimate = made()
    report(estimate, loss=0.05, seconds=5)
    assert estimate.bitrate_bps == ESTIMATE_BPS_FIRST


def test_a_falling_remb_is_followed_at_once() -> None:
    estimate = made()
    estimate.take_remb(1_200_000)
    estimate.take_remb(400_000)
    assert estimate.bitrate_bps == 368_000
    assert estimate.is_steady


def test_a_low_remb_of_a_quiet_picture_does_not_lower_the_estimate() -> None:
    estimate = made()
    estimate.take_remb(200_000)
    assert estimate.bitrate_bps == ESTIMATE_BPS_FIRST
    report(estimate, loss=0.0, seconds=3)
    assert estimate.bitrate_bps == ESTIMATE_BPS_FIRST


def test_the_estimate_never_ends_at_nothing() -> None:
    estimate = made()
    report(estimate, loss=1.0, seconds=30)
    estimate.take_remb(1)
    assert estimate.bitrate_bps == ESTIMATE_BPS_MIN
