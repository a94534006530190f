"""An api in a thread of its own, for what blocks: a browser, Orthanc, a client library."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from edge.config import Config
from edge.store.instances import Instance, Instances
from tests.support.api import ApiNode


async def _nothing(_: ApiNode) -> None:
    """The default: no more than an empty node."""


class ServedApi:
    """The whole application with one administrator, from `with` to its end."""

    def __init__(
        self,
        folder: Path,
        *,
        config: Config | None = None,
        prepare: Callable[[ApiNode], Awaitable[None]] = _nothing,
    ) -> None:
        self._folder = folder
        self._config = config
        self._prepare = prepare
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.node: Any = None
        self.url = ""

    async def _run(self) -> None:
        self._stop, self._loop = asyncio.Event(), asyncio.get_running_loop()
        async with ApiNode(self._folder, config=self._config) as node:
            await node.neighbours.start("capture", "record", "live")
            node.follow()
            await node.add_person("admin", "admin")
            await self._prepare(node)
            self.node, self.url = node, node.url
            self._ready.set()
            await self._stop.wait()

    @property
    def instances(self) -> Instances:
        found: Instances = self.node.instances
        return found

    def keep(self, path: Path) -> Instance:
        """Take a copy of a file in."""
        temp = self.instances.new_temp()
        temp.write_bytes(path.read_bytes())
        return self.instances.keep(temp, source="test").instance

    def __enter__(self) -> "ServedApi":
        self._thread.start()
        assert self._ready.wait(20), "the api did not start"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._stop is not None and self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
