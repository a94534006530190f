"""Parts of an upload: they follow the link, within bounds."""

from edge.core.part import PART_BYTES_MAX, PART_BYTES_MIN, PART_S, grown, shrunk

MB = 1024 * 1024


def settled(rate_bytes_s: float, pause_s: float) -> int:
    part_bytes = MB
    for _ in range(20):
        part_bytes = grown(part_bytes, part_bytes / rate_bytes_s + pause_s, pause_s)
    return part_bytes


def test_a_part_comes_to_take_a_few_seconds_whatever_the_rate() -> None:
    for rate_bytes_s in (50e3, 1e6, 8e6):
        assert 0.5 * PART_S < settled(rate_bytes_s, 0.02) / rate_bytes_s < 1.5 * PART_S


def test_the_pauses_of_a_long_way_take_little_of_its_time() -> None:
    rate_bytes_s, pause_s = 2.5e6, 0.6
    assert pause_s / (settled(rate_bytes_s, pause_s) / rate_bytes_s + pause_s) < 0.06


def test_a_part_at_most_doubles_at_once_and_halves_when_a_connection_breaks() -> None:
    assert grown(MB, 0.0, 0.0) == 2 * MB
    assert shrunk(MB) == MB // 2


def test_parts_stay_within_their_bounds() -> None:
    assert grown(PART_BYTES_MAX, 0.001, 0.0) == PART_BYTES_MAX
    assert shrunk(PART_BYTES_MIN) == PART_BYTES_MIN
    assert grown(PART_BYTES_MIN, 1e6, 0.0) == PART_BYTES_MIN
