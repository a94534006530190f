"""The live picture: what a viewer costs, how late it is, and what it does on poor links.

`EDGE_BENCH_LIVE=cost,latency` measures only those parts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from tests.bench.live_cost import cost
from tests.bench.live_joins import churn, joins
from tests.bench.live_latency import latency
from tests.bench.live_links import lossy, middle, mixed, poor
from tests.bench.live_net import MissingNetworkError
from tests.bench.live_outage import outage
from tests.bench.live_record import record
from tests.bench.measure import alone, load_note
from tests.bench.table import Table

PARTS: dict[str, Callable[[], Table]] = {
    "cost": cost, "latency": latency, "poor": poor, "middle": middle, "lossy": lossy, "mixed": mixed,
    "outage": outage, "joins": joins, "churn": churn, "record": record,
}  # fmt: skip


def run() -> Iterator[Table]:
    """Measure part after part, and hand each on as soon as it is there."""
    names = [name for name in os.environ.get("EDGE_BENCH_LIVE", "").split(",") if name] or list(PARTS)
    with alone():
        for name in names:
            note = load_note()
            try:
                table = PARTS[name]()
            except MissingNetworkError as error:
                table = Table(title=f"Live: {name}", columns=("",), notes=[f"not measured: {error}"])
            table.notes.append(note)
            yield table
