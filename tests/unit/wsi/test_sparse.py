"""Tiles the scanner left out are not written on request; every frame that is written has its place."""

from pathlib import Path

import numpy as np
import openslide
import pydicom
import pytest
import tifffile
from pydicom.encaps import generate_frames
from wsidicom import WsiDicom

from tests.support.judges import dciodvfy_findings
from tests.support.scans import TILE_PX, jpeg, picture, tiles_of, write_level
from wsi.convert import convert, open_slide
from wsi.errors import UnsupportedSlideError
from wsi.proof import verify_source

LEFT_OUT = [0, 6, 7, 19]


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Write a scan of 5 x 4 tiles, some of which are left out, and a whole level below."""
    tiles = [b"" if index in LEFT_OUT else jpeg(tile) for index, tile in enumerate(tiles_of(picture(256, 320)))]
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        write_level(tiff, tiles, 320, 256, resolution=(20000, 20000), resolutionunit="CENTIMETER")
        write_level(tiff, [jpeg(tile) for tile in tiles_of(picture(128, 160))], 160, 128, subfiletype=1)
    return tmp_path / "a.tif"


def test_left_out_tiles_are_not_written_and_the_others_are_where_they_were(scan: Path, tmp_path: Path) -> None:
    whole, sparse = convert(scan, tmp_path / "whole"), convert(scan, tmp_path / "sparse", sparse=True)
    assert sparse.verification is not None
    assert sparse.verification.is_proven
    ds, full = (pydicom.dcmread(one.files[0].path) for one in (sparse, whole))
    assert (ds.DimensionOrganizationType, ds.NumberOfFrames) == ("TILED_SPARSE", 16)
    frames = list(generate_frames(full.PixelData, number_of_frames=20))
    kept = [index for index in range(20) if index not in LEFT_OUT]
    assert list(generate_frames(ds.PixelData, number_of_frames=16)) == [frames[index] for index in kept]
    for index, group in zip(kept, ds.PerFrameFunctionalGroupsSequence, strict=True):
        place, (row, column) = group.PlanePositionSlideSequence[0], divmod(index, 5)
        assert place.ColumnPositionInTotalImagePixelMatrix == column * TILE_PX + 1
        assert place.RowPositionInTotalImagePixelMatrix == row * TILE_PX + 1
        assert list(group.FrameContentSequence[0].DimensionIndexValues) == [column + 1, row + 1]


def test_a_sparse_object_has_a_uid_of_its_own_and_whole_levels_stay_whole(scan: Path, tmp_path: Path) -> None:
    whole, sparse = convert(scan, tmp_path / "whole"), convert(scan, tmp_path / "sparse", sparse=True)
    again = convert(scan, tmp_path / "again", sparse=True)
    assert sparse.files[0].sop_instance_uid != whole.files[0].sop_instance_uid
    assert [file.sha256 for file in sparse.files] == [file.sha256 for file in again.files]
    assert pydicom.dcmread(sparse.files[1].path).DimensionOrganizationType == "TILED_FULL"


def test_dciodvfy_misses_the_tiles_left_out_and_finds_nothing_else(scan: Path, tmp_path: Path) -> None:
    whole, sparse = convert(scan, tmp_path / "whole"), convert(scan, tmp_path / "sparse", sparse=True)
    counted, *others = dciodvfy_findings(sparse.files[0].path)
    assert "NumberOfFrames does not match expected value for tiled total pixel matrix = <16 >" in counted
    assert others == dciodvfy_findings(whole.files[0].path)


def test_wsidicom_shows_the_tiles_in_their_places(scan: Path, tmp_path: Path) -> None:
    convert(scan, tmp_path / "whole")
    convert(scan, tmp_path / "sparse", sparse=True)
    with WsiDicom.open(tmp_path / "sparse") as ours, WsiDicom.open(tmp_path / "whole") as theirs:
        for tile in ((1, 0), (3, 1), (3, 3)):
            assert np.array_equal(np.asarray(ours.read_tile(0, tile)), np.asarray(theirs.read_tile(0, tile)))


def test_openslide_shows_the_tiles_in_their_places_and_nothing_elsewhere(scan: Path, tmp_path: Path) -> None:
    convert(scan, tmp_path / "whole")
    convert(scan, tmp_path / "sparse", sparse=True)
    pictures = []
    for name in ("whole", "sparse"):
        path = max((tmp_path / name).glob("*.dcm"), key=lambda path: path.stat().st_size)
        with openslide.OpenSlide(path) as slide:
            pictures.append(np.asarray(slide.read_region((0, 0), 0, slide.dimensions)))
    for index in range(20):
        y, x = (TILE_PX * number for number in divmod(index, 5))
        ours, theirs = (one[y : y + TILE_PX, x : x + TILE_PX] for one in reversed(pictures))
        assert not ours.any() if index in LEFT_OUT else np.array_equal(ours, theirs)


def test_it_is_proven_against_the_scan_and_read_back_as_the_whole(scan: Path, tmp_path: Path) -> None:
    whole = convert(scan, tmp_path / "whole")
    sparse = convert(scan, tmp_path / "sparse", sparse=True, levels="all")
    with open_slide(scan) as source:
        assert verify_source(source, tmp_path / "sparse").is_proven
    back = convert(sparse.files[0].path, tmp_path / "back")
    frames = [
        list(generate_frames(pydicom.dcmread(one.files[0].path).PixelData, number_of_frames=20))
        for one in (whole, back)
    ]
    assert [len(one) for one in frames] == [20, 20]
    assert all(frames[0][index] == frames[1][index] for index in range(20) if index not in LEFT_OUT)


def test_a_frame_that_states_another_place_is_found(scan: Path, tmp_path: Path) -> None:
    file = convert(scan, tmp_path / "sparse", sparse=True).files[0]
    ds = pydicom.dcmread(file.path)
    ds.PerFrameFunctionalGroupsSequence[3].PlanePositionSlideSequence[0].RowPositionInTotalImagePixelMatrix += TILE_PX
    ds.save_as(file.path)
    with open_slide(scan) as source:
        assert any(
            "does not place its frames" in problem for problem in verify_source(source, tmp_path / "sparse").problems
        )


def test_sparse_and_parts_together_are_refused(scan: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedSlideError, match="not cut into parts"):
        convert(scan, tmp_path / "out", sparse=True, max_part_bytes=1 << 20)


def test_a_scan_without_holes_is_written_as_ever(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "b.tif") as tiff:
        write_level(tiff, [jpeg(tile) for tile in tiles_of(picture(128, 160))], 160, 128)
    whole, sparse = (
        convert(tmp_path / "b.tif", tmp_path / "1"),
        convert(tmp_path / "b.tif", tmp_path / "2", sparse=True),
    )
    assert [file.sha256 for file in whole.files] == [file.sha256 for file in sparse.files]
