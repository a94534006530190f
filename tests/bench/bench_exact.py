"""A thousand frames named by a browser that sees 360p15 over 300 kbit/s: each the very frame, answered soon."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from tests.bench.measure import alone, load_note
from tests.bench.table import Promise, Table
from tests.support.exact import RUNG, measure

COUNT = 1000
KEEP_EVERY = 20
RATE_BPS = 300_000
ANSWER_MS_MAX = 150.0


def run() -> Table:
    """Ask for every frame that is shown; every twentieth becomes a lossless still with a drawing."""
    columns = ("frames", "exact", "kept and equal", "fps", "p50 ms", "p95 ms", "p99 ms", "max ms")
    table = Table(title=f"Frame-exact capture at {RUNG}, {RATE_BPS // 1000} kbit/s", columns=columns)
    with tempfile.TemporaryDirectory(prefix="edge-exact-") as folder, alone():
        table.notes.append(load_note())
        seen = measure(Path(folder) / "node", count=COUNT, keep_every=KEEP_EVERY, rate_bps=RATE_BPS)
    equal_count = sum(screen == record for screen, record in seen.kept)
    cuts = statistics.quantiles(seen.times_ms, n=100)
    table.rows.append(
        (len(seen.answers), seen.exact_count, f"{equal_count} of {len(seen.kept)}", seen.fps, cuts[49], cuts[94],
         cuts[98], seen.times_ms[-1])
    )  # fmt: skip
    soon_part = sum(ms <= ANSWER_MS_MAX for ms in seen.times_ms) / len(seen.times_ms)
    table.promises += [
        Promise(name="frames named exactly", measured=float(seen.exact_count), limit=COUNT, is_upper=False),
        Promise(name="stills equal to the screen's frame", measured=float(equal_count), limit=COUNT // KEEP_EVERY,
                is_upper=False),
        Promise(name="p95 of the answer, ms", measured=cuts[94], limit=ANSWER_MS_MAX),
    ]  # fmt: skip
    table.notes.append(f"{soon_part:.1%} answered within {ANSWER_MS_MAX:.0f} ms")
    return table
