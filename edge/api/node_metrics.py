"""The gauges of a node: outbox, links, disk, what is away. Filled in when Prometheus asks; no patient in them."""

import asyncio
import math
import shutil
from importlib import metadata
from typing import TYPE_CHECKING

import prometheus_client as prometheus

from edge.api import node_shapes
from edge.runtime import clock
from edge.store import inflow, scrub, worklist
from edge.store.database import Database

if TYPE_CHECKING:
    from edge.api.parts import Parts

DAMAGED_COUNTED_MAX = 10_000
LEVELS = {"green": 0, "amber": 1, "red": 2}


class NodeMetrics:
    """Gauges by name; unknown values are NaN, never a guess."""

    def __init__(self, registry: prometheus.CollectorRegistry) -> None:
        self._registry = registry
        self.build = self._gauge("edge_build_info", "1, with the version of this node", "version")
        self.build.labels(metadata.version("edge-appliance")).set(1)
        self.deliveries = self._gauge("edge_outbox_deliveries", "Deliveries by state", "destination", "state")
        self.bytes_left = self._gauge("edge_outbox_bytes_left", "Bytes not yet there", "destination")
        self.bytes_arrived = self._gauge("edge_outbox_bytes_arrived", "Bytes that have arrived", "destination")
        self.empty_s = self._gauge(
            "edge_outbox_empty_seconds", "When the outbox is empty, as the sync page says; NaN: not in sight",
            "destination",
        )  # fmt: skip
        self.oldest_s = self._gauge("edge_outbox_oldest_seconds", "Age of what has waited longest", "destination")
        self.link_up = self._gauge("edge_link_up", "1 when the destination answers", "destination")
        self.link_rate = self._gauge("edge_link_rate_bytes", "Bytes a second of the last objects sent", "destination")
        self.link_carried = self._gauge(
            "edge_link_carried_bytes", "Bytes a second while something waited, outages included", "destination"
        )
        self.link_arriving = self._gauge("edge_link_arriving_bytes", "Bytes a second that come in", "destination")
        self.link_used = self._gauge("edge_link_utilisation_ratio", "Arriving over carried; 1: full", "destination")
        self.link_wait_s = self._gauge(
            "edge_link_waiting_seconds", "Mean time from arrival to delivery, M/M/1; NaN: without bound", "destination"
        )
        self.disk_free = self._gauge("edge_disk_free_bytes", "Free on the disk of the objects")
        self.disk_size = self._gauge("edge_disk_size_bytes", "Size of that disk")
        self.disk_reserve = self._gauge("edge_disk_reserve_bytes", "New work is refused below this")
        self.disk_full_s = self._gauge(
            "edge_disk_full_seconds", "When new work is refused, as things go; NaN: not in sight"
        )
        self.here = self._gauge("edge_store_objects_bytes", "Bytes of the objects on this disk")
        self.budget = self._gauge("edge_store_budget_bytes", "What they may take; 0: no budget")
        self.away_count = self._gauge("edge_store_away_objects", "Objects that left this disk, safe elsewhere")
        self.away_bytes = self._gauge("edge_store_away_bytes", "Their bytes")
        self.wanted = self._gauge("edge_store_wanted_objects", "Objects that are being fetched back")
        self.damaged = self._gauge("edge_store_damaged_objects", "Objects whose bytes have changed on the disk")
        self.worklist_age_s = self._gauge("edge_worklist_age_seconds", "Since the hospital's worklist was refreshed")
        self.health = self._gauge("edge_health_level", "0 green, 1 amber, 2 red", "thing")

    def _gauge(self, name: str, text: str, *labels: str) -> prometheus.Gauge:
        return prometheus.Gauge(name, text, labels, registry=self._registry)

    async def fill(self, parts: "Parts") -> None:
        """Look at everything, now."""
        summary = await parts.outbox.summary()
        lines = await parts.health.look()
        await asyncio.to_thread(self._fill_store, parts, summary)
        self.health.clear()
        for line in lines:
            self.health.labels(line.name).set(LEVELS[line.level])

    def _fill_store(self, parts: "Parts", summary: node_shapes.OutboxSummary) -> None:
        now_s, database, config = clock.wall_s(), parts.database, parts.config
        oldest = inflow.oldest_s(database)
        for view in summary.destinations:
            self._fill_destination(view, now_s - oldest[view.name] if view.name in oldest else 0.0)
        usage = shutil.disk_usage(config.data_dir)
        self.disk_free.set(usage.free)
        self.disk_size.set(usage.total)
        self.disk_reserve.set(config.node.disk_reserve_mb * 2**20)
        self.disk_full_s.set(_or_nan(summary.disk_full_s))
        if summary.away is not None:
            self.here.set(summary.away.here_bytes)
            self.budget.set(summary.away.budget_bytes)
            self.away_count.set(summary.away.count)
            self.away_bytes.set(summary.away.bytes)
        self.wanted.set(inflow.wanted_count(database))
        self.damaged.set(len(scrub.damaged(database, limit=DAMAGED_COUNTED_MAX)))
        self.worklist_age_s.set(_or_nan(_worklist_age_s(database, now_s)))

    def _fill_destination(self, view: node_shapes.DestinationView, oldest_s: float) -> None:
        name = view.name
        for state, count in view.counts.items():
            self.deliveries.labels(name, state).set(count)
        self.bytes_left.labels(name).set(view.bytes_left)
        self.bytes_arrived.labels(name).set(view.bytes_arrived)
        waits = view.counts.get("waiting", 0) + view.counts.get("sending", 0)
        self.empty_s.labels(name).set(_or_nan(view.eta_s) if waits else 0.0)
        self.oldest_s.labels(name).set(max(0.0, oldest_s))
        self.link_up.labels(name).set(view.link.state in ("up", "slow"))
        self.link_rate.labels(name).set(view.link.rate_bytes_s)
        self.link_carried.labels(name).set(view.carried_bytes_s)
        self.link_arriving.labels(name).set(view.arriving_bytes_s)
        self.link_used.labels(name).set(_or_nan(view.utilisation))
        self.link_wait_s.labels(name).set(_or_nan(view.waiting_s))


def _worklist_age_s(database: Database, now_s: float) -> float | None:
    refreshed_s = worklist.state(database).refreshed_s
    return None if refreshed_s is None else now_s - refreshed_s


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
