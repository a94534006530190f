"""Nothing is lost and nothing arrives twice: the hospital goes away, and every service is killed while it works."""

import contextlib
import io
import os
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.examples import get_path
from pydicom.uid import generate_uid

from edge.errors import EdgeError, UnreachableError
from edge.ring import reading
from edge.runtime.rpc import RemoteError
from edge.services import NAMES
from tests.support.judges import dciodvfy_errors
from tests.support.node import Node, wait_until
from tests.support.orthanc import Orthanc

SEED = 20_240_229
OBJECT_COUNT = 80
ROUND_COUNT = 20 if "EDGE_FAULT_COUNT" in os.environ else 1
"""`make fault` kills each service so often."""
FPS = 20.0
LOST_FRAMES_MAX = int(0.5 * FPS)
"""Half a second of a clip may go with the service that captures or records it; no frame with any other."""


def destination(orthanc: Orthanc) -> str:
    return f"""
[[source]]
name = "probe"
kind = "synthetic"
width_px = 320
height_px = 240
fps = {FPS}
[[destination]]
name = "hospital"
host = "127.0.0.1"
port = {orthanc.dimse_port}
ae_title = "ORTHANC"
"""


def write_objects(folder: Path, count: int) -> list[str]:
    """Write objects of several studies, each different; return their UIDs."""
    folder.mkdir()
    ds = pydicom.dcmread(get_path("rgb_color"))
    uids = []
    for number in range(count):
        if number % 10 == 0:
            ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        ds.InstanceNumber = number
        ds.save_as(folder / f"{number}.dcm", enforce_file_format=True)
        uids.append(ds.SOPInstanceUID)
    return uids


def dataset_bytes(data: bytes) -> bytes:
    """Return what follows the file meta information, which an archive may write anew."""
    file = io.BytesIO(data)
    pydicom.filereader.read_preamble(file, force=False)
    pydicom.filereader._read_file_meta_info(file)
    return data[file.tell() :]


def check_arrived(node: Node, orthanc: Orthanc, uids: list[str], *, timeout_s: float) -> None:
    """Every object is at the hospital, once, and its bytes are the node's."""
    wait_until(
        lambda: set(uids) <= set(orthanc.sop_instance_uids()),
        timeout_s=timeout_s,
        what="all objects are at the hospital",
    )
    there = orthanc.sop_instance_uids()
    assert sorted(there) == sorted(uids), "nothing twice, nothing else"
    for uid in uids:
        (row,) = node.rows("SELECT digest FROM instances WHERE sop_instance_uid = ?", uid)
        digest = row["digest"] if isinstance(row["digest"], str) else row["digest"].hex()
        own = (node.config.data_dir / "objects" / digest[:2] / digest).read_bytes()
        assert dataset_bytes(orthanc.file_of(uid)) == dataset_bytes(own)


def import_all(node: Node, folder: Path) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "edge", "import", str(folder), "--config", str(node.config_path), "--json"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def test_the_hospital_goes_away_in_the_middle_and_comes_back(tmp_path: Path) -> None:
    uids = write_objects(tmp_path / "objects", OBJECT_COUNT)
    orthanc = Orthanc(tmp_path / "orthanc")
    with orthanc, Node(tmp_path / "node", sections=destination(orthanc)) as node:
        import_all(node, tmp_path / "objects")
        wait_until(
            lambda: len(orthanc.sop_instance_uids()) > 3, timeout_s=60, what="forwarding has begun", pause_s=0.01
        )
        orthanc.stop()
        view = wait_until(lambda: out_of_reach(node), timeout_s=60, what="the sync page says that it is out of reach")
        assert "Out of reach since" in view["sentence"]
        orthanc.start()
        check_arrived(node, orthanc, uids, timeout_s=120)
        wait_until(lambda: up_to_date(node), timeout_s=60, what="the sync page says Up to date")


def out_of_reach(node: Node) -> Any:
    (view,) = node.ask("GET", "/api/v1/outbox")["destinations"]
    return view if view["link"]["state"] == "down" else None


def up_to_date(node: Node) -> bool:
    (view,) = node.ask("GET", "/api/v1/outbox")["destinations"]
    return bool(view["sentence"].startswith("Up to date"))


@pytest.mark.timeout(420 * ROUND_COUNT)
def test_each_service_is_killed_while_it_works(real_data: Path, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    scans = tmp_path / "scans"
    scans.mkdir()
    with Orthanc(tmp_path / "orthanc") as orthanc:
        sections = destination(orthanc) + f'[inbox]\nslides = "{scans}"\nsettle_s = 0.3\n'
        with Node(tmp_path / "node", sections=sections) as node:
            wait_until(node.config.ring_path("probe").exists, timeout_s=20, what="the ring")
            uids = write_objects(tmp_path / "objects", OBJECT_COUNT)
            session = node.ask("POST", "/api/v1/sessions", {"source": "probe", "patient": {}})["session_id"]
            for clips, name in enumerate(NAMES * ROUND_COUNT, start=1):
                if name == "convert" and clips <= len(NAMES):
                    slide = real_data / "wsi/aperio/CMU-1-Small-Region.svs"
                    shutil.copy(slide, scans / slide.name)
                if name == "uplink" and clips <= len(NAMES):
                    import_all(node, tmp_path / "objects")
                kill_once(node, session, name, recorded_s=1.5 + chance.random() * 2, clips=clips, folder=tmp_path)
            wait_until(lambda: slide_is_stored(node), timeout_s=60, what="the slide is converted")
            everything = [row["sop_instance_uid"] for row in node.rows("SELECT sop_instance_uid FROM instances")]
            assert set(uids) < set(everything)
            check_arrived(node, orthanc, everything, timeout_s=180)


def kill_once(node: Node, session: str, name: str, *, recorded_s: float, clips: int, folder: Path) -> None:
    """Record, kill one service meanwhile, and look at the clip."""
    started = wait_until(
        lambda: asks(node, f"/api/v1/sessions/{session}/record/start"), timeout_s=30, what="a clip starts"
    )
    time.sleep(recorded_s)
    wanted_count = captured_count(node) - started["first_index"]
    old = node.kill(name)
    wait_until(lambda: node.is_running(name) not in (None, old), timeout_s=30, what=f"{name} again")
    node.wait_ready()
    if name != "record":
        wait_until(lambda: source_is_live(node), timeout_s=30, what="pictures come again")
        time.sleep(0.5)
        if name != "capture":
            wanted_count = captured_count(node) - started["first_index"]
        wait_until(lambda: asks(node, f"/api/v1/sessions/{session}/record/stop"), timeout_s=30, what="the clip stops")
    wait_until(lambda: len(recorded(node)) == clips, timeout_s=60, what=f"clip {clips} after {name} was killed")
    lost_count_max = LOST_FRAMES_MAX if name in ("record", "capture") else 0
    check_clip(
        node, folder, wanted_count - lost_count_max, was_recovered=name == "record", source_was_killed=name == "capture"
    )


def captured_count(node: Node) -> int:
    """Return how many frames the source has given so far."""
    with reading(node.config.ring_path("probe")) as reader:
        return reader.next_index


def source_is_live(node: Node) -> bool:
    with contextlib.suppress(UnreachableError, RemoteError):
        return any(source["state"] == "live" for source in node.ask("GET", "/api/v1/sources"))
    return False


def asks(node: Node, path: str) -> Any:
    """Return the answer, or nothing when a service was not there to give it."""
    try:
        return node.ask("POST", path, {})
    except EdgeError as error:
        if error.http_status in (503, 500):
            return None
        raise


def recorded(node: Node) -> list[Any]:
    return node.rows("SELECT * FROM instances WHERE source = 'record' ORDER BY rowid")


def slide_is_stored(node: Node) -> bool:
    jobs = node.ask("GET", "/api/v1/jobs")
    return bool(jobs) and all(job["state"] == "done" for job in jobs)


def check_clip(node: Node, folder: Path, frame_count_min: int, *, was_recovered: bool, source_was_killed: bool) -> None:
    """The newest clip is valid, long enough, and says what happened to it."""
    row = recorded(node)[-1]
    digest = row["digest"] if isinstance(row["digest"], str) else row["digest"].hex()
    path = node.config.data_dir / "objects" / digest[:2] / digest
    ds = pydicom.dcmread(path)
    assert dciodvfy_errors(path, folder) == []
    assert len(ds.pixel_array) == int(ds.NumberOfFrames)
    words = " ".join(
        str(ds.get(key, "")) for key in ("ImageComments", "DerivationDescription", "FrameComments")
    ).lower()
    assert ("recovered" in words) == was_recovered
    assert ("gap" in words or "missing" in words) == source_was_killed
    assert int(ds.NumberOfFrames) >= frame_count_min
