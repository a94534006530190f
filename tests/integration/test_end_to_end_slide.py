"""The main job for slides: a scan in the inbox becomes DICOM, arrives in an archive, and looks the same everywhere."""

import io
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom.encaps import generate_frames

from tests.support.browser import chromium
from tests.support.judges import dciodvfy_errors
from tests.support.node import Node, wait_until
from tests.support.orthanc import Orthanc

ALIKE_MAX = 12.0
"""Grey levels: the browser shrinks the pixels with another filter than the reference."""
SHOWN_S_MAX = 20.0
SLIDE = "wsi/aperio/CMU-1-Small-Region.svs"


@pytest.fixture(scope="module")
def arrived(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One node and one Orthanc; the slide has gone all the way."""
    folder = tmp_path_factory.mktemp("slide")
    scans = folder / "scans"
    scans.mkdir()
    with Orthanc(folder / "orthanc") as orthanc:
        sections = f"""
[inbox]
slides = "{scans}"
settle_s = 0.5
[[destination]]
name = "hospital"
host = "127.0.0.1"
port = {orthanc.dimse_port}
ae_title = "ORTHANC"
"""
        with Node(folder / "node", sections=sections) as node:
            source = real_data / SLIDE
            shutil.copy(source, scans / source.name)
            slide = wait_until(lambda: node.ask("GET", "/api/v1/slides"), timeout_s=60, what="the slide is listed")[0]
            study = slide["study_instance_uid"]
            wait_until(lambda: everything_arrived(node, study), timeout_s=60, what="the slide is in Orthanc")
            returned = folder / "returned"
            returned.mkdir()
            for uid in sop_instance_uids(node, study):
                (returned / f"{uid}.dcm").write_bytes(orthanc.file_of(uid))
            yield node, slide, source, returned


def sop_instance_uids(node: Node, study: str) -> list[str]:
    series = node.ask("GET", f"/api/v1/studies/{study}")["series"]
    return [instance["sop_instance_uid"] for one in series for instance in one["instances"]]


def everything_arrived(node: Node, study: str) -> bool:
    rows = [row for row in node.ask("GET", "/api/v1/studies")["items"] if row["study_instance_uid"] == study]
    return bool(rows) and rows[0]["delivery"]["state"] == "arrived"


def base_level(folder: Path) -> pydicom.Dataset:
    volumes = [pydicom.dcmread(path) for path in folder.iterdir()]
    return max((ds for ds in volumes if ds.ImageType[2] == "VOLUME"), key=lambda ds: ds.TotalPixelMatrixColumns)


def merged(tables: bytes, tile: bytes) -> bytes:
    """Put the shared JPEG tables of the TIFF in front of a tile, both without their ends."""
    return b"\xff\xd8" + tables[2:-2] + tile[2:]


def test_every_base_frame_is_the_scanners_tile_byte_for_byte(arrived: Any) -> None:
    _, _, source, returned = arrived
    ds = base_level(returned)
    frames = list(generate_frames(ds.PixelData, number_of_frames=int(ds.NumberOfFrames)))
    with tifffile.TiffFile(source) as tiff:
        page = tiff.pages[0]
        tables = page.jpegtables
        assert len(frames) == len(page.dataoffsets)
        for frame, offset, size in zip(frames, page.dataoffsets, page.databytecounts, strict=True):
            tiff.filehandle.seek(offset)
            tile = merged(tables, tiff.filehandle.read(size))
            # Nothing but what says how the colours are coded may be added, and one byte to make the length even.
            assert without_adobe(frame).rstrip(b"\x00") == without_adobe(tile).rstrip(b"\x00")


def without_adobe(jpeg: bytes) -> bytes:
    """Take out an APP14 segment, if there is one straight behind SOI."""
    at = jpeg.find(b"\xff\xee\x00\x0eAdobe")
    return jpeg if at < 0 else jpeg[:at] + jpeg[at + 16 :]


def test_openslide_shows_the_same_pixels_from_what_the_archive_returns(arrived: Any) -> None:
    _, _, source, returned = arrived
    path = next(
        path for path in returned.iterdir() if pydicom.dcmread(path, stop_before_pixels=True).ImageType[2] == "VOLUME"
    )
    before, after = openslide.OpenSlide(source), openslide.OpenSlide(path)
    assert after.dimensions == before.dimensions
    assert float(after.properties["openslide.mpp-x"]) == pytest.approx(
        float(before.properties["openslide.mpp-x"]), rel=1e-4
    )
    for place in ((0, 0), (700, 1200), (1500, 2200)):
        left = np.asarray(before.read_region(place, 0, (512, 512)).convert("RGB"))
        right = np.asarray(after.read_region(place, 0, (512, 512)).convert("RGB"))
        assert np.array_equal(left, right)
    assert {"label", "macro", "thumbnail"} <= set(after.associated_images)


def test_wsidicom_shows_the_same_pixels(arrived: Any) -> None:
    from wsidicom import WsiDicom

    _, _, source, returned = arrived
    before = openslide.OpenSlide(source)
    with WsiDicom.open(returned) as slide:
        assert (slide.size.width, slide.size.height) == before.dimensions
        left = np.asarray(before.read_region((700, 1200), 0, (512, 512)).convert("RGB"))
        right = np.asarray(slide.read_region((700, 1200), 0, (512, 512)).convert("RGB"))
        # Two decoders may round the colour conversion differently.
        assert np.abs(left.astype(int) - right.astype(int)).max() <= 2


def test_no_validator_finds_an_error(arrived: Any, tmp_path: Path) -> None:
    _, _, _, returned = arrived
    assert {path.name: dciodvfy_errors(path, tmp_path) for path in returned.iterdir()} == {
        path.name: [] for path in returned.iterdir()
    }


def test_the_viewer_shows_the_tissue_of_the_scan(arrived: Any, tmp_path: Path) -> None:
    node, slide, source, _ = arrived
    node.ask("POST", "/api/v1/users", {"name": "path", "password": "a long enough one", "role": "pathologist"})
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        sign_in(page, node, "path", "a long enough one")
        page.goto(f"{node.url}/slides/{slide['series_instance_uid']}")
        page.wait_for_function("() => document.querySelector('.openseadragon-canvas canvas')", timeout=20_000)
        deadline_s = time.monotonic() + SHOWN_S_MAX
        while (seen := difference(page_picture(page), source))[0] >= ALIKE_MAX and time.monotonic() < deadline_s:
            page.wait_for_timeout(250)
        page.screenshot(path=tmp_path / "viewer.png")
    best, flat = seen
    assert best < ALIKE_MAX, f"mean difference {best:.1f} grey levels"
    assert best < flat / 2, "a flat picture would be as near"


def sign_in(page: Any, node: Node, name: str, password: str) -> None:
    page.goto(f"{node.url}/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "sign-in" not in url)


def page_picture(page: Any) -> Any:
    shot = page.locator(".openseadragon-canvas").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


def difference(shot: Any, source: Path) -> tuple[float, float]:
    """Compare the slide, fitted into the canvas, with the scan shrunk to that size.

    Returns the mean difference in grey levels, and the one that a flat picture of the same mean would have.
    """
    slide = openslide.OpenSlide(source)
    width_px, height_px = slide.dimensions
    shot_height, shot_width = shot.shape[:2]
    scale = min(shot_width / width_px, shot_height / height_px)
    fitted = (round(width_px * scale), round(height_px * scale))
    reference = np.asarray(slide.get_thumbnail(fitted).convert("RGB").resize(fitted), float)
    best = min(
        float(np.abs(window(shot, fitted, dx, dy) - reference).mean())
        for dx in range(-6, 7, 2)
        for dy in range(-6, 7, 2)
        if window(shot, fitted, dx, dy).shape == reference.shape
    )
    return best, float(np.abs(reference - reference.mean(axis=(0, 1))).mean())


def window(shot: Any, size: tuple[int, int], dx: int, dy: int) -> Any:
    top = max(0, (shot.shape[0] - size[1]) // 2 + dy)
    left = max(0, (shot.shape[1] - size[0]) // 2 + dx)
    return shot[top : top + size[1], left : left + size[0]].astype(float)
