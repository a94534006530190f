"""What will become of the outbox and the disk, from what came in over the last hours."""

from dataclasses import dataclass, field

from edge.config import Config
from edge.core import capacity, capacity_words
from edge.core.capacity import Flow
from edge.runtime import clock
from edge.store import deliveries, durable
from edge.store.database import Database

WINDOW_S = 6 * 3600.0
WINDOW_S_MIN = 600.0
"""Of less, nothing is foretold but from this: three stills in a minute are no rate."""
LOOK_EVERY_S = 30.0
"""Counting reads every row."""


@dataclass
class Forecast:
    """Counts now and then, answers at once. Blocks on the disk."""

    config: Config
    database: Database
    looked_s: float = 0.0
    arrived: dict[str, tuple[int, int, float]] = field(default_factory=dict)

    def say_outbox(self, destination: str, *, rate_bytes_s: float, bytes_left: int) -> list[str]:
        """Return what is foretold of one destination."""
        self._look()
        came_bytes, count, _ = self.arrived.get(destination, (0, 0, 0.0))
        flow = Flow(
            arriving_bytes_s=self._rate(destination), leaving_bytes_s=rate_bytes_s,
            object_bytes=came_bytes / count if count else 0.0,
        )  # fmt: skip
        return capacity_words.say_outbox(flow, bytes_left=bytes_left)

    def say_disk(self) -> str:
        """Return what is foretold of the disk: every destination gets each object once, so the fullest line counts."""
        self._look()
        growing_bytes_s = max((self._rate(name) for name in self.arrived), default=0.0)
        full_s = capacity.full_in_s(
            free_bytes=durable.free_bytes(self.config.data_dir),
            reserve_bytes=self.config.node.disk_reserve_mb * 2**20, growing_bytes_s=growing_bytes_s,
        )  # fmt: skip
        return capacity_words.say_disk(full_s)

    def _rate(self, destination: str) -> float:
        came_bytes, _, first_s = self.arrived.get(destination, (0, 0, 0.0))
        return came_bytes / max(WINDOW_S_MIN, min(WINDOW_S, self.looked_s - first_s))

    def _look(self) -> None:
        now_s = clock.wall_s()
        if not 0 <= now_s - self.looked_s < LOOK_EVERY_S:
            self.looked_s = now_s
            self.arrived = deliveries.arrivals(self.database, since_s=now_s - WINDOW_S)
