"""A real NDPI scan: its stripes joined into frames, without a bit of the entropy-coded data changed."""

from pathlib import Path

import numpy as np
import openslide
import pydicom
import pytest
import tifffile
from pydicom.encaps import generate_frames
from wsidicom import WsiDicom

from tests.support.judges import dciodvfy_errors, dciodvfy_findings
from tests.support.scanners import add_focal_planes
from wsi.codec import restart_segments
from wsi.convert import Conversion, convert, open_slide


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


def test_every_focal_plane_is_in_the_object_bit_for_bit(scan: Path, tmp_path: Path) -> None:
    stripes = add_focal_planes(scan, tmp_path / "a.ndpi", [1000, -1000])
    with openslide.OpenSlide(tmp_path / "a.ndpi") as judge:
        assert judge.dimensions == (3968, 4864), "others still read the middle plane"
    result = convert(tmp_path / "a.ndpi", tmp_path / "out")
    assert result.verification is not None and result.verification.is_proven
    ds = pydicom.dcmread(result.files[0].path)
    assert ds.TotalPixelMatrixFocalPlanes == 3
    assert float(ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices) == 0.001
    frames = list(generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
    each = len(frames) // 3
    for plane, height_nm in enumerate((-1000, 0, 1000)):
        found = [one for frame in frames[plane * each : (plane + 1) * each] for one in restart_segments(frame)]
        assert found == stripes[height_nm]
    assert [line for line in dciodvfy_findings(result.files[0].path) if "DICOMDIR" not in line] == []
    with WsiDicom.open(tmp_path / "out") as slide:
        assert slide.levels[0].focal_planes == pytest.approx([0, 1, 2])


def test_planes_that_not_every_level_has_are_left_out_and_that_is_said(scan: Path, tmp_path: Path) -> None:
    add_focal_planes(scan, tmp_path / "a.ndpi", [1000])
    data = (tmp_path / "a.ndpi").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.ndpi") as tiff:
        above = [page for page in tiff.pages if page.is_tiled and page.tags.valueof(65424)]
        focus = above[-1].tags[65424].valueoffset
    (tmp_path / "a.ndpi").write_bytes(data[:focus] + (2000).to_bytes(4, "little") + data[focus + 4 :])
    with open_slide(tmp_path / "a.ndpi") as source:
        assert {image.level.focal_plane_count for image in source.images} == {1}
        assert any("only the middle one" in note for note in source.description.notes)


def test_the_scan_says_when_and_where_it_was_made(scan: Path) -> None:
    with open_slide(scan) as source:
        said = source.description
        assert said.acquired_at is not None and said.acquired_at.isoformat() == "2017-02-07T13:07:45"
        assert (said.manufacturer, said.model, said.serial) == ("Hamamatsu", "C9600-12", "950291")
