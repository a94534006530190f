"""Leica SCN: tiles are copied, every region of the glass is a series of its own, with its place."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import openslide
import pydicom
import pytest
from pydicom.dataset import Dataset
from wsidicom import WsiDicom

from tests.support.judges import dcentvfy_findings, dciodvfy_findings
from tests.support.scanners import SCN_NM, write_scn, write_scn_fluorescence
from wsi.check import check_objects
from wsi.convert import convert, open_slide
from wsi.encoding import Origin
from wsi.errors import UnreadableSlideError
from wsi.proof import verify_source
from wsi.source import Kind

TWO = (((256, 192), (100_000, 200_000)), ((256, 192), (600_000, 900_000)))
GLASS_MM = (2.048, 4.096)


def headers(folder: Path) -> dict[str, list[Dataset]]:
    """Return the objects by series, the largest first."""
    found = defaultdict(list)
    for path in folder.glob("*.dcm"):
        ds = pydicom.dcmread(path)
        found[str(ds.SeriesInstanceUID)].append(ds)
    return {uid: sorted(all_, key=lambda ds: -ds.TotalPixelMatrixColumns) for uid, all_ in found.items()}


def findings(folder: Path) -> list[str]:
    paths = sorted(folder.glob("*.dcm"))
    return [line for path in paths for line in dciodvfy_findings(path) if "DICOMDIR" not in line]


def test_one_region_is_copied_and_says_what_the_scanner_said(tmp_path: Path) -> None:
    write_scn(tmp_path / "a.scn")
    with open_slide(tmp_path / "a.scn") as source, openslide.OpenSlide(tmp_path / "a.scn") as judge:
        said = source.description
        assert judge.properties["openslide.vendor"] == "leica"
        assert (said.model, said.objective_power) == ("Leica SCN400", 20.0)
        assert said.mpp == pytest.approx((float(judge.properties["openslide.mpp-x"]),) * 2)
        assert said.acquired_at is not None and said.acquired_at.isoformat() == "2011-11-09T14:17:34"
        assert source.metadata.barcode == judge.properties["leica.barcode"] == "S24-9"
        assert [image.encoding.origin for image in source.images] == [Origin.COPIED, Origin.COPIED, Origin.LOSSLESS]
        assert source.images[2].encoding.lossy_methods == ("ISO_10918_1",)
        assert [image.kind for image in source.images] == [Kind.VOLUME, Kind.VOLUME, Kind.OVERVIEW]
    result = convert(tmp_path / "a.scn", tmp_path / "out", levels="all")
    assert result.verification is not None and result.verification.is_proven
    assert findings(tmp_path / "out") == []


def test_regions_become_series_with_the_pixels_of_their_place(tmp_path: Path) -> None:
    write_scn(tmp_path / "a.scn", regions=TWO)
    result = convert(tmp_path / "a.scn", tmp_path / "out")
    assert any("2 regions" in note for note in result.notes)
    series = headers(tmp_path / "out")
    assert len(series) == 2
    assert result.series_instance_uid in series
    assert len({ds.FrameOfReferenceUID for all_ in series.values() for ds in all_ if ds.ImageType[2] == "VOLUME"}) == 1
    assert len({ds.PyramidUID for all_ in series.values() for ds in all_ if "PyramidUID" in ds}) == 2
    with openslide.OpenSlide(tmp_path / "a.scn") as judge:
        for all_ in series.values():
            base = all_[0] if all_[0].ImageType[2] == "VOLUME" else all_[1]
            origin = base.TotalPixelMatrixOriginSequence[0]
            at_nm = (
                round((GLASS_MM[0] - float(origin.YOffsetInSlideCoordinateSystem)) * 1e6),
                round((GLASS_MM[1] - float(origin.XOffsetInSlideCoordinateSystem)) * 1e6),
            )
            assert at_nm in [place for _, place in TWO]
            x, y = (place // SCN_NM for place in at_nm)
            expected = np.asarray(judge.read_region((x, y), 0, (256, 192)).convert("RGB"), np.int16)
            path = next(path for path in (tmp_path / "out").glob(f"{base.SOPInstanceUID}.dcm"))
            with openslide.OpenSlide(path) as slide:
                assert slide.level_dimensions == ((256, 192), (64, 48))
                found = np.asarray(slide.read_region((0, 0), 0, (256, 192)).convert("RGB"), np.int16)
            assert np.abs(found - expected).mean() < 1
    assert findings(tmp_path / "out") == []
    assert dcentvfy_findings(sorted((tmp_path / "out").glob("*.dcm"))) == []
    assert check_objects(tmp_path / "out") == ()


def test_regions_are_proven_each_against_its_own(tmp_path: Path) -> None:
    write_scn(tmp_path / "a.scn", regions=TWO)
    convert(tmp_path / "a.scn", tmp_path / "out", levels="all")
    with open_slide(tmp_path / "a.scn") as source:
        report = verify_source(source, tmp_path / "out")
        assert report.is_proven, report.problems
        first = max((tmp_path / "out").glob("*.dcm"), key=lambda path: path.stat().st_size)
        first.unlink()
        assert [said for said in verify_source(source, tmp_path / "out").problems if "missing" in said]


def test_channels_of_focal_planes_are_paths_and_planes(tmp_path: Path) -> None:
    write_scn_fluorescence(tmp_path / "a.scn")
    result = convert(tmp_path / "a.scn", tmp_path / "out")
    ds = pydicom.dcmread(result.files[0].path)
    assert (ds.NumberOfOpticalPaths, ds.TotalPixelMatrixFocalPlanes, ds.NumberOfFrames) == (2, 3, 2 * 3 * 12)
    assert [path.OpticalPathDescription for path in ds.OpticalPathSequence] == ["DAPI", "FITC"]
    measures = ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert float(measures.SpacingBetweenSlices) == pytest.approx(0.0012)
    assert result.verification is not None
    assert [file.origin for file in result.verification.files[:2]] == ["copied", "copied"]
    assert findings(tmp_path / "out") == []
    with WsiDicom.open(tmp_path / "out") as slide:
        assert slide.levels[0].focal_planes == pytest.approx([0, 1.2, 2.4])


@pytest.mark.parametrize(
    ("whole", "broken", "said"),
    [
        (b"</barcode>", b"</barcodf>", "damaged description"),
        (b'<?xml version="1.0"?>', b"<!ENTITY xx zzz yyyy>", "no plain XML"),
    ],
)
def test_a_damaged_description_is_refused_not_taken_for_a_picture(
    tmp_path: Path, whole: bytes, broken: bytes, said: str
) -> None:
    write_scn(tmp_path / "a.scn")
    data = (tmp_path / "a.scn").read_bytes()
    assert data.count(whole) == 1
    (tmp_path / "a.scn").write_bytes(data.replace(whole, broken))
    with pytest.raises(UnreadableSlideError, match=said):
        open_slide(tmp_path / "a.scn")
