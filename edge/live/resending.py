"""Packets kept for sending again, and how much of that is allowed.  Pure: the caller passes the time in."""

from collections import deque
from dataclasses import dataclass

HISTORY_PACKETS_MAX = 1024
"""Two seconds at 5 Mbit/s."""
RESEND_COUNT_MAX = 64
"""Of one negative acknowledgement; more is a lost picture, and a keyframe is cheaper."""
RESEND_BYTES_MAX = 24_000
RESEND_S_FIRST = 0.1
"""Between two resends of a packet, before the round trip is known."""


@dataclass(slots=True)
class Kept:
    """A packet that may be asked for."""

    marked_type: int
    timestamp: int
    payload: bytes
    resent_s: float | None = None
    is_missed: bool = False


class History:
    """What was sent lately, by sequence number."""

    def __init__(self) -> None:
        """Empty, with the whole allowance."""
        self._packets: dict[int, Kept] = {}
        self._order: deque[int] = deque()
        self._left_bytes = float(RESEND_BYTES_MAX)
        self._filled_s: float | None = None

    def keep(self, sequence: int, marked_type: int, timestamp: int, payload: bytes) -> None:
        self._packets[sequence] = Kept(marked_type, timestamp, payload)
        self._order.append(sequence)
        if len(self._order) > HISTORY_PACKETS_MAX:
            self._packets.pop(self._order.popleft(), None)

    def count_new(self, sequences: list[int]) -> int:
        """Return how many of these are asked for for the first time."""
        found = [kept for sequence in sequences if (kept := self._packets.get(sequence)) and not kept.is_missed]
        for kept in found:
            kept.is_missed = True
        return len(found)

    def take(self, sequence: int, *, allowed_bps: int, round_trip_s: float | None, now_s: float) -> Kept | None:
        """Return a packet to be sent again, or None: each once a round trip, and all of them within the allowance,
        else a flooded link is answered with a greater flood."""
        kept = self._packets.get(sequence)
        if kept is None or (kept.resent_s is not None and now_s - kept.resent_s < (round_trip_s or RESEND_S_FIRST)):
            return None
        gained = 0.0 if self._filled_s is None else (now_s - self._filled_s) * allowed_bps / 8
        self._left_bytes = min(RESEND_BYTES_MAX, self._left_bytes + gained)
        self._filled_s = now_s
        if self._left_bytes < len(kept.payload):
            return None
        self._left_bytes -= len(kept.payload)
        kept.resent_s = now_s
        return kept
