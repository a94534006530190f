"""When each packet arrived, as the receiver tells, and what that says of the link.  Pure: times are passed in.

A packet that waits behind another leaves the narrow place as soon as that one is through: the gap between such two is
the time the link needs for one packet. So the pictures themselves, sent as short bursts, measure what the link
carries, without filling it. What all recent packets waited, at least, is the queue that stands on the way.

Standard: draft-holmer-rmcat-transport-wide-cc-extensions-01 (the feedback)
"""

import itertools
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

FEEDBACK_KIND, FEEDBACK_FORMAT = 205, 15
PACKET_COUNT_MAX = 4096
"""Sent and not yet reported on."""
STATUS_COUNT_MAX = 2048
"""In one feedback."""
WINDOW_S = 1.0
WINDOW_PACKETS_MAX = 2000
STANDING_S = 0.15
"""Two pictures at 15 a second: the first packet of each shows the queue that was there before it."""
WAITED_S_MIN = 0.004
PAIR_COUNT_MIN = 6
PAIRS_KEPT = 0.75
"""The longest gaps may be the receiver's own pauses."""
BASE_S = 30.0
"""The shortest way is looked for anew so often: clocks drift, and ways change."""
RECEIVED_S = 0.5

_TICK_S = 0.064
_DELTA_S = 0.00025


@dataclass(frozen=True, slots=True)
class Arrival:
    """One packet that was sent and has arrived."""

    sent_s: float
    arrived_s: float
    """By the receiver's clock."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What the last second's packets say."""

    queued_s: float
    capacity_bps: float | None
    """None when too few packets had to wait: the link is wider than what is sent."""
    received_bps: float


def feedbacks_in(data: bytes) -> Iterator[bytes]:
    """Yield the bodies of the feedbacks in a compound packet, behind their two SSRCs."""
    place = 0
    while place + 12 <= len(data):
        first, kind, words = struct.unpack_from("!BBH", data, place)
        end = place + 4 * (words + 1)
        if kind == FEEDBACK_KIND and first & 0x1F == FEEDBACK_FORMAT:
            yield data[place + 12 : end]
        place = end


def parse_feedback(body: bytes) -> list[tuple[int, float]]:
    """Return sequence number and arrival time of the packets that arrived; `body` follows the two SSRCs.

    Raises: ValueError when it is cut short or too long.
    """
    if len(body) < 8:
        raise ValueError("a feedback has at least 8 bytes")
    base, count = struct.unpack_from("!HH", body)
    if count > STATUS_COUNT_MAX:
        raise ValueError(f"a feedback of {count} packets; {STATUS_COUNT_MAX} are allowed")
    at_s = (int.from_bytes(body[4:7], "big") & 0xFFFFFF) * _TICK_S
    symbols, place = _symbols(body, count)
    found: list[tuple[int, float]] = []
    for offset, symbol in enumerate(symbols):
        if symbol not in (1, 2):
            continue
        kind, size = ("!B", 1) if symbol == 1 else ("!h", 2)
        if place + size > len(body):
            raise ValueError("a feedback ends before its times")
        at_s += struct.unpack_from(kind, body, place)[0] * _DELTA_S
        place += size
        found.append(((base + offset) & 0xFFFF, at_s))
    return found


def _symbols(body: bytes, count: int) -> tuple[list[int], int]:
    """Return the status of each packet, and where the times begin."""
    symbols: list[int] = []
    place = 8
    while len(symbols) < count:
        if place + 2 > len(body):
            raise ValueError("a feedback ends before its status")
        (chunk,) = struct.unpack_from("!H", body, place)
        place += 2
        if not chunk & 0x8000:
            symbols += [chunk >> 13 & 3] * min(chunk & 0x1FFF, count - len(symbols))
            if not chunk & 0x1FFF:
                raise ValueError("a run of no packets")
        elif chunk & 0x4000:
            symbols += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        else:
            symbols += [chunk >> shift & 1 for shift in range(13, -1, -1)]
    return symbols[:count], place


class SentPackets:
    """What is on its way: number → time and size. One for all pictures of a connection."""

    def __init__(self) -> None:
        """Numbers begin at 0."""
        self._next = 0
        self._sent: dict[int, tuple[float, int]] = {}
        self._last_s: float | None = None
        self._shift_s = 0.0

    def number(self, size_bytes: int, *, now_s: float) -> int:
        """Return the next packet's number, and remember it."""
        number, self._next = self._next, (self._next + 1) & 0xFFFF
        self._sent[number] = (now_s, size_bytes)
        if len(self._sent) > PACKET_COUNT_MAX:
            del self._sent[next(iter(self._sent))]
        return number

    def match(self, arrived: Sequence[tuple[int, float]]) -> list[Arrival]:
        """Return those of ours, once each, on a clock that does not wrap."""
        found = []
        for number, at_s in arrived:
            sent = self._sent.pop(number, None)
            if sent is not None:
                found.append(Arrival(sent[0], self._unwrap(at_s), sent[1]))
        return found

    def _unwrap(self, at_s: float) -> float:
        span_s = (1 << 24) * _TICK_S
        if self._last_s is not None and at_s + self._shift_s < self._last_s - span_s / 2:
            self._shift_s += span_s
        self._last_s = at_s + self._shift_s
        return self._last_s


class Arrivals:
    """The recent packets of one receiver."""

    def __init__(self) -> None:
        """Nothing arrived yet."""
        self._packets: deque[Arrival] = deque(maxlen=WINDOW_PACKETS_MAX)
        self._shortest_s: deque[tuple[float, float]] = deque(maxlen=2)
        """Begin of a stretch of `BASE_S`, and the shortest way within it: this one and the one before."""

    def take(self, arrivals: Sequence[Arrival]) -> Reading | None:
        """Take what a feedback told, in the order of arrival; None when it told nothing."""
        for packet in sorted(arrivals, key=lambda arrival: arrival.arrived_s):
            self._packets.append(packet)
            self._note_way(packet)
        if not arrivals:
            return None
        newest_s = self._packets[-1].arrived_s
        while newest_s - self._packets[0].arrived_s > WINDOW_S:
            self._packets.popleft()
        base_s = min(shortest_s for _, shortest_s in self._shortest_s)
        queued_s = min(
            packet.arrived_s - packet.sent_s - base_s
            for packet in self._packets
            if newest_s - packet.arrived_s <= STANDING_S
        )
        return Reading(max(0.0, queued_s), self._capacity_bps(base_s), self._received_bps(newest_s))

    def _note_way(self, packet: Arrival) -> None:
        way_s = packet.arrived_s - packet.sent_s
        if not self._shortest_s or packet.arrived_s - self._shortest_s[-1][0] > BASE_S:
            self._shortest_s.append((packet.arrived_s, way_s))
        else:
            begun_s, shortest_s = self._shortest_s[-1]
            self._shortest_s[-1] = (begun_s, min(shortest_s, way_s))

    def _capacity_bps(self, base_s: float) -> float | None:
        gaps = []
        for before, packet in itertools.pairwise(self._packets):
            if packet.arrived_s - packet.sent_s - base_s >= WAITED_S_MIN:
                # From when it could have come through: what the link did before that was not for this packet.
                free_s = max(before.arrived_s, packet.sent_s + base_s)
                gaps.append((max(0.0, packet.arrived_s - free_s) / packet.size_bytes, packet.size_bytes))
        if len(gaps) < PAIR_COUNT_MIN:
            return None
        kept = sorted(gaps)[: max(PAIR_COUNT_MIN, int(len(gaps) * PAIRS_KEPT))]
        total_s = sum(per_byte_s * size for per_byte_s, size in kept)
        return sum(size for _, size in kept) * 8 / max(total_s, 1e-4)

    def _received_bps(self, newest_s: float) -> float:
        recent = [packet for packet in self._packets if newest_s - packet.arrived_s <= RECEIVED_S]
        span_s = max(0.1, recent[-1].arrived_s - recent[0].arrived_s)
        return sum(packet.size_bytes for packet in recent[1:]) * 8 / span_s
