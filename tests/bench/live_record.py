"""The record beside the call: four screens without it, then with it; every frame of the clip equal to its capture."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.bench.live_content import source
from tests.bench.live_cost import cpu_s
from tests.bench.live_latency import COLUMNS, VIEWER_COUNT, row_of
from tests.bench.live_screen import Screen, View, view, watch
from tests.bench.table import Promise, Table
from tests.support.browser import chromium
from tests.support.live import LiveService
from tests.support.recording import Recording, decoded_digests

RECORD_S = float(os.environ.get("EDGE_BENCH_RECORD_S", "60"))
"""600 for the whole promise."""
QUIET_S = 20.0
SETTLE_S = 6.0
WORSE_MS_MAX = 12.0
MORE_CPU_MAX = 25.0
FINISH_S_MAX = 900.0
FPS = 30.0


def record() -> Table:
    """Record for a while; `EDGE_BENCH_RECORD_S` says how long."""
    table = Table(title=f"Recording {RECORD_S:g} s of 720p30 beside {VIEWER_COUNT} Chromium viewers", columns=COLUMNS)
    with (
        LiveService() as live,
        source(live.run_dir, has_digests=True) as playing,
        tempfile.TemporaryDirectory(prefix="edge-record-") as folder,
    ):
        keeper = _keeper(Path(folder), live)
        keeper.start("record")
        try:
            processes = [live.process, psutil.Process(keeper.processes["record"].pid)]
            with chromium() as browser:
                screens = [watch(browser, live.url, f"v{number}") for number in range(VIEWER_COUNT)]
                time.sleep(SETTLE_S)
                quiet, quiet_part = _measure(table, "live alone", screens, playing, processes, QUIET_S)
                session = keeper.begin("probe")
                keeper.ask("record", "clip.start", session_id=session.session_id)
                busy, busy_part = _measure(table, "recording", screens, playing, processes, RECORD_S)
                keeper.ask("record", "clip.stop", session_id=session.session_id)
            begun_s = time.monotonic()
            [(instance, path)] = keeper.saved(session, seconds=FINISH_S_MAX)
            table.notes.append(
                f"finished {time.monotonic() - begun_s:.0f} s after the end, {instance.size_bytes:,} bytes"
            )
            captured = [bytes(digest) for digest in playing.digests()]
            recorded = decoded_digests(path)
        finally:
            keeper.stop()
    table.notes.append(f"{len(recorded)} frames recorded, each compared with its digest at capture")
    table.promises = [
        Promise(name="live p50 worse by, ms", measured=_p50(busy) - _p50(quiet), limit=WORSE_MS_MAX),
        Promise(name="more of a core, %", measured=busy_part - quiet_part, limit=MORE_CPU_MAX),
        Promise(name="frames lost or changed, 1 if any", measured=float(not _is_run(recorded, captured)), limit=0.0),
        Promise(name="frames recorded", measured=len(recorded), limit=0.99 * RECORD_S * FPS, is_upper=False),
    ]
    return table


def _keeper(folder: Path, live: LiveService) -> Recording:
    """Return a record service whose spool is on a disk, as a node's is: the live service's own folder is in memory."""
    config = (live.run_dir / "edge.toml").read_text()
    (folder / "edge.toml").write_text(config.replace(str(live.run_dir / "data"), str(folder / "data")))
    return Recording(folder, live.run_dir, folder / "edge.toml")


def _p50(seen: Sequence[View]) -> float:
    return statistics.median(each.p50_ms for each in seen)


def _is_run(recorded: list[bytes], captured: list[bytes]) -> bool:
    """Tell whether the clip is one unbroken run of what was captured."""
    starts = [at for at, digest in enumerate(captured) if recorded and digest == recorded[0]]
    return any(captured[at : at + len(recorded)] == recorded for at in starts)


def _measure(
    table: Table, what: str, screens: list[Screen], playing: Any, processes: list[psutil.Process], seconds: float
) -> tuple[list[View], float]:
    begun_s, used_s = time.time(), cpu_s(processes)
    time.sleep(seconds)
    end_s = time.time()
    used_part = (cpu_s(processes) - used_s) / (end_s - begun_s) * 100
    found = [view(screen.shown(), playing, begin_s=begun_s, end_s=end_s) for screen in screens]
    for number, seen in enumerate(found, 1):
        table.rows.append(row_of(what, str(number), seen))
    table.notes.append(f"{what}: live and record use {used_part:.0f} % of a core")
    return found, used_part
