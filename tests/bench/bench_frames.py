"""Frames of a slide over DICOMweb, 16 connections at once: the whole api process beside Orthanc, on the same object.

Each server is held to one core, the client to the other. Addresses are random over the object's frames.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from edge.store.instances import Instance
from tests.bench.measure import alone, load_note
from tests.bench.mosaic import mosaic
from tests.bench.table import Promise, Table
from tests.support.orthanc import Orthanc, find_orthanc
from tests.support.slide_node import NAME, PASSWORD, SlideNode

SIDE_PX = 40960
CONNECTION_COUNT = 16
RUN_S = 5.0
REQUESTS_S_MIN = 1000.0
P95_MS_MAX = 10.0
BOTH_COUNT = 8
"""Frames of one multipart answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a run took."""

    times_ms: list[float]
    wall_s: float
    cpu_s: float

    def row(self, name: str, frames: int = 1) -> tuple[object, ...]:
        """Return a row of the table."""
        count = len(self.times_ms)
        return (
            name, count / self.wall_s, frames * count / self.wall_s, statistics.median(self.times_ms),
            p95(self.times_ms), self.cpu_s / self.wall_s * 100, self.cpu_s / max(count, 1) * 1000,
        )  # fmt: skip


def run() -> Table:
    """Measure both servers in turn."""
    columns = ("server", "requests/s", "frames/s", "p50 ms", "p95 ms", "CPU %", "CPU ms/request")
    table = Table(title=f"Frames of a slide, {CONNECTION_COUNT} connections", columns=columns)
    with SlideNode(mosaic(SIDE_PX)) as node, tempfile.TemporaryDirectory(prefix="edge-b-") as folder, alone():
        table.notes.append(load_note())
        scan = node.announce()
        cookie = _sign_in(node.url)
        from_scan = _base(node.instances.in_series(scan.series_instance_uid, with_scans=True))
        table.rows.append(_serve(node, from_scan, cookie).row("edge, straight from the scan"))
        kept = _base(node.convert())
        time.sleep(0.6)
        alone_taken = _serve(node, kept, cookie)
        table.rows.append(alone_taken.row(f"edge, an object of {kept.size_bytes >> 20} MiB"))
        together = _serve(node, kept, cookie, together=BOTH_COUNT)
        table.rows.append(together.row(f"edge, {BOTH_COUNT} frames an answer", BOTH_COUNT))
        if find_orthanc() is None:
            table.notes.append("Orthanc is not installed: no comparison")
        else:
            with Orthanc(Path(folder)) as orthanc:
                table.rows.append(_orthanc(orthanc, node.instances.path_of(kept), kept).row("Orthanc"))
    count = len(alone_taken.times_ms)
    table.promises = [
        Promise(name="requests/s", measured=count / alone_taken.wall_s, limit=REQUESTS_S_MIN, is_upper=False),
        Promise(name="p95 ms", measured=p95(alone_taken.times_ms), limit=P95_MS_MAX),
    ]
    return table


def p95(values: Sequence[float]) -> float:
    """Return the value that nineteen of twenty stay below."""
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]


def _base(instances: Sequence[Instance]) -> Instance:
    return max(instances, key=lambda each: each.frame_count)


def _serve(node: SlideNode, instance: Instance, cookie: str, *, together: int = 1) -> Taken:
    assert node.api.process is not None
    accept = "image/jpeg" if together == 1 else 'multipart/related; type="image/jpeg"'
    headers = f"Host: edge\r\nAccept: {accept}\r\nCookie: {cookie}\r\n"
    return _measure("127.0.0.1", node.port, "/dicom-web", headers, instance, node.api.process.pid, together)


def _orthanc(orthanc: Orthanc, path: Path, instance: Instance) -> Taken:
    with path.open("rb") as file:
        request = urllib.request.Request(f"{orthanc.url}/instances", data=file, method="POST")
        request.add_header("Content-Length", str(path.stat().st_size))
        with urllib.request.urlopen(request, timeout=600) as answer:
            answer.read()
    assert orthanc.process is not None
    accept = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
    headers = f"Host: orthanc\r\nAccept: {accept}\r\n"
    return _measure("127.0.0.1", orthanc.http_port, "/dicom-web", headers, instance, orthanc.process.pid, 1)


def _measure(
    host: str, port: int, root: str, headers: str, instance: Instance, process_id: int, together: int
) -> Taken:
    """Ask for random frames over all connections for a while; a short run before warms up."""
    path = (
        f"{root}/studies/{instance.study_instance_uid}/series/{instance.series_instance_uid}"
        f"/instances/{instance.sop_instance_uid}/frames/"
    )
    server = psutil.Process(process_id)
    cores = sorted(os.sched_getaffinity(0))
    _hold(server, cores[:1])
    os.sched_setaffinity(0, set(cores[1:] or cores))
    try:
        times: list[float] = []
        with ThreadPoolExecutor(1) as pool:
            for run_s in (0.5, RUN_S):
                times.clear()
                before_s, begun_s = _cpu_s(server), time.perf_counter()
                work = _all(host, port, path, headers, instance.frame_count, together, run_s, times)
                pool.submit(asyncio.run, work).result()
                taken = Taken(
                    times_ms=list(times), wall_s=time.perf_counter() - begun_s, cpu_s=_cpu_s(server) - before_s
                )
        return taken
    finally:
        os.sched_setaffinity(0, set(cores))


def _hold(server: psutil.Process, cores: list[int]) -> None:
    for thread in server.threads():
        os.sched_setaffinity(thread.id, set(cores))


def _cpu_s(server: psutil.Process) -> float:
    used = server.cpu_times()
    return float(used.user + used.system)


async def _all(
    host: str, port: int, path: str, headers: str, frame_count: int, together: int, run_s: float, times: list[float]
) -> None:
    end_s = time.perf_counter() + run_s
    workers = [
        _ask(host, port, path, headers, frame_count, together, end_s, times, random.Random(seed))
        for seed in range(CONNECTION_COUNT)
    ]
    await asyncio.gather(*workers)


async def _ask(
    host: str, port: int, path: str, headers: str, frame_count: int, together: int, end_s: float,
    times: list[float], rng: random.Random,
) -> None:  # fmt: skip
    """One connection, kept: the smallest client there can be, so that it is not what is measured."""
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
    try:
        while time.perf_counter() < end_s:
            numbers = ",".join(str(rng.randint(1, frame_count)) for _ in range(together))
            begun_s = time.perf_counter()
            writer.write(f"GET {path}{numbers} HTTP/1.1\r\n{headers}\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            await _read_body(reader, head.lower())
            times.append((time.perf_counter() - begun_s) * 1000)
    finally:
        writer.close()


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> None:
    if b"content-length:" in head:
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        assert length > 500
        await reader.readexactly(length)
        return
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
    await reader.readline()


def _sign_in(url: str) -> str:
    import json

    body = json.dumps({"name": NAME, "password": PASSWORD}).encode()
    request = urllib.request.Request(f"{url}/api/v1/sign-in", data=body, method="POST")
    request.add_header("Content-Type", "application/json")
    request.add_header("X-Edge-Request", "1")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.headers["Set-Cookie"]).split(";")[0]
