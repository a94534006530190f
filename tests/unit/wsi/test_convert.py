"""A scan in, a series out, or nothing at all."""

import hashlib
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tests.support.scans import APERIO, write_svs
from wsi.convert import Conversion, convert, open_slide
from wsi.errors import (
    ConversionStoppedError,
    NotASlideError,
    OutputError,
    SlideError,
    TruncatedSlideError,
)
from wsi.metadata import SlideMetadata
from wsi.writer import Progress


def headers(result: Conversion) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(file.path, stop_before_pixels=True) for file in result.files]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_conversion_lists_what_it_wrote_and_proves_it(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    result = convert(tmp_path / "a.svs", tmp_path / "out")
    assert [(file.kind, file.width_px, file.frames) for file in result.files] == [
        ("VOLUME", 300, 20),
        ("VOLUME", 75, 2),
    ]
    assert result.verification is not None
    assert result.verification.is_proven
    assert names(tmp_path / "out") == sorted(file.path.name for file in result.files)
    assert [file.bytes for file in result.files] == [file.path.stat().st_size for file in result.files]


def test_a_repeat_is_byte_for_byte_the_same(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs", description=APERIO + "|Date = 01/02/24|Time = 03:04:05")
    first = convert(tmp_path / "a.svs", tmp_path / "one")
    os.utime(tmp_path / "a.svs", (1, 1))
    second = convert(tmp_path / "a.svs", tmp_path / "two")
    assert [(file.sop_instance_uid, file.sha256) for file in first.files] == [
        (file.sop_instance_uid, file.sha256) for file in second.files
    ]


def test_other_metadata_gives_other_instances_of_the_same_slide(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    plain = headers(convert(tmp_path / "a.svs", tmp_path / "one"))[0]
    named = headers(convert(tmp_path / "a.svs", tmp_path / "two", metadata=SlideMetadata(patient_id="P1")))[0]
    assert plain.SOPInstanceUID != named.SOPInstanceUID
    assert plain.FrameOfReferenceUID == named.FrameOfReferenceUID
    assert named.PatientID == "P1"


def test_nothing_is_invented(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    ds = headers(convert(tmp_path / "a.svs", tmp_path / "out"))[0]
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
        assert keyword in ds
        assert not ds[keyword].value


def test_levels_agree_on_where_and_how_large_the_slide_is(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs", [(300, 203), (75, 50)])
    base, small = headers(convert(tmp_path / "a.svs", tmp_path / "out"))
    assert base.FrameOfReferenceUID == small.FrameOfReferenceUID
    assert base.PyramidUID == small.PyramidUID
    assert (list(base.ImageType)[2:], list(small.ImageType)) == (
        ["VOLUME", "NONE"],
        ["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED"],
    )
    for ds, mpp in ((base, 0.499), (small, 4 * 0.499)):
        spacing = ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing
        assert [float(value) for value in spacing] == pytest.approx([mpp / 1000] * 2)
        assert ds.ImagedVolumeWidth == pytest.approx(ds.TotalPixelMatrixColumns * mpp / 1000)
        assert ds.ImagedVolumeHeight == pytest.approx(ds.TotalPixelMatrixRows * mpp / 1000)


def test_the_lossy_ratio_is_that_of_the_frames(tmp_path: Path) -> None:
    levels = write_svs(tmp_path / "a.svs")
    ds = headers(convert(tmp_path / "a.svs", tmp_path / "out"))[0]
    raw_bytes = 20 * 64 * 64 * 3
    assert ds.LossyImageCompression == "01"
    assert float(ds.LossyImageCompressionRatio) == pytest.approx(raw_bytes / sum(map(len, levels[0])), rel=1e-4)


def test_a_scan_without_a_scale_says_so(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs", description="Aperio Image Library v12\r\n{w}x{h}|AppMag = 20")
    result = convert(tmp_path / "a.svs", tmp_path / "out")
    assert any("no pixel size" in note for note in result.notes)
    assert "no pixel size" in headers(result)[0].ImageComments


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_a_scan_cut_short_is_refused_and_leaves_nothing(tmp_path: Path, part: float) -> None:
    write_svs(tmp_path / "a.svs")
    whole = (tmp_path / "a.svs").read_bytes()
    (tmp_path / "a.svs").write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(SlideError) as caught:
        convert(tmp_path / "a.svs", tmp_path / "out")
    assert "a.svs" in caught.value.what
    assert names(tmp_path / "out") == []


def test_tiles_beyond_the_end_are_counted(tmp_path: Path) -> None:
    with (tmp_path / "a.svs").open("wb") as file:
        file.write(b"")
    write_svs(tmp_path / "a.svs", [(300, 200)])
    source = (tmp_path / "a.svs").read_bytes()
    # tifffile writes the directory first: cutting the end takes tiles away and leaves the directory whole.
    (tmp_path / "a.svs").write_bytes(source[: len(source) * 3 // 4])
    with pytest.raises(TruncatedSlideError, match="of 20 tiles lie beyond"):
        open_slide(tmp_path / "a.svs")


@pytest.mark.parametrize(
    "content", [b"", b"x", b"II*\0", b"II*\0\x08\0\0\0", b"\x89PNG\r\n", b"not a slide at all" * 100]
)
def test_what_is_no_slide_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.svs").write_bytes(content)
    with pytest.raises(SlideError, match=r"a\.svs"):
        convert(tmp_path / "a.svs", tmp_path / "out")
    assert names(tmp_path / "out") == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotASlideError, match=r"gone\.svs does not exist"):
        open_slide(tmp_path / "gone.svs")


def test_a_stop_keeps_nothing(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    with pytest.raises(ConversionStoppedError):
        convert(tmp_path / "a.svs", tmp_path / "out", should_stop=lambda: True)
    assert names(tmp_path / "out") == []


def test_progress_ends_at_the_whole(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    seen: list[Progress] = []
    convert(tmp_path / "a.svs", tmp_path / "out", progress=seen.append)
    assert seen[-1].frames_done == seen[-1].frames_total
    assert {step.stage for step in seen} == {"write", "verify"}
    assert all(later.frames_done >= earlier.frames_done for earlier, later in pairwise(seen))


def test_an_output_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        convert(tmp_path / "a.svs", tmp_path / "out")


def test_a_resumed_conversion_keeps_whole_files_and_ends_the_same(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    whole = convert(tmp_path / "a.svs", tmp_path / "one")
    staging = tmp_path / "two" / f".converting-{whole.series_instance_uid[-24:]}"
    staging.mkdir(parents=True)
    kept = staging / whole.files[0].path.name
    kept.write_bytes(whole.files[0].path.read_bytes())
    (staging / f"{whole.files[1].path.name}.part").write_bytes(b"half")
    inode = kept.stat().st_ino
    resumed = convert(tmp_path / "a.svs", tmp_path / "two", resume=True)
    assert [file.sha256 for file in resumed.files] == [file.sha256 for file in whole.files]
    assert resumed.files[0].path.stat().st_ino == inode
    assert names(tmp_path / "two") == sorted(file.path.name for file in whole.files)


def test_metadata_without_a_study_keeps_one_study_per_slide(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    given = SlideMetadata(patient_id="P1")
    first = convert(tmp_path / "a.svs", tmp_path / "one", metadata=given)
    second = convert(tmp_path / "a.svs", tmp_path / "two", metadata=replace(given, series_description="again"))
    assert first.study_instance_uid == second.study_instance_uid
    assert first.series_instance_uid != second.series_instance_uid


def test_frames_are_the_scans_tiles(tmp_path: Path) -> None:
    levels = write_svs(tmp_path / "a.svs")
    result = convert(tmp_path / "a.svs", tmp_path / "out")
    for file, tiles in zip(result.files, levels, strict=True):
        ds = pydicom.dcmread(file.path)
        frames = list(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
        assert frames == [tile + b"\0" * (len(tile) & 1) for tile in tiles]
        assert np.prod(ds.pixel_array.shape) == ds.NumberOfFrames * 64 * 64 * 3


def test_the_same_slide_twice_at_once_is_refused_and_disturbs_nothing(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    refusals: list[str] = []

    def try_again(_: Progress) -> None:
        if not refusals:
            with pytest.raises(OutputError, match="already") as caught:
                convert(tmp_path / "a.svs", tmp_path / "out")
            refusals.append(caught.value.what)

    result = convert(tmp_path / "a.svs", tmp_path / "out", progress=try_again)
    assert refusals
    assert names(tmp_path / "out") == sorted(file.path.name for file in result.files)


def test_a_scan_without_a_date_makes_no_study_date(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    result = convert(tmp_path / "a.svs", tmp_path / "out")
    assert headers(result)[0].StudyDate == ""
    assert any("does not say when" in note for note in result.notes)


def test_without_a_proof_there_is_no_digest_and_the_bytes_are_the_same(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    proven = convert(tmp_path / "a.svs", tmp_path / "proven")
    unproven = convert(tmp_path / "a.svs", tmp_path / "unproven", verify=False)
    assert unproven.verification is None
    for before, after in zip(proven.files, unproven.files, strict=True):
        assert after.sha256 == ""
        assert hashlib.sha256(after.path.read_bytes()).hexdigest() == before.sha256


def test_an_object_with_an_extended_offset_table_is_proven_and_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_svs(tmp_path / "a.svs")
    monkeypatch.setattr("wsi.writer.needs_extended_table", lambda _: True)
    result = convert(tmp_path / "a.svs", tmp_path / "out")
    assert result.verification is not None
    assert result.verification.is_proven
    assert "ExtendedOffsetTable" in pydicom.dcmread(result.files[0].path)
    again = convert(result.files[0].path, tmp_path / "again")
    assert [file.frames for file in again.files] == [file.frames for file in result.files]
