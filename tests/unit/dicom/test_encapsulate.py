"""Objects front to back: tables that are right, memory that is flat."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from edge.dicom import encapsulate
from edge.dicom.codec import EXPLICIT_LITTLE, JPEG_LS, SYNTAX_BY_NAME, encoder_for
from edge.dicom.encapsulate import fits_native, write_object
from edge.dicom.frame_index import build
from edge.dicom.header import file_meta


def dataset(syntax_uid: str, frame_count: int, height_px: int, width_px: int) -> Dataset:
    ds = Dataset()
    ds.file_meta = file_meta("1.2.840.10008.5.1.4.1.1.3.1", "2.25.1", syntax_uid)
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.3.1", "2.25.1"
    ds.NumberOfFrames, ds.Rows, ds.Columns, ds.SamplesPerPixel = frame_count, height_px, width_px, 1
    ds.PhotometricInterpretation, ds.PixelRepresentation = "MONOCHROME2", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
    return ds


def frames(count: int, height_px: int, width_px: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(3)
    for _ in range(count):
        yield rng.integers(0, 256, (height_px, width_px), np.uint8)


@pytest.mark.parametrize("is_extended", [False, True])
@pytest.mark.parametrize("syntax_uid", SYNTAX_BY_NAME.values())
def test_pydicom_and_the_offset_table_find_every_frame(
    tmp_path: Path, syntax_uid: str, is_extended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_extended:
        monkeypatch.setattr(encapsulate, "BASIC_OFFSET_MAX", 10)
    path, encoder = tmp_path / "o.dcm", encoder_for(syntax_uid)
    write_object(path, dataset(syntax_uid, 5, 9, 7), frames(5, 9, 7), encoder, frame_count=5, frame_bytes=63)
    index = build(path)
    assert index.frame_count == 5
    if encoder.is_encapsulated:
        assert not index.is_walked
        assert ("ExtendedOffsetTable" in dcmread(path)) == is_extended
    ds = dcmread(path)
    if not encoder.is_encapsulated:
        assert np.array_equal(ds.pixel_array, np.stack(list(frames(5, 9, 7))))
    with open(path, "rb") as file:
        for number, pixels in enumerate(frames(5, 9, 7), start=1):
            data = index.read(file.fileno(), number)
            assert data.rstrip(b"\0") == encoder.encode(pixels).rstrip(b"\0")


def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    height_px, width_px, count = 512, 512, 200
    one = np.zeros((height_px, width_px), np.uint8)
    encoder = encoder_for(EXPLICIT_LITTLE)
    ds = dataset(EXPLICIT_LITTLE, count, height_px, width_px)
    tracemalloc.start()
    write_object(tmp_path / "o", ds, (one for _ in range(count)), encoder, frame_count=count, frame_bytes=one.nbytes)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "o").stat().st_size > count * one.nbytes
    assert peak < 8 * one.nbytes


@pytest.mark.parametrize("syntax_uid", [JPEG_LS, EXPLICIT_LITTLE])
@pytest.mark.parametrize("count", [4, 6])
def test_a_wrong_number_of_frames_never_passes(tmp_path: Path, syntax_uid: str, count: int) -> None:
    with pytest.raises(ValueError, match="instead of"):
        write_object(
            tmp_path / "o", dataset(syntax_uid, 5, 9, 7), frames(count, 9, 7), encoder_for(syntax_uid),
            frame_count=5, frame_bytes=63,
        )  # fmt: skip


def test_native_pixel_data_ends_where_its_length_field_does() -> None:
    assert fits_native(2**20, 4095)
    assert not fits_native(2**20, 4096)
