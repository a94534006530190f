"""The convert service as a process of its own, with real scans in its inbox."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pydicom
import pytest
from pydicom.encaps import generate_frames

from edge.convert.announce import FOLDER
from edge.core.session import Order, Patient
from edge.core.worklist import WorklistEntry
from edge.errors import EdgeError
from edge.runtime import rpc
from edge.store import audit_log, index, manifests, worklist
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.scanners import write_scn
from tests.support.scans import write_slow

WAIT_S = 60.0
SLIDE = "wsi/aperio/CMU-1-Small-Region.svs"


class Service:
    """`edge run convert` in folders of its own."""

    def __init__(self, folder: Path, *, reserve_mb: int = 1, rule: str = "") -> None:
        self.inbox, self.data, self._run_dir = folder / "inbox", folder / "data", folder / "run"
        self.inbox.mkdir()
        self._config = folder / "edge.toml"
        self._config.write_text(
            f'[node]\ndata_dir = "{self.data}"\nrun_dir = "{self._run_dir}"\ndisk_reserve_mb = {reserve_mb}\n'
            f"[inbox]\nslides = \"{self.inbox}\"\nsettle_s = 0.3\nbarcode = '{rule}'\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "edge", "run", "convert", "--config", str(self._config)])
        self.wait_for(lambda: self.jobs() is not None, "the service to answer")

    def kill(self) -> list[psutil.Process]:
        """Kill it and return the children it had."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return children

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def ask(self, verb: str, **values: Any) -> Any:
        return rpc.call_blocking(self._run_dir / "convert.sock", verb, **values)

    def jobs(self) -> dict[str, dict[str, Any]] | None:
        """Return the jobs by name; None while the service is not up."""
        try:
            return {job["name"]: job for job in self.ask("jobs")}
        except EdgeError:
            return None

    def wait_for(self, look: Callable[[], Any], what: str) -> Any:
        end_s = time.monotonic() + WAIT_S
        while time.monotonic() < end_s:
            if seen := look():
                return seen
            time.sleep(0.05)
        pytest.fail(f"waited {WAIT_S:.0f} s for {what}; jobs: {self.jobs()}")

    def wait_for_state(self, name: str, *states: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            job = (self.jobs() or {}).get(name)
            return job if job is not None and job["state"] in states else None

        found: dict[str, Any] = self.wait_for(look, f"{name} to be {' or '.join(states)}")
        return found

    def stored(self) -> dict[str, str]:
        """Return the digest of each object in the store, by UID."""
        database = Database(self.data / "edge.db")
        try:
            rows = index.search_instances(database, {}).rows
            instances = Instances(database, self.data)
            for row in rows:
                assert instances.path_of(instances.require(row["SOPInstanceUID"])).is_file()
            return {row["SOPInstanceUID"]: row["digest"] for row in rows}
        finally:
            database.close()

    def staged(self) -> list[Path]:
        """Return what conversions left; the headers of a scan being opened come and go by themselves."""
        found = (self.data / "jobs").rglob("*")
        return [path for path in found if path.is_file() and path.parent.name != FOLDER]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.stop()


def test_a_scan_in_the_inbox_becomes_objects_in_the_store(service: Service, real_data: Path) -> None:
    shutil.copy(real_data / SLIDE, service.inbox)
    service.start()
    job = service.wait_for_state("CMU-1-Small-Region.svs", "done", "failed")
    assert job["state"] == "done", job
    assert job["bytes_done"] == job["bytes_total"] > 0
    assert job["frames_done"] == job["frames_total"] > 100
    stored = service.stored()
    assert len(stored) >= 2
    database = Database(service.data / "edge.db")
    studies = index.search_studies(database, {}).rows
    database.close()
    assert [study["StudyInstanceUID"] for study in studies] == [job["study_instance_uid"]]
    assert (service.inbox / "CMU-1-Small-Region.svs").is_file(), "the scan stays where it was"
    service.wait_for(lambda: service.staged() == [], "what conversions left to go")
    assert "path" not in job


def test_a_restart_does_not_take_the_same_scan_again(service: Service, real_data: Path) -> None:
    shutil.copy(real_data / SLIDE, service.inbox)
    service.start()
    first = service.wait_for_state("CMU-1-Small-Region.svs", "done")
    service.stop()
    service.start()
    time.sleep(1.5)
    assert service.jobs() == {"CMU-1-Small-Region.svs": first}


def test_an_unreadable_scan_fails_with_words_and_does_not_hold_up_the_next(service: Service, real_data: Path) -> None:
    shutil.copy(real_data / "wsi/aperio/broken.svs", service.inbox / "a-broken.svs")
    shutil.copy(real_data / SLIDE, service.inbox / "b.svs")
    (service.inbox / "notes.txt").write_text("not a scan, and not touched")
    service.start()
    failed = service.wait_for_state("a-broken.svs", "failed")
    assert failed["reason"] and failed["next_step"]
    service.wait_for_state("b.svs", "done")
    assert (service.inbox / "a-broken.svs").is_file()
    assert set(service.jobs() or {}) == {"a-broken.svs", "b.svs"}
    service.wait_for(lambda: service.staged() == [], "what conversions left to go")


def test_a_scan_that_is_still_being_copied_is_left_alone_until_it_is_whole(service: Service, real_data: Path) -> None:
    whole = (real_data / SLIDE).read_bytes()
    service.start()
    with open(service.inbox / "slow.svs", "wb", buffering=0) as file:
        for start in range(0, len(whole), len(whole) // 12):
            file.write(whole[start : start + len(whole) // 12])
            time.sleep(0.15)
            state = (service.jobs() or {}).get("slow.svs", {}).get("state", "settling")
            assert state == "settling"
    assert service.wait_for_state("slow.svs", "done", "failed")["state"] == "done"


def test_a_cancelled_job_leaves_nothing_and_can_be_tried_again(service: Service) -> None:
    write_slow(service.inbox / "slow.tif")
    service.start()
    job = service.wait_for_state("slow.tif", "converting")
    service.ask("job.cancel", job_id=job["job_id"])
    assert service.wait_for_state("slow.tif", "cancelled")["ended_s"]
    assert service.process is not None
    children = psutil.Process(service.process.pid).children(recursive=True)
    assert [child for child in children if "edge.convert.worker" in child.cmdline()] == []
    service.wait_for(lambda: service.staged() == [], "what conversions left to go")
    assert service.stored() == {}
    service.ask("job.retry", job_id=job["job_id"])
    service.wait_for_state("slow.tif", "done")
    with pytest.raises(EdgeError):
        service.ask("job.cancel", job_id=job["job_id"])


def test_kill_9_at_any_stage_ends_in_the_same_objects_once(service: Service, real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "undisturbed").mkdir()
    undisturbed = Service(tmp_path / "undisturbed")
    write_slow(tmp_path / "slow.tif", 3072)
    for node in (service, undisturbed):
        shutil.copy2(tmp_path / "slow.tif", node.inbox / "slow.tif")
        shutil.copy2(real_data / SLIDE, node.inbox / "slide.svs")
    undisturbed.start()
    undisturbed.wait_for_state("slow.tif", "done")
    undisturbed.wait_for_state("slide.svs", "done")
    undisturbed.stop()
    for wait_s in (0.4, 1.6, 2.2, 3.0):
        service.start()
        time.sleep(wait_s)
        children = service.kill()
        _, alive = psutil.wait_procs(children, timeout=5)
        assert alive == [], "a child outlived its parent"
    service.start()
    service.wait_for_state("slow.tif", "done")
    service.wait_for_state("slide.svs", "done")
    assert service.stored() == undisturbed.stored()
    service.wait_for(lambda: service.staged() == [], "what conversions left to go")


def test_the_patient_laid_beside_a_scan_is_in_its_objects(service: Service, real_data: Path) -> None:
    (service.inbox / "slide.tif.json").write_text('{"patient_name": "Invented^Patient", "patient_id": "T-1"}')
    shutil.copy(real_data / "wsi/generic/mask_test.tif", service.inbox / "slide.tif")
    service.start()
    job = service.wait_for_state("slide.tif", "done", "failed")
    database = Database(service.data / "edge.db")
    (study,) = index.search_studies(database, {"StudyInstanceUID": job["study_instance_uid"]}).rows
    database.close()
    assert (study["PatientName"], study["PatientID"]) == ("Invented^Patient", "T-1")


def test_a_full_disk_refuses_new_work_in_words_and_keeps_nothing(tmp_path: Path, real_data: Path) -> None:
    service = Service(tmp_path, reserve_mb=1_000_000_000)
    shutil.copy(real_data / SLIDE, service.inbox / "slide.svs")
    try:
        service.start()
        job = service.wait_for_state("slide.svs", "failed")
        assert "free" in job["reason"]
        assert job["next_step"].endswith("It is tried again by itself.")
        service.wait_for(lambda: service.staged() == [], "what conversions left to go")
    finally:
        service.stop()


def test_a_scan_that_changed_is_converted_anew(service: Service, real_data: Path) -> None:
    shutil.copy(real_data / "wsi/generic/mask_test.tif", service.inbox / "slide.tif")
    service.start()
    first = service.wait_for_state("slide.tif", "done")
    shutil.copy(real_data / "wsi/panimg/valid_tiff.tif", service.inbox / "slide.tif")
    os.utime(service.inbox / "slide.tif")

    def is_other() -> bool:
        job = (service.jobs() or {})["slide.tif"]
        return job["state"] == "done" and job["study_instance_uid"] != first["study_instance_uid"]

    service.wait_for(is_other, "the changed scan to be converted")


def test_the_barcode_finds_the_order_and_every_region_of_the_glass_is_a_series_of_it(tmp_path: Path) -> None:
    service = Service(tmp_path, rule=r"^(?P<accession_number>S\d+-\d+)-(?P<container_id>\w+)$")
    service.data.mkdir()
    database = Database(service.data / "edge.db")
    entry = WorklistEntry(
        worklist_id="1", scheduled_at="20240102", patient=Patient(patient_id="P1", name="Example^Ada"),
        order=Order(accession_number="S24-77", study_instance_uid="1.2.3.4"),
    )  # fmt: skip
    worklist.replace(database, [entry], now_s=1.0)
    regions = (((256, 192), (100_000, 200_000)), ((256, 192), (600_000, 900_000)))
    write_scn(service.inbox / "named otherwise.scn", regions=regions, barcode="S24-77-A1")
    (service.inbox / "named otherwise.json").write_text('{"patient_id": "given by hand"}')
    try:
        service.start()
        job = service.wait_for_state("named otherwise.scn", "done", "failed")
        assert job["state"] == "done", job
        assert job["study_instance_uid"] == "1.2.3.4"
        rows = index.search_instances(database, {}).rows
        instances = Instances(database, service.data)
        found = [pydicom.dcmread(instances.path_of(instances.require(row["SOPInstanceUID"]))) for row in rows]
        assert {str(ds.SeriesInstanceUID) for ds in found} > {job["series_instance_uid"]}
        assert {(ds.PatientID, str(ds.PatientName), ds.AccessionNumber) for ds in found} == {
            ("given by hand", "Example^Ada", "S24-77")
        }
        assert {ds.ContainerIdentifier for ds in found} == {"A1"}
        service.wait_for(lambda: service.staged() == [], "what conversions left to go")
        signed = {row.object: row.detail for row in audit_log.list_rows(database, limit=10)}
        for series in {str(ds.SeriesInstanceUID) for ds in found}:
            manifest = manifests.path_of(service.data, series)
            assert hashlib.sha256(manifest.read_bytes()).hexdigest() == signed[series]["manifest_sha256"]
            said = {file["sop_instance_uid"]: file for file in json.loads(manifest.read_text())["files"]}
            assert said.keys() == {str(ds.SOPInstanceUID) for ds in found}
            for ds in found:
                frames = ds.PixelData if not ds.file_meta.TransferSyntaxUID.is_encapsulated else None
                first = frames or next(iter(generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames)))
                digests = said[str(ds.SOPInstanceUID)]["frame_sha256"]
                assert len(digests) == ds.NumberOfFrames
                assert hashlib.sha256(first.removesuffix(b"\0") if frames is None else first).hexdigest() == digests[0]
    finally:
        service.stop()
        database.close()
