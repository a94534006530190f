"""The api service: the only door for browsers and programs, and the command line's way in."""

from edge.api.addresses import public_url
from edge.api.parts import Parts
from edge.api.server import Server
from edge.api.ticker import Ticker
from edge.config import Config
from edge.runtime.service import run_parts
from edge.store.database import Database
from edge.store.instances import Instances


async def serve(config: Config) -> None:
    """Run until SIGTERM."""
    database = Database(config.database_path)
    instances = Instances(
        database,
        config.data_dir,
        destinations=config.routing,
        bells=config.run_dir / "bells" / "uplink",
        reserve_bytes=config.node.disk_reserve_mb * 2**20,
        budget_bytes=config.limits.budget_bytes,
    )
    parts = Parts(config, database=database, instances=instances, public_url=public_url(config))
    server = Server(config, parts)
    ticker = Ticker(parts.hub, parts.outbox, parts.health, parts.database)
    try:
        await server.open()
        await run_parts([server.run, parts.follower.run, ticker.run])
    finally:
        await server.close()
        database.close()
