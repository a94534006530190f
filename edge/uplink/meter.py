"""Keeps the books of one link, minute by minute: what went over it, how long something waited, how long it was up.

From these the forecast is made: what a link carries is judged by all the time in which something waited to go, its
outages included.
"""

from dataclasses import dataclass

from edge.runtime.clock import wall_s
from edge.store import links
from edge.store.database import Database

WRITE_EVERY_S = 5.0
GAP_S_MAX = 6 * 3600.0
"""A clock that jumps, or a node that slept, is not an outage of so long."""


@dataclass
class Meter:
    """One destination. Used by one thread."""

    database: Database
    destination: str
    is_up: bool = False
    is_busy: bool = False
    sent_bytes: int = 0
    """Since it was last written down."""
    written_s: float = 0.0

    def look(self, *, is_up: bool) -> None:
        """Tell how the link is now; what has passed since is written down as it was before."""
        is_busy = links.has_waiting(self.database, self.destination)
        if (is_up, is_busy) != (self.is_up, self.is_busy) or wall_s() - self.written_s >= WRITE_EVERY_S:
            self.write()
        self.is_up, self.is_busy = is_up, is_busy

    def sent(self, sent_bytes: int) -> None:
        """So much was confirmed since the last time something was."""
        self.sent_bytes += sent_bytes
        if wall_s() - self.written_s >= WRITE_EVERY_S:
            self.write()

    def write(self) -> None:
        """Write down what has passed, spread over its minutes."""
        now_s = wall_s()
        since_s = self.written_s if 0 < now_s - self.written_s <= GAP_S_MAX else now_s
        links.add_traffic(
            self.database, self.destination, self.sent_bytes, since_s=since_s, now_s=now_s,
            is_busy=self.is_busy or self.sent_bytes > 0, is_up=self.is_up or self.sent_bytes > 0,
        )  # fmt: skip
        self.sent_bytes, self.written_s = 0, now_s
