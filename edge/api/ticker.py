"""What nobody announces: the outbox and the health of the node, looked at regularly while somebody watches."""

import asyncio
import contextlib
import logging

from edge.api.health import Health
from edge.api.hub import Hub
from edge.api.outbox import Outbox, for_principal
from edge.core.access import Action
from edge.errors import EdgeError
from edge.runtime.log import event

LOOK_S = 1.0
HEALTH_EVERY = 15
"""Looks at the outbox for one at the health."""
log = logging.getLogger(__name__)


class Ticker:
    """Publishes what has changed."""

    def __init__(self, hub: Hub, outbox: Outbox, health: Health) -> None:
        self._hub = hub
        self._outbox = outbox
        self._health = health
        self._last: dict[str, object] = {}

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
        if with_health and self._is_new("health", lines := await self._health.look()):
            self._hub.publish("health", lambda principal: lines if principal.may(Action.SEE_HEALTH) else None)

    def _is_new(self, name: str, value: object) -> bool:
        is_new = self._last.get(name) != value
        self._last[name] = value
        return is_new
