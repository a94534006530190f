"""The proof finds every planted fault."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tests.support.scans import write_svs
from wsi.convert import Conversion, convert, open_slide
from wsi.frames import index_frames
from wsi.proof import verify_source
from wsi.report import VerificationReport
from wsi.verify import psnr


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    write_svs(tmp_path / "a.svs")
    return tmp_path / "a.svs"


@pytest.fixture
def result(scan: Path, tmp_path: Path) -> Conversion:
    return convert(scan, tmp_path / "out")


def proof(scan: Path, folder: Path) -> VerificationReport:
    with open_slide(scan) as source:
        return verify_source(source, folder)


def complaints(report: VerificationReport) -> str:
    return " | ".join([*report.problems, *(problem for file in report.files for problem in file.problems)])


def test_a_sound_conversion_is_proven_with_a_digest_per_frame(scan: Path, result: Conversion) -> None:
    report = proof(scan, result.files[0].path.parent)
    assert report.is_proven
    assert {file.sha256 for file in report.files} == {file.sha256 for file in result.files}
    manifest = report.manifest()
    assert manifest["is_proven"] is True
    assert sum(len(file["frame_sha256"]) for file in manifest["files"]) == 22  # type: ignore[attr-defined]


def change_a_pixel_byte(data: bytearray, path: Path) -> None:
    data[int(index_frames(path).offsets[3]) + 300] ^= 0x10


def change_an_item_length(data: bytearray, path: Path) -> None:
    struct.pack_into("<I", data, int(index_frames(path).offsets[3]) - 4, 10)


def shift_an_offset(data: bytearray, path: Path) -> None:
    index = index_frames(path)
    table = int(index.offsets[0]) - 8 - 4 * len(index.offsets)
    (offset,) = struct.unpack_from("<I", data, table + 4 * 5)
    struct.pack_into("<I", data, table + 4 * 5, offset + 2)


def cut_the_end(data: bytearray, _path: Path) -> None:
    del data[-2000:]


def rename_the_colours(data: bytearray, _path: Path) -> None:
    at = data.index(b"YBR_FULL_422")
    data[at : at + 12] = b"YBR_PARTIAL_"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (change_a_pixel_byte, "its bytes differ"),
        (change_an_item_length, "offset table"),
        (shift_an_offset, "offset table"),
        (cut_the_end, "beyond its end"),
        (rename_the_colours, "PhotometricInterpretation"),
    ],
)
def test_a_planted_fault_is_found(
    scan: Path, result: Conversion, fault: Callable[[bytearray, Path], None], words: str
) -> None:
    path = result.files[0].path
    data = bytearray(path.read_bytes())
    fault(data, path)
    path.write_bytes(data)
    report = proof(scan, path.parent)
    assert not report.is_proven
    assert words in complaints(report)


def test_frames_in_the_wrong_order_are_found(scan: Path, result: Conversion) -> None:
    path = result.files[0].path
    ds = pydicom.dcmread(path)
    frames = list(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
    frames[1], frames[2] = frames[2], frames[1]
    ds.PixelData = pydicom.encaps.encapsulate(frames)
    ds.save_as(path)
    assert "frame 2: its bytes differ" in complaints(proof(scan, path.parent))


def test_extended_lengths_that_count_the_item_header_are_found(scan: Path, result: Conversion) -> None:
    path = result.files[0].path
    ds = pydicom.dcmread(path)
    frames = list(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
    data, offsets, lengths = pydicom.encaps.encapsulate_extended(frames)
    ds.PixelData, ds.ExtendedOffsetTable = data, offsets
    ds.ExtendedOffsetTableLengths = lengths
    ds.save_as(path)
    assert proof(scan, path.parent).is_proven
    ds.ExtendedOffsetTableLengths = (np.frombuffer(lengths, "<u8") + 8).astype("<u8").tobytes()
    ds.save_as(path)
    assert "offset table" in complaints(proof(scan, path.parent))


def test_another_slides_objects_prove_nothing(scan: Path, tmp_path: Path) -> None:
    write_svs(tmp_path / "b.svs", [(200, 136)])
    convert(tmp_path / "b.svs", tmp_path / "other")
    report = proof(scan, tmp_path / "other")
    assert not report.is_proven
    assert "missing" in complaints(report)


def test_an_empty_folder_proves_nothing(scan: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert not proof(scan, tmp_path / "empty").is_proven


def test_two_slides_in_one_folder_do_not_disturb_each_other(scan: Path, result: Conversion, tmp_path: Path) -> None:
    write_svs(tmp_path / "b.svs", [(200, 136)])
    convert(tmp_path / "b.svs", result.files[0].path.parent)
    assert proof(scan, result.files[0].path.parent).is_proven


def test_psnr_knows_equal_close_and_other() -> None:
    grey = np.full((8, 8), 100, np.uint8)
    assert psnr(grey, grey) == 999
    assert psnr(grey, grey + np.uint8(1)) == pytest.approx(48.13, abs=0.01)
    assert psnr(grey, grey[:4]) == 0


def test_made_levels_are_proven_against_the_level_they_came_from(scan: Path, tmp_path: Path) -> None:
    made = convert(scan, tmp_path / "all", levels="all")
    report = proof(scan, tmp_path / "all")
    assert report.is_proven
    assert len(report.files) == len(made.files) == 4
    half = next(file for file in made.files if file.width_px == 150)
    ds = pydicom.dcmread(half.path)
    frames = list(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
    ds.PixelData = pydicom.encaps.encapsulate(frames[::-1])
    ds.save_as(half.path)
    assert "dB from the scan" in complaints(proof(scan, tmp_path / "all"))
