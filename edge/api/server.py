"""Both doors of the application: HTTP or HTTPS for browsers and programs, a Unix socket for the command line."""

import asyncio
import logging

from aiohttp import web

from edge.api import app, tls
from edge.api.parts import Parts
from edge.config import Config, split_address
from edge.errors import UnreachableError
from edge.runtime.log import event

SHUTDOWN_S = 3.0
log = logging.getLogger(__name__)


class Server:
    """Listens from `open` to `close`."""

    def __init__(self, config: Config, parts: Parts) -> None:
        self._config = config
        self._parts = parts
        # The library's own access log holds addresses, and an address may hold a patient.
        self._runner = web.AppRunner(app.build(parts), access_log=None, shutdown_timeout=SHUTDOWN_S)

    async def open(self) -> None:
        """Listen.  Raises: UnreachableError, ConfigError."""
        await self._runner.setup()
        host, port = split_address(self._config.api.listen)
        context = await asyncio.to_thread(tls.make_context, self._config)
        try:
            await web.TCPSite(self._runner, host or None, port, ssl_context=context, reuse_address=True).start()
        except OSError as error:
            raise UnreachableError(
                f"{self._config.api.listen} cannot be listened on: {error.strerror}.",
                next_step="Stop what listens there, or change api.listen.",
            ) from error
        path = self._config.socket_path("api")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        await web.UnixSite(self._runner, path).start()
        path.chmod(0o660)
        event(log, "api.listening", address=self._config.api.listen, is_tls=context is not None)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until told to stop; answers in hand are finished, streams are ended."""
        await stop.wait()
        self._parts.hub.close()
        await self.close()

    async def close(self) -> None:
        """Shut both doors; doing it twice is doing it once."""
        await self._runner.cleanup()
