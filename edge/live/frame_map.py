"""Which ring frame a picture on a viewer's screen is.  Pure.

A browser tells the RTP timestamp of what it shows; less the sender's offset that is the hub's, and the hub knows the
frame. Exact or nothing: a neighbour is never guessed.
"""

from collections import deque

from edge.live.picture import RTP_CLOCK_HZ, RTP_MODULUS

KEPT_S = 30
ENTRY_COUNT_MAX = 120 * KEPT_S
"""120 frames a second."""


class FrameMap:
    """RTP time of the hub → frame index, for the last half minute."""

    def __init__(self) -> None:
        """Empty."""
        self._index_of: dict[int, int] = {}
        self._ticks: deque[int] = deque()

    def add(self, ticks: int, frame_index: int) -> None:
        """Remember one picture, and forget those over `KEPT_S` older."""
        if self._ticks and ticks <= self._ticks[-1]:
            return  # The same frame on another rung.
        self._ticks.append(ticks)
        self._index_of[ticks % RTP_MODULUS] = frame_index
        while len(self._ticks) > ENTRY_COUNT_MAX or ticks - self._ticks[0] > KEPT_S * RTP_CLOCK_HZ:
            self._index_of.pop(self._ticks.popleft() % RTP_MODULUS, None)

    def find(self, rtp_timestamp: int) -> int | None:
        """Return the frame of a hub time, modulo 2^32; None when it is not, or no longer, known."""
        return self._index_of.get(rtp_timestamp % RTP_MODULUS)

    def clear(self) -> None:
        """Frame indices began anew: what was shown before has no frame any more."""
        self._index_of.clear()
        self._ticks.clear()
