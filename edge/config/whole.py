"""The whole configuration: every table of the file, and what follows from them together."""

from pathlib import Path

import msgspec

from edge.config.destinations import Destination, Hub, Peer, Priority, Route
from edge.config.node import (
    Api,
    Convert,
    Inbox,
    Live,
    Node,
    Receive,
    Record,
    Retention,
    Source,
    Uplink,
    Worklist,
)
from edge.core import routing
from edge.core.outbox import LEVELS
from edge.core.retention import Limits
from edge.core.routing import Routing


class Config(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Everything that can be set."""

    node: Node = msgspec.field(default_factory=Node)
    api: Api = msgspec.field(default_factory=Api)
    receive: Receive = msgspec.field(default_factory=Receive)
    live: Live = msgspec.field(default_factory=Live)
    record: Record = msgspec.field(default_factory=Record)
    convert: Convert = msgspec.field(default_factory=Convert)
    inbox: Inbox = msgspec.field(default_factory=Inbox)
    uplink: Uplink = msgspec.field(default_factory=Uplink)
    hub: Hub = msgspec.field(default_factory=Hub)
    source: list[Source] = []
    destination: list[Destination] = []
    route: list[Route] = []
    priority: list[Priority] = []
    retention: Retention = msgspec.field(default_factory=Retention)
    peer: list[Peer] = []
    worklist: Worklist | None = None

    @property
    def data_dir(self) -> Path:
        return Path(self.node.data_dir)

    @property
    def run_dir(self) -> Path:
        return Path(self.node.run_dir)

    @property
    def routing(self) -> Routing:
        """Which destinations an object goes to."""
        routes = tuple(
            routing.Route(
                destinations=tuple(route.destinations), modality=tuple(route.modality), source=tuple(route.source),
                description=tuple(route.description),
            )
            for route in self.route
        )  # fmt: skip
        urgencies = tuple(
            (
                routing.Route(
                    destinations=(), modality=tuple(one.modality), source=tuple(one.source),
                    description=tuple(one.description),
                ),
                LEVELS[one.level],
            )
            for one in self.priority
        )  # fmt: skip
        return Routing(tuple(destination.name for destination in self.destination), routes, urgencies)

    @property
    def required(self) -> frozenset[str]:
        """The destinations that must have an object before it may leave."""
        return frozenset(destination.name for destination in self.destination if destination.is_required)

    @property
    def limits(self) -> Limits:
        """What objects may take of the disk."""
        return Limits(budget_bytes=self.retention.budget_mb * 2**20, free_bytes=self.retention.free_mb * 2**20)

    @property
    def database_path(self) -> Path:
        return self.data_dir / "edge.db"

    @property
    def viewer_dir(self) -> Path:
        """Where the OHIF viewer is, when it is installed."""
        return self.data_dir / "viewer" / "ohif"

    def socket_path(self, service: str) -> Path:
        return self.run_dir / f"{service}.sock"

    def ring_path(self, source: str) -> Path:
        return self.run_dir / f"ring-{source}"

    def find_source(self, name: str) -> Source | None:
        return next((source for source in self.source if source.name == name), None)
