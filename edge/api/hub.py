"""Live changes to browsers: one bounded queue each, as server-sent events.

hub.publish("session", render)      # render(principal) → what that one may see, or None
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import msgspec

from edge.core.access import Principal
from edge.errors import BusyError

BROWSER_COUNT_MAX = 64
QUEUE_MAX = 256
"""A browser that lags further behind is sent away; it comes back and reads the state anew."""
HEARTBEAT_S = 15.0

Render = Callable[[Principal], Any]


class Hub:
    """Who listens, and what each may hear."""

    def __init__(self) -> None:
        self._browsers: dict[asyncio.Queue[bytes], Principal] = {}

    @property
    def browser_count(self) -> int:
        return len(self._browsers)

    def principals(self) -> Iterator[Principal]:
        """Yield who listens now."""
        yield from list(self._browsers.values())

    def publish(self, name: str, render: Render) -> None:
        """Give every browser its own view of a change; from the event loop's thread only."""
        lines: dict[Principal, bytes] = {}
        for queue, principal in list(self._browsers.items()):
            if principal not in lines:
                seen = render(principal)
                lines[principal] = encode(name, seen) if seen is not None else b""
            if lines[principal]:
                self._offer(queue, lines[principal])

    async def listen(self, principal: Principal) -> AsyncGenerator[bytes, None]:
        """Yield what to send to one browser, until it lags too far behind.  Raises: BusyError."""
        if len(self._browsers) >= BROWSER_COUNT_MAX:
            raise BusyError(f"{BROWSER_COUNT_MAX} browsers already follow this node.", next_step="Close a page.")
        queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_MAX)
        self._browsers[queue] = principal
        try:
            yield encode("hello", {})
            while queue in self._browsers:
                line = await _next_line(queue)
                if line:
                    yield line
        finally:
            self._browsers.pop(queue, None)

    def close(self) -> None:
        """Send every browser away: the service stops."""
        for queue in list(self._browsers):
            self._browsers.pop(queue, None)
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(b"")

    def end_for(self, is_gone: Callable[[Principal], bool]) -> None:
        """Send away those whose access has ended."""
        for queue, principal in list(self._browsers.items()):
            if is_gone(principal):
                self._browsers.pop(queue, None)
                with contextlib.suppress(asyncio.QueueFull):
                    queue.put_nowait(b"")

    def _offer(self, queue: asyncio.Queue[bytes], line: bytes) -> None:
        try:
            queue.put_nowait(line)
        except asyncio.QueueFull:
            self._browsers.pop(queue, None)


async def _next_line(queue: asyncio.Queue[bytes]) -> bytes:
    """Return what comes next; when nothing comes for long, a comment that keeps the connection alive."""
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            return await queue.get()
    except TimeoutError:
        return b": still here\n\n"


def encode(name: str, value: Any) -> bytes:
    """Return one server-sent event; JSON holds no raw line break, so one data line is enough."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(value) + b"\n\n"
