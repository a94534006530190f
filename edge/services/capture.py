"""capture: every configured source into its ring."""

import asyncio
import contextlib
from typing import Any

from edge.capture.feed import Feed, SourceState
from edge.config import Config
from edge.errors import EdgeError
from edge.runtime import rpc
from edge.runtime.service import run_parts

CHECK_INTERVAL_S = 1.0


class FeedDied(EdgeError):
    """A feed's thread ended by a fault of ours: the process is to be restarted whole."""

    code = "capture.died"


async def serve(config: Config) -> None:
    """Run until SIGTERM."""
    loop = asyncio.get_running_loop()
    config.run_dir.mkdir(parents=True, exist_ok=True)
    feeds: dict[str, Feed] = {}

    async def sources() -> list[dict[str, Any]]:
        return [feed.row() for feed in feeds.values()]

    server = rpc.Server(config.socket_path("capture"), {"sources": sources})

    def changed(state: SourceState) -> None:
        with contextlib.suppress(RuntimeError):  # The loop has ended before the feed.
            loop.call_soon_threadsafe(lambda: server.tell("source.state", **feeds[state.name].row()))

    for source in config.source:
        feeds[source.name] = Feed(
            source,
            ring_path=config.ring_path(source.name),
            bells=config.run_dir / "bells" / f"ring-{source.name}",
            on_change=changed,
        )

    async def play(stop: asyncio.Event) -> None:
        for feed in feeds.values():
            feed.start()
        try:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), CHECK_INTERVAL_S)
                for feed in feeds.values():
                    if not feed.is_alive and not stop.is_set():
                        raise FeedDied(f"The feed of source {feed.state.name} died.")
        finally:
            for feed in feeds.values():
                await asyncio.to_thread(feed.stop)
            await server.stop()

    await run_parts([play], on_ready=server.start)
