"""Orthanc's DICOMweb plugin as a client of ours: it searches, fetches and stores, signed in by a bearer token."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests

from tests.support.api import PASSWORD
from tests.support.orthanc import PLUGIN, Orthanc
from tests.support.served_api import ServedApi

CLIP = "us/dicom/pydicom/examples_ybr_color.dcm"
CT = "dicom/ts/cornerstone-ct"
JLS = "dicom/ts/dicomParser/CT1_UNC.fragmented_no_bot_jpeg_ls.80.dcm"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedApi]:
    with ServedApi(tmp_path / "node") as served:
        yield served


@pytest.fixture
def orthanc(served: ServedApi, tmp_path: Path) -> Iterator[Orthanc]:
    if not PLUGIN.exists():
        pytest.skip("Orthanc's DICOMweb plugin absent: apt-get install orthanc-dicomweb")
    signed_in = requests.post(served.url + "/api/v1/sign-in", json={"name": "admin", "password": PASSWORD}, timeout=10)
    token = signed_in.cookies["edge_session"]
    server = {"Url": f"{served.url}/dicom-web/", "HttpHeaders": {"Authorization": f"Bearer {token}"}}
    options = {"DicomWeb": {"Enable": True, "Servers": {"edge": server}}}
    with Orthanc(tmp_path / "orthanc", options=options) as orthanc:
        yield orthanc


def _search(orthanc: Orthanc, uri: str, **arguments: str) -> list[dict[str, Any]]:
    answer = orthanc.post("/dicom-web/servers/edge/qido", {"Uri": uri, "Arguments": arguments})
    assert isinstance(answer, list)
    return answer


def test_orthanc_searches_this_node(served: ServedApi, orthanc: Orthanc, real_data: Path) -> None:
    clip = served.keep(real_data / CLIP)
    served.keep(real_data / JLS)
    everything = _search(orthanc, "/studies")
    assert len(everything) == 2
    found = _search(orthanc, "/studies", PatientID=str(pydicom.dcmread(real_data / CLIP).PatientID))
    assert clip.study_instance_uid in str(found) and len(found) == 1
    series = _search(orthanc, f"/studies/{clip.study_instance_uid}/series")
    assert clip.series_instance_uid in str(series)
    assert _search(orthanc, "/studies", PatientName="Nobody") == []


def test_orthanc_fetches_a_study_whole_and_as_it_is(served: ServedApi, orthanc: Orthanc, real_data: Path) -> None:
    sent = {one.sop_instance_uid: path for path in sorted((real_data / CT).glob("CTImage*"))
            for one in [served.keep(path)]}  # fmt: skip
    clip = served.keep(real_data / CLIP)
    study = next(iter({served.instances.require(uid).study_instance_uid for uid in sent}))
    resources = [{"Study": study}, {"Study": clip.study_instance_uid}]
    orthanc.post("/dicom-web/servers/edge/retrieve", {"Resources": resources, "Synchronous": True})
    arrived = orthanc.instances()
    wanted = {uid: path for uid, path in sent.items() if served.instances.require(uid).study_instance_uid == study}
    assert set(arrived) == {*wanted, clip.sop_instance_uid}
    for uid, path in (*wanted.items(), (clip.sop_instance_uid, real_data / CLIP)):
        got = orthanc.get_bytes(f"/instances/{arrived[uid]}/file")
        assert pydicom.dcmread(pydicom.filebase.DicomBytesIO(got)).PixelData == pydicom.dcmread(path).PixelData


def test_orthanc_stores_to_this_node(served: ServedApi, orthanc: Orthanc, real_data: Path) -> None:
    for path in (real_data / CLIP, real_data / JLS):
        orthanc.post("/instances", path.read_bytes())
    identifiers = orthanc.instances()
    body = {"Resources": list(identifiers.values()), "Synchronous": True}
    orthanc.post("/dicom-web/servers/edge/stow", body)
    for uid, identifier in identifiers.items():
        kept = served.instances.path_of(served.instances.require(uid)).read_bytes()
        assert kept == orthanc.get_bytes(f"/instances/{identifier}/file")
    # The same again is a success, and no second copy.
    orthanc.post("/dicom-web/servers/edge/stow", body)
    assert len(served.instances.in_study(served.instances.require(next(iter(identifiers))).study_instance_uid)) == 1
