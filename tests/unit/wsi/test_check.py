"""The checker is clean on what is written here, and finds each fault that validators pass over."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import tifffile
from pydicom.dataset import Dataset

from tests.support.scans import jpeg, picture, tiles_of, write_level
from wsi.check import check_objects
from wsi.convert import convert


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    head = "Aperio Image Library v12\r\n300x200"
    with tifffile.TiffWriter(tmp_path / "a.svs") as tiff:
        write_level(
            tiff, [jpeg(tile) for tile in tiles_of(picture(200, 300))], 300, 200, description=f"{head}|MPP = 0.5"
        )
        tiff.write(picture(80, 120), rowsperstrip=80, compression="jpeg", photometric="ycbcr", metadata=None,
                   description=f"{head} -> 120x80 - |MPP = 0.5")  # fmt: skip
    convert(tmp_path / "a.svs", tmp_path / "out", levels="all")
    return tmp_path / "out"


def find(folder: Path, kind: str, *, smallest: bool = False) -> Path:
    found = []
    for path in folder.glob("*.dcm"):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        if ds.ImageType[2] == kind:
            found.append((ds.TotalPixelMatrixColumns, path))
    return (min if smallest else max)(found)[1]


def test_what_is_written_here_is_clean(folder: Path) -> None:
    assert check_objects(folder) == ()


def lengths_with_item_headers(ds: Dataset) -> None:
    frames = list(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
    data, offsets, lengths = pydicom.encaps.encapsulate_extended(frames)
    ds.PixelData, ds.ExtendedOffsetTable = data, offsets
    ds.ExtendedOffsetTableLengths = (np.frombuffer(lengths, "<u8") + 8).astype("<u8").tobytes()


def original(ds: Dataset) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]


def copied_history(ds: Dataset) -> None:
    ds.LossyImageCompressionRatio = [*ds.LossyImageCompressionRatio[:-1], float(ds.LossyImageCompressionRatio[-1]) * 2]


def tiled_full(ds: Dataset) -> None:
    ds.DimensionOrganizationType = "TILED_FULL"


def one_part(ds: Dataset) -> None:
    ds.ConcatenationUID, ds.InConcatenationNumber, ds.InConcatenationTotalNumber = "2.25.1", 1, 1


def another_place(ds: Dataset) -> None:
    ds.FrameOfReferenceUID = "2.25.2"


@pytest.mark.parametrize(
    ("kind", "fault", "said"),
    [
        ("VOLUME", lengths_with_item_headers, "the offset table is wrong for frame 1"),
        ("VOLUME", original, "a level made smaller is labelled ORIGINAL"),
        ("VOLUME", copied_history, "the lossy ratio says"),
        ("THUMBNAIL", tiled_full, "a thumbnail is one picture, not TILED_FULL"),
        ("VOLUME", one_part, "a concatenation of one part is none"),
        ("VOLUME", another_place, "The levels lie in 2 frames of reference"),
    ],
)
def test_a_planted_fault_is_found(folder: Path, kind: str, fault: Callable[[Dataset], None], said: str) -> None:
    path = find(folder, kind, smallest=True)
    ds = pydicom.dcmread(path)
    fault(ds)
    ds.save_as(path)
    found = check_objects(folder)
    assert len(found) == 1
    assert said in found[0]


def test_a_folder_without_a_slide_is_said(tmp_path: Path) -> None:
    assert check_objects(tmp_path) == (f"{tmp_path} holds no DICOM slide.",)
