"""Objects from local carts over DIMSE, into the store.  Standard: PS3.4 B"""

import asyncio
import gc
import logging

from edge.config import Config, split_address
from edge.net.provider import Provider
from edge.net.tls import listening_context
from edge.receive.announcer import Announcer
from edge.receive.desk import Desk
from edge.receive.intake import take
from edge.runtime.log import event
from edge.runtime.service import run_parts
from edge.store.database import Database
from edge.store.instances import Instances

log = logging.getLogger(__name__)


async def serve(config: Config) -> None:
    """Listen until stopped. 0000 is answered only after the object, its name and its rows are on the disk."""
    database = Database(config.database_path)
    instances = Instances(
        database,
        config.data_dir,
        destinations=config.routing,
        bells=config.run_dir / "bells" / "uplink",
        reserve_bytes=config.node.disk_reserve_mb * 2**20,
        budget_bytes=config.limits.budget_bytes,
    )
    await asyncio.to_thread(instances.prepare)
    await asyncio.to_thread(instances.sweep)
    desk = Desk(config, database, instances)
    announcer = Announcer(database, instances, quiet_s=config.receive.quiet_s)
    provider = Provider(
        ae_title=config.node.ae_title,
        new_temp=instances.new_temp,
        take=lambda received: take(instances, received),
        has_room=instances.has_room,
        association_count_max=config.receive.association_count_max,
        tls=listening_context(config.receive.tls_cert, config.receive.tls_key, config.receive.tls_ca),
        is_called_title_checked=config.receive.is_called_title_checked,
        callers=desk.callers,
        handlers=desk.handlers,
        other_services=desk.services,
    )

    async def start() -> None:
        await asyncio.to_thread(desk.start)
        gc.freeze()  # What is loaded stays: no need to look through it again with every few objects.
        host, port = split_address(config.receive.listen)
        event(log, "receive.listening", host=host, port=provider.start(host, port), ae_title=config.node.ae_title)

    async def listen(stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.to_thread(provider.stop)
        await asyncio.to_thread(desk.stop)

    try:
        await run_parts([listen, announcer.run], on_ready=start)
    finally:
        database.close()
