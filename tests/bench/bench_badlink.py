"""The bad link: 8 MB/s, every TCP connection cut when it is 8 seconds old, and one slide level of 134 MB.

The whole product sends: an object is kept, the uplink's process takes it from the outbox. Once to a hub (its object
must be ours to the byte), once to Orthanc as parts (which wsidicom must read as the level that was never sent whole),
each proven there over the same link. DCMTK's storescu, started again whenever it is cut off, is the peer: it sends the
whole object to the same Orthanc over the same link. What crosses the link is counted by the link.

EDGE_BENCH_BADLINK_PEER_S: for how long the peer tries.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.measure import alone, load_note
from tests.bench.mosaic import mosaic
from tests.bench.table import Promise, Table
from tests.support.orthanc import Orthanc, find_orthanc, free_port
from tests.support.relay import Relay
from tests.support.services import Service, write_config

if TYPE_CHECKING:
    from edge.store.database import Database
    from edge.store.instances import Instance, Instances

RATE_BYTES_S = 8e6
CUT_S = 8.0
SIDE_PX = 23_808
"""Of the level: 8,649 tiles, 134 MB."""
ARRIVES_S_MAX = 30.0
OVERHEAD_MAX = 0.10
PART_MB = 4.0
PROVEN_S_MAX = 120.0
PEER_S = float(os.environ.get("EDGE_BENCH_BADLINK_PEER_S", "26"))
_MB = 1e6
_REGIONS = (((0, 0), (4096, 4096)), ((11_000, 9_000), (2048, 2048)), ((SIDE_PX - 1024, SIDE_PX - 1024), (1024, 1024)))


@dataclass
class _Run:
    """What one sender came to."""

    arrived_s: float | None = None
    proven_s: float | None = None
    sent_bytes: int = 0
    """What crossed the link before the object had arrived."""
    cut_count: int = 0
    furthest_bytes: int = 0
    """The most that one connection carried."""
    faults: list[str] = field(default_factory=list)

    def lost_mb(self, size_bytes: int) -> float:
        """Return what a cut cost."""
        return max(0, self.sent_bytes - size_bytes) / max(1, self.cut_count) / _MB


def run() -> Table:
    """Send it every way and hold it against what was promised."""
    table = Table(
        title=f"A bad link: {RATE_BYTES_S / _MB:.0f} MB/s, each connection cut after {CUT_S:.0f} s ({load_note()})",
        columns=("to", "arrived s", "proven s", "over the link MB", "overhead %", "cuts", "MB lost a cut"),
    )
    with alone(), _folder() as folder:
        slide = _slide(folder)
        size = slide.stat().st_size
        table.notes.append(f"the object: {size / _MB:.1f} MB, one level of a slide")
        hub = _to_hub(folder / "a", slide)
        _add(table, "edge, to a hub", hub, size)
        table.promises += _promises("hub", hub, size)
        if find_orthanc() is None:
            table.notes.append("Orthanc is not installed: no parts, no peer")
            return table
        parts = _to_orthanc(folder / "b", slide)
        _add(table, "edge, to Orthanc in parts", parts, size)
        table.promises += _promises("parts", parts, size)
        if shutil.which("storescu") is None:
            table.notes.append("storescu is not installed: no peer")
            return table
        peer = _storescu(folder / "c", slide)
        _add(table, "storescu, whole, again and again", peer, size)
        has_arrived = float(peer.arrived_s is not None)
        table.promises.append(Promise(name="storescu: objects that ever arrive", measured=has_arrived, limit=0.0))
        table.notes.append(f"storescu came as far as {100 * peer.furthest_bytes / size:.0f} % in {PEER_S:.0f} s")
    for name, ran in (("hub", hub), ("parts", parts)):
        table.notes += [f"{name}: {fault}" for fault in ran.faults]
    return table


def _add(table: Table, name: str, ran: _Run, size: int) -> None:
    arrived = "never" if ran.arrived_s is None else f"{ran.arrived_s:.1f}"
    proven = "-" if ran.proven_s is None else f"{ran.proven_s:.1f}"
    overhead = "-" if ran.arrived_s is None else f"{100 * (ran.sent_bytes / size - 1):.1f}"
    lost = "-" if ran.arrived_s is None else f"{ran.lost_mb(size):.2f}"
    table.rows.append((name, arrived, proven, f"{ran.sent_bytes / _MB:.1f}", overhead, ran.cut_count, lost))


def _promises(name: str, ran: _Run, size: int) -> list[Promise]:
    arrived_s = ran.arrived_s if ran.arrived_s is not None else float("inf")
    return [
        Promise(name=f"{name}: seconds until it has arrived", measured=arrived_s, limit=ARRIVES_S_MAX),
        Promise(name=f"{name}: overhead", measured=ran.sent_bytes / size - 1, limit=OVERHEAD_MAX),
        Promise(name=f"{name}: parts lost a cut", measured=ran.lost_mb(size) / (PART_MB * 1.048576), limit=1.0),
        Promise(name=f"{name}: ways in which it is not the same there", measured=float(len(ran.faults)), limit=0.0),
    ]


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="edge-b-") as name:
        yield Path(name)


def _slide(folder: Path) -> Path:
    from wsi.convert import convert

    made = convert(mosaic(SIDE_PX), folder / "slide")
    return max((file.path for file in made.files), key=lambda path: path.stat().st_size)


def _to_hub(folder: Path, slide: Path) -> _Run:
    port, token = free_port(), secrets.token_hex(16)
    (folder / "hub").mkdir(parents=True)
    hub_config = write_config(
        folder / "hub", f'[api]\nlisten = "127.0.0.1:{port}"\n[[hub.node]]\nname = "clinic"\ntoken = "{token}"\n'
    )
    with Service("api", hub_config), _relay(port) as relay:
        section = f'kind = "hub"\nurl = "http://127.0.0.1:{relay.port}"\ntoken = "{token}"'
        ran, instance, _ = _send(folder, section, slide, relay)
    with _store(folder / "hub") as (_, there):
        found = there.find(instance.sop_instance_uid)
        if found is None or there.path_of(found).read_bytes() != slide.read_bytes():
            ran.faults.append("the hub does not have the same bytes under the same UID")
    return ran


def _to_orthanc(folder: Path, slide: Path) -> _Run:
    with (
        Orthanc(folder / "orthanc") as hospital, _relay(hospital.dimse_port) as relay,
        _relay(hospital.http_port) as back,
    ):  # fmt: skip
        section = (
            f'host = "127.0.0.1"\nport = {relay.port}\nae_title = "{hospital.ae_title}"\ncommitment = false\n'
            f'accepts_concatenation = true\npart_mb = {PART_MB}\nreadback_url = "http://127.0.0.1:{back.port}/dicom-web"'
        )
        ran, _, part_uids = _send(folder, section, slide, relay)
        if sorted(hospital.sop_instance_uids()) != sorted(part_uids):
            ran.faults.append("the archive does not have each part once")
        else:
            ran.faults += _differences(hospital, part_uids, slide, folder / "back")
    return ran


def _send(folder: Path, section: str, slide: Path, relay: Relay) -> tuple[_Run, Instance, list[str]]:
    """Keep the object on a node whose uplink runs already, and watch it go; return what of it went in parts too."""
    from edge.core.delivery import State
    from edge.store import deliveries, links, parts

    ran = _Run()
    (folder / "node").mkdir(parents=True)
    config = write_config(folder / "node", f'[[destination]]\nname = "far"\n{section}\n')
    with _store(folder / "node") as (database, instances), Service("uplink", config):
        _wait(lambda: links.links(database) and links.links(database)[0].state == "up", PROVEN_S_MAX)
        temp = instances.new_temp()
        shutil.copyfile(slide, temp)
        before_bytes, before_cuts, begun_s = relay.up_bytes, relay.cut_count, time.monotonic()
        instance = instances.keep(temp, source="bench").instance

        def state() -> State:
            found = deliveries.find(database, instance.sop_instance_uid, "far")
            assert found is not None
            return found.state

        if _wait(lambda: state() in (State.SENT, State.SAFE), PROVEN_S_MAX):
            ran.arrived_s = time.monotonic() - begun_s
        ran.sent_bytes, ran.cut_count = relay.up_bytes - before_bytes, relay.cut_count - before_cuts
        if _wait(lambda: state() is State.SAFE, PROVEN_S_MAX):
            ran.proven_s = time.monotonic() - begun_s
        else:
            ran.faults.append("it was not proven in time")
        rows = parts.of_object(database, "far", instance.sop_instance_uid)
        return ran, instance, [row.part_uid for row in rows]


def _differences(hospital: Orthanc, part_uids: list[str], slide: Path, folder: Path) -> list[str]:
    """Return how what the archive gives back differs from the object: frames, and what wsidicom reads."""
    import numpy as np
    import pydicom
    from pydicom.encaps import generate_frames
    from wsidicom import WsiDicom

    folder.mkdir()
    for uid in part_uids:
        (folder / f"{uid}.dcm").write_bytes(hospital.file_of(uid))
    whole = pydicom.dcmread(slide)
    mine = generate_frames(whole.PixelData, number_of_frames=whole.NumberOfFrames)
    theirs = (
        frame
        for ds in (pydicom.dcmread(folder / f"{uid}.dcm") for uid in part_uids)
        for frame in generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames)
    )
    faults = []
    if any(one != other for one, other in zip(mine, theirs, strict=True)):
        faults.append("a frame is not the same")
    with WsiDicom.open(slide) as one, WsiDicom.open(folder) as other:
        for place, extent in _REGIONS:
            pictures = (np.asarray(reader.read_region(place, 0, extent)) for reader in (one, other))
            if not np.array_equal(*pictures):
                faults.append(f"wsidicom reads another picture at {place}")
    return faults


def _storescu(folder: Path, slide: Path) -> _Run:
    """Send the whole object again and again; it has arrived when the archive has it."""
    ran, begun_s = _Run(), time.monotonic()
    with Orthanc(folder / "orthanc") as hospital, _relay(hospital.dimse_port) as relay:
        options = ["-R", "-xy", "-aec", hospital.ae_title, "--max-pdu", "131072"]
        command = ["storescu", *options, "127.0.0.1", str(relay.port), str(slide)]
        begun_s = time.monotonic()
        while time.monotonic() - begun_s < PEER_S and ran.arrived_s is None:
            before_bytes = relay.up_bytes
            subprocess.run(command, capture_output=True, check=False, timeout=120)
            ran.furthest_bytes = max(ran.furthest_bytes, relay.up_bytes - before_bytes)
            if hospital.sop_instance_uids():
                ran.arrived_s = time.monotonic() - begun_s
        ran.sent_bytes, ran.cut_count = relay.up_bytes, relay.cut_count
    return ran


def _relay(port: int) -> Relay:
    return Relay(port, rate_bytes_s=RATE_BYTES_S, cut_s=CUT_S)


@contextlib.contextmanager
def _store(folder: Path) -> Iterator[tuple[Database, Instances]]:
    from edge.store.database import Database
    from edge.store.instances import Instances

    database = Database(folder / "data" / "edge.db")
    try:
        bells = folder / "run" / "bells" / "uplink"
        yield database, Instances(database, folder / "data", destinations=["far"], bells=bells)
    finally:
        database.close()


def _wait(look: Callable[[], object], timeout_s: float) -> bool:
    until_s = time.monotonic() + timeout_s
    while not look():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.05)
    return True
