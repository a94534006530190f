"""Objects from local carts over DIMSE, into the store.  Standard: PS3.4 B"""

import asyncio
import logging

from edge.config import Config, split_address
from edge.errors import BadInputError, BusyError, StorageFullError
from edge.net.provider import NO_ROOM, Provider, Received, StoreAnswer
from edge.net.tls import listening_context
from edge.receive.desk import Desk
from edge.runtime.log import event
from edge.runtime.service import run_parts
from edge.store.database import Database
from edge.store.header import read
from edge.store.instances import Instances

log = logging.getLogger(__name__)
STORED = StoreAnswer(status=0x0000)


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
        host, port = split_address(config.receive.listen)
        event(log, "receive.listening", host=host, port=provider.start(host, port), ae_title=config.node.ae_title)

    async def listen(stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.to_thread(provider.stop)
        await asyncio.to_thread(desk.stop)

    try:
        await run_parts([listen], on_ready=start)
    finally:
        database.close()


def take(instances: Instances, received: Received) -> StoreAnswer:
    """Keep one object and say what the peer is told."""
    source = f"dimse:{received.calling_ae_title}"
    try:
        said = read(received.path)
        if said.sop_instance_uid != received.sop_instance_uid:
            return StoreAnswer(status=0xA900, comment="Dataset has another SOP Instance UID than the command")
        kept = instances.keep(received.path, digest=received.digest, parsed=said, source=source)
    except BadInputError as error:
        event(log, "receive.refused", level=logging.WARNING, source=source, reason=error.message)
        return StoreAnswer(status=0xC000, comment="Cannot understand the object")
    except (StorageFullError, BusyError) as error:
        event(log, "receive.full", level=logging.ERROR, source=source, reason=error.message)
        return NO_ROOM
    if kept.outcome == "conflict":
        return StoreAnswer(status=0xC111, comment="Another object has this UID; this one was put aside")
    event(
        log, f"object.{kept.outcome}", level=logging.DEBUG, sop_instance_uid=kept.instance.sop_instance_uid,
        source=source, size_bytes=kept.instance.size_bytes,
    )  # fmt: skip
    return STORED
