"""What every service does: say READY, feed the watchdog, stop on SIGTERM, die whole when a part dies."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable

from edge.runtime.log import event
from edge.runtime.notify import notify, watchdog_interval_s

log = logging.getLogger(__name__)
STOP_TIMEOUT_S = 20.0

Part = Callable[[asyncio.Event], Awaitable[None]]
"""Runs until the event is set, finishes the attempt in hand, then returns."""


async def run_parts(parts: list[Part], *, on_ready: Callable[[], Awaitable[None]] | None = None) -> None:
    """Run the parts of a service until SIGTERM or SIGINT; the first that fails ends them all and is raised."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.ensure_future(part(stop)) for part in (*parts, _feed_watchdog)]
    if on_ready is not None:
        await on_ready()
    notify("READY=1")
    event(log, "service.ready")
    stopper = asyncio.create_task(stop.wait())
    await asyncio.wait([stopper, *tasks], return_when=asyncio.FIRST_COMPLETED)
    notify("STOPPING=1")
    stop.set()
    _, late = await asyncio.wait(tasks, timeout=STOP_TIMEOUT_S)
    for task in late:
        task.cancel()
    event(log, "service.stopped")
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            if task.done():
                task.result()


async def _feed_watchdog(stop: asyncio.Event) -> None:
    interval_s = watchdog_interval_s()
    while not stop.is_set():
        if interval_s is not None:
            notify("WATCHDOG=1")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), interval_s or 3600)
