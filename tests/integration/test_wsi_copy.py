"""A real Aperio scan: its tiles in the objects, judged by tools we did not write."""

from pathlib import Path

import numpy as np
import openslide
import pydicom
import pytest
import tifffile
from pydicom.encaps import generate_frames
from wsidicom import WsiDicom

from tests.support.judges import dciodvfy_errors
from wsi.convert import Conversion, convert

ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"


@pytest.fixture(scope="module")
def scan(real_data: Path) -> Path:
    path = real_data / "wsi/aperio/CMU-1-Small-Region.svs"
    if not path.is_file():
        pytest.skip(f"real data absent: {path}")
    return path


@pytest.fixture(scope="module")
def conversion(scan: Path, tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    return convert(scan, tmp_path_factory.mktemp("slide"))


def pixels(image: object) -> np.ndarray:
    return np.asarray(image.convert("RGB"))  # type: ignore[attr-defined]


def test_every_frame_of_the_base_level_is_the_scans_tile_with_its_tables_merged_in(
    scan: Path, conversion: Conversion
) -> None:
    ds = pydicom.dcmread(conversion.files[0].path)
    frames = list(generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
    with tifffile.TiffFile(scan) as tiff:
        page = tiff.pages[0]
        tables = page.jpegtables[2:-2]
        places = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    data = scan.read_bytes()
    assert len(frames) == len(places) == 130
    for frame, (offset, length) in zip(frames, places, strict=True):
        tile = data[offset : offset + length]
        # The one thing added beside the tables: three unnamed components are red, green, blue.
        expected = b"\xff\xd8" + ADOBE_RGB + tables + tile[2:]
        assert frame == expected + b"\0" * (len(expected) & 1)


def test_dciodvfy_finds_no_error(conversion: Conversion, tmp_path: Path) -> None:
    for file in conversion.files:
        assert dciodvfy_errors(file.path, tmp_path) == []


def test_openslide_shows_the_scans_pixels(scan: Path, conversion: Conversion) -> None:
    with openslide.OpenSlide(scan) as before, openslide.OpenSlide(conversion.files[0].path) as after:
        assert after.level_dimensions == before.level_dimensions
        assert after.properties["openslide.mpp-x"] == before.properties["openslide.mpp-x"]
        assert after.properties["openslide.objective-power"] == before.properties["openslide.objective-power"]
        whole = ((0, 0), 0, before.dimensions)
        assert np.array_equal(pixels(after.read_region(*whole)), pixels(before.read_region(*whole)))
        assert set(after.associated_images) == set(before.associated_images) == {"label", "macro", "thumbnail"}
        for name in before.associated_images:
            assert np.array_equal(pixels(after.associated_images[name]), pixels(before.associated_images[name])), name


def test_wsidicom_shows_the_scans_pixels(scan: Path, conversion: Conversion) -> None:
    with openslide.OpenSlide(scan) as before, WsiDicom.open(conversion.files[0].path.parent) as after:
        assert (after.size.width, after.size.height) == before.dimensions
        region = pixels(after.read_region((300, 500), 0, (900, 700)))
        assert np.array_equal(region, pixels(before.read_region((300, 500), 0, (900, 700))))
        assert len(after.labels) == len(after.overviews) == 1


def test_pydicom_decodes_every_object(conversion: Conversion) -> None:
    for file in conversion.files:
        ds = pydicom.dcmread(file.path)
        assert ds.pixel_array.size == ds.NumberOfFrames * ds.Rows * ds.Columns * 3


def test_the_conversion_is_proven_frame_by_frame(conversion: Conversion) -> None:
    report = conversion.verification
    assert report is not None
    assert report.is_proven
    assert [len(file.frame_sha256) for file in report.files] == [file.frames for file in conversion.files]
    assert {file.kind: file.origin for file in report.files} == {
        "VOLUME": "copied",
        "THUMBNAIL": "copied",
        "LABEL": "lossless",
        "OVERVIEW": "copied",
    }
