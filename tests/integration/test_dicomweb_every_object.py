"""Every object at hand, sound, malformed or hostile: served, or refused with the right status, and quickly."""

import time
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
import requests
from PIL import Image

from edge.dicom.decode import decode
from edge.dicom.frame_index import OpenFrames
from edge.dicom.pixel_layout import PARSE_FAULTS
from edge.errors import EdgeError
from tests.support.dicomweb import Served, serve

FOLDERS = ("dicom/charset", "dicom/fuzz", "dicom/malformed", "dicom/objects", "dicom/ts", "us/dicom", "wsi")
ANSWER_S_MAX = 3.0
ASKED = (
    ("/metadata", "application/dicom+json"),
    ("/rendered", "image/jpeg"),
    ("/thumbnail", "image/png"),
    ("/frames/1", 'multipart/related; type="application/octet-stream"; transfer-syntax=*'),
    ("/frames/1", "application/octet-stream"),
    ("/frames/1", "image/*"),
    ("/bulkdata/7FE00010", "*/*"),
    ("", "application/dicom"),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("store")) as served:
        yield served


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_object_is_served_or_refused_in_our_words(served: Served, real_data: Path, folder: str) -> None:
    kept = {instance.sop_instance_uid: instance for instance in served.keep_all(real_data / folder)}
    statuses: Counter[tuple[str, int]] = Counter()
    with requests.Session() as session:
        for instance in kept.values():
            for rest, accept in ASKED:
                began_s = time.monotonic()
                response = session.get(served.address(instance) + rest, headers={"Accept": accept}, timeout=30)
                assert time.monotonic() - began_s < ANSWER_S_MAX, (instance, rest)
                assert response.status_code in (200, 400, 404, 406), (instance, rest, response.text)
                if response.status_code != 200:
                    assert set(response.json()) == {"code", "message", "next_step"}
                elif rest in ("/rendered", "/thumbnail"):
                    Image.open(BytesIO(response.content)).load()
                elif rest == "/metadata":
                    assert response.json()[0]["00080018"]["Value"] == [instance.sop_instance_uid]
                statuses[rest, response.status_code] += 1
    assert statuses["", 200] == len(kept) > 0
    if folder not in ("dicom/fuzz", "dicom/malformed"):
        assert not [key for key in statuses if key[1] == 400], statuses


def test_decoded_frames_are_those_of_pydicom(real_data: Path) -> None:
    """For every object whose pixels pydicom can decode here without converting them."""
    compared = 0
    for folder in ("dicom/ts", "dicom/objects", "us/dicom"):
        for path in sorted((real_data / folder).rglob("*")):
            try:
                dataset = pydicom.dcmread(path)
                expected = pydicom.pixels.pixel_array(dataset, raw=False)
            except (*PARSE_FAULTS, EdgeError, RuntimeError, pydicom.errors.InvalidDicomError):
                continue
            frames = OpenFrames(path, "digest")
            count = frames.index.frame_count
            pixels = expected if count > 1 else expected[None]
            for number in {1, count}:
                ours = decode(frames.read(number), frames.index.layout)
                # A lossy codec may overshoot what BitsStored allows; we do not.
                theirs = pixels[number - 1].clip(None, (1 << frames.index.layout.bits_stored) - 1)
                assert ours.shape == theirs.shape, path
                is_lossy_colour = ours.ndim == 3
                off = np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max()
                assert off <= (2 if is_lossy_colour else 0), (path, off)
            compared += 1
    assert compared > 50
