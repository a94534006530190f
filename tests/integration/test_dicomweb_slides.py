"""Slides over DICOMweb: wsidicom's own web client reads from us what it reads from the files."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from wsidicom import WsiDicom, WsiDicomWebClient

from edge.store.instances import Instance
from tests.support.dicomweb import Served, serve
from wsi.convert import convert

SLIDE = "wsi/aperio/CMU-1-Small-Region.svs"


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> Path:
    out = tmp_path_factory.mktemp("converted")
    convert(real_data / SLIDE, out, verify=False)
    return out


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path) as served:
        yield served


@pytest.fixture
def kept(served: Served, converted: Path) -> list[Instance]:
    return served.keep_all(converted)


def test_wsidicom_sees_the_same_slide_over_the_web_as_on_disk(
    served: Served, kept: list[Instance], converted: Path
) -> None:
    client = WsiDicomWebClient(DICOMwebClient(served.root))
    first = kept[0]
    with (
        WsiDicom.open_web(client, first.study_instance_uid, first.series_instance_uid) as over_web,
        WsiDicom.open(converted) as on_disk,
    ):
        assert over_web.size == on_disk.size
        assert len(over_web.levels) == len(on_disk.levels)
        for place, size in (((0, 0), (500, 400)), ((1200, 900), (300, 300))):
            ours = np.asarray(over_web.read_region(place, 0, size))
            assert (ours == np.asarray(on_disk.read_region(place, 0, size))).all()
            assert ours.std() > 5, "tissue, not an empty field"


def test_a_tile_for_an_img_element_is_the_stored_tile(served: Served, kept: list[Instance]) -> None:
    base = max(kept, key=lambda instance: instance.frame_count)
    frames = f"{served.address(base)}/frames"
    alone = requests.get(f"{frames}/5", headers={"Accept": "image/jpeg"}, timeout=20)
    assert alone.headers["Content-Type"].startswith("image/jpeg")
    assert alone.content.startswith(b"\xff\xd8") and Image.open(BytesIO(alone.content)).size[0] > 100
    shown = requests.get(f"{frames}/5/rendered", headers={"Accept": "image/jpeg"}, timeout=20)
    difference = np.asarray(Image.open(BytesIO(shown.content)), int) - np.asarray(
        Image.open(BytesIO(alone.content)), int
    )
    assert np.abs(difference).max() <= 12


def test_the_thumbnail_of_a_slide_shows_the_slide_and_not_its_label(
    served: Served, kept: list[Instance], converted: Path
) -> None:
    study = kept[0].study_instance_uid
    got = requests.get(f"{served.root}/studies/{study}/thumbnail?viewport=200,200&accept=image/png", timeout=20)
    assert got.status_code == 200, got.text
    shown = Image.open(BytesIO(got.content)).convert("RGB")
    with WsiDicom.open(converted) as slide:
        expected = slide.read_thumbnail((200, 200)).convert("RGB").resize(shown.size)
    assert np.abs(np.asarray(shown, int) - np.asarray(expected, int)).mean() < 12
