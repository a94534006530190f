"""What a sender of pictures tells of its receiver."""

from collections.abc import Sequence
from typing import Protocol

from edge.live.arrivals import Arrival


class Ears(Protocol):
    """What a sender tells of its receiver; called in the event loop."""

    def hear_loss(self) -> None:
        """The receiver lost the picture and needs a keyframe."""

    def hear_nacks(self, missing_count: int, sent_count: int) -> None:
        """The receiver misses packets it has not asked for before; `sent_count` is how many were ever sent."""

    def hear_remb(self, bitrate_bps: int) -> None:
        """The receiver estimates what the link carries."""

    def hear_report(self, *, highest_sequence: int, lost_count: int, rtt_s: float | None) -> None:
        """A receiver report came; the counts are from the start.  Standard: RFC 3550 6.4.1"""

    def hear_arrivals(self, arrivals: Sequence[Arrival]) -> None:
        """The receiver tells when packets arrived; only the first sender of a connection hears it, for all."""

    def pace_bps(self) -> int:
        """Return how fast packets may leave."""

    def resend_bps(self) -> int:
        """Return how much may be sent again."""

    def resend_count(self) -> int:
        """Return how often a packet that is asked for is sent: a browser asks again only after 100 ms."""
