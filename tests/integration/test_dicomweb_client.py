"""DICOMweb as real clients use it: dicomweb-client over HTTP, and requests as the viewers make them."""

import socket
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from edge.store.instances import Instance
from tests.support.dicomweb import Served, serve
from tests.support.objects import make_dataset

US_CLIP = "us/dicom/pydicom/examples_ybr_color.dcm"
JLS = "dicom/ts/dicomParser/CT1_UNC.fragmented_no_bot_jpeg_ls.80.dcm"
CT = "dicom/ts/dicomParser/CT1_UNC.explicit_little_endian.dcm"
JPEG = "dicom/ts/fo-codecs/PM5644-960x540_JPEG-Baseline_YBRFull.dcm"
SLIDE = "wsi/dicom-google/multiframe_camelyon_challenge_image.dcm"
# As cornerstone's loader asks on behalf of OHIF, and as dicom-microscopy-viewer does.
OHIF_ACCEPT = "multipart/related; type=application/octet-stream; transfer-syntax=*"
MICROSCOPY_ACCEPT = (
    'multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.80, '
    'multipart/related; type="image/jp2"; transfer-syntax=1.2.840.10008.1.2.4.90, '
    'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50, '
    'multipart/related; type="application/octet-stream"; transfer-syntax=*'
)
IMG_ACCEPT = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path) as served:
        yield served


@pytest.fixture
def client(served: Served) -> DICOMwebClient:
    return DICOMwebClient(served.root)


def _uids(instance: Instance) -> tuple[str, str, str]:
    return instance.study_instance_uid, instance.series_instance_uid, instance.sop_instance_uid


def _get(served: Served, instance: Instance, rest: str, accept: str, **headers: str) -> requests.Response:
    return requests.get(served.address(instance) + rest, headers={"Accept": accept, **headers}, timeout=20)


def _single_part(response: requests.Response) -> tuple[str, bytes]:
    """Return content type and bytes of the only part of a multipart answer."""
    assert response.status_code == 200, response.text
    boundary = response.headers["Content-Type"].partition("boundary=")[2].split(";")[0].strip('"').encode()
    parts = response.content.split(b"--" + boundary)
    assert parts[0].strip() == b"" and parts[-1].strip() == b"--" and len(parts) == 3
    head, _, body = parts[1].partition(b"\r\n\r\n")
    return head.decode().strip().removeprefix("Content-Type: "), body[:-2]


def test_a_client_finds_what_was_kept_at_every_level(served: Served, client: DICOMwebClient, real_data: Path) -> None:
    instance = served.keep(real_data / CT)
    study, series, sop = _uids(instance)
    studies = client.search_for_studies(search_filters={"StudyInstanceUID": study})
    assert [found["0020000D"]["Value"][0] for found in studies] == [study]
    assert studies[0]["00100010"]["Value"][0]["Alphabetic"]
    assert [found["0020000E"]["Value"][0] for found in client.search_for_series(study)] == [series]
    found = client.search_for_instances(study, series)
    assert [one["00080018"]["Value"][0] for one in found] == [sop]
    assert found[0]["00280010"] == {"vr": "US", "Value": [512]}
    assert client.search_for_studies(search_filters={"PatientID": "nobody-has-this"}) == []


def test_pages_of_a_search_make_up_the_whole(served: Served, client: DICOMwebClient, real_data: Path) -> None:
    served.keep_all(real_data / "dicom/charset")
    whole = client.search_for_instances()
    pages = [client.search_for_instances(limit=3, offset=start) for start in range(0, len(whole), 3)]
    assert [one for page in pages for one in page] == whole and len(whole) > 5
    first = requests.get(f"{served.root}/instances?limit=1", timeout=20)
    assert first.headers["Warning"].startswith("299 ")


def test_fields_that_are_not_indexed_come_from_the_objects(
    served: Served, client: DICOMwebClient, real_data: Path
) -> None:
    temp = served.instances.new_temp()
    ds = make_dataset(KVP="120", ProtocolName="Fuß", InstitutionAddress="Talstraße 4")
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ReferencedStudySequence = [Dataset()]
    ds.ReferencedStudySequence[0].ReferencedSOPInstanceUID = "1.2.3"
    ds.private_block(0x0099, "CLINIC", create=True).add_new(0x01, "LO", "private")
    ds.save_as(temp, enforce_file_format=True)
    kept = served.instances.keep(temp, source="test").instance
    asked = ["KVP", "00181030", "InstitutionAddress", "ReferencedStudySequence", "00991001", "PixelData", "PatientSize"]
    (found,) = client.search_for_instances(
        search_filters={"SOPInstanceUID": kept.sop_instance_uid}, fields=asked
    )  # fmt: skip
    assert found["00180060"]["Value"] == [120]
    assert found["00181030"]["Value"] == ["Fuß"] and found["00080081"]["Value"] == ["Talstraße 4"]
    assert found["00081110"]["Value"][0]["00081155"]["Value"] == ["1.2.3"]
    assert found["00991001"]["Value"] == ["private"]
    assert "7FE00010" not in found and "00101020" not in found
    for search in (client.search_for_series, client.search_for_studies):
        (found,) = search(search_filters={"StudyInstanceUID": kept.study_instance_uid}, fields=["ProtocolName"])
        assert found["00181030"]["Value"] == ["Fuß"]
    served.instances.path_of(kept).unlink()  # What cannot be read is not there; the answer is.
    (found,) = client.search_for_instances(search_filters={"SOPInstanceUID": kept.sop_instance_uid}, fields=["KVP"])
    assert "00180060" not in found and found["00080018"]["Value"] == [kept.sop_instance_uid]


def test_names_in_every_character_set_come_out_as_unicode(
    served: Served, client: DICOMwebClient, real_data: Path
) -> None:
    instance = served.keep(real_data / "dicom/charset/pydicom/chrGreek.dcm")
    name = client.retrieve_instance_metadata(*_uids(instance))["00100010"]["Value"][0]["Alphabetic"]
    assert name == str(pydicom.dcmread(real_data / "dicom/charset/pydicom/chrGreek.dcm").PatientName)
    assert any("Α" <= letter <= "ω" for letter in name)
    found = client.search_for_studies(search_filters={"PatientName": name})
    assert instance.study_instance_uid in [one["0020000D"]["Value"][0] for one in found]


@pytest.mark.parametrize("path", [US_CLIP, CT, JLS, JPEG])
def test_an_object_comes_back_byte_for_byte_the_same_dataset(
    served: Served, client: DICOMwebClient, real_data: Path, path: str
) -> None:
    instance = served.keep(real_data / path)
    accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    assert _single_part(_get(served, instance, "", accept))[1] == (real_data / path).read_bytes()
    assert _get(served, instance, "", "application/dicom").content == (real_data / path).read_bytes()
    got = client.retrieve_instance(*_uids(instance), media_types=(("application/dicom", "*"),))
    assert got == pydicom.dcmread(real_data / path)


def test_a_whole_study_is_sent_part_by_part(served: Served, client: DICOMwebClient, real_data: Path) -> None:
    folder = real_data / "dicom/ts/cornerstone-ct"
    kept = [served.keep(path) for path in sorted(folder.glob("CTImage*"))]
    study = kept[0].study_instance_uid
    expected = {one.sop_instance_uid for one in kept if one.study_instance_uid == study}
    got = client.retrieve_study(study, media_types=(("application/dicom", "*"),))
    assert {dataset.SOPInstanceUID for dataset in got} == expected
    metadata = client.retrieve_study_metadata(study)
    assert {one["00080018"]["Value"][0] for one in metadata} == expected


def test_frames_are_the_stored_bytes_whatever_viewer_asks(served: Served, real_data: Path) -> None:
    instance = served.keep(real_data / SLIDE)
    dataset = pydicom.dcmread(real_data / SLIDE)
    expected = list(generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames))
    for accept in (OHIF_ACCEPT, MICROSCOPY_ACCEPT):
        for number in (1, len(expected)):
            content_type, body = _single_part(_get(served, instance, f"/frames/{number}", accept))
            assert body == expected[number - 1]
            assert "transfer-syntax=1.2.840.10008.1.2.4" in content_type


def test_several_frames_come_in_the_order_asked(served: Served, client: DICOMwebClient, real_data: Path) -> None:
    instance = served.keep(real_data / US_CLIP)
    dataset = pydicom.dcmread(real_data / US_CLIP)
    expected = list(generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames))
    numbers = [3, 1, len(expected)]
    media = (("image/jpeg", instance.transfer_syntax_uid),)
    got = client.retrieve_instance_frames(*_uids(instance), numbers, media_types=media)
    assert got == [expected[number - 1] for number in numbers]


def test_plain_octets_are_the_decoded_pixels(served: Served, client: DICOMwebClient, real_data: Path) -> None:
    plain = served.keep(real_data / CT)
    expected = pydicom.dcmread(real_data / CT).pixel_array
    got = client.retrieve_instance_frames(*_uids(plain), [1], media_types=("application/octet-stream",))
    assert got[0] == expected.astype("<i2").tobytes()
    dataset = pydicom.dcmread(real_data / JLS)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5.6"
    buffer = BytesIO()
    dataset.save_as(buffer)
    compressed = served.keep_bytes(buffer.getvalue())
    got = client.retrieve_instance_frames(*_uids(compressed), [1], media_types=("application/octet-stream",))
    assert got[0] == expected.astype("<i2").tobytes()


def test_an_img_element_gets_one_picture_it_can_show(served: Served, real_data: Path) -> None:
    for path, kind in ((JPEG, "image/jpeg"), ("dicom/ts/fo-codecs/PM5644-960x540_JPEG2000-Lossless.dcm", "image/png")):
        instance = served.keep(real_data / path)
        response = _get(served, instance, "/frames/1", IMG_ACCEPT)
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith(kind)
        shown = np.asarray(Image.open(BytesIO(response.content)).convert("RGB"))
        assert shown.shape == (540, 960, 3)


def test_what_a_client_cannot_take_is_not_acceptable(served: Served, real_data: Path) -> None:
    instance = served.keep(real_data / CT)
    for accept in ("image/jpeg", 'multipart/related; type="image/jls"', "text/html"):
        response = _get(served, instance, "/frames/1", accept)
        assert response.status_code == 406
        assert set(response.json()) == {"code", "message", "next_step"}
    assert _get(served, instance, "/metadata", "application/dicom+xml").status_code == 406


def test_objects_never_change_so_tags_and_caches_hold(served: Served, real_data: Path) -> None:
    instance = served.keep(real_data / JPEG)
    first = _get(served, instance, "/frames/1", "image/jpeg")
    assert first.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert "Accept" in first.headers["Vary"]
    tag = first.headers["ETag"]
    again = _get(served, instance, "/frames/1", "image/jpeg", **{"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content) == (304, b"")
    multipart = _get(served, instance, "/frames/1", OHIF_ACCEPT)
    assert multipart.headers["ETag"] != tag


def test_ranges_of_single_parts(served: Served, real_data: Path) -> None:
    instance = served.keep(real_data / JPEG)
    for rest, accept in (("/frames/1", "image/jpeg"), ("", "application/dicom")):
        whole = _get(served, instance, rest, accept).content
        part = _get(served, instance, rest, accept, Range="bytes=10-19")
        assert (part.status_code, part.content) == (206, whole[10:20])
        assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
        assert _get(served, instance, rest, accept, Range="bytes=-5").content == whole[-5:]
        assert _get(served, instance, rest, accept, Range=f"bytes={len(whole)}-").status_code == 416


def test_large_values_are_addresses_that_can_be_followed(served: Served, real_data: Path) -> None:
    instance = served.keep(real_data / CT)
    metadata = _get(served, instance, "/metadata", "application/dicom+json").json()[0]
    assert "Value" not in metadata["7FE00010"] and "InlineBinary" not in metadata["7FE00010"]
    address = metadata["7FE00010"]["BulkDataURI"]
    assert address.startswith("/dicom-web/")
    got = requests.get(served.url + address, timeout=20)
    assert got.content == pydicom.dcmread(real_data / CT).PixelData
    ecg = served.keep(real_data / "dicom/objects/pydicom/waveform_ecg.dcm")
    metadata = _get(served, ecg, "/metadata", "application/dicom+json").json()[0]
    address = metadata["54000100"]["Value"][0]["54001010"]["BulkDataURI"]
    dataset = pydicom.dcmread(real_data / "dicom/objects/pydicom/waveform_ecg.dcm")
    assert requests.get(served.url + address, timeout=20).content == dataset.WaveformSequence[0].WaveformData
    assert requests.get(served.url + address + "99", timeout=20).status_code == 404


def test_rendered_obeys_window_viewport_and_quality(served: Served, real_data: Path) -> None:
    instance = served.keep(real_data / CT)

    def render(**query: str) -> Any:
        response = requests.get(
            served.address(instance) + "/rendered", params=query, headers={"Accept": "image/png"}, timeout=20
        )
        assert response.status_code == 200, response.text
        return np.asarray(Image.open(BytesIO(response.content)))

    assert render().shape == (512, 512)
    stored = pydicom.dcmread(real_data / CT)
    real = stored.pixel_array * float(stored.RescaleSlope) + float(stored.RescaleIntercept)
    step = render(window="100,1,linear-exact")
    assert ((step == 255) == (real >= 100.5)).all()
    assert render(viewport="128,64").shape == (64, 64)
    assert (render(viewport="64,64,100,50,64,64") == render()[50:114, 100:164]).all()
    small = requests.get(served.address(instance) + "/rendered?quality=10", timeout=20)
    large = requests.get(served.address(instance) + "/rendered?quality=95", timeout=20)
    assert small.headers["Content-Type"] == "image/jpeg" and len(small.content) < len(large.content)
    for wrong in ("window=1", "window=1,0", "window=a,b", "viewport=0,5", "viewport=1,2,3", "quality=0"):
        assert requests.get(f"{served.address(instance)}/rendered?{wrong}", timeout=20).status_code == 400, wrong


def test_a_thumbnail_at_every_level(served: Served, real_data: Path) -> None:
    instance = served.keep(real_data / US_CLIP)
    study, series, sop = _uids(instance)
    for path in (f"{study}", f"{study}/series/{series}", f"{study}/series/{series}/instances/{sop}"):
        response = requests.get(f"{served.root}/studies/{path}/thumbnail?viewport=100,80", timeout=20)
        assert response.status_code == 200, response.text
        assert max(Image.open(BytesIO(response.content)).size) in (80, 100)
    report = served.keep(real_data / "dicom/objects/pydicom/reportsi.dcm")
    assert _get(served, report, "/thumbnail", "image/*").status_code == 404


def test_what_is_not_there_is_not_found(served: Served, real_data: Path) -> None:
    instance = served.keep(real_data / CT)
    for rest in ("/frames/2", "/frames/0", "/bulkdata/00091001"):
        assert _get(served, instance, rest, "*/*").status_code == 404
    for rest in ("/frames/one", "/frames/1,,2", "/frames/1,-1"):
        assert _get(served, instance, rest, "*/*").status_code == 400
    elsewhere = served.address(instance).replace(instance.study_instance_uid, "1.2.3")
    assert requests.get(elsewhere, timeout=20).status_code == 404
    assert requests.get(f"{served.root}/studies/1.2.3", timeout=20).status_code == 404


def test_a_client_stores_objects_and_hears_of_each(served: Served, client: DICOMwebClient, real_data: Path) -> None:
    paths = [real_data / "dicom/ts/pydicom-data/693_J2KR.dcm", real_data / "dicom/ts/pydicom-data/MR2_UNCR.dcm"]
    answer = client.store_instances([pydicom.dcmread(path) for path in paths])
    stored = {one.ReferencedSOPInstanceUID for one in answer.ReferencedSOPSequence}
    assert stored == {pydicom.dcmread(path).SOPInstanceUID for path in paths}
    assert "FailedSOPSequence" not in answer


def test_each_part_of_a_store_is_answered_for_on_its_own(served: Served, real_data: Path) -> None:
    good = (real_data / "dicom/ts/pydicom-data/693_UNCR.dcm").read_bytes()
    start = b"--b\r\nContent-Type: application/dicom\r\n\r\n"
    content_type = 'multipart/related; type="application/dicom"; boundary=b'

    def post(body: bytes, path: str = "/studies", kind: str = content_type) -> requests.Response:
        return requests.post(served.root + path, data=body, headers={"Content-Type": kind}, timeout=20)

    some = post(b"\r\n" + start + good + b"\r\n" + start + b"no DICOM at all\r\n--b--\r\n")
    assert some.status_code == 202
    assert len(some.json()["00081199"]["Value"]) == 1 and "00081198" not in some.json()
    assert some.json()["0008119A"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]
    again = post(start + good + b"\r\n--b--\r\n")
    assert again.status_code == 200
    wrong_study = post(start + good + b"\r\n--b--\r\n", "/studies/1.2.3")
    assert wrong_study.status_code == 409
    assert wrong_study.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA900]
    assert post(b"{}", kind="application/json").status_code == 415
    assert post(b"nothing in it", kind="multipart/related; boundary=b").status_code == 400
    assert list(served.instances.new_temp().parent.iterdir()) == []


def test_pictures_nobody_waits_for_any_more_are_not_made(served: Served, real_data: Path) -> None:
    instance = served.keep(real_data / "dicom/ts/pydicom-data/RG3_J2KR.dcm")  # takes its time to decode
    host, _, port = served.url.removeprefix("http://").partition(":")
    path = served.address(instance).removeprefix(served.url)
    gone = []
    for number in range(60):
        connection = socket.create_connection((host, int(port)))
        connection.sendall(f"GET {path}/rendered?quality={number + 20} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        gone.append(connection)
    time.sleep(0.05)
    for connection in gone:
        connection.close()
    began_s = time.monotonic()
    assert requests.get(f"{served.address(instance)}/rendered", timeout=60).status_code == 200
    waited_s = time.monotonic() - began_s
    alone_s = _seconds_to_render(served, instance)
    assert waited_s < 15 * alone_s, "a picture waited for sixty, on two threads, that nobody wanted"


def _seconds_to_render(served: Served, instance: Instance) -> float:
    began_s = time.monotonic()
    assert requests.get(f"{served.address(instance)}/rendered?quality=91", timeout=60).status_code == 200
    return time.monotonic() - began_s
