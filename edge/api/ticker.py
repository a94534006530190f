"""What nobody announces: the outbox, the health of the node and studies that are complete, looked at while somebody
watches."""

import asyncio
import contextlib
import logging
from functools import partial

from edge.api.health import Health
from edge.api.hub import Hub
from edge.api.outbox import Outbox, for_principal
from edge.core.access import Action, Principal
from edge.errors import EdgeError
from edge.runtime.clock import wall_s
from edge.runtime.log import event
from edge.store import completion
from edge.store.database import Database

LOOK_S = 1.0
HEALTH_EVERY = 15
"""Looks at the outbox for one at the health."""
log = logging.getLogger(__name__)


def _for_readers(seen: dict[str, object], principal: Principal) -> dict[str, object] | None:
    is_guest = principal.session_id is not None or principal.study_instance_uid is not None
    return seen if principal.may(Action.READ_IMAGES) and not is_guest else None


class Ticker:
    """Publishes what has changed."""

    def __init__(self, hub: Hub, outbox: Outbox, health: Health, database: Database) -> None:
        self._hub = hub
        self._outbox = outbox
        self._health = health
        self._database = database
        self._last: dict[str, object] = {}
        self._completed_s: float | None = None
        """Up to here, studies have been announced; None: nobody has watched yet."""

    async def run(self, stop: asyncio.Event) -> None:
        """Look until told to stop."""
        count = 0
        while not stop.is_set():
            if self._hub.browser_count:
                try:
                    await self.look(with_health=count % HEALTH_EVERY == 0)
                except EdgeError as error:
                    event(log, "look.failed", level=logging.WARNING, code=error.code)
                count += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_S)

    async def look(self, *, with_health: bool) -> None:
        """Look once."""
        if self._is_new("outbox", await self._outbox.summary()):
            view = await self._outbox.view()
            self._hub.publish("outbox", lambda principal: for_principal(view, principal))
        await self._look_for_studies()
        if with_health and self._is_new("health", lines := await self._health.look()):
            self._hub.publish("health", lambda principal: lines if principal.may(Action.SEE_HEALTH) else None)

    async def _look_for_studies(self) -> None:
        """Tell of studies that have become complete since the last look."""
        if self._completed_s is None:
            self._completed_s = wall_s()
        for uid, complete_s in await asyncio.to_thread(completion.completed_since, self._database, self._completed_s):
            self._completed_s = complete_s
            seen = {"study_instance_uid": uid, "complete_s": complete_s}
            self._hub.publish("study", partial(_for_readers, seen))

    def _is_new(self, name: str, value: object) -> bool:
        is_new = self._last.get(name) != value
        self._last[name] = value
        return is_new
