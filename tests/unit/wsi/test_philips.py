"""Philips TIFF: padding is no image, tiles never scanned are white, label and overview come out of the XML."""

from pathlib import Path

import numpy as np
import openslide
import pydicom
import pytest
from pydicom.encaps import generate_frames

from tests.support.judges import dciodvfy_findings
from tests.support.scanners import write_philips
from tests.support.scans import TILE_PX, jpeg, picture
from wsi.convert import convert, open_slide
from wsi.source import Kind

LABEL, MACRO = jpeg(picture(48, 64)), jpeg(picture(40, 120))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    write_philips(tmp_path / "a.tiff", left_out=(1, 17), pictures={"LABELIMAGE": LABEL, "MACROIMAGE": MACRO})
    return tmp_path / "a.tiff"


def test_levels_end_where_their_image_ends_as_openslide_sees_it(scan: Path) -> None:
    with openslide.OpenSlide(scan) as judge, open_slide(scan) as source:
        assert judge.properties["openslide.vendor"] == "philips"
        levels = [image.level for image in source.images if image.kind is Kind.VOLUME]
        # Two tiles and a half across, one and a half down: the rest of the last tiles is padding.
        assert [(level.width_px, level.height_px) for level in levels] == [(640, 384), (320, 192), (160, 96)]
        assert [level.mpp_x for level in levels] == pytest.approx([0.25, 0.5, 1.0])
        assert float(judge.properties["openslide.mpp-x"]) == levels[0].mpp_x
        assert judge.level_downsamples == pytest.approx((1, 2, 4))


def test_label_and_overview_are_copied_out_of_the_description(scan: Path, tmp_path: Path) -> None:
    result = convert(scan, tmp_path / "out")
    for kind, expected in (("LABEL", LABEL), ("OVERVIEW", MACRO)):
        file = next(file for file in result.files if file.kind == kind)
        ds = pydicom.dcmread(file.path)
        frame = next(iter(generate_frames(ds.PixelData, number_of_frames=1)))
        assert frame.removesuffix(b"\0") == expected
    assert result.verification is not None and result.verification.is_proven
    found = [line for file in result.files for line in dciodvfy_findings(file.path) if "DICOMDIR" not in line]
    assert found == []
    with openslide.OpenSlide(result.files[0].path) as slide:
        assert slide.level_dimensions == ((640, 384), (320, 192), (160, 96))
        assert set(slide.associated_images) == {"label", "macro"}


def test_tiles_never_scanned_are_white_and_the_others_copied(scan: Path, tmp_path: Path) -> None:
    result = convert(scan, tmp_path / "out")
    with openslide.OpenSlide(scan) as before, openslide.OpenSlide(result.files[0].path) as after:
        gap = np.asarray(after.read_region((TILE_PX, 0), 0, (TILE_PX, TILE_PX)).convert("RGB"))
        assert gap.min() > 250
        near = ((2 * TILE_PX, 0), 0, (TILE_PX, TILE_PX))
        pair = [np.asarray(slide.read_region(*near).convert("RGB")) for slide in (before, after)]
        assert np.array_equal(pair[0], pair[1])


def test_who_scanned_what_and_when_is_kept(scan: Path) -> None:
    with open_slide(scan) as source:
        said = source.description
        assert (said.manufacturer, said.serial) == ("PHILIPS", "FMT0107")
        assert said.acquired_at is not None and said.acquired_at.isoformat() == "2016-07-18T12:23:00"
        assert source.metadata.barcode == "S24-55"


def test_a_picture_that_is_no_jpeg_is_left_out(tmp_path: Path) -> None:
    write_philips(tmp_path / "a.tiff", pictures={"LABELIMAGE": b"no picture", "MACROIMAGE": MACRO})
    with open_slide(tmp_path / "a.tiff") as source:
        assert [image.kind for image in source.images if image.kind is not Kind.VOLUME] == [Kind.OVERVIEW]
