"""What one more viewer costs: the node, stock aiortc's MediaRelay and Janus with an encoder, in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.live_clients import crowd
from tests.bench.live_content import source
from tests.bench.live_peers import janus, media_relay
from tests.bench.table import Promise, Table
from tests.support.live import LiveService

BITRATE_BPS = 2_500_000
SETTLE_S = 5.0
FULL_PART = 0.97
FULL_S_MAX = 30.0
"""Until the node has found out that the link carries all."""
RATE_WINDOW_S = 3.0
WINDOW_S = 8.0
COUNTS = (1, 16)
RELAY_COUNTS = (1, 2)
"""With more, stock aiortc has no core left to be measured on."""
EXTRA_PART_MAX = 1.0
RELAY_TIMES_MIN = 12.0
JANUS_TIMES_MAX = 1.25
RATE_APART_MAX = 0.05
"""Costs are compared at one bit rate: Janus sends what the node's viewers got."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One server with so many viewers."""

    count: int
    cpu_part: float
    """Percent of one core."""
    fps: float
    bitrate_bps: float
    mib: float


def cpu_s(processes: list[psutil.Process]) -> float:
    """Return user and system time, by /proc."""
    times = [process.cpu_times() for process in processes]
    return float(sum(time.user + time.system for time in times))


def measure(kind: str, url: str, processes: list[psutil.Process], count: int) -> Cost:
    """Let so many watch for a while."""
    with crowd(kind, url, count) as viewers:
        viewers.wait_for_pictures()
        time.sleep(SETTLE_S)
        until_s = time.monotonic() + FULL_S_MAX
        while viewers.rates(RATE_WINDOW_S)[1] < BITRATE_BPS * FULL_PART and time.monotonic() < until_s:
            time.sleep(1.0)
        begun_s, used_s = time.monotonic(), cpu_s(processes)
        time.sleep(WINDOW_S)
        used_part = (cpu_s(processes) - used_s) / (time.monotonic() - begun_s) * 100
        fps, bitrate_bps = viewers.rates(WINDOW_S)
        mib = sum(process.memory_info().rss for process in processes) / 2**20
    return Cost(count=count, cpu_part=used_part, fps=fps, bitrate_bps=bitrate_bps, mib=mib)


def extra_part(costs: list[Cost]) -> float:
    """Return what each further viewer costs, percent of a core."""
    return (costs[-1].cpu_part - costs[0].cpu_part) / (costs[-1].count - costs[0].count)


Server = Callable[[], AbstractContextManager[tuple[str, list[psutil.Process]]]]


def cost() -> Table:
    """Measure all three."""
    table = Table(
        title="Cost of a viewer at 720p30, 2.5 Mbit/s (clients decode nothing)",
        columns=("server", "viewers", "CPU %", "fps", "Mbit/s", "MiB"),
    )
    with LiveService(live_keys=f"bitrate_bps_max = {BITRATE_BPS}") as live, source(live.run_dir):
        ring = live.run_dir / "ring-probe"
        servers: list[tuple[str, str, tuple[int, ...], Server]] = [
            ("edge", "edge", COUNTS, lambda: _edge(live)),
            ("MediaRelay", "relay", RELAY_COUNTS, lambda: _relay(ring)),
        ]
        found = {name: _measure_all(table, name, kind, counts, start) for name, kind, counts, start in servers}
        sent_bps = int(found["edge"][-1].bitrate_bps)
        found["Janus"] = _measure_all(
            table, "Janus and encoder", "janus", COUNTS, lambda: janus(ring, bitrate_bps=sent_bps)
        )
    edge, relay, other = found["edge"], found["MediaRelay"], found["Janus"]
    table.promises = [
        Promise(name="an extra viewer, % of a core", measured=extra_part(edge), limit=EXTRA_PART_MAX),
        Promise(name="times cheaper than MediaRelay", measured=extra_part(relay) / extra_part(edge),
                limit=RELAY_TIMES_MIN, is_upper=False),
        Promise(name="16 viewers, times Janus and encoder", measured=edge[-1].cpu_part / other[-1].cpu_part,
                limit=JANUS_TIMES_MAX),
        Promise(name="bit rates apart, part", measured=abs(other[-1].bitrate_bps / edge[-1].bitrate_bps - 1),
                limit=RATE_APART_MAX),
        Promise(name="16 viewers, fps of the average one", measured=edge[-1].fps, limit=29.0, is_upper=False),
    ]  # fmt: skip
    table.notes.append(f"each extra viewer: edge {extra_part(edge):.2f} %, MediaRelay {extra_part(relay):.2f} %, "
                       f"Janus {extra_part(other):.2f} % of a core")  # fmt: skip
    return table


def _measure_all(table: Table, name: str, kind: str, counts: tuple[int, ...], start: Server) -> list[Cost]:
    costs = []
    for count in counts:
        # A MediaRelay ends with its last viewer: each count has a server of its own.
        with start() as (url, processes):
            costs.append(measure(kind, url, processes, count))
    for found in costs:
        table.rows.append((name, found.count, found.cpu_part, found.fps, found.bitrate_bps / 1e6, found.mib))
    return costs


@contextmanager
def _edge(live: LiveService) -> Iterator[tuple[str, list[psutil.Process]]]:
    yield live.url, [live.process]


def _relay(ring: Path) -> AbstractContextManager[tuple[str, list[psutil.Process]]]:
    return media_relay(ring, bitrate_bps=BITRATE_BPS)
