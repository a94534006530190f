"""Objects to the hospital, and its worklist back."""

import asyncio
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge.config import Config, split_address
from edge.net.peer import Peer
from edge.runtime.clock import wall_s
from edge.runtime.doorbell import Doorbell
from edge.runtime.gate import Gate
from edge.runtime.log import event
from edge.runtime.service import run_parts
from edge.store import deliveries
from edge.store.database import Database
from edge.store.instances import Instances
from edge.uplink.committer import take
from edge.uplink.fetcher import Fetcher, sources_of
from edge.uplink.janitor import Janitor, room_of
from edge.uplink.line import sending_part
from edge.uplink.parts import Cut
from edge.uplink.scrubber import MB, Scrubber
from edge.uplink.worker import part_of
from edge.uplink.yielder import Yielder

if TYPE_CHECKING:
    from edge.net.commitment_listener import Listener

log = logging.getLogger(__name__)


async def serve(config: Config) -> None:
    """Send until stopped; what was being sent when the last process died waits again."""
    database = Database(config.database_path)
    bells = config.run_dir / "bells" / "uplink"
    count = deliveries.recover(database, now_s=wall_s(), destinations=config.routing)
    event(log, "uplink.recovered", interrupted_count=count)
    instances = Instances(
        database, config.data_dir, destinations=config.routing, bells=bells,
        reserve_bytes=config.node.disk_reserve_mb * 2**20, budget_bytes=config.limits.budget_bytes,
    )  # fmt: skip
    gate = Gate()
    parts = [sending_part(config, d, database, instances, bells, gate, cutter=_cut) for d in config.destination]
    if config.worklist is not None:
        hospital = config.worklist
        peer = Peer(
            name="worklist", host=hospital.host, port=hospital.port, ae_title=hospital.ae_title,
            own_ae_title=config.node.ae_title,
        )  # fmt: skip
        from edge.uplink.refresher import Refresher  # It needs the DICOM networking library; sending does not.

        refresher = Refresher(database, peer, float(hospital.refresh_s), Doorbell(bells, "worklist"))
        parts.append(part_of(refresher, "worklist", bells=bells))
    parts.append(Yielder(config.socket_path("live"), gate, config.uplink.live_share_bps / 8).run)
    sources, carriers = sources_of(config, gate)
    fetcher = Fetcher(database, instances, sources, Doorbell(bells, "fetcher"), carriers, gate)
    janitor = Janitor(
        database, instances, config.routing, config.required, config.limits, config.retention.keep_hours * 3600,
        room_of(instances),
    )  # fmt: skip
    parts += [part_of(fetcher, "fetcher", bells=bells), part_of(janitor, "janitor", bells=bells)]
    if config.node.scrub_mb_s > 0:
        scrubber = Scrubber(database, instances, config.node.scrub_mb_s * MB, config.data_dir / "scrub.json")
        parts.append(part_of(scrubber, "scrub", bells=bells))
    listeners = open_listeners(config, database)
    try:
        await run_parts([*parts, wait])
    finally:
        for listener in listeners:
            await asyncio.to_thread(listener.stop)
        database.close()


async def wait(stop: asyncio.Event) -> None:
    """Keep a service without destinations alive."""
    await stop.wait()


def _cut(path: Path, part_bytes_max: int) -> Cut | None:
    """Cut a file where parts are taken; what knows slides is loaded then."""
    from edge.convert.cutting import cut

    return cut(path, part_bytes_max)


def open_listeners(config: Config, database: Database) -> "list[Listener]":
    """Listen wherever destinations may report commitments; one listener an address."""
    addresses = {destination.commitment_listen for destination in config.destination if destination.commitment_listen}
    if not addresses:
        return []
    from edge.net.commitment_listener import Listener

    listeners: list[Listener] = []
    for address in sorted(addresses):
        listener = Listener(config.node.ae_title, partial(take, database))
        listener.start(*split_address(address))
        listeners.append(listener)
    return listeners
