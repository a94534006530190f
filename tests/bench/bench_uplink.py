"""Sending over DIMSE: how fast on loopback, in how much memory, how full a slow link is, what a call beside it feels.

Peers in the same run: storescu, Orthanc's sender and plain pynetdicom (TCP_NODELAY), each to DCMTK's storescp. Ours
is the whole service: its outbox with two durable commits a group, and the sender. Links are the kernel's token bucket
between network namespaces, and a relay with a delay. EDGE_BENCH_UPLINK names parts: rates, large, links, weeks, call.
EDGE_BENCH_LARGE_MB and EDGE_BENCH_WEEKS_MB: the large objects.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.runtime.rpc import Server
from tests.bench.live_net import Cable
from tests.bench.measure import alone, load_note
from tests.bench.table import Promise, Table
from tests.bench.uplink_node import Node, node, program
from tests.support.orthanc import Orthanc, find_orthanc, free_port
from tests.support.relay import Relay

OBJECT_COUNT = int(os.environ.get("EDGE_BENCH_UPLINK_OBJECTS", "400"))
OBJECT_BYTES = 500_000
RUNS = 3
LARGE_MB = int(os.environ.get("EDGE_BENCH_LARGE_MB", "4095"))
LARGE_MIB_MAX = 64.0
WEEKS_MB = int(os.environ.get("EDGE_BENCH_WEEKS_MB", "1024"))
WEEKS_BPS = 64_000
WEEKS_SCALE = 1000.0
BUSY_MIN = 0.95
LINK_S = 25.0
FAR_ONE_WAY_S = 0.3
FAR_SETTLE_S = 14.0
"""Then it has found out how far it is, and grown to as many associations as fill the way."""
CALL_S = 25.0
CALL_LINK_BPS = 4_000_000
CALL_BPS = 1_500_000
CALL_ADDED_MS_MAX = 20.0
LEFT_MIN = 0.80
_STORESCP = ["storescp", "--ignore", "--max-pdu", "131072"]

_LIBRARY = """
import sys, time
from pathlib import Path
from pynetdicom import AE, evt

def hurry(event):
    event.assoc.dul.socket.socket.setsockopt(6, 1, 1)

files = sorted(Path(sys.argv[2]).iterdir())
ae = AE("LIBRARY")
ae.add_requested_context("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.1.2.1")
begun_s = time.perf_counter()
assoc = ae.associate("127.0.0.1", int(sys.argv[1]), max_pdu=131072, evt_handlers=[(evt.EVT_CONN_OPEN, hurry)])
for file in files:
    assert assoc.send_c_store(file).Status == 0
print(time.perf_counter() - begun_s)
assoc.release()
"""


def run() -> list[Table]:
    """Run the parts that are asked for."""
    parts: dict[str, Callable[[], Table]] = {
        "rates": _rates, "large": _large, "links": _links, "weeks": _weeks, "call": _call,
    }  # fmt: skip
    wanted = os.environ.get("EDGE_BENCH_UPLINK", ",".join(parts)).split(",")
    with alone():
        return [parts[name]() for name in wanted]


def _rates() -> Table:
    table = Table(
        title=f"C-STORE of {OBJECT_COUNT} objects of {OBJECT_BYTES / 1e6} MB to storescp, one association",
        columns=("sender", "objects/s"), notes=[load_note()],
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="ub-files-") as name:
        files = Path(name)
        with node() as source:
            source.fill(OBJECT_COUNT, OBJECT_BYTES)
            for path in (source.folder / "data" / "objects").rglob("*"):
                if path.is_file():
                    shutil.copyfile(path, files / f"{path.name}.dcm")
        contestants: dict[str, Callable[[int], float]] = {
            "edge": _edge_s,
            "storescu": lambda port: _storescu_s(port, files),
            "pynetdicom": lambda port: _library_s(port, files),
        }
        if find_orthanc() is not None:
            contestants["Orthanc"] = lambda port: _orthanc_s(port, files)
        rates: dict[str, list[float]] = {contestant: [] for contestant in contestants}
        for turn in range(RUNS):
            for contestant in list(contestants)[:: 1 if turn % 2 else -1]:
                port = free_port()
                with program([*_STORESCP, str(port)]):
                    rates[contestant].append(OBJECT_COUNT / contestants[contestant](port))
                sys.stderr.write(f"  {contestant}: {rates[contestant][-1]:.0f} objects/s\n")
    table.rows = [(contestant, statistics.median(found)) for contestant, found in rates.items()]

    def times(other: str) -> float:
        return statistics.median(mine / theirs for mine, theirs in zip(rates["edge"], rates[other], strict=True))

    table.promises = [
        Promise(name="times pynetdicom", measured=times("pynetdicom"), limit=2.0, is_upper=False),
        Promise(name="times storescu", measured=times("storescu"), limit=1.0, is_upper=False),
    ]
    return table


def _edge_s(port: int) -> float:
    """Return the time from the first object's arrival to the last one's, for all but that one."""
    with node() as source:
        source.fill(OBJECT_COUNT, OBJECT_BYTES)
        with source.service(port):
            begun_s = source.wait(1, 60)
            already = source.arrived()[0]
            return (source.wait(OBJECT_COUNT, 120) - begun_s) * OBJECT_COUNT / (OBJECT_COUNT - already)


def _storescu_s(port: int, files: Path) -> float:
    begun_s = time.perf_counter()
    words = ["storescu", "--max-send-pdu", "131072", "-xe", "+sd", "127.0.0.1", str(port), str(files)]
    subprocess.run(words, check=True, capture_output=True, env={**os.environ, "TCP_NODELAY": "1"})
    return time.perf_counter() - begun_s


def _library_s(port: int, files: Path) -> float:
    words = [sys.executable, "-c", _LIBRARY, str(port), str(files)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def _orthanc_s(port: int, files: Path) -> float:
    options = {"MaximumPduLength": 131072, "Plugins": [], "DicomModalities": {"sink": ["SINK", "127.0.0.1", port]}}
    with tempfile.TemporaryDirectory(prefix="ub-orthanc-") as name, Orthanc(Path(name), options=options) as sender:
        made = [sender.post("/instances", path.read_bytes())["ID"] for path in sorted(files.iterdir())]
        begun_s = time.perf_counter()
        sender.post("/modalities/sink/store", {"Resources": made, "Synchronous": True})
        return time.perf_counter() - begun_s


def _large() -> Table:
    table = Table(
        title=f"One object of {LARGE_MB} MB on loopback", columns=("", "MB/s", "MiB resident", "of its own"),
        notes=[load_note()],
    )  # fmt: skip
    port = free_port()
    with node() as source, program([sys.executable, "-m", "tests.bench.store_sink", str(port)], settle_s=1.5):
        source.fill_large(LARGE_MB * 2**20)
        begun_s = time.perf_counter()
        own_mib = [0.0]
        with source.service(port) as process_id:
            done = threading.Event()
            watcher = threading.Thread(target=_watch, args=[process_id, own_mib, done])
            watcher.start()
            taken_s = source.wait(1, 600) - begun_s
            resident_mib = _memory_mib(process_id, "VmHWM")
            done.set()
            watcher.join()
    table.rows.append(("edge", LARGE_MB / taken_s, resident_mib, own_mib[0]))
    table.promises.append(
        Promise(name=f"MiB resident with an object of {LARGE_MB} MB", measured=resident_mib, limit=LARGE_MIB_MAX)
    )
    return table


def _watch(process_id: int, own_mib: list[float], done: threading.Event) -> None:
    while not done.wait(0.1):
        own_mib[0] = max(own_mib[0], _memory_mib(process_id, "RssAnon"))


def _memory_mib(process_id: int, kind: str) -> float:
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no {kind}")


def _links() -> Table:
    table = Table(
        title="How busy a link is kept, by the bytes on it", columns=("link", "objects", "% busy", "kB/s"),
        notes=[load_note()],
    )  # fmt: skip
    promised = [_at_1_mbit(), _far_away(100_000_000, 1), _far_away(OBJECT_BYTES, 200)]
    # A peer that takes one association, and one operation on it: nothing can be promised there.
    alone = _far_away(OBJECT_BYTES, 200, takes_one=True)
    for name, busy, goodput in [*promised, alone]:
        table.rows.append((name[0], name[1], 100 * busy, goodput / 1000))
    table.promises += [
        Promise(name=f"{name[0]}, {name[1]}: busy", measured=busy, limit=BUSY_MIN, is_upper=False)
        for name, busy, _ in promised
    ]
    return table


def _at_1_mbit() -> tuple[tuple[str, str], float, float]:
    with node() as source, Cable(rate_bps=1_000_000) as cable:
        source.fill(40, 250_000)
        port = free_port()
        sink = [cable.wrap("storescp"), *_STORESCP[1:], str(port)]
        with program(sink, settle_s=1.0), source.service(port, host=_guest(cable)):
            source.wait(1, 60)
            before, begun_s = cable.passed_bytes(), time.perf_counter()
            time.sleep(LINK_S)
            passed, taken_s = cable.passed_bytes() - before, time.perf_counter() - begun_s
    return ("1 Mbit/s", "0.25 MB"), passed * 8 / 1e6 / taken_s, passed / taken_s


def _far_away(size_bytes: int, count: int, *, takes_one: bool = False) -> tuple[tuple[str, str], float, float]:
    """Behind 20 Mbit/s and 300 ms each way, DCMTK's storescp, which takes one operation at a time an association.

    With --fork it takes several associations, as archives do; `takes_one`: without.
    """
    rate_bytes_s = 20e6 / 8
    port, relay_port = free_port(), free_port()
    sink = [*_STORESCP, *([] if takes_one else ["--fork"]), str(port)]
    with node() as source, program(sink):
        words = [relay_port, port, rate_bytes_s, FAR_ONE_WAY_S, 4 * 2**20, source.folder / "passed"]
        if count == 1:
            source.fill_large(size_bytes)
        else:
            source.fill(count, size_bytes)
        relay = [sys.executable, "-m", "tests.bench.slow_relay", *map(str, words)]
        with program(relay, settle_s=1.5), source.service(relay_port):
            time.sleep(FAR_SETTLE_S)
            begun_s, before = _passed(source)
            time.sleep(15.0)
            ended_s, after = _passed(source)
    taken_s, passed = ended_s - begun_s, after - before
    objects = f"{size_bytes / 1e6:.1f} MB" + (", to a peer that takes one association" if takes_one else "")
    return ("20 Mbit/s, 600 ms", objects), passed / rate_bytes_s / taken_s, passed / taken_s


def _passed(source: Node) -> tuple[float, float]:
    """Return when the relay looked last, and what it had put on the link by then."""
    while len(words := (source.folder / "passed").read_text().split()) != 2:
        time.sleep(0.01)
    return float(words[0]), float(words[1])


def _guest(cable: Cable) -> str:
    """Return the address at the far end of the cable."""
    network, _, number = cable.host.rpartition(".")
    return f"{network}.{int(number) + 1}"


def _weeks() -> Table:
    """A clock that runs a thousand times as fast, on a link that is a thousand times as fast."""
    table = Table(
        title=f"One object of {WEEKS_MB} MB at {WEEKS_BPS // 1000} kbit/s, the clock {WEEKS_SCALE:.0f} times as fast",
        columns=("", "hours", "bytes put on the link / object"), notes=[load_note()],
    )  # fmt: skip
    port = free_port()
    with node() as source, program([sys.executable, "-m", "tests.bench.store_sink", str(port)], settle_s=1.5):
        source.fill_large(WEEKS_MB * 2**20)
        with Relay(port, rate_bytes_s=WEEKS_BPS / 8 * WEEKS_SCALE) as relay:
            begun_s = time.perf_counter()
            with source.service(relay.port, scale=WEEKS_SCALE):
                taken_s = source.wait(1, 900) - begun_s
            share, again = relay.up_bytes / (WEEKS_MB * 2**20), source.arrived()[1]
    table.rows.append(("edge", taken_s * WEEKS_SCALE / 3600, share))
    table.promises += [
        Promise(name="attempts that began again", measured=again, limit=0),
        Promise(name="bytes put on the link / object", measured=share, limit=1.01),
    ]
    return table


def _call() -> Table:
    """A call alone, then the same call beside an upload, over the same link."""
    table = Table(
        title=f"A call of {CALL_BPS / 1e6} Mbit/s over {CALL_LINK_BPS / 1e6} Mbit/s, alone and beside an upload",
        columns=("", "p50 ms", "p95 ms", "max ms", "lost frames", "upload Mbit/s"), notes=[load_note()],
    )  # fmt: skip
    with node() as source, Cable(rate_bps=CALL_LINK_BPS) as cable:
        source.fill(120, OBJECT_BYTES)
        port, call_port = free_port(), free_port()
        sink = [cable.wrap("storescp"), *_STORESCP[1:], str(port)]
        far_end = [cable.wrap(sys.executable), "-m", "tests.bench.call_stream", "echo", str(call_port)]
        with program(sink, settle_s=0.5), program(far_end, settle_s=1.0):
            alone_found, _ = _talk(source, cable, call_port, 10.0, lambda numbers: None)
            live = _Live(source.folder / "run" / "live.sock")
            with source.service(port, host=_guest(cable)):
                source.wait(2, 60)
                live.join()
                beside, upload_bps = _talk(source, cable, call_port, CALL_S, live.tell)
                live.close()
    left_bps = CALL_LINK_BPS - CALL_BPS
    for name, found, rate in (("alone", alone_found, 0.0), ("beside an upload", beside, upload_bps)):
        table.rows.append(
            (name, found["p50_ms"], found["p95_ms"], found["max_ms"], found["lost_frames"], rate / 1e6)
        )  # fmt: skip
    added_ms = beside["p95_ms"] - alone_found["p95_ms"]
    table.promises += [
        Promise(name="call frames lost", measured=beside["lost_frames"], limit=alone_found["lost_frames"]),
        Promise(name="ms added at p95", measured=added_ms, limit=CALL_ADDED_MS_MAX),
        Promise(name="upload's part of what is left", measured=upload_bps / left_bps, limit=LEFT_MIN, is_upper=False),
    ]
    return table


def _talk(
    source: Node, cable: Cable, port: int, seconds: float, tell: Callable[[dict[str, Any]], None]
) -> tuple[dict[str, float], float]:
    """Call, and return what the call saw and what went over the link besides it, from its fifth second on."""
    words = [sys.executable, "-m", "tests.bench.call_stream", _guest(cable), str(port), str(seconds), str(CALL_BPS)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None and process.stdout is not None
    marks: list[tuple[float, int]] = []
    for line in process.stderr:
        tell(json.loads(line))
        marks.append((time.perf_counter(), cable.passed_bytes()))
    found = json.loads(process.stdout.read())
    process.wait(10)
    (begun_s, before), (ended_s, after) = marks[min(4, len(marks) - 2)], marks[-1]
    packet_part = 1 + 42 / 1150
    return found, max(0.0, (after - before) * 8 / (ended_s - begun_s) - CALL_BPS * packet_part)


class _Live:
    """The live service's own rpc server, telling what the call says of itself."""

    def __init__(self, path: Path) -> None:
        import asyncio

        path.parent.mkdir(parents=True, exist_ok=True)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._server = Server(path, {})
        asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result(10)

    def join(self) -> None:
        self._tell("peer.joined", session_id="s", role="specialist", peer_id="a")

    def tell(self, numbers: dict[str, Any]) -> None:
        self._tell("peer.stats", session_id="s", peers=[{"role": "specialist", "peer_id": "a", **numbers}])

    def close(self) -> None:
        """Leave it to its thread, which ends with the process."""
        self._tell("peer.left", session_id="s", role="specialist", peer_id="a")

    def _tell(self, name: str, **values: Any) -> None:
        self._loop.call_soon_threadsafe(lambda: self._server.tell(name, **values))
