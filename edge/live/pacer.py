"""When the packets of a picture leave: in bursts at a pace, so that no queue forms on the way.

Pure but for the waiting itself, which is the caller's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge.live.packet import WIRE_BYTES
from edge.live.picture import RTP_CLOCK_HZ, Picture

INTERVAL_S_MIN = 1 / 60
BURST_S = 0.005
"""Packets leave in bursts of at most so long at the pace."""


@dataclass(slots=True)
class Pacer:
    """The pace of one sender."""

    _free_s: float = 0.0
    _last_ticks: int = 0

    def pace_for(self, picture: Picture, pace_bps: int) -> int:
        """Return the pace of the link, or what lets this picture out before the next one comes."""
        interval_s = (picture.ticks - self._last_ticks) / RTP_CLOCK_HZ
        self._last_ticks = picture.ticks
        least_bps = 0.0
        if not picture.is_keyframe:
            least_bps = _wire_bits(picture.payloads) / max(INTERVAL_S_MIN, interval_s)
        return max(pace_bps, int(least_bps))

    def wait_s(self, now_s: float) -> float:
        """Return how long until the packets before have had their time at the pace; 0 when they have."""
        return max(0.0, self._free_s - now_s)

    def take_turn(self, payloads: Sequence[bytes], pace_bps: int, *, now_s: float) -> None:
        """These leave now."""
        self._free_s = max(self._free_s, now_s) + _wire_bits(payloads) / pace_bps


def bursts_of(payloads: Sequence[bytes], pace_bps: int) -> Iterator[tuple[int, int]]:
    """Yield where each burst begins and ends: one packet at least."""
    burst_bytes = int(pace_bps / 8 * BURST_S)
    begin = 0
    while begin < len(payloads):
        left_bytes = burst_bytes - len(payloads[begin])
        end = begin + 1
        while end < len(payloads) and left_bytes >= len(payloads[end]):
            left_bytes -= len(payloads[end])
            end += 1
        yield begin, end
        begin = end


def _wire_bits(payloads: Sequence[bytes]) -> int:
    return 8 * (sum(map(len, payloads)) + WIRE_BYTES * len(payloads))
