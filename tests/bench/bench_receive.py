"""C-STORE of 0.5 MB objects over four associations, against storescp, Orthanc and plain pynetdicom, whole processes.

Ours answers when object, name and index row are on the disk; Orthanc syncs its file and has its index; pynetdicom,
with a handler, does the least that is the same job: SHA-256, file and folder synced, one row committed. storescp syncs
nothing and is shown for comparison. Orthanc and storescp take PDUs of 128 KB and set TCP_NODELAY. Then one large
object, and associations on which nothing happens.

EDGE_BENCH_RECEIVE_OBJECTS: how many a run; EDGE_BENCH_LARGE_MB: the large object.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from edge.net import command, pdu
from tests.bench.measure import alone, load_note
from tests.bench.table import Promise, Table
from tests.support.objects import SECONDARY_CAPTURE, make_dataset
from tests.support.orthanc import Orthanc, find_orthanc, free_port
from tests.support.sender import Sender, item_of

OBJECT_COUNT = int(os.environ.get("EDGE_BENCH_RECEIVE_OBJECTS", "400"))
OBJECT_BYTES = 500_000
ASSOCIATION_COUNT = 4
RUNS = 3
WARM_COUNT = 8
LARGE_MB = int(os.environ.get("EDGE_BENCH_LARGE_MB", "4096"))
LARGE_MIB_MAX = 64.0
CPU_MS_MAX = 2.0
IDLE_COUNT = 16
IDLE_S = 10.0
IDLE_SHARE_MAX = 0.001
START_S_MAX = 30.0
_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"

_LIBRARY = """
import hashlib, os, sqlite3, sys, threading
from pathlib import Path
from pynetdicom import AE, AllStoragePresentationContexts, evt

folder, lock = Path(sys.argv[1]), threading.Lock()
index = sqlite3.connect(folder / "index.db", isolation_level=None, check_same_thread=False)
index.execute("PRAGMA journal_mode = WAL")
index.execute("PRAGMA synchronous = FULL")
index.execute("CREATE TABLE objects (uid TEXT PRIMARY KEY, digest TEXT)")

def store(event):
    uid = event.request.AffectedSOPInstanceUID
    data = event.encoded_dataset()
    digest = hashlib.sha256(data).hexdigest()
    with (folder / digest).open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    with lock:
        index.execute("INSERT INTO objects VALUES (?, ?)", (uid, digest))
    return 0

ae = AE("LIBRARY")
ae.supported_contexts = AllStoragePresentationContexts
ae.start_server(("127.0.0.1", int(sys.argv[2])), evt_handlers=[(evt.EVT_C_STORE, store)])
"""


@dataclass(slots=True)
class _Result:
    rates: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Large:
    own_mib: float
    resident_mib: float
    grown_mib: float
    rate_mb_s: float


Listening = contextlib.AbstractContextManager[tuple[int, int]]
"""(process, port) of a running receiver."""


def run() -> Table:
    """Race the receivers in turns, then measure ours with a large object and with idle associations."""
    table = Table(
        title=f"C-STORE, {OBJECT_COUNT} objects of {OBJECT_BYTES / 1e6} MB, {ASSOCIATION_COUNT} associations",
        columns=("receiver", "objects/s", "CPU ms/object", "peak MiB"),
    )
    contestants: dict[str, Callable[[], Listening]] = {"edge": edge, "pynetdicom": library}
    if find_orthanc() is not None:
        contestants["Orthanc"] = orthanc
    if shutil.which("storescp") is not None:
        contestants["storescp (not durable)"] = storescp
    results = {name: _Result() for name in contestants}
    with alone(), _folders:
        table.notes.append(load_note())
        for turn in range(RUNS):
            for name in list(contestants)[:: 1 if turn % 2 else -1]:
                _race(contestants[name], results[name])
        with edge() as (process_id, port):
            large = _send_large(process_id, port)
        with edge() as (process_id, port):
            idle_share = _idle(process_id, port)
    for name, result in results.items():
        table.rows.append(
            (name, *(statistics.median(of) for of in (result.rates, result.cpu_ms, result.peak_mib)))
        )  # fmt: skip
    table.notes.append(
        f"one object of {LARGE_MB} MB: {large.rate_mb_s:.0f} MB/s, {large.own_mib:.0f} MiB of its own"
        f" ({large.grown_mib:.1f} more than before), {large.resident_mib:.0f} MiB resident with shared code"
    )
    table.promises += _promises(results, large, idle_share)
    return table


def _promises(results: dict[str, _Result], large: _Large, idle_share: float) -> list[Promise]:
    """Ratios within a turn are compared: what else the machine did meanwhile touched both."""

    def times(other: str) -> float:
        return statistics.median(
            ours / theirs for ours, theirs in zip(results["edge"].rates, results[other].rates, strict=True)
        )

    made = [Promise(name="times pynetdicom", measured=times("pynetdicom"), limit=2.0, is_upper=False)]
    if "Orthanc" in results:
        made.append(Promise(name="times Orthanc", measured=times("Orthanc"), limit=1.5, is_upper=False))
    return [
        *made,
        Promise(name="CPU ms an object", measured=statistics.median(results["edge"].cpu_ms), limit=CPU_MS_MAX),
        Promise(name=f"MiB resident with an object of {LARGE_MB} MB", measured=large.resident_mib, limit=LARGE_MIB_MAX),
        Promise(name="% of a core, idle association", measured=100 * idle_share, limit=100 * IDLE_SHARE_MAX),
    ]


def _race(contestant: Callable[[], Listening], result: _Result) -> None:
    with contestant() as (process_id, port):
        _run_sender(port, WARM_COUNT, 0)
        before_s = _cpu_s(process_id)
        taken_s = _run_sender(port, OBJECT_COUNT, WARM_COUNT)
        result.cpu_ms.append((_cpu_s(process_id) - before_s) / OBJECT_COUNT * 1000)
        result.rates.append(OBJECT_COUNT / taken_s)
        result.peak_mib.append(_memory_mib(process_id, "VmHWM"))


def _run_sender(port: int, count: int, first: int) -> float:
    arguments = [str(number) for number in (port, count, OBJECT_BYTES, ASSOCIATION_COUNT, first)]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.store_sender", *arguments], capture_output=True, text=True, check=True
    )
    return float(ended.stdout)


def _send_large(process_id: int, port: int) -> _Large:
    """Send one object that is mostly one long clip, and look at the receiver's memory meanwhile."""
    own_mib = before_mib = _memory_mib(process_id, "RssAnon")
    ds = make_dataset(rows=8, columns=8)
    head = item_of(ds).dataset
    head = head[: head.rindex(b"\xe0\x7f\x10\x00")] + b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\0\0\0\0"
    piece = b"\xfe\xff\x00\xe0" + (131_072 * 8).to_bytes(4, "little") + os.urandom(131_072 * 8)
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"
    with Sender(port, timeout_s=600) as sender:
        sender.associate(syntax=_JPEG_BASELINE)
        begun_s = time.perf_counter()
        said = command.store_request(1, SECONDARY_CAPTURE, str(ds.SOPInstanceUID))
        sender.socket.sendall(pdu.data(1, said, is_command=True) + pdu.data(1, head, is_command=False, is_last=False))
        step = 131_066
        parts = b"".join(
            pdu.data(1, piece[begin : begin + step], is_command=False, is_last=False)
            for begin in range(0, len(piece), step)
        )
        for _ in range(LARGE_MB * 2**20 // len(piece)):
            sender.socket.sendall(parts)
            own_mib = max(own_mib, _memory_mib(process_id, "RssAnon"))
        sender.socket.sendall(pdu.data(1, end, is_command=False))
        assert sender.status() == 0
        taken_s = time.perf_counter() - begun_s
        sender.release()
    return _Large(
        own_mib=own_mib, resident_mib=_memory_mib(process_id, "VmHWM"), grown_mib=own_mib - before_mib,
        rate_mb_s=LARGE_MB / taken_s,
    )  # fmt: skip


def _idle(process_id: int, port: int) -> float:
    """Return the share of a core that one association costs on which nothing happens."""
    with contextlib.ExitStack() as stack:
        for _ in range(IDLE_COUNT):
            stack.enter_context(Sender(port)).associate()
        before_s = _cpu_s(process_id)
        time.sleep(IDLE_S)
        return (_cpu_s(process_id) - before_s) / IDLE_S / IDLE_COUNT


def _cpu_s(process_id: int) -> float:
    family = [psutil.Process(process_id), *psutil.Process(process_id).children(recursive=True)]
    gone = family[0].cpu_times()
    return sum(sum(one.cpu_times()[:2]) for one in family) + gone.children_user + gone.children_system


def _memory_mib(process_id: int, kind: str) -> float:
    """Return VmHWM (the resident peak, code shared with others included) or RssAnon (what is its own)."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no {kind}")


_folders = contextlib.ExitStack()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder that stays until all have run.

    A file system that has just freed a receiver's inodes searches longer for new ones: the next would pay for it.
    """
    yield Path(_folders.enter_context(tempfile.TemporaryDirectory(prefix="edge-bench-")))


@contextlib.contextmanager
def _process(arguments: list[str], port: int, folder: Path) -> Iterator[tuple[int, int]]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log, env={**os.environ, "TCP_NODELAY": "1"})
    try:
        until_s = time.monotonic() + START_S_MAX
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert process.poll() is None and time.monotonic() < until_s, (folder / "log").read_text()[-2000:]
            time.sleep(0.05)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def edge() -> Iterator[tuple[int, int]]:
    """`edge run receive`, with a destination, so that an object has its row in the outbox too."""
    port = free_port()
    with _folder() as folder:
        config = folder / "edge.toml"
        config.write_text(
            f'[node]\ndata_dir = "{folder}/data"\nrun_dir = "{folder}/run"\n[receive]\nlisten = "127.0.0.1:{port}"\n'
            '[[destination]]\nname = "vna"\nhost = "127.0.0.1"\nport = 1\n'
        )
        command_line = [sys.executable, "-m", "edge", "run", "receive", "--config", str(config)]
        with _process(command_line, port, folder) as running:
            yield running


@contextlib.contextmanager
def library() -> Iterator[tuple[int, int]]:
    """Plain pynetdicom."""
    port = free_port()
    with _folder() as folder, _process([sys.executable, "-c", _LIBRARY, str(folder), str(port)], port, folder) as found:
        yield found


@contextlib.contextmanager
def storescp() -> Iterator[tuple[int, int]]:
    """DCMTK's, a process an association."""
    port = free_port()
    with _folder() as folder:
        options = ["--fork", "--max-pdu", "131072", "-od", str(folder), str(port)]
        with _process(["storescp", *options], port, folder) as running:
            yield running


@contextlib.contextmanager
def orthanc() -> Iterator[tuple[int, int]]:
    """Debian's, with nothing but its index."""
    options = {"MaximumPduLength": 131072, "Plugins": [], "SyncStorageArea": True}
    with _folder() as folder, Orthanc(folder / "orthanc", options=options) as running:
        assert running.process is not None
        yield running.process.pid, running.dimse_port
