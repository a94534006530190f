"""Receiving from what hospitals run: DCMTK beyond its default SOP classes, and Orthanc."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.store.database import Database
from edge.store.header import read
from edge.store.instances import Instances
from tests.support.objects import dataset_bytes, make_dataset, write_object
from tests.support.orthanc import Orthanc, free_port
from tests.support.services import Service, write_config

TITLE = "CLINIC7"


@pytest.fixture
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    folder, port = tmp_path_factory.mktemp("g"), free_port()
    with Service("receive", write_config(folder, "", receive_port=port)):
        yield port, folder / "data"


def store_of(data: Path) -> Instances:
    return Instances(Database(data / "edge.db"), data)


@pytest.mark.skipif(shutil.which("storescu") is None, reason="DCMTK is not installed: apt-get install dcmtk")
def test_dcmtk_sends_what_it_would_not_propose_by_itself(gateway: tuple[int, Path], tmp_path: Path) -> None:
    port, data = gateway
    paths = {}
    for number, sop_class in enumerate(["1.2.840.10008.5.1.4.1.1.77.1.6", "1.2.840.10008.5.1.4.1.1.3.1"]):
        paths[tmp_path / f"{number}.dcm"] = write_object(tmp_path / f"{number}.dcm", SOPClassUID=sop_class)
    subprocess.run(["storescu", "-R", "127.0.0.1", str(port), *paths], check=True, timeout=60)
    store = store_of(data)
    for path, ds in paths.items():
        kept = store.require(ds.SOPInstanceUID)
        assert kept.sop_class_uid == ds.SOPClassUID
        assert dataset_bytes(store.path_of(kept).read_bytes()) == dataset_bytes(path.read_bytes())


def test_orthanc_sends_a_study_and_sends_it_again(gateway: tuple[int, Path], tmp_path: Path) -> None:
    port, data = gateway
    with Orthanc(tmp_path / "orthanc", options={"DicomModalities": {"edge": [TITLE, "127.0.0.1", port]}}) as hospital:
        study = make_dataset().StudyInstanceUID
        sent = []
        for number in range(5):
            path = tmp_path / "one.dcm"
            sent.append(write_object(path, StudyInstanceUID=study, rows=300, columns=300, pixel_seed=number))
            hospital.post("/instances", path.read_bytes())
        for _ in range(2):
            done = hospital.post("/modalities/edge/store", list(hospital.instances().values()))
            assert (done["InstancesCount"], done["FailedInstancesCount"]) == (5, 0)
    store = store_of(data)
    assert {row.sop_instance_uid for row in store.in_study(study)} == {ds.SOPInstanceUID for ds in sent}
    for ds in sent:
        path = store.path_of(store.require(ds.SOPInstanceUID))
        assert path.read_bytes().endswith(ds.PixelData)
        assert read(path).transfer_syntax_uid == "1.2.840.10008.1.2.1"
