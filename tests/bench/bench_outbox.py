"""The outbox with 100,000 objects waiting: choosing what is next, what the page reads, and starting again.

EDGE_BENCH_QUEUED sets how many. The objects are real and small, the hospital is a receiver of our own on loopback.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from edge.api.forecast import Forecast
from edge.config import load
from edge.demo.archive import Archive
from edge.store import deliveries, evictions, inflow, turns
from edge.store.database import Database
from edge.store.instances import Instances
from tests.bench.measure import alone, load_note
from tests.bench.table import Promise, Table
from tests.support.queue import fill

QUEUED_COUNT = int(os.environ.get("EDGE_BENCH_QUEUED", "100000"))
RESTART_S_MAX = 5.0
CHOOSE_S_MAX = 1.0
"""Once a thousand objects: ten seconds of sending, at best."""
PAGE_S_MAX = 1.0
REPEAT_COUNT = 5
WAIT_S_MAX = 120.0


def run() -> list[Table]:
    """Fill an outbox, and measure on it."""
    parent = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with alone(), tempfile.TemporaryDirectory(prefix="edge-outbox-", dir=parent) as name:
        folder = Path(name)
        note = load_note()
        hospital = Archive(folder / "hospital", say=False)
        port = hospital.provider.start("127.0.0.1", 0)
        config = _configure(folder, port)
        database = Database(folder / "data" / "edge.db")
        store = Instances(database, folder / "data", destinations=["vna"])
        sys.stderr.write(f"  queueing {QUEUED_COUNT} objects\n")
        fill(database, store, QUEUED_COUNT, now_s=time.time(), are_real=True)
        tables = [_reading(database, config, note), _restarting(folder, config, note)]
        hospital.provider.stop()
        database.close()
        return tables


def _reading(database: Database, config: Path, note: str) -> Table:
    now_s = time.time()
    charged = {f"study-{number}": number for number in range(4096)}
    forecast = Forecast(load(config), database)

    def forecast_anew() -> None:
        forecast.looked_s = 0.0
        forecast.outlook(forecast.config.destination[0], None)

    works: dict[str, tuple[Callable[[], object], float]] = {
        "choose the next 1,024": (lambda: turns.due(database, "vna", now_s=now_s, limit=1024), CHOOSE_S_MAX),
        "the same, 4,096 studies with bills": (
            lambda: turns.due(database, "vna", now_s=now_s, limit=1024, charged_bytes=charged), CHOOSE_S_MAX,
        ),
        "count by state": (lambda: deliveries.counts(database), PAGE_S_MAX),
        "list 300 studies": (lambda: deliveries.list_studies(database, limit=300), PAGE_S_MAX),
        "bytes left of each study": (lambda: inflow.left(database), PAGE_S_MAX),
        "forecast (once a minute)": (forecast_anew, PAGE_S_MAX),
        "bytes of all objects (janitor)": (lambda: evictions.used_bytes(database), PAGE_S_MAX),
    }  # fmt: skip
    table = Table(title=f"{QUEUED_COUNT} objects waiting: what is read", columns=["", "median ms", "worst ms"])
    table.notes.append(note)
    for name, (work, limit_s) in works.items():
        taken_s = []
        for _ in range(REPEAT_COUNT):
            began_s = time.perf_counter()
            work()
            taken_s.append(time.perf_counter() - began_s)
        table.rows.append([name, 1000 * statistics.median(taken_s), 1000 * max(taken_s)])
        table.promises.append(Promise(name=f"{name}, seconds", measured=statistics.median(taken_s), limit=limit_s))
    return table


def _restarting(folder: Path, config: Path, note: str) -> Table:
    """Kill the uplink while it sends, start it again, and wait for the next object at the hospital."""
    table = Table(title=f"{QUEUED_COUNT} objects waiting: started again", columns=["", "s to the next object"])
    table.notes.append(note)
    taken_s = []
    for number in range(3):
        before = _count(folder)
        began_s = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "edge", "run", "uplink", "--config", config],
                                   stderr=subprocess.DEVNULL)  # fmt: skip
        try:
            while _count(folder) == before:
                assert process.poll() is None and time.perf_counter() - began_s < WAIT_S_MAX, "nothing is sent"
                time.sleep(0.01)
            taken_s.append(time.perf_counter() - began_s)
            time.sleep(1.0)
        finally:
            process.kill()
            process.wait()
        table.rows.append([f"start {number + 1}", taken_s[-1]])
    table.promises.append(Promise(name="seconds to send again", measured=max(taken_s), limit=RESTART_S_MAX))
    return table


def _count(folder: Path) -> int:
    return sum(1 for entry in os.scandir(folder / "hospital") if entry.name.endswith(".dcm"))


def _configure(folder: Path, port: int) -> Path:
    path = folder / "edge.toml"
    path.write_text(
        f'[node]\nae_title = "CLINIC7"\ndata_dir = "{folder / "data"}"\nrun_dir = "{folder / "run"}"\n'
        "disk_reserve_mb = 0\nscrub_mb_s = 0\n[retention]\nfree_mb = 0\n"
        f'[[destination]]\nname = "vna"\nhost = "127.0.0.1"\nport = {port}\nae_title = "HOSPITAL"\n'
    )
    return path
