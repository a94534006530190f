"""Keeps what is known of one link up to date: asks when nothing goes over it, and writes it down when it changes."""

import logging
import random
from dataclasses import dataclass

from edge.core.link import Link
from edge.errors import EdgeError
from edge.runtime.clock import wall_s
from edge.runtime.log import event
from edge.store import deliveries, fetches, links
from edge.store.database import Database
from edge.store.links import LinkRow
from edge.uplink.carrier import Carrier

log = logging.getLogger(__name__)
WRITE_EVERY_S = 5.0
"""A rate that changes is written down no more often than this; a state that changes, at once."""


@dataclass
class Prober:
    """One destination's link. Used by one thread."""

    database: Database
    destination: str
    carrier: Carrier
    link: Link
    written_s: float = 0.0
    paused: str = ""
    """Why nothing is sent although the link is up."""

    def look(self) -> Link:
        """Ask the destination if it is time to, and return the link."""
        now_s = wall_s()
        if self.link.is_probe_due(now_s=now_s):
            try:
                self.carrier.check()
            except EdgeError as error:
                self.fail(error.message)
            else:
                self._move(self.link.answered(now_s=wall_s()))
        return self.link

    def ask_now(self) -> None:
        """Somebody rang: a link that is down is worth a try."""
        self.link = self.link.asked_by_person(now_s=wall_s())

    def sent(self, sent_bytes: int, duration_s: float) -> None:
        """An object was confirmed."""
        self._move(self.link.measured(sent_bytes, duration_s, now_s=wall_s()))

    def fail(self, reason: str) -> None:
        """The destination could not be reached, or the connection broke."""
        self._move(self.link.failed(reason, now_s=wall_s(), jitter=random.random()))

    def pause(self, reason: str) -> None:
        """Nothing is sent for now, for a reason that is not the link's; empty: it goes on."""
        if reason != self.paused and self.link.is_usable:
            self.paused = reason
            self._write()

    def _move(self, link: Link) -> None:
        before, self.link = self.link, link
        now_s = wall_s()
        has_changed = before.state is not link.state
        if has_changed:
            level = logging.INFO if link.is_usable else logging.WARNING
            event(log, f"link.{link.state}", level=level, destination=self.destination, reason=link.reason)
        if has_changed and link.is_usable:
            deliveries.link_is_back(self.database, self.destination, now_s=now_s)
            fetches.link_is_back(self.database, self.destination, now_s=now_s)
        if has_changed or link.next_try_s is not None or now_s - self.written_s > WRITE_EVERY_S:
            self._write()

    def _write(self) -> None:
        link, now_s = self.link, wall_s()
        self.written_s = now_s
        links.save_link(
            self.database,
            LinkRow(
                destination=self.destination, state=link.state.value, rate_bytes_s=link.rate_bytes_s,
                since_s=link.since_s, next_try_s=link.next_try_s, reason=link.reason or self.paused, changed_s=now_s,
            ),
        )  # fmt: skip
