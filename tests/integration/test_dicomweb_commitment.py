"""Storage commitment over HTTP, the description of the service, and XML: as a program asks for them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import requests

from edge.api.dicomweb_commitment import CLASS_CONFLICT, NO_SUCH_OBJECT, PROCESSING_FAILURE
from edge.store.instances import Instance
from tests.support.dicomweb import Served, serve

CLIP = "us/dicom/pydicom/examples_ybr_color.dcm"
RUSSIAN = "dicom/charset/pydicom/chrRuss.dcm"
NAMES = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path) as served:
        yield served


def _request(*references: tuple[str, str]) -> list[dict[str, Any]]:
    items = [
        {"00081150": {"vr": "UI", "Value": [sop_class]}, "00081155": {"vr": "UI", "Value": [sop]}}
        for sop_class, sop in references
    ]
    return [{"00081199": {"vr": "SQ", "Value": items}}]


def _ask(served: Served, body: Any, transaction: str = "2.25.1") -> requests.Response:
    address = f"{served.root}/commitment-requests/{transaction}"
    return requests.post(address, json=body, headers={"Content-Type": "application/dicom+json"}, timeout=20)


def _of(instance: Instance) -> tuple[str, str]:
    return instance.sop_class_uid, instance.sop_instance_uid


def test_the_node_commits_to_what_it_holds_whole_and_says_why_not(served: Served, real_data: Path) -> None:
    whole, damaged = served.keep(real_data / CLIP), served.keep(real_data / RUSSIAN)
    path = served.instances.path_of(damaged)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff")
    answer = _ask(
        served, _request(_of(whole), _of(damaged), ("1.2.3", whole.sop_instance_uid), (whole.sop_class_uid, "1.2.9"))
    )
    assert answer.status_code == 200
    body = answer.json()
    assert [item["00081155"]["Value"] for item in body["00081199"]["Value"]] == [[whole.sop_instance_uid]]
    reasons = [item["00081197"]["Value"][0] for item in body["00081198"]["Value"]]
    assert reasons == [PROCESSING_FAILURE, CLASS_CONFLICT, NO_SUCH_OBJECT]
    again = requests.get(f"{served.root}/commitment-requests/2.25.1", timeout=20)
    assert (again.status_code, again.json()) == (200, body)
    assert requests.get(f"{served.root}/commitment-requests/2.25.2", timeout=20).status_code == 404


@pytest.mark.parametrize("body", [[], {}, {"00081199": {}}, [{"00081199": {"vr": "SQ", "Value": []}}], "x", None])
def test_what_is_no_request_for_commitment_is_refused(served: Served, body: Any) -> None:
    assert _ask(served, body).status_code == 400
    assert _ask(served, _request(("1.2.3", "../../x"))).status_code == 400


def test_the_service_describes_itself_in_json_and_wadl(served: Served) -> None:
    for answer in (requests.get(f"{served.root}/", timeout=20), requests.options(served.root, timeout=20)):
        paths = {row["path"] for row in answer.json()["resources"]}
        assert "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}" in paths
        assert "PatientName" in answer.json()["searchable"]
    wadl = requests.options(served.root, headers={"Accept": "application/vnd.sun.wadl+xml"}, timeout=20)
    root = ElementTree.fromstring(wadl.content)
    assert root.tag == "{http://wadl.dev.java.net/2009/02}application" and len(list(root[0])) > 20


def _documents(answer: requests.Response) -> list[ElementTree.Element]:
    assert answer.status_code == 200, answer.text
    boundary = answer.headers["Content-Type"].partition("boundary=")[2].encode()
    parts = answer.content.split(b"--" + boundary)[1:-1]
    assert all(b"Content-Type: application/dicom+xml" in part.partition(b"\r\n\r\n")[0] for part in parts)
    return [ElementTree.fromstring(part.partition(b"\r\n\r\n")[2][:-2]) for part in parts]


def test_metadata_and_searches_come_as_xml_in_parts(served: Served, real_data: Path) -> None:
    instance = served.keep(real_data / RUSSIAN)
    accept = {"Accept": 'multipart/related; type="application/dicom+xml"'}
    metadata = requests.get(served.address(instance) + "/metadata", headers=accept, timeout=20)
    for answer in (metadata, requests.get(f"{served.root}/studies?PatientName=*", headers=accept, timeout=20)):
        (document,) = _documents(answer)
        name = document.find(f"{NAMES}DicomAttribute[@keyword='PatientName']/{NAMES}PersonName/{NAMES}Alphabetic")
        assert name is not None and name.findtext(f"{NAMES}FamilyName") == "Люкceмбypг"
    assert requests.get(served.address(instance) + "/metadata", headers={"Accept": "application/dicom+xml"},
                        timeout=20).status_code == 406  # fmt: skip


def test_every_object_becomes_well_formed_xml(served: Served, real_data: Path) -> None:
    accept = {"Accept": 'multipart/related; type="application/dicom+xml"'}
    for folder in ("dicom/charset", "dicom/objects", "dicom/fuzz"):
        for instance in served.keep_all(real_data / folder):
            answer = requests.get(served.address(instance) + "/metadata", headers=accept, timeout=20)
            if answer.status_code != 400:
                assert len(_documents(answer)) == 1
