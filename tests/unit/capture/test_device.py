"""A device's own stamps, on our clock."""

from itertools import pairwise

from edge.capture.device import DRIFT_NS_MAX, DeviceClock

MS = 1_000_000


def test_the_jitter_of_delivery_is_not_the_picture_s() -> None:
    clock = DeviceClock()
    stamps = [clock.monotonic_ns(number * 40 * MS, 10**12 + number * 40 * MS + jitter * MS)
              for number, jitter in enumerate([0, 7, 0, 12, 3])]  # fmt: skip
    assert [later - before for before, later in pairwise(stamps)] == [40 * MS] * 4


def test_a_device_clock_that_jumps_is_set_again() -> None:
    clock = DeviceClock()
    first = clock.monotonic_ns(0, 10**12)
    later = 10**12 + 10 * DRIFT_NS_MAX
    assert clock.monotonic_ns(40 * MS, later) == later > first


def test_time_always_rises_also_without_stamps() -> None:
    clock = DeviceClock()
    stamps = [clock.monotonic_ns(None, 10**12), clock.monotonic_ns(None, 10**12), clock.monotonic_ns(-5, 10**12)]
    assert sorted(set(stamps)) == stamps
