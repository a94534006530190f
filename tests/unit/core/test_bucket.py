"""What the uplink may send while a call runs."""

from edge.core.bucket import QUANTUM_BYTES, Bucket


def test_a_shared_link_passes_its_rate_and_no_more() -> None:
    bucket, passed_bytes, now_s = Bucket(rate_bytes_s=64_000, filled_s=0.0), 0, 0.0
    while now_s < 10.0:
        wait_s = bucket.wait_s(QUANTUM_BYTES, now_s=now_s)
        assert wait_s is not None
        now_s += wait_s
        bucket = bucket.take(QUANTUM_BYTES, now_s=now_s)
        passed_bytes += QUANTUM_BYTES
    assert abs(passed_bytes - 640_000) <= 2 * QUANTUM_BYTES


def test_what_was_not_used_is_not_saved_up_for_a_burst() -> None:
    bucket = Bucket(rate_bytes_s=64_000, filled_s=0.0).take(QUANTUM_BYTES, now_s=3600.0)
    assert bucket.wait_s(QUANTUM_BYTES, now_s=3600.0) == QUANTUM_BYTES / 64_000


def test_a_closed_gate_names_no_time() -> None:
    assert Bucket(rate_bytes_s=0.0).wait_s(1, now_s=1e9) is None


def test_a_clock_that_goes_back_fills_nothing() -> None:
    bucket = Bucket(rate_bytes_s=1000.0, filled_s=100.0)
    assert bucket.at(50.0).level_bytes == 0.0
