"""OHIF in Chromium, against the node: it lists, plays an ultrasound clip and opens a slide, pixel for pixel.

The viewer comes from its npm package; without npm or network these tests are skipped, and say so.
"""

import base64
import gzip
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from numpy.typing import NDArray
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array

from edge.cli.viewer_package import PackageError, install, look
from edge.dicom import codec
from edge.dicom.identity import new_uid
from edge.errors import BadInputError, UnreachableError
from tests.support.api import PASSWORD
from tests.support.browser import chromium
from tests.support.served_api import ServedApi

CLIP = "us/dicom/pydicom/examples_ybr_color.dcm"
SLIDE = "wsi/dicom-cytomine/pyr-3840"
SHOWN_S = 30_000
Pixels = NDArray[np.float64]


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The viewer, installed once for this file."""
    folder = tmp_path_factory.mktemp("viewer") / "ohif"
    try:
        install(folder)
    except UnreachableError as error:
        pytest.skip(f"OHIF absent: {error}")
    return folder


@pytest.fixture
def served(tmp_path: Path, viewer: Path) -> Iterator[ServedApi]:
    with ServedApi(tmp_path) as served:
        place = served.node.config.viewer_dir
        place.parent.mkdir(parents=True)
        place.symlink_to(viewer)
        yield served


@pytest.fixture
def page(served: ServedApi) -> Iterator[Any]:
    """A page that is signed in; at its end nothing may have been refused or have failed."""
    complaints: list[str] = []
    with chromium() as browser:
        page: Any = browser.new_page(viewport={"width": 1280, "height": 800})  # type: ignore[attr-defined]
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        page.on("response", lambda got: complaints.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        signed_in = page.request.post(served.url + "/api/v1/sign-in", data={"name": "admin", "password": PASSWORD})
        assert signed_in.status == 200
        yield page
    assert complaints == []


def _picture_of(page: Any, selector: str) -> Pixels:
    """Return what a canvas holds, as RGB on black."""
    address = page.evaluate(
        """selector => {
            const canvas = document.querySelector(selector);
            return canvas ? canvas.toDataURL("image/png") : "";
        }""",
        selector,
    )
    assert address.startswith("data:image/png;base64,"), f"no canvas at {selector}"
    shown = Image.open(BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGBA")
    black = Image.new("RGBA", shown.size, (0, 0, 0, 255))
    return np.asarray(Image.alpha_composite(black, shown).convert("RGB"), np.float64)


def _fitted(shown: Pixels, width_px: int, height_px: int) -> Pixels:
    """Cut the picture, which lies centred and as large as it fits, out of a canvas, at its own size."""
    scale = min(shown.shape[1] / width_px, shown.shape[0] / height_px)
    wide, high = round(width_px * scale), round(height_px * scale)
    left, top = (shown.shape[1] - wide) // 2, (shown.shape[0] - high) // 2
    cut = Image.fromarray(shown[top : top + high, left : left + wide].astype(np.uint8))
    return np.asarray(cut.resize((width_px, height_px), Image.Resampling.BOX), np.float64)


def _write_as_recorded(source: Path, target: Path) -> Path:
    """The same clip as this node records it: JPEG-LS, RGB."""
    ds = pydicom.dcmread(source)
    encoder = codec.encoder_for(codec.JPEG_LS)
    ds.PixelData = encapsulate([encoder.encode(frame) for frame in pixel_array(source)])
    ds["PixelData"].is_undefined_length = True
    ds.PhotometricInterpretation, ds.PlanarConfiguration = "RGB", 0
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = new_uid(), new_uid(), new_uid()
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = codec.JPEG_LS
    ds.save_as(target)
    return target


def test_ohif_lists_the_studies_of_the_node(served: ServedApi, page: Any, real_data: Path) -> None:
    served.keep(real_data / CLIP)
    for path in sorted((real_data / SLIDE).glob("*.dcm")):
        served.keep(path)
    page.goto(served.url + "/ohif/")
    page.wait_for_selector("text=1-2 of 2", timeout=SHOWN_S)
    assert page.is_visible("text=03-May-2016") and page.is_visible("text=SM")


@pytest.mark.parametrize("kind", ["as its cart sent it", "as this node records"])
def test_ohif_plays_an_ultrasound_clip_and_shows_its_very_frames(
    served: ServedApi, page: Any, real_data: Path, tmp_path: Path, kind: str
) -> None:
    path = real_data / CLIP
    if kind == "as this node records":
        path = _write_as_recorded(path, tmp_path / "recorded.dcm")
    kept = served.keep(path)
    frames = pixel_array(path).astype(np.float64)
    page.goto(f"{served.url}/ohif/viewer?StudyInstanceUIDs={kept.study_instance_uid}")
    page.wait_for_selector("text=(1/30)", timeout=SHOWN_S)
    canvas = ".cornerstone-canvas"

    def nearest() -> tuple[int, float]:
        shown = _fitted(_picture_of(page, canvas), 320, 240)[10:220, 60:270]  # away from what OHIF writes on it
        off = np.abs(frames[:, 10:220, 60:270] - shown).mean(axis=(1, 2, 3))
        return int(off.argmin()) + 1, float(off.min())

    page.wait_for_timeout(500)
    assert nearest()[0] == 1
    page.click("[data-cy=cine-player-play-pause]")
    seen = []
    for _ in range(12):
        page.wait_for_timeout(90)
        seen.append(nearest())
    page.click("[data-cy=cine-player-play-pause]")
    assert len({number for number, _ in seen}) >= 6, seen
    assert max(off for _, off in seen) < 2.5, seen
    page.screenshot(path=str(tmp_path / "ohif-clip.png"))


def test_ohif_opens_a_slide(served: ServedApi, page: Any, real_data: Path, tmp_path: Path) -> None:
    paths = sorted((real_data / SLIDE).glob("*.dcm"))
    study = {served.keep(path).study_instance_uid for path in paths}.pop()
    page.goto(f"{served.url}/ohif/microscopy?StudyInstanceUIDs={study}")
    page.wait_for_selector(".ol-layer canvas", timeout=SHOWN_S)
    page.wait_for_timeout(5000)
    page.screenshot(path=str(tmp_path / "ohif-slide.png"))
    page.add_style_tag(content=".ol-control, .ol-overviewmap, .ol-scale-line { display: none !important }")
    # Drawn by WebGL: what a page may not read back, a picture of the screen has.
    seen = page.locator(".ol-viewport").first.screenshot()
    shown = np.asarray(Image.open(BytesIO(seen)).convert("RGB"), np.float64)
    levels = {ds.TotalPixelMatrixColumns: (ds, path) for path in paths for ds in [pydicom.dcmread(path)]}
    ds, path = levels[480]
    whole = pixel_array(path)[: ds.TotalPixelMatrixRows, : ds.TotalPixelMatrixColumns].astype(np.float64)
    # Turned as it lies on the glass (ImageOrientationSlide), never mirrored.
    fits = [_compare(shown, np.rot90(whole, turns)) for turns in range(4)]
    assert max(fits)[0] > 0.97 and min(-off for _, off in fits) < 6, fits


def _compare(shown: Pixels, whole: Pixels) -> tuple[float, float]:
    """Return how much a slide on the screen is like a picture: correlation, and minus the mean difference."""
    there = _fitted(shown, whole.shape[1], whole.shape[0])
    size = (whole.shape[1] // 8, whole.shape[0] // 8)
    one, other = (
        np.asarray(Image.fromarray(picture.astype(np.uint8)).resize(size, Image.Resampling.BOX), np.float64)
        for picture in (there, np.ascontiguousarray(whole))
    )
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1]), -float(np.abs(one - other).mean())


def test_the_viewer_is_served_packed_and_leaves_other_workers_alone(served: ServedApi) -> None:
    root = served.url + "/ohif/"
    index = requests.get(root, timeout=10)
    bundle = next(part for part in index.text.split('"') if part.startswith("/ohif/app.bundle") and part.endswith("js"))
    packed = requests.get(served.url + bundle, timeout=10, stream=True)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert b'__webpack_require__.p = "/ohif/"' in gzip.decompress(packed.raw.read())
    assert requests.get(root + "init-service-worker.js", timeout=10).text == ""
    for gone in ("sw.js", "ort/ort.js", "app.bundle.js.map", "../edge.toml", "..%2f..%2fedge.db"):
        assert requests.get(root + gone, timeout=10).status_code == 404, gone
    policy = index.headers["Content-Security-Policy"]
    assert "'unsafe-eval'" in policy and "connect-src 'self'" in policy and "default-src 'none'" in policy
    assert "unsafe-eval" not in requests.get(served.url + "/", timeout=10).headers["Content-Security-Policy"]
    assert "<script>" not in index.text


def test_a_node_without_the_viewer_says_how_to_install_it(tmp_path: Path) -> None:
    with ServedApi(tmp_path) as served:
        answer = requests.get(served.url + "/ohif/viewer", timeout=10)
    assert answer.status_code == 404
    assert "edge viewer install" in answer.json()["next_step"]


def test_another_package_under_its_name_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    package = tmp_path / "ohif-app.tgz"
    package.write_bytes(gzip.compress(b"something else"))
    with pytest.raises(PackageError):
        install(tmp_path / "to" / "ohif", package=package)
    assert list((tmp_path / "to").iterdir()) == []


def test_installing_never_removes_what_is_not_the_viewer(tmp_path: Path, viewer: Path) -> None:
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(BadInputError):
        install(folder)
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"] and look(viewer) is not None
