"""Promises of `edge.live.arrivals`: what the times of arrival say of a link, on links made by hand."""

import struct
from collections.abc import Iterator

import pytest

from edge.live.arrivals import Arrival, Arrivals, SentPackets, feedbacks_in, parse_feedback

PACKET_BYTES = 1200
CLOCK_S = 4321.0
"""Of the receiver, against ours."""


def chunks_of(symbols: list[int]) -> bytes:
    """Write statuses as two-bit vectors."""
    body = b""
    for begin in range(0, len(symbols), 7):
        seven = (symbols[begin : begin + 7] + [0] * 7)[:7]
        body += struct.pack("!H", 0xC000 | sum(symbol << 12 - 2 * at for at, symbol in enumerate(seven)))
    return body


def feedback(base: int, reference: int, symbols: list[int], deltas: bytes, chunks: bytes | None = None) -> bytes:
    head = struct.pack("!HH", base, len(symbols)) + reference.to_bytes(3, "big") + b"\x00"
    return head + (chunks_of(symbols) if chunks is None else chunks) + deltas


def test_small_and_large_steps_and_lost_packets_are_read() -> None:
    body = feedback(65534, 10, [1, 0, 2, 1], struct.pack("!BhB", 4, -8, 40))
    assert parse_feedback(body) == [(65534, 0.641), (0, pytest.approx(0.639)), (1, pytest.approx(0.649))]


def test_runs_and_one_bit_vectors_are_read() -> None:
    run = feedback(5, 0, [1] * 3, bytes([4, 4, 4]), struct.pack("!H", 1 << 13 | 3))
    assert [number for number, _ in parse_feedback(run)] == [5, 6, 7]
    vector = feedback(5, 0, [1] * 3, bytes([4, 4]), struct.pack("!H", 0x8000 | 0b101 << 11))
    assert [number for number, _ in parse_feedback(vector)] == [5, 7]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\x00" * 7, feedback(0, 0, [1, 1], b"\x04"), feedback(0, 0, [1] * 9, b"", b""),
        struct.pack("!HH", 0, 60000) + bytes(8), feedback(0, 0, [1], b"", struct.pack("!H", 1 << 13)),
    ],
)  # fmt: skip
def test_a_feedback_that_is_cut_short_or_too_long_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse_feedback(body)


def test_a_feedback_is_found_among_other_reports() -> None:
    body = feedback(1, 0, [1], b"\x04") + b"\x00"
    packet = struct.pack("!BBHII", 0x80 | 15, 205, 2 + len(body) // 4, 1, 2) + body
    report = struct.pack("!BBHI", 0x80, 201, 1, 1)
    assert [parse_feedback(found) for found in feedbacks_in(report + packet + report)] == [[(1, 0.001)]]
    assert list(feedbacks_in(report)) == []


def test_numbers_begin_anew_after_two_bytes_and_each_packet_counts_once() -> None:
    sent = SentPackets()
    numbers = [sent.number(100, now_s=float(count)) for count in range(65_537)]
    assert numbers[-2:] == [65_535, 0]
    assert [arrival.sent_s for arrival in sent.match([(65_535, 1.0), (0, 1.1), (0, 1.2)])] == [65_535.0, 65_536.0]


def test_the_receivers_clock_may_wrap() -> None:
    sent = SentPackets()
    for _ in range(2):
        sent.number(100, now_s=0.0)
    span_s = (1 << 24) * 0.064
    first, second = sent.match([(0, span_s - 0.01), (1, 0.02)])
    assert second.arrived_s - first.arrived_s == pytest.approx(0.03)


def link(rate_bps: float, *, pictures: int, packets: int, fps: float = 30.0, way_s: float = 0.02) -> Iterator[Arrival]:
    """Send pictures of so many packets at once over a link with a queue without end."""
    free_s = 0.0
    for picture in range(pictures):
        sent_s = picture / fps
        for _ in range(packets):
            free_s = max(free_s, sent_s) + PACKET_BYTES * 8 / rate_bps
            yield Arrival(sent_s, free_s + way_s + CLOCK_S, PACKET_BYTES)


def test_the_link_is_measured_by_pictures_that_do_not_fill_it() -> None:
    reading = Arrivals().take(list(link(1_000_000, pictures=30, packets=2)))
    assert reading is not None
    assert reading.queued_s < 0.012
    assert reading.received_bps == pytest.approx(2 * 30 * PACKET_BYTES * 8, rel=0.1)
    assert reading.capacity_bps == pytest.approx(1_000_000, rel=0.05)


def test_a_link_without_a_narrow_place_is_not_measured() -> None:
    reading = Arrivals().take(list(link(1e9, pictures=30, packets=9)))
    assert reading is not None
    assert reading.capacity_bps is None
    assert reading.queued_s < 0.001


def test_a_queue_that_grows_is_seen_with_what_the_link_carries() -> None:
    arrivals = Arrivals()
    packets = list(link(300_000, pictures=30, packets=2))
    reading = arrivals.take(packets[:30])
    assert reading is not None
    assert reading.queued_s > 0.2
    assert reading.capacity_bps == pytest.approx(300_000, rel=0.01)
    assert reading.received_bps == pytest.approx(300_000, rel=0.1)


def test_a_pause_of_the_receiver_is_not_taken_for_a_narrow_link() -> None:
    packets = list(link(50_000_000, pictures=30, packets=8))
    pause_s = packets[120].arrived_s
    late = [
        Arrival(packet.sent_s, max(packet.arrived_s, pause_s + 0.06), packet.size_bytes)
        if pause_s <= packet.arrived_s <= pause_s + 0.06 else packet
        for packet in packets
    ]  # fmt: skip
    reading = Arrivals().take(late)
    assert reading is not None
    assert reading.capacity_bps is None or reading.capacity_bps > 10_000_000
    assert reading.queued_s < 0.005


def test_a_way_that_became_longer_for_good_is_the_shortest_one_again() -> None:
    arrivals = Arrivals()
    reading = None
    for second in range(80):
        longer_s = 0.0 if second < 5 else 0.1
        packets = [
            Arrival(second + part / 10, second + part / 10 + CLOCK_S + 0.02 + longer_s, PACKET_BYTES)
            for part in range(10)
        ]
        reading = arrivals.take(packets)
        if second == 8:
            assert reading is not None and reading.queued_s == pytest.approx(0.1)
    assert reading is not None and reading.queued_s == pytest.approx(0.0)


def test_nothing_arrived_says_nothing() -> None:
    assert Arrivals().take([]) is None
