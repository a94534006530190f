"""Slides too large for a link go to a real Orthanc in parts: each once, proven there, and read back as one slide."""

import dataclasses
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames
from wsidicom import WsiDicom

from edge.core.delivery import State
from edge.store import deliveries, parts
from edge.store.database import Database
from edge.store.instances import Instance, Instances
from tests.support.objects import make_dataset
from tests.support.orthanc import Orthanc, free_port, orthanc  # noqa: F401 - a fixture
from tests.support.relay import Relay
from tests.support.scans import write_svs
from tests.support.services import Service, write_config
from wsi.convert import convert

PART_MB = 0.05
WIDTH, HEIGHT = 1280, 1024


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One level of about half a megabyte."""
    folder = tmp_path_factory.mktemp("slide")
    write_svs(folder / "a.svs", [(WIDTH, HEIGHT)])
    return convert(folder / "a.svs", folder / "dicom").files[0].path


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the names of Unix sockets are."""
    path = Path(tempfile.mkdtemp(prefix="edge-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Clinic:
    """The store of a node with one destination that takes parts."""

    def __init__(self, folder: Path, section: str, *, more: str = "") -> None:
        section = f'[[destination]]\nname = "vna"\naccepts_concatenation = true\npart_mb = {PART_MB}\n{section}\n{more}'
        self.config = write_config(folder, section)
        self.database = Database(folder / "data" / "edge.db")
        self.instances = Instances(
            self.database, folder / "data", destinations=["vna"], bells=folder / "run" / "bells" / "uplink"
        )

    def keep(self, path: Path) -> Instance:
        temp = self.instances.new_temp()
        shutil.copyfile(path, temp)
        return self.instances.keep(temp, source="test").instance

    def delivery(self, instance: Instance) -> deliveries.Delivery:
        found = deliveries.find(self.database, instance.sop_instance_uid, "vna")
        assert found is not None
        return found

    def parts(self, instance: Instance) -> list[parts.PartRow]:
        return parts.of_object(self.database, "vna", instance.sop_instance_uid)


def by_dimse(hospital: Orthanc, port: int = 0) -> str:
    return (
        f'host = "127.0.0.1"\nport = {port or hospital.dimse_port}\nae_title = "{hospital.ae_title}"\n'
        f'readback_url = "{hospital.url}/dicom-web"'
    )


def wait_for(look: Callable[[], object], *, timeout_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(0.05)


def frames_of(data: pydicom.Dataset) -> list[bytes]:
    return list(generate_frames(data.PixelData, number_of_frames=data.NumberOfFrames))


def check_reads_as_one(hospital: Orthanc, slide: Path, folder: Path) -> None:
    """Compare what wsidicom reads out of the archive's parts with the object that was never sent whole."""
    folder.mkdir()
    for uid in hospital.sop_instance_uids():
        (folder / f"{uid}.dcm").write_bytes(hospital.file_of(uid))
    found = sorted(map(pydicom.dcmread, folder.iterdir()), key=lambda ds: int(ds.InConcatenationNumber))
    assert [frame for ds in found for frame in frames_of(ds)] == frames_of(pydicom.dcmread(slide))
    with WsiDicom.open(slide) as whole, WsiDicom.open(folder) as joined:
        region = ((0, 0), 0, (WIDTH, HEIGHT))
        assert np.array_equal(np.asarray(joined.read_region(*region)), np.asarray(whole.read_region(*region)))


def test_a_slide_arrives_in_parts_over_a_link_that_never_lets_it_through_whole(
    folder: Path,
    slide: Path,
    orthanc: Orthanc,  # noqa: F811
) -> None:
    size = slide.stat().st_size
    with Relay(orthanc.dimse_port, cut_bytes=size // 3) as relay:
        clinic = Clinic(folder, by_dimse(orthanc, relay.port), more="commitment = false")
        instance = clinic.keep(slide)
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.delivery(instance).state is State.SAFE)
        rows = clinic.parts(instance)
        assert relay.cut_count >= 3
        assert relay.up_bytes < size + (relay.cut_count + 1) * PART_MB * 2**20 + 100_000
    assert sorted(orthanc.sop_instance_uids()) == sorted(row.part_uid for row in rows)
    assert {row.state for row in rows} == {parts.PartState.SAFE}
    assert clinic.delivery(instance).is_other_form
    assert f"{len(rows)} parts" in clinic.delivery(instance).reason
    check_reads_as_one(orthanc, slide, folder / "back")


def test_a_kill_in_the_middle_sends_no_part_again(folder: Path, slide: Path, orthanc: Orthanc) -> None:  # noqa: F811
    with Relay(orthanc.dimse_port, rate_bytes_s=300_000) as relay:
        clinic = Clinic(folder, by_dimse(orthanc, relay.port), more="commitment = false")
        instance = clinic.keep(slide)
        with Service("uplink", clinic.config):
            wait_for(lambda: any(row.state is parts.PartState.SENT for row in clinic.parts(instance)))
        there = {row.part_uid for row in clinic.parts(instance) if row.state is not parts.PartState.WAITING}
        assert 0 < len(there) < len(clinic.parts(instance))
        relay.rate_bytes_s, before_bytes = 0.0, relay.up_bytes
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.delivery(instance).state is State.SAFE)
        left = len(clinic.parts(instance)) - len(there)
        assert relay.up_bytes - before_bytes < left * PART_MB * 2**20 + 50_000
    check_reads_as_one(orthanc, slide, folder / "back")


def test_parts_go_by_stow_too_and_what_is_no_slide_goes_whole(folder: Path, slide: Path, orthanc: Orthanc) -> None:  # noqa: F811
    clinic = Clinic(folder, f'kind = "stow"\nurl = "{orthanc.url}/dicom-web"')
    instance = clinic.keep(slide)
    make_dataset(rows=512, columns=512).save_as(folder / "other.dcm", enforce_file_format=True)
    other = clinic.keep(folder / "other.dcm")
    with Service("uplink", clinic.config):
        wait_for(lambda: {clinic.delivery(one).state for one in (instance, other)} == {State.SAFE})
    wanted = [row.part_uid for row in clinic.parts(instance)]
    assert len(wanted) > 5
    assert sorted(orthanc.sop_instance_uids()) == sorted([*wanted, other.sop_instance_uid])


def test_a_part_that_the_archive_has_lost_goes_again_alone_and_all_go_when_a_person_says_so(
    folder: Path,
    slide: Path,
    orthanc: Orthanc,  # noqa: F811
) -> None:
    with Relay(orthanc.dimse_port) as relay:
        clinic = Clinic(folder, by_dimse(orthanc, relay.port), more="commitment = false")
        instance = clinic.keep(slide)
        with Service("uplink", clinic.config):
            wait_for(lambda: clinic.delivery(instance).state is State.SAFE)
            there, before_bytes = orthanc.instances(), relay.up_bytes
            lost = clinic.parts(instance)[2]
            orthanc.delete(f"/instances/{there[lost.part_uid]}")
            parts.move(clinic.database, "vna", instance.sop_instance_uid, lost.number, parts.PartState.SENT)
            doubted = dataclasses.replace(clinic.delivery(instance), state=State.SENT)
            deliveries.save(clinic.database, doubted, was=State.SAFE, now_s=time.time())
            wait_for(lambda: lost.part_uid in orthanc.instances())
            wait_for(lambda: clinic.delivery(instance).state is State.SAFE)
            assert relay.up_bytes - before_bytes < 2 * PART_MB * 2**20
            for identifier in orthanc.instances().values():
                orthanc.delete(f"/instances/{identifier}")
            deliveries.send(clinic.database, instance.study_instance_uid, "vna", now_s=time.time())
            wait_for(lambda: set(orthanc.instances()) == set(there))
            wait_for(lambda: clinic.delivery(instance).state is State.SAFE)
    check_reads_as_one(orthanc, slide, folder / "back")


def test_every_part_is_committed_before_the_object_is(folder: Path, slide: Path) -> None:
    listen = free_port()
    options = {"DicomModalities": {"edge": ["CLINIC7", "127.0.0.1", listen]}}
    with Orthanc(folder / "orthanc", options=options) as hospital:
        clinic = Clinic(folder, by_dimse(hospital), more=f'commitment_listen = "127.0.0.1:{listen}"')
        instance = clinic.keep(slide)
        with Service("uplink", clinic.config) as uplink:
            wait_for(lambda: clinic.delivery(instance).state is State.SAFE)
        answered = [line for line in uplink.log().splitlines() if "commitment.answered" in line]
    assert len(answered) == 1
    assert "moved_count=1" in answered[0]
    assert "failed_count=0" in answered[0]
