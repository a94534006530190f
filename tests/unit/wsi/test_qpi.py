"""QPTIFF: bands become optical paths, colour is copied, and every picture has its place."""

from pathlib import Path

import numpy as np
import openslide
import pydicom
import pytest
import tifffile
from pydicom.encaps import generate_frames
from wsidicom import WsiDicom

from tests.support.judges import dciodvfy_findings
from tests.support.scanners import BANDS, write_qptiff, write_qptiff_colour
from wsi.convert import convert, open_slide
from wsi.encoding import Origin
from wsi.source import Kind


def findings(result: object) -> list[str]:
    files = getattr(result, "files")  # noqa: B009
    return [line for file in files for line in dciodvfy_findings(file.path) if "DICOMDIR" not in line]


def test_the_sample_is_what_others_take_for_a_qptiff(tmp_path: Path) -> None:
    write_qptiff(tmp_path / "a.qptiff")
    with tifffile.TiffFile(tmp_path / "a.qptiff") as tiff:
        assert tiff.pages[0].is_qpi
        assert [series.name for series in tiff.series] == ["Baseline", "Thumbnail", "Macro", "Label"]
        assert [level.shape for level in tiff.series[0].levels] == [(3, 256, 256), (3, 128, 128)]


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_bands_are_optical_paths_pixel_for_pixel(tmp_path: Path, depth: type) -> None:
    planes = write_qptiff(tmp_path / "a.qptiff", depth=depth)
    result = convert(tmp_path / "a.qptiff", tmp_path / "out")
    assert result.verification is not None and result.verification.is_proven
    assert [(file.kind, file.width_px) for file in result.files] == [
        ("VOLUME", 256), ("VOLUME", 128), ("THUMBNAIL", 60), ("OVERVIEW", 90), ("LABEL", 50),
    ]  # fmt: skip
    ds = pydicom.dcmread(result.files[0].path)
    assert [path.OpticalPathDescription for path in ds.OpticalPathSequence] == list(BANDS)
    assert ds.BitsStored == np.dtype(depth).itemsize * 8
    with WsiDicom.open(tmp_path / "out") as slide:
        for number, plane in enumerate(planes, 1):
            found = np.asarray(slide.read_region((10, 20), 0, (100, 90), path=str(number)))
            scale = 257 if depth is np.uint16 and found.dtype == np.uint8 else 1
            assert np.array_equal(found.reshape(90, 100, -1)[..., 0] * scale, plane[20:110, 10:110])
    assert findings(result) == []


def test_what_the_scanner_says_is_kept(tmp_path: Path) -> None:
    write_qptiff(tmp_path / "a.qptiff")
    with open_slide(tmp_path / "a.qptiff") as source:
        said = source.description
        assert (said.manufacturer, said.model, said.software) == ("PerkinElmer", "VectraPolaris", "VectraScan 1.0.7")
        assert (said.objective_power, said.mpp) == (20.0, (0.5, 0.5))
        assert said.acquired_at is not None and said.acquired_at.isoformat() == "2024-03-05T10:11:12"
        assert source.metadata.barcode == "S24-77-A-1"


def test_grey_jpeg_bands_are_copied(tmp_path: Path) -> None:
    write_qptiff(tmp_path / "a.qptiff", compression="jpeg")
    with open_slide(tmp_path / "a.qptiff") as source:
        assert {image.encoding.origin for image in source.images if image.kind is Kind.VOLUME} == {Origin.COPIED}
    result = convert(tmp_path / "a.qptiff", tmp_path / "out")
    ds = pydicom.dcmread(result.files[0].path)
    with tifffile.TiffFile(tmp_path / "a.qptiff") as tiff:
        last = tiff.pages[2]
        stored = (tmp_path / "a.qptiff").read_bytes()[last.dataoffsets[-1] :][: last.databytecounts[-1]]
    frames = list(generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
    assert frames[-1].removesuffix(b"\0") == stored
    assert findings(result) == []


def test_brightfield_is_copied_and_opens_in_openslide(tmp_path: Path) -> None:
    tiles = write_qptiff_colour(tmp_path / "a.qptiff")
    result = convert(tmp_path / "a.qptiff", tmp_path / "out")
    ds = pydicom.dcmread(result.files[0].path)
    frames = list(generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
    assert [frame.removesuffix(b"\0") for frame in frames] == tiles
    assert ds.OpticalPathSequence[0].IlluminationTypeCodeSequence[0].CodeMeaning == "Brightfield illumination"
    with openslide.OpenSlide(result.files[0].path) as slide:
        assert slide.level_dimensions == ((256, 256), (128, 128))
        assert set(slide.associated_images) == {"thumbnail", "macro", "label"}
    assert findings(result) == []


def test_a_description_in_utf_16_is_read(tmp_path: Path) -> None:
    from wsi.tiff_facts import description_of

    class Tags:
        def valueof(self, _: int) -> bytes:
            return "<Name>β-tubulin</Name>".encode("utf-16")

    class Page:
        tags = Tags()

    assert description_of(Page()) == "<Name>β-tubulin</Name>"
