"""A real NDPI scan: its stripes joined into frames, without a bit of the entropy-coded data changed."""

from pathlib import Path

import numpy as np
import openslide
import pydicom
import pytest
import tifffile
from pydicom.encaps import generate_frames
from wsidicom import WsiDicom

from tests.support.judges import dciodvfy_errors
from wsi.codec import restart_segments
from wsi.convert import Conversion, convert


@pytest.fixture(scope="module")
def scan(real_data: Path) -> Path:
    path = real_data / "wsi/hamamatsu/test3-TRITC_2_560.ndpi"
    if not path.is_file():
        pytest.skip(f"real data absent: {path}")
    return path


@pytest.fixture(scope="module")
def conversion(scan: Path, tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    return convert(scan, tmp_path_factory.mktemp("slide"))


def test_every_stripe_of_the_scan_is_in_a_frame_bit_for_bit(scan: Path, conversion: Conversion) -> None:
    data = scan.read_bytes()
    with tifffile.TiffFile(scan) as tiff:
        page = tiff.pages[0]
        places = zip(page.dataoffsets, page.databytecounts, strict=True)
        stripes = [data[offset : offset + length - 2] for offset, length in places]
    ds = pydicom.dcmread(conversion.files[0].path)
    frames = generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames)
    assert [segment for frame in frames for segment in restart_segments(frame)] == stripes


def test_all_of_it_is_copied_and_proven(conversion: Conversion) -> None:
    assert conversion.verification is not None
    assert conversion.verification.is_proven
    assert {file.origin for file in conversion.verification.files} == {"copied"}
    assert [file.kind for file in conversion.files] == ["VOLUME"] * 4 + ["OVERVIEW"]


def test_openslide_and_wsidicom_show_the_scans_pixels(scan: Path, conversion: Conversion) -> None:
    folder = conversion.files[0].path.parent
    with openslide.OpenSlide(scan) as before, openslide.OpenSlide(conversion.files[0].path) as after:
        whole = ((0, 0), 0, before.dimensions)
        expected = np.asarray(before.read_region(*whole).convert("RGB"))
        assert np.array_equal(np.asarray(after.read_region(*whole).convert("RGB")), expected)
        assert after.level_dimensions == before.level_dimensions[:4]
        with WsiDicom.open(folder) as slide:
            assert [(level.size.width, level.size.height) for level in slide.levels] == list(after.level_dimensions)
            assert np.array_equal(np.asarray(slide.read_region(*whole)), expected)


def test_dciodvfy_finds_no_error(conversion: Conversion, tmp_path: Path) -> None:
    for file in conversion.files:
        assert dciodvfy_errors(file.path, tmp_path) == []
