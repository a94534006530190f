"""Objects to the hospital, and its worklist back."""

import asyncio
import logging
from functools import partial
from pathlib import Path

from edge.config import Config, Destination, split_address
from edge.core.link import Link
from edge.net.association import Peer
from edge.net.commitment import Listener
from edge.runtime.clock import wall_s
from edge.runtime.doorbell import Doorbell
from edge.runtime.log import event
from edge.runtime.service import Part, run_parts
from edge.store import deliveries, links
from edge.store.database import Database
from edge.store.instances import Instances
from edge.store.links import LinkRow
from edge.uplink.carrier import carrier_for, peer_of
from edge.uplink.committer import Committer, take
from edge.uplink.prober import Prober
from edge.uplink.refresher import Refresher
from edge.uplink.scrubber import MB, Scrubber
from edge.uplink.sender import Sender
from edge.uplink.worker import part_of

log = logging.getLogger(__name__)


async def serve(config: Config) -> None:
    """Send until stopped; what was being sent when the last process died waits again."""
    database = Database(config.database_path)
    bells = config.run_dir / "bells" / "uplink"
    names = [destination.name for destination in config.destination]
    count = deliveries.recover(database, now_s=wall_s(), destinations=names)
    event(log, "uplink.recovered", interrupted_count=count)
    instances = Instances(database, config.data_dir, destinations=names, bells=bells)
    parts = [part for d in config.destination if (part := sending_part(config, d, database, instances, bells))]
    if config.worklist is not None:
        hospital = config.worklist
        peer = Peer(
            name="worklist", host=hospital.host, port=hospital.port, ae_title=hospital.ae_title,
            own_ae_title=config.node.ae_title,
        )  # fmt: skip
        refresher = Refresher(database, peer, float(hospital.refresh_s), Doorbell(bells, "worklist"))
        parts.append(part_of(refresher, "worklist", bells=bells))
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


def sending_part(
    config: Config, destination: Destination, database: Database, instances: Instances, bells: Path
) -> Part | None:
    """Return the part that empties one destination's outbox; None, and a row that says so, for an unknown kind."""
    name, own_ae_title = destination.name, config.node.ae_title
    carrier = carrier_for(destination, own_ae_title=own_ae_title)
    if carrier is None:
        reason = f"destinations of kind {destination.kind} are not served by this release"
        event(log, "destination.unserved", level=logging.ERROR, destination=name, reason=reason)
        now_s = wall_s()
        row = LinkRow(
            destination=name,
            state="down",
            rate_bytes_s=0,
            since_s=now_s,
            next_try_s=None,
            reason=reason,
            changed_s=now_s,
        )
        links.save_link(database, row)
        return None
    sender = Sender(
        database, instances, name, carrier, Prober(database, name, carrier, Link()), Doorbell(bells, f"sender-{name}")
    )
    if destination.kind == "dimse" and destination.commitment:
        peer = peer_of(destination, own_ae_title=own_ae_title)
        sender.after_turn = Committer(database, name, peer, has_listener=bool(destination.commitment_listen)).step
    return part_of(sender, f"sender-{name}", bells=bells)


def open_listeners(config: Config, database: Database) -> list[Listener]:
    """Listen wherever destinations may report commitments; one listener an address."""
    addresses = {destination.commitment_listen for destination in config.destination if destination.commitment_listen}
    listeners = []
    for address in sorted(addresses):
        listener = Listener(config.node.ae_title, partial(take, database))
        listener.start(*split_address(address))
        listeners.append(listener)
    return listeners
