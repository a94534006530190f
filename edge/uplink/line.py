"""One destination's line: its carrier, its sender, and what is done about objects that have arrived."""

import logging
from collections.abc import Callable
from pathlib import Path

from edge.config import Config, Destination
from edge.core.link import Link
from edge.runtime.clock import wall_s
from edge.runtime.doorbell import Doorbell
from edge.runtime.gate import Gate
from edge.runtime.log import event
from edge.runtime.service import Part
from edge.store import links
from edge.store.database import Database
from edge.store.instances import Instances
from edge.store.links import LinkRow
from edge.uplink.carrier import Carrier, DimseCarrier, StowCarrier, carrier_for, fetch_from, peer_of
from edge.uplink.chooser import Chooser
from edge.uplink.committer import Committer
from edge.uplink.lane import Lane
from edge.uplink.meter import Meter
from edge.uplink.prober import Prober
from edge.uplink.prover import Prover
from edge.uplink.sender import Sender
from edge.uplink.worker import part_of

log = logging.getLogger(__name__)


def sending_part(
    config: Config, destination: Destination, database: Database, instances: Instances, bells: Path, gate: Gate
) -> Part | None:
    """Return the part that empties one destination's outbox; None, and a row that says so, for an unknown kind."""
    name, own_ae_title = destination.name, config.node.ae_title
    lane = Lane(gate, destination.parsed_hours)
    carrier = carrier_for(destination, own_ae_title=own_ae_title, gate=lane)
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
        database,
        name,
        carrier,
        Prober(database, name, carrier, Link()),
        Chooser(database, instances, name, bells=bells),
        Meter(database, name),
        Doorbell(bells, f"sender-{name}"),
        gate=lane,
    )
    sender.after_turn = follow_up(config, destination, carrier, sender, instances)
    return part_of(sender, f"sender-{name}", bells=bells)


def follow_up(
    config: Config, destination: Destination, carrier: Carrier, sender: Sender, instances: Instances
) -> Callable[[], bool]:  # fmt: skip
    """Return what is done about objects that have arrived: ask for commitment, fetch them back and compare."""
    name, own_ae_title = destination.name, config.node.ae_title
    committer, prover = None, None
    if destination.kind == "dimse" and destination.commitment:
        peer, has_listener = peer_of(destination, own_ae_title=own_ae_title), bool(destination.commitment_listen)
        committer = Committer(sender.database, name, peer, has_listener=has_listener)
    fetch = fetch_from(destination, carrier, own_ae_title=own_ae_title)
    if fetch is not None:
        prover = Prover(
            sender.database, instances, name, fetch, stop=sender.stop, gate=sender.gate,
            is_committed_first=lambda: committer is not None and not committer.is_unwilling,
        )  # fmt: skip
        if isinstance(carrier, StowCarrier):
            carrier.has_already = prover.has_already
        elif isinstance(carrier, DimseCarrier):
            carrier.doubts.has_already = prover.has_already

    def step() -> bool:
        if committer is not None:
            committer.step()
        return prover is not None and prover.step()

    return step
