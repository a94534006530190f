"""An object cut into parts: its frames and its header are those of the whole, every time."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames
from wsidicom import WsiDicom

from tests.support.judges import dciodvfy_findings
from tests.support.objects import write_object
from tests.support.scans import write_svs
from wsi.convert import convert
from wsi.cutting import cut_object

LIMIT = 24 << 10
PART_KEYWORDS = {
    "SOPInstanceUID", "NumberOfFrames", "ConcatenationUID", "SOPInstanceUIDOfConcatenationSource",
    "InConcatenationNumber", "InConcatenationTotalNumber", "ConcatenationFrameOffsetNumber",
    "PerFrameFunctionalGroupsSequence", "PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
}  # fmt: skip


def frames_of(path: Path) -> list[bytes]:
    ds = pydicom.dcmread(path)
    return list(generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    write_svs(tmp_path / "a.svs", [(640, 512), (160, 128)])
    return convert(tmp_path / "a.svs", tmp_path / "whole").files[0].path


def cut_to(whole: Path, folder: Path, limit: int = LIMIT) -> list[Path]:
    folder.mkdir()
    made = cut_object(whole, max_bytes=limit)
    assert made is not None
    for number, uid in enumerate(made.uids, 1):
        made.write(number, folder / f"{uid}.dcm")
    return [folder / f"{uid}.dcm" for uid in made.uids]


def test_the_parts_hold_the_frames_of_the_whole_in_order_and_each_its_header(whole: Path, tmp_path: Path) -> None:
    parts = cut_to(whole, tmp_path / "cut")
    assert len(parts) > 2
    assert all(part.stat().st_size <= LIMIT for part in parts)
    assert [frame for part in parts for frame in frames_of(part)] == frames_of(whole)
    mine, offset = pydicom.dcmread(whole), 0
    for number, path in enumerate(parts, 1):
        ds = pydicom.dcmread(path)
        assert ds.SOPInstanceUID == ds.file_meta.MediaStorageSOPInstanceUID == path.stem
        assert ds.SOPInstanceUIDOfConcatenationSource == mine.SOPInstanceUID
        assert (ds.InConcatenationNumber, ds.InConcatenationTotalNumber) == (number, len(parts))
        assert ds.ConcatenationFrameOffsetNumber == offset
        offset += ds.NumberOfFrames
        differing = {e.keyword for e in mine if e.keyword not in PART_KEYWORDS and ds.get(e.tag) != e}
        added = {e.keyword for e in ds} - {e.keyword for e in mine} - PART_KEYWORDS
        assert (differing, added) == (set(), set())


def test_the_same_cut_twice_is_byte_for_byte_the_same_and_another_has_other_uids(whole: Path, tmp_path: Path) -> None:
    first, second = cut_to(whole, tmp_path / "1"), cut_to(whole, tmp_path / "2")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert not {path.stem for path in first} & {path.stem for path in cut_to(whole, tmp_path / "3", LIMIT // 2)}


def test_wsidicom_puts_the_parts_together(whole: Path, tmp_path: Path) -> None:
    cut_to(whole, tmp_path / "cut")
    with WsiDicom.open(whole) as one, WsiDicom.open(tmp_path / "cut") as many:
        region = ((100, 50), 0, (500, 450))
        assert np.array_equal(np.asarray(many.read_region(*region)), np.asarray(one.read_region(*region)))


def test_a_sparse_image_keeps_the_place_of_every_frame(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs", [(640, 512)])
    path = convert(tmp_path / "a.svs", tmp_path / "whole").files[0].path
    ds = pydicom.dcmread(path)
    groups = []
    for index in range(ds.NumberOfFrames):
        group = pydicom.Dataset()
        group.FrameContentSequence = [pydicom.Dataset()]
        group.FrameContentSequence[0].DimensionIndexValues = [index + 1, 1]
        groups.append(group)
    ds.PerFrameFunctionalGroupsSequence, ds.DimensionOrganizationType = groups, "TILED_SPARSE"
    ds.save_as(path)
    places = [
        int(group.FrameContentSequence[0].DimensionIndexValues[0])
        for part in cut_to(path, tmp_path / "cut")
        for group in pydicom.dcmread(part).PerFrameFunctionalGroupsSequence
    ]
    assert places == list(range(1, ds.NumberOfFrames + 1))


def test_parts_of_uncompressed_sixteen_bit_hold_words(whole: Path, tmp_path: Path) -> None:
    ds = pydicom.dcmread(whole)
    ds.PixelData = np.arange(ds.NumberOfFrames * ds.Rows * ds.Columns, dtype="<u2").tobytes()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
    ds["PixelData"].VR = "OW"
    ds.save_as(tmp_path / "a.dcm")
    parts = [pydicom.dcmread(part) for part in cut_to(tmp_path / "a.dcm", tmp_path / "cut", 64 << 10)]
    assert {part["PixelData"].VR for part in parts} == {"OW"}
    assert b"".join(part.PixelData for part in parts) == ds.PixelData


def test_what_fits_is_a_part_or_is_no_slide_stays_whole(whole: Path, tmp_path: Path) -> None:
    part = cut_to(whole, tmp_path / "cut")[0]
    write_object(tmp_path / "ct.dcm", rows=512, columns=512, frames=4)
    (tmp_path / "text").write_text("nothing")
    assert cut_object(whole, max_bytes=10**9) is None
    assert cut_object(part, max_bytes=10_000) is None
    assert cut_object(tmp_path / "ct.dcm", max_bytes=LIMIT) is None
    assert cut_object(tmp_path / "text", max_bytes=LIMIT) is None


def test_dciodvfy_finds_nothing_in_a_part_but_the_frames_it_counts_for_a_whole(whole: Path, tmp_path: Path) -> None:
    for path in cut_to(whole, tmp_path / "cut"):
        found = [line for line in dciodvfy_findings(path) if "DICOMDIR" not in line]
        assert [line for line in found if "NumberOfFrames does not match expected value for tiled" not in line] == []
