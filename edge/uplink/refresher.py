"""Keeps the cached worklist fresh: every so often, and when somebody asks."""

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from edge.errors import EdgeError
from edge.net import worklist as net_worklist
from edge.net.association import Peer, cut_all
from edge.runtime.clock import wall_s
from edge.runtime.doorbell import Doorbell
from edge.runtime.log import event
from edge.store import worklist
from edge.store.database import Database

log = logging.getLogger(__name__)
DAYS_AHEAD = 1
RETRY_S = 30.0


@dataclass
class Refresher:
    """The worklist's worker. `run` blocks until `stop`."""

    database: Database
    peer: Peer
    refresh_s: float
    bell: Doorbell
    stop: threading.Event = field(default_factory=threading.Event)
    last_s: float = 0.0
    """When it was last tried."""
    has_failed: bool = False

    def run(self) -> None:
        """Refresh until stopped."""
        while not self.stop.is_set():
            if self._is_due():
                self._refresh()
            self.bell.wait(min(5.0, self.refresh_s))

    def hurry(self) -> None:
        """Break off a query."""
        cut_all(self.peer)

    def abort(self) -> None:
        """As `hurry`."""
        self.hurry()

    def _is_due(self) -> bool:
        now_s, asked_s = wall_s(), worklist.state(self.database).asked_s
        interval_s = min(RETRY_S, self.refresh_s) if self.has_failed else self.refresh_s
        return (asked_s or 0.0) > self.last_s or not 0 <= now_s - self.last_s < interval_s

    def _refresh(self) -> None:
        self.last_s = wall_s()
        today = datetime.now().astimezone()
        try:
            entries = net_worklist.query(
                self.peer,
                date_from=today.strftime("%Y%m%d"),
                date_to=(today + timedelta(days=DAYS_AHEAD)).strftime("%Y%m%d"),
            )
        except EdgeError as error:
            worklist.fail(self.database, error.message)
            if not self.has_failed:
                event(log, "worklist.failed", level=logging.WARNING, reason=error.message)
            self.has_failed = True
            return
        worklist.replace(self.database, entries, now_s=wall_s())
        if self.has_failed or log.isEnabledFor(logging.DEBUG):
            event(log, "worklist.refreshed", count=len(entries))
        self.has_failed = False
