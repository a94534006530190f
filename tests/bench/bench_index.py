"""Searching 100,000 studies: QIDO-RS and the studies page, over HTTP, from a process of its own.

EDGE_BENCH_STUDIES sets how many. The index is made once, by the store's own code, and kept in `build/`.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import alone, load_note
from tests.bench.peers import BUILD
from tests.bench.table import Promise, Table
from tests.support.many_studies import UID_ROOT, make

STUDY_COUNT = int(os.environ.get("EDGE_BENCH_STUDIES", "100000"))
REPEAT_COUNT = 30
P95_MS_MAX = 50.0
PAGE_MS_MAX = 100.0
"""Below this a person sees no pause. The page also counts everything that matches, which QIDO does not."""
START_S_MAX = 60.0
_UID = f"{UID_ROOT}.{STUDY_COUNT // 2}"
QUESTIONS = {
    "QIDO newest": "/dicom-web/studies?limit=101",
    "QIDO newest, all fields": "/dicom-web/studies?limit=101&includefield=all",
    "QIDO page 500": "/dicom-web/studies?limit=101&offset=50000",
    "QIDO name begins": "/dicom-web/studies?limit=101&PatientName=Mwangi1*",
    "QIDO name holds": "/dicom-web/studies?limit=101&PatientName=*wanj*",
    "QIDO name, fuzzy": "/dicom-web/studies?limit=101&PatientName=ach&fuzzymatching=true",
    "QIDO name of nobody": "/dicom-web/studies?limit=101&PatientName=Nobody*",
    "QIDO patient": "/dicom-web/studies?limit=101&PatientID=P000042",
    "QIDO accession": "/dicom-web/studies?limit=101&AccessionNumber=A0012345",
    "QIDO a month": "/dicom-web/studies?limit=101&StudyDate=20200301-20200331",
    "QIDO a modality": "/dicom-web/studies?limit=101&ModalitiesInStudy=SM",
    "QIDO modality and years": "/dicom-web/studies?limit=101&ModalitiesInStudy=MR&StudyDate=20140101-20151231",
    "QIDO one study": f"/dicom-web/studies?StudyInstanceUID={_UID}",
    "QIDO series of a study": f"/dicom-web/studies/{_UID}/series",
    "QIDO objects of a study": f"/dicom-web/studies/{_UID}/instances",
    "QIDO series everywhere": "/dicom-web/series?limit=101&Modality=SM",
    "QIDO objects everywhere": "/dicom-web/instances?limit=101",
    "page first": "/api/v1/studies?limit=50",
    "page three letters": "/api/v1/studies?limit=50&q=wan",
    "page a name": "/api/v1/studies?limit=50&q=Achterberg+Ruth",
    "page modality": "/api/v1/studies?limit=50&modality=US",
    "page by name": "/api/v1/studies?limit=50&sort=patient",
    "page by description": "/api/v1/studies?limit=50&sort=description",
    "page a year": "/api/v1/studies?limit=50&date_from=20200101&date_to=20201231",
    "page part of an id": "/api/v1/studies?limit=50&patient_id=0042",
    "page waiting": "/api/v1/studies?limit=50&delivery=waiting",
    "page arrived": "/api/v1/studies?limit=50&delivery=arrived",
    "page deep": "/api/v1/studies?limit=50&offset=4950",
}


def run() -> Table:
    """Ask every question many times, in turns, and hold the slowest of twenty against the promise."""
    table = Table(title=f"Searching {STUDY_COUNT} studies", columns=("question", "p50 ms", "p95 ms", "kB"))
    source = make(BUILD / "bench" / f"index-{STUDY_COUNT}.db", STUDY_COUNT)
    with tempfile.TemporaryDirectory(prefix="edge-bench-") as folder, alone():
        table.notes.append(load_note())
        shutil.copyfile(source, Path(folder) / "edge.db")
        with _api(Path(folder)) as socket_path:
            taken: dict[str, list[float]] = {name: [] for name in QUESTIONS}
            sizes: dict[str, int] = {}
            for turn in range(REPEAT_COUNT + 1):
                for name, path in QUESTIONS.items():
                    begun_s = time.perf_counter()
                    sizes[name] = _ask(socket_path, path)
                    if turn:
                        taken[name].append((time.perf_counter() - begun_s) * 1000)
    for name, times in taken.items():
        table.rows.append((name, statistics.median(times), _p95(times), sizes[name] / 1000))
    for kind, limit in (("QIDO", P95_MS_MAX), ("page", PAGE_MS_MAX)):
        together = [one for name, times in taken.items() if name.startswith(kind) for one in times]
        slowest = max(_p95(times) for name, times in taken.items() if name.startswith(kind))
        table.promises.append(Promise(name=f"{kind}: p95 ms of all", measured=_p95(together), limit=limit))
        table.promises.append(Promise(name=f"{kind}: p95 ms of the slowest", measured=slowest, limit=PAGE_MS_MAX))
    return table


def _p95(times: list[float]) -> float:
    return sorted(times)[max(0, round(len(times) * 0.95) - 1)]


@contextlib.contextmanager
def _api(folder: Path) -> Iterator[Path]:
    """Run `edge run api` on an index that is there already."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "edge.toml"
    config.write_text(
        f'[node]\nname = "bench"\ndata_dir = "{folder}"\nrun_dir = "{folder}/run"\n'
        f'[api]\nlisten = "127.0.0.1:{port}"\n'
        '[[destination]]\nname = "vna"\nkind = "dimse"\nhost = "127.0.0.1"\nport = 1\nae_title = "VNA"\n'
    )
    command = [sys.executable, "-m", "edge", "run", "api", "--config", str(config)]
    with (folder / "api.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline_s = time.monotonic() + START_S_MAX
        while True:
            try:
                _ask(folder / "run" / "api.sock", "/dicom-web/studies?limit=1")
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline_s, (folder / "api.log").read_text()
                time.sleep(0.1)
        yield folder / "run" / "api.sock"
    finally:
        process.terminate()
        process.wait(20)


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def _ask(socket_path: Path, path: str) -> int:
    """Ask once and return how many bytes came.  Raises: AssertionError, OSError."""
    connection = _Connection(socket_path)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        assert response.status == 200, (path, response.status, body[:300])
        return len(body)
    finally:
        connection.close()
