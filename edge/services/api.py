"""The api service: HTTPS for browsers and programs, and the same over a Unix socket for the command line."""

import asyncio
import logging

from aiohttp import web

from edge.api import app, tls
from edge.api.addresses import public_url
from edge.api.parts import Parts
from edge.api.ticker import Ticker
from edge.config import Config, split_address
from edge.errors import UnreachableError
from edge.runtime.log import event
from edge.runtime.service import run_parts
from edge.store.database import Database
from edge.store.instances import Instances

SHUTDOWN_S = 3.0
log = logging.getLogger(__name__)


async def serve(config: Config) -> None:
    """Run until SIGTERM."""
    database = Database(config.database_path)
    instances = Instances(
        database,
        config.data_dir,
        destinations=[destination.name for destination in config.destination],
        bells=config.run_dir / "bells" / "uplink",
        reserve_bytes=config.node.disk_reserve_mb * 2**20,
    )
    parts = Parts(config, database=database, instances=instances, public_url=public_url(config))
    runner = web.AppRunner(app.build(parts), access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    ticker = Ticker(parts.hub, parts.outbox, parts.health)

    async def listen(stop: asyncio.Event) -> None:
        await stop.wait()
        parts.hub.close()
        await runner.cleanup()

    try:
        await _open(runner, config)
        await run_parts([listen, parts.follower.run, ticker.run])
    finally:
        await runner.cleanup()
        database.close()


async def _open(runner: web.AppRunner, config: Config) -> None:
    """Listen on both doors.  Raises: UnreachableError, ConfigError."""
    host, port = split_address(config.api.listen)
    context = await asyncio.to_thread(tls.make_context, config)
    try:
        await web.TCPSite(runner, host or None, port, ssl_context=context, reuse_address=True).start()
    except OSError as error:
        raise UnreachableError(
            f"{config.api.listen} cannot be listened on: {error.strerror}.",
            next_step="Stop what listens there, or change api.listen.",
        ) from error
    path = config.socket_path("api")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    await web.UnixSite(runner, path).start()
    path.chmod(0o660)
    event(log, "api.listening", address=config.api.listen, is_tls=context is not None)
