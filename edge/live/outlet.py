"""A session shown through a media server elsewhere, for audiences larger than one box: we offer, it distributes.

Standard: RFC 9725 (the client's side)
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from edge.errors import EdgeError
from edge.live.peer import Peer
from edge.net.whip import WhipClient
from edge.runtime.log import event

RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0)
log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class OutletState:
    """What people are told of it."""

    state: str = "connecting"
    """connecting, live or waiting."""
    reason: str = ""


class Outlet:
    """One session's way to the media server, tried again as long as it is wanted. Belongs to the event loop."""

    def __init__(
        self, client: WhipClient, make_peer: Callable[[], Awaitable[Peer]], *, on_change: Callable[[], None]
    ) -> None:
        """`make_peer` makes a peer that is in the room already."""
        self._client = client
        self._make_peer = make_peer
        self._on_change = on_change
        self.state = OutletState()
        self._lost = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def connected(self) -> None:
        self._note("live", "")

    def lost(self) -> None:
        """The peer has ended."""
        self._lost.set()

    async def close(self) -> None:
        """Stop publishing; the server is told."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        failure_count = 0
        while True:
            try:
                await self._publish_once()
                failure_count = 0
            except EdgeError as error:
                self._note("waiting", error.message)
                event(log, "publish.failed", level=logging.WARNING, code=error.code)
            await asyncio.sleep(RETRY_S[min(failure_count, len(RETRY_S) - 1)])
            failure_count += 1

    async def _publish_once(self) -> None:
        """Return when the connection has ended.  Raises: EdgeError when there was none."""
        self._note("connecting", "")
        self._lost.clear()
        peer = await self._make_peer()
        place = ""
        try:
            place, answer = await self._client.offer(await peer.offer())
            await peer.accept(answer)
            await self._lost.wait()
            self._note("waiting", "The media server has closed the connection.")
        finally:
            await peer.close()
            if place:
                await self._client.leave(place)

    def _note(self, state: str, reason: str) -> None:
        if (state, reason) != (self.state.state, self.state.reason):
            self.state = OutletState(state=state, reason=reason)
            self._on_change()
