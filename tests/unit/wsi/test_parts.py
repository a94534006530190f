"""An image cut into the parts of a concatenation: the same frames, the same UIDs every time, never one part."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames
from wsidicom import WsiDicom

from tests.support.judges import dciodvfy_findings
from tests.support.scans import write_svs
from wsi.convert import convert, open_slide
from wsi.dicom_source import open_dicom
from wsi.errors import UnsupportedSlideError
from wsi.proof import verify_source
from wsi.verify import verify_file

LIMIT = 96 << 10
SIZES = [(640, 512), (160, 128)]
"""Eighty tiles of about 2 kB, and six."""


def frames_of(path: Path) -> list[bytes]:
    ds = pydicom.dcmread(path)
    return list(generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    write_svs(tmp_path / "a.svs", SIZES)
    return tmp_path / "a.svs"


def test_the_parts_together_hold_the_frames_of_the_whole(scan: Path, tmp_path: Path) -> None:
    whole = convert(scan, tmp_path / "whole")
    cut = convert(scan, tmp_path / "cut", max_part_bytes=LIMIT)
    parts = [file for file in cut.files if file.width_px == 640]
    assert len(parts) > 1
    assert [frame for part in parts for frame in frames_of(part.path)] == frames_of(whole.files[0].path)
    assert all(part.bytes <= LIMIT for part in parts)
    assert cut.verification is not None
    assert cut.verification.is_proven
    offset = 0
    for number, part in enumerate(parts, 1):
        ds = pydicom.dcmread(part.path, stop_before_pixels=True)
        assert ds.SOPInstanceUIDOfConcatenationSource == whole.files[0].sop_instance_uid
        assert (ds.InConcatenationNumber, ds.InConcatenationTotalNumber) == (number, len(parts))
        assert (ds.ConcatenationFrameOffsetNumber, ds.NumberOfFrames) == (offset, part.frames)
        offset += part.frames
    assert len({pydicom.dcmread(part.path).ConcatenationUID for part in parts}) == 1


def test_one_part_is_no_concatenation(scan: Path, tmp_path: Path) -> None:
    whole = convert(scan, tmp_path / "whole")
    cut = convert(scan, tmp_path / "cut", max_part_bytes=LIMIT)
    assert cut.files[-1].sha256 == whole.files[-1].sha256


def test_the_same_cut_twice_is_byte_for_byte_the_same(scan: Path, tmp_path: Path) -> None:
    first = convert(scan, tmp_path / "1", max_part_bytes=LIMIT)
    second = convert(scan, tmp_path / "2", max_part_bytes=LIMIT)
    other = convert(scan, tmp_path / "3", max_part_bytes=LIMIT + 9000)
    assert [file.sha256 for file in first.files] == [file.sha256 for file in second.files]
    assert first.files[0].sop_instance_uid != other.files[0].sop_instance_uid


def test_dciodvfy_counts_the_frames_of_a_part_as_if_it_were_the_whole_and_finds_nothing_else(
    scan: Path, tmp_path: Path
) -> None:
    for file in convert(scan, tmp_path / "cut", max_part_bytes=LIMIT).files:
        found = [line for line in dciodvfy_findings(file.path) if "DICOMDIR" not in line]
        # It does not know that the grid of TILED_FULL is filled by the whole concatenation.
        assert [line for line in found if "NumberOfFrames does not match expected value for tiled" not in line] == []


def test_wsidicom_puts_the_parts_together(scan: Path, tmp_path: Path) -> None:
    convert(scan, tmp_path / "whole")
    convert(scan, tmp_path / "cut", max_part_bytes=LIMIT)
    with WsiDicom.open(tmp_path / "whole") as whole, WsiDicom.open(tmp_path / "cut") as cut:
        region = ((100, 50), 0, (500, 450))
        assert np.array_equal(np.asarray(cut.read_region(*region)), np.asarray(whole.read_region(*region)))


def test_made_levels_stand_on_a_level_in_parts(scan: Path, tmp_path: Path) -> None:
    whole = convert(scan, tmp_path / "whole", levels="all")
    cut = convert(scan, tmp_path / "cut", levels="all", max_part_bytes=LIMIT)
    made = {file.width_px: frames_of(file.path) for file in whole.files}
    for width, frames in made.items():
        parts = [file for file in cut.files if file.width_px == width]
        assert [frame for part in parts for frame in frames_of(part.path)] == frames
    assert cut.verification is not None
    assert cut.verification.is_proven


def test_a_folder_of_parts_is_proven_and_a_lost_part_is_noticed(scan: Path, tmp_path: Path) -> None:
    cut = convert(scan, tmp_path / "cut", max_part_bytes=LIMIT)
    with open_slide(scan) as source:
        assert verify_source(source, tmp_path / "cut").is_proven
        cut.files[1].path.unlink()
        report = verify_source(source, tmp_path / "cut")
    assert not report.is_proven
    assert "was expected" in report.problems[0]


def test_a_part_that_says_it_begins_elsewhere_is_found(scan: Path, tmp_path: Path) -> None:
    cut = convert(scan, tmp_path / "cut", max_part_bytes=LIMIT)
    with open_slide(scan) as source:
        table = source.images[0].table.cut(0, cut.files[0].frames)
        report = verify_file(cut.files[0].path, source.images[0], table=table, first=1, end=cut.files[0].frames + 1)
    assert report.problems == ("the part begins at frame 1, not 2",)


def test_parts_are_read_back_as_the_slide_they_are(scan: Path, tmp_path: Path) -> None:
    whole = convert(scan, tmp_path / "whole")
    convert(scan, tmp_path / "cut", max_part_bytes=LIMIT)
    again = convert(tmp_path / "cut", tmp_path / "again")
    assert [frames_of(file.path) for file in again.files] == [frames_of(file.path) for file in whole.files]
    assert again.verification is not None
    assert again.verification.is_proven
    header, original = (pydicom.dcmread(one.files[0].path, stop_before_pixels=True) for one in (again, whole))
    assert "ConcatenationUID" not in header
    assert header.LossyImageCompressionRatio == original.LossyImageCompressionRatio
    with open_slide(tmp_path / "cut") as source:
        assert verify_source(source, tmp_path / "again").is_proven


def test_one_part_of_several_opens_the_whole(scan: Path, tmp_path: Path) -> None:
    parts = [file for file in convert(scan, tmp_path / "cut", max_part_bytes=LIMIT).files if file.width_px == 640]
    with open_slide(parts[-1].path) as source:
        assert source.images[0].level.frame_count == sum(part.frames for part in parts)


@pytest.mark.parametrize("lost", [0, 1, -1])
def test_a_lost_part_is_said_and_not_filled_with_white(scan: Path, tmp_path: Path, lost: int) -> None:
    parts = [file for file in convert(scan, tmp_path / "cut", max_part_bytes=LIMIT).files if file.width_px == 640]
    parts[lost].path.unlink()
    with pytest.raises(UnsupportedSlideError, match="one part of several"):
        open_dicom(tmp_path / "cut")
