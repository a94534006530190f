"""Converting slides, beside wsidicomizer and OrthancWSIDicomizer: copy, proof, missing levels, decoding.

EDGE_BENCH_SIDE_PX sets the slide's side (40960 px is 445 MB); EDGE_BENCH_HUGE=1 adds a slide of 6 GiB.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.measure import Contestant, Usage, load_note, race, run_once
from tests.bench.mosaic import mosaic
from tests.bench.peers import BUILD, MissingPeerError, orthanc_wsi_dicomizer, wsidicomizer
from tests.bench.pyramid_quality import quality_of_levels
from tests.bench.table import Promise, Table

_OUT = BUILD / "bench" / "out"
_COLUMNS = ("", "wall s", "CPU s", "peak MiB", "MB/s")
_SMALL_SIDE_PX = 8192
_PLAIN_SIDE_PX = 19_456
"""100 MB."""
_HUGE_SIDE_PX = 152_000


def run() -> list[Table]:
    """Measure all cases."""
    slide = mosaic(int(os.environ.get("EDGE_BENCH_SIDE_PX", "40960")))
    tables = [_copy(slide), _levels(slide), _decoded(mosaic(_SMALL_SIDE_PX)), _quality(mosaic(_SMALL_SIDE_PX))]
    if os.environ.get("EDGE_BENCH_HUGE"):
        tables.append(_huge())
    return tables


def _copy(slide: Path) -> Table:
    ours = [_edge("edge", slide, "--no-proof"), _edge("edge with proof", slide)]
    table, used = _measured(f"Copy {_size(slide)}", slide, [*ours, _peer(slide), _orthanc(slide)])
    if peer := used.get("wsidicomizer"):
        bare, proven = used["edge"], used["edge with proof"]
        table.promises = [
            Promise(name="copy, wall / wsidicomizer", measured=bare.wall_s / peer.wall_s, limit=0.4),
            Promise(name="copy, CPU / wsidicomizer", measured=bare.cpu_s / peer.cpu_s, limit=0.3),
            Promise(name="copy, peak MiB", measured=bare.peak_mib, limit=150.0),
            Promise(name="with proof, wall / wsidicomizer", measured=proven.wall_s / peer.wall_s, limit=1.0),
            Promise(name="with proof, peak MiB", measured=proven.peak_mib, limit=150.0),
        ]
    return table


def _levels(slide: Path) -> Table:
    ours = _edge("edge", slide, "--levels", "all", "--no-proof")
    peer = _peer(slide, "--add-missing-levels")
    table, used = _measured(f"Missing levels made, {_size(slide)}", slide, [ours, peer])
    if found := used.get("wsidicomizer"):
        ratio = used["edge"].wall_s / found.wall_s
        table.promises = [Promise(name="all levels, wall / wsidicomizer", measured=ratio, limit=0.35)]
    return table


def _decoded(slide: Path) -> Table:
    ours = _edge("edge", slide, "--through", "openslide", "--no-proof")
    # The same tiles and quality; its own way of halving colour, which costs it less than ours costs us.
    peer = _peer(slide, "--source", "openslide", "-t", "512", "--quality", "90")
    again = ("--reencode", "1", "--compression", "jpeg", "--jpeg-quality", "90")
    table, used = _measured(
        f"Decoded by OpenSlide and encoded again, {_size(slide)}", slide, [ours, peer, _orthanc(slide, *again)]
    )
    if found := used.get("wsidicomizer"):
        ratio = used["edge"].cpu_s / found.cpu_s
        table.promises = [Promise(name="re-encoded, CPU / wsidicomizer", measured=ratio, limit=0.6)]
    return table


def _quality(slide: Path) -> Table:
    """Compare made levels with the scan shrunk by averaging: ours must be as close as the peer's."""
    table = Table(title=f"Closeness of made levels to the averaged scan, {_size(slide)}", columns=("level", "edge dB"))
    _fresh()
    run_once(_edge("edge", slide, "--levels", "all", "--no-proof")())
    ours = quality_of_levels(slide, _OUT)
    try:
        peer = _peer(slide, "--add-missing-levels")()
    except MissingPeerError as error:
        table.notes.append(f"missing: {error}")
        table.rows = [(f"{width} px", decibels) for width, decibels in ours.items()]
        return table
    run_once(peer)
    theirs = quality_of_levels(slide, _OUT)
    table.columns = ("level", "edge dB", "wsidicomizer dB")
    table.rows = [(f"{width} px", ours[width], theirs.get(width, float("nan"))) for width in ours]
    table.promises = [
        Promise(
            name=f"{width} px, dB above wsidicomizer", measured=ours[width] - theirs[width], limit=0, is_upper=False
        )
        for width in ours
        if width in theirs
    ]
    return table


def _huge() -> Table:
    small, large = mosaic(_PLAIN_SIDE_PX), mosaic(_HUGE_SIDE_PX)
    table = Table(title=f"Memory: {_size(small)} and {_size(large)}", columns=_COLUMNS, notes=[load_note()])
    peaks = []
    for slide in (small, large):
        used = run_once(_edge("edge with proof", slide)())
        _fresh()
        table.rows.append(_row(slide.name, slide, used))
        peaks.append(used.peak_mib)
    table.promises = [
        Promise(name="peak MiB of the large slide", measured=peaks[1], limit=150.0),
        Promise(name="peak of the large / the small", measured=peaks[1] / peaks[0], limit=1.1),
    ]
    return table


Maker = Callable[[], Contestant]


def _edge(name: str, slide: Path, *options: str) -> Maker:
    command = [sys.executable, "-m", "edge", "convert", str(slide), "--out", str(_OUT), *options]
    return lambda: Contestant(name=name, command=command, before=_fresh)


def _peer(slide: Path, *options: str) -> Maker:
    def make() -> Contestant:
        command = [str(wsidicomizer()), "-i", str(slide), "-o", str(_OUT), *options]
        return Contestant(name="wsidicomizer", command=command, before=_fresh)

    return make


def _orthanc(slide: Path, *options: str) -> Maker:
    def make() -> Contestant:
        form = ["--threads", "2", "--max-size", "0", "--folder", str(_OUT), *options]
        command = [*orthanc_wsi_dicomizer(), *form, str(slide)]
        return Contestant(name="OrthancWSIDicomizer", command=command, before=_fresh_folder)

    return make


def _measured(title: str, slide: Path, makers: Sequence[Maker]) -> tuple[Table, dict[str, Usage]]:
    table = Table(title=title, columns=_COLUMNS, notes=[load_note()])
    contestants = []
    for make in makers:
        try:
            contestants.append(make())
        except MissingPeerError as error:
            table.notes.append(f"missing: {error}")
    used = race(contestants, runs=int(os.environ.get("EDGE_BENCH_RUNS", "3")))
    _fresh()
    table.rows = [_row(name, slide, usage) for name, usage in used.items()]
    return table, used


def _row(name: str, slide: Path, used: Usage) -> tuple[object, ...]:
    return name, used.wall_s, used.cpu_s, round(used.peak_mib), round(slide.stat().st_size / 1e6 / used.wall_s)


def _fresh() -> None:
    shutil.rmtree(_OUT, ignore_errors=True)


def _fresh_folder() -> None:
    _fresh()
    _OUT.mkdir(parents=True)


def _size(slide: Path) -> str:
    return f"{slide.stat().st_size / 1e6:.0f} MB SVS"
