"""Whole objects uncompressed, for clients that read nothing else: the same values, the same identity."""

import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
import requests
from pydicom.pixels import pixel_array

from edge.dicom.frame_index import VIDEO_SYNTAXES
from edge.dicom.pixel_layout import PARSE_FAULTS
from tests.support.dicomweb import Served, serve

EXPLICIT = "1.2.840.10008.1.2.1"
ACCEPT = f"application/dicom; transfer-syntax={EXPLICIT}"
CLIP = "us/dicom/pydicom/examples_ybr_color.dcm"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("store")) as served:
        yield served


def test_every_sound_object_is_given_uncompressed_with_the_same_values(served: Served, real_data: Path) -> None:
    compared, refused = 0, []
    for folder in ("dicom/ts", "dicom/objects", "us/dicom"):
        for instance in served.keep_all(real_data / folder):
            path = served.instances.path_of(instance)
            answer = requests.get(served.address(instance), headers={"Accept": ACCEPT}, timeout=30)
            if answer.status_code != 200:
                assert answer.status_code in (400, 406), answer.text
                refused.append(instance.transfer_syntax_uid)
                continue
            assert len(answer.content) == int(answer.headers["Content-Length"])
            got, stored = pydicom.dcmread(BytesIO(answer.content)), pydicom.dcmread(path, force=True)
            assert got.file_meta.TransferSyntaxUID == EXPLICIT
            assert got.SOPInstanceUID == stored.SOPInstanceUID
            assert str(got.get("PatientName")) == str(stored.get("PatientName"))
            if "PixelData" not in stored:
                continue
            try:
                expected = pixel_array(path, raw=False)
                shown = pixel_array(BytesIO(answer.content), raw=False)
            except (*PARSE_FAULTS, RuntimeError, pydicom.errors.InvalidDicomError):
                continue
            assert shown.shape == expected.shape, path
            top = (1 << int(stored.BitsStored)) - 1
            off = np.abs(shown.astype(np.float64) - expected.astype(np.float64).clip(None, top)).max()
            assert off <= (2 if shown.ndim > 2 and shown.shape[-1] == 3 else 0), (path, off)
            compared += 1
    assert compared > 60, compared
    assert len(refused) < 12 and set(refused) & VIDEO_SYNTAXES <= set(refused), refused


def test_an_uncompressed_clip_is_read_by_dcmtk(served: Served, real_data: Path, tmp_path: Path) -> None:
    instance = served.keep(real_data / CLIP)
    answer = requests.get(served.address(instance), headers={"Accept": ACCEPT}, timeout=30)
    path = tmp_path / "clip.dcm"
    path.write_bytes(answer.content)
    said = subprocess.run(
        ["dcmdump", "+L", "+P", "PhotometricInterpretation", str(path)], capture_output=True, text=True
    )
    assert "RGB" in said.stdout and said.stderr == ""
    assert len(pydicom.dcmread(path).PixelData) == 30 * 240 * 320 * 3


def test_a_client_of_any_syntax_still_gets_the_bytes_as_they_are(served: Served, real_data: Path) -> None:
    instance = served.keep(real_data / CLIP)
    for accept in ("application/dicom", f"{ACCEPT}; q=0.5, application/dicom; transfer-syntax=*"):
        answer = requests.get(served.address(instance), headers={"Accept": accept}, timeout=30)
        assert answer.content == (real_data / CLIP).read_bytes()


def test_a_study_comes_in_parts_each_uncompressed(served: Served, real_data: Path) -> None:
    instance = served.keep(real_data / CLIP)
    accept = f'multipart/related; type="application/dicom"; transfer-syntax={EXPLICIT}'
    url = f"{served.root}/studies/{instance.study_instance_uid}"
    answer = requests.get(url, headers={"Accept": accept}, timeout=30)
    assert answer.status_code == 200
    assert answer.content.count(f"transfer-syntax={EXPLICIT}".encode()) == 1
    refused = requests.get(url, headers={"Accept": f"{ACCEPT[:-1]}2.4.90"}, timeout=30)
    assert refused.status_code == 406
