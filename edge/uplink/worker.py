"""Runs a blocking worker in a thread of its own as a part of a service."""

import asyncio
import threading
from pathlib import Path
from typing import Any, Protocol

from edge.runtime.doorbell import ring
from edge.runtime.service import Part

FINISH_S = 12.0
"""For the attempt in hand; then it is broken off, so that the service ends in time."""
ABORT_S = 3.0


class Worker(Protocol):
    """Something that works until told to stop."""

    stop: threading.Event

    def run(self) -> None:
        """Work; return soon after `stop` is set and the bell rang."""

    def hurry(self) -> None:
        """Break off what is only waited for; from another thread."""

    def abort(self) -> None:
        """Break off what is in hand; from another thread."""


def part_of(worker: Worker, name: str, *, bells: Path) -> Part:
    """Return a part that runs the worker in a thread; the worker's failure is the part's."""

    async def part(stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def work() -> None:
            failure: BaseException | None = None
            try:
                worker.run()
            except BaseException as error:  # noqa: BLE001 - handed on to the service, which ends
                failure = error
            loop.call_soon_threadsafe(_settle, ended, failure)

        threading.Thread(target=work, name=name, daemon=True).start()
        stopped = asyncio.ensure_future(stop.wait())
        waited: list[asyncio.Future[Any]] = [stopped, ended]
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        worker.stop.set()
        worker.hurry()
        ring(bells)
        done, _ = await asyncio.wait([ended], timeout=FINISH_S)
        if not done:
            worker.abort()
            await asyncio.wait([ended], timeout=ABORT_S)
        if ended.done():
            ended.result()

    return part


def _settle(future: "asyncio.Future[None]", failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(None)
    else:
        future.set_exception(failure)
