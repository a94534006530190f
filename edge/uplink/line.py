"""One destination's line: its carrier, its sender, and what is done about objects that have arrived."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge.config import Config, Destination
from edge.core.link import Link
from edge.runtime.doorbell import Doorbell
from edge.runtime.gate import Gate
from edge.runtime.service import Part
from edge.store.database import Database
from edge.store.instances import Instances
from edge.uplink.carrier import Carrier, DimseCarrier, FolderCarrier, carrier_for, fetch_from, peer_of
from edge.uplink.chooser import Chooser
from edge.uplink.committer import Committer
from edge.uplink.lane import Lane
from edge.uplink.meter import Meter
from edge.uplink.parts import Cutter, Parts, PartsCarrier, never
from edge.uplink.prober import Prober
from edge.uplink.prover import Prover
from edge.uplink.sender import Sender
from edge.uplink.worker import part_of

if TYPE_CHECKING:
    from edge.uplink.web_committer import WebCommitter

log = logging.getLogger(__name__)


def sending_part(
    config: Config, destination: Destination, database: Database, instances: Instances, bells: Path, gate: Gate,
    *, cutter: Cutter = never,
) -> Part:  # fmt: skip
    """Return the part that empties one destination's outbox. `cutter` cuts what is large, where parts are taken."""
    name, own_ae_title = destination.name, config.node.ae_title
    lane = Lane(gate, destination.parsed_hours)
    carrier = carrier_for(destination, own_ae_title=own_ae_title, gate=lane)
    if destination.accepts_concatenation:
        in_parts = Parts(database, name, cutter, int(destination.part_mb * 2**20), instances.new_temp)
        carrier = PartsCarrier(carrier, in_parts, lane)
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
    if destination.commitment or destination.readback:
        sender.after_turn = follow_up(config, destination, carrier, sender, instances)
    return part_of(sender, f"sender-{name}", bells=bells)


def follow_up(
    config: Config, destination: Destination, carrier: Carrier, sender: Sender, instances: Instances
) -> Callable[[], bool]:  # fmt: skip
    """Return what is done about objects that have arrived: ask for commitment, fetch them back and compare."""
    name, own_ae_title = destination.name, config.node.ae_title
    in_parts, carrier = (carrier.parts, carrier.inner) if isinstance(carrier, PartsCarrier) else (None, carrier)
    committer: Committer | WebCommitter | None = None
    prover = None
    if destination.kind == "dimse" and destination.commitment:
        peer, has_listener = peer_of(destination, own_ae_title=own_ae_title), bool(destination.commitment_listen)
        committer = Committer(sender.database, name, peer, has_listener=has_listener)
    elif destination.kind == "stow" and destination.commitment:
        from edge.uplink import web_carriers

        committer = web_carriers.committer_of(carrier, sender.database, name)
    fetch = fetch_from(destination, carrier, own_ae_title=own_ae_title)
    if fetch is not None:
        prover = Prover(
            sender.database, instances, name, fetch, stop=sender.stop, gate=sender.gate,
            is_committed_first=lambda: committer is not None and not committer.is_unwilling,
        )  # fmt: skip
        if isinstance(carrier, DimseCarrier):
            carrier.doubts.has_already = prover.has_already
        elif not isinstance(carrier, FolderCarrier):
            from edge.uplink import web_carriers  # Loaded for a destination that speaks HTTP.

            web_carriers.connect(carrier, prover)
        if in_parts is not None:
            from edge.uplink import part_proof  # Codecs are loaded where parts are sent.

            prover.examine = partial(part_proof.examine, in_parts, fetch)

    def step() -> bool:
        if committer is not None:
            committer.step()
        return prover is not None and prover.step()

    return step
