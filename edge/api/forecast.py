"""What will become of the outbox and the disk, from what came in and what went in the days before."""

from dataclasses import dataclass, field

from edge.config import Config, Destination
from edge.core import capacity_words
from edge.core.capacity import Flow
from edge.core.hours import cap_at
from edge.core.outlook import LONG_OUTAGE_S, Carried, Outlook, Stretch, carried_of, inflow_of
from edge.runtime import clock
from edge.runtime.local import local_minute
from edge.store import durable, evictions, inflow, links
from edge.store.database import Database
from edge.store.inflow import Came

CAME_S = 14 * 86400.0
"""What comes in is judged by so many days."""
WENT_S = 48 * 3600.0
SPAN_S = 900
LOOK_EVERY_S = 60.0
"""Counting reads every row."""
MINUTE_S = 60.0
NOTHING = Came(hours=(), object_bytes=0.0)


@dataclass
class Forecast:
    """Counts now and then, answers at once. Blocks on the disk."""

    config: Config
    database: Database
    looked_s: float = 0.0
    came: dict[str, Came] = field(default_factory=dict)
    carried: dict[str, Carried] = field(default_factory=dict)
    used_bytes: int = 0
    unsafe_bytes: dict[str, int] = field(default_factory=dict)

    def outlook(self, destination: Destination, link: links.LinkRow | None) -> Outlook:
        """Return what is known of one destination."""
        self._look()
        # By the minute: what is promised does not change each second without a reason.
        now_s, name = clock.wall_s() // MINUTE_S * MINUTE_S, destination.name
        came = self.came.get(name, NOTHING)
        carried = self.carried.get(name, Carried())
        rate_bytes_s = link.rate_bytes_s if link is not None else 0.0
        return Outlook(
            now_s=now_s, local_minute=local_minute, hours=destination.parsed_hours,
            inflow=inflow_of(
                came.hours, now_s=now_s, local_minute=local_minute, dispersion_bytes=came.dispersion_bytes
            ),
            carried=carried if carried.bytes_s > 0 else Carried(bytes_s=rate_bytes_s, up_bytes_s=rate_bytes_s),
            is_down_long=link is not None and link.state == "down" and now_s - link.since_s > LONG_OUTAGE_S,
        )  # fmt: skip

    def flow(self, destination: Destination, outlook: Outlook) -> Flow:
        """Return what comes and goes on average, for utilisation and waiting."""
        came = self.came.get(destination.name, NOTHING)
        by_hour = outlook.inflow.by_hour
        arriving = sum(by_hour) / len(by_hour) if by_hour else outlook.inflow.recent_bytes_s
        carried = outlook.carried.up_bytes_s if outlook.is_down_long else outlook.carried.bytes_s
        return Flow(arriving_bytes_s=arriving, leaving_bytes_s=carried, object_bytes=came.object_bytes)

    def say_outbox(self, destination: Destination, outlook: Outlook, *, bytes_left: int) -> list[str]:
        """Return what is foretold of one destination."""
        return capacity_words.say_outbox(
            self.flow(destination, outlook), bytes_left=bytes_left, empty_s=outlook.empty_in_s(bytes_left),
            between_s=outlook.empty_between_s(bytes_left), is_down_long=outlook.is_down_long,
        )  # fmt: skip

    def full_in_s(self, outlooks: dict[str, Outlook]) -> float | None:
        """Return when new work will be refused: what may not leave yet fills what there is; None: not in sight."""
        self._look()
        ends = [self._full_in_s(outlook, self.unsafe_bytes.get(name, 0)) for name, outlook in outlooks.items()]
        return min((end for end in ends if end is not None), default=None)

    def _full_in_s(self, outlook: Outlook, unsafe_bytes: int) -> float | None:
        config, free = self.config, durable.free_bytes(self.config.data_dir)
        rooms = [free - config.node.disk_reserve_mb * 2**20 + max(0, self.used_bytes - unsafe_bytes)]
        if config.limits.budget_bytes:
            rooms.append(config.limits.budget_bytes - unsafe_bytes)
        if not config.required:  # Then nothing ever leaves.
            rooms[0] -= max(0, self.used_bytes - unsafe_bytes)
        return outlook.full_in_s(unsafe_bytes, room_bytes=min(rooms))

    def _look(self) -> None:
        now_s = clock.wall_s()
        if 0 <= now_s - self.looked_s < LOOK_EVERY_S:
            return
        self.looked_s = now_s
        self.came = inflow.came(self.database, since_s=now_s - CAME_S)
        self.used_bytes = evictions.used_bytes(self.database)
        self.unsafe_bytes = inflow.unsafe_bytes(self.database)
        self.carried = {one.name: self._carried(one, now_s) for one in self.config.destination}

    def _carried(self, destination: Destination, now_s: float) -> Carried:
        hours = destination.parsed_hours
        spans = links.spans(self.database, destination.name, since_s=now_s - WENT_S, span_s=SPAN_S)
        return carried_of(
            [
                Stretch(
                    sent_bytes=span.sent_bytes, busy_s=span.busy_s, up_s=span.up_s, seen_s=span.seen_s,
                    cap_bytes_s=cap_at(hours, local_minute(span.start_s)) if hours else None,
                )
                for span in spans
            ]
        )  # fmt: skip
