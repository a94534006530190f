"""What comes back is compared with what is kept."""

from pathlib import Path

import pydicom
import pytest

from edge.uplink.comparison import Verdict, compare
from tests.support.objects import make_dataset

FRAMES = 3


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "kept"
    ds = make_dataset(frames=FRAMES)
    ds.save_as(path, enforce_file_format=True)
    return path


def changed(kept: Path, **values: object) -> Path:
    """Write the object again with other values; None leaves one out."""
    ds = pydicom.dcmread(kept)
    for keyword, value in values.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    path = kept.with_name("back")
    ds.save_as(path, enforce_file_format=True)
    return path


def test_another_file_meta_is_the_same_object(kept: Path) -> None:
    ds = pydicom.dcmread(kept)
    ds.file_meta.SourceApplicationEntityTitle = "VNA"
    back = kept.with_name("back")
    ds.save_as(back, enforce_file_format=True)
    assert back.read_bytes() != kept.read_bytes()
    assert compare(kept, back).verdict is Verdict.SAME


def test_one_changed_byte_of_one_frame_is_found_and_the_frame_named(kept: Path) -> None:
    pixels = bytearray(pydicom.dcmread(kept).PixelData)
    pixels[64 * 64 + 5] ^= 1
    found = compare(kept, changed(kept, PixelData=bytes(pixels)))
    assert (found.verdict, found.reason) == (Verdict.DIFFERENT, "frame 2 is not the same there")


@pytest.mark.parametrize("size_bytes", [0, 10, 131, 132, 140, 300, 700, 3000, -1, -4096])
def test_every_cut_is_different(kept: Path, size_bytes: int) -> None:
    data = kept.read_bytes()
    back = kept.with_name("back")
    back.write_bytes(data[:size_bytes] if size_bytes >= 0 else data[: len(data) + size_bytes])
    assert compare(kept, back).verdict is Verdict.DIFFERENT


def test_identity_set_right_by_the_archive_is_the_same_object_and_named_without_its_value(kept: Path) -> None:
    found = compare(kept, changed(kept, PatientID="OTHER-9", AccessionNumber="A7"))
    assert found.verdict is Verdict.SAME
    assert "PatientID" in found.reason and "OTHER-9" not in found.reason


@pytest.mark.parametrize("values", [{"StudyDate": "19990101"}, {"StudyDate": None}, {"Modality": "US"}])
def test_any_other_attribute_changed_or_lost_is_not_the_same(kept: Path, values: dict[str, object]) -> None:
    found = compare(kept, changed(kept, **values))
    assert found.verdict is Verdict.CHANGED
    assert next(iter(values)) in found.reason


def test_what_the_archive_added_loses_nothing(kept: Path) -> None:
    assert compare(kept, changed(kept, InstanceAvailability="ONLINE")).verdict is Verdict.SAME


def test_another_transfer_syntax_with_the_same_pixels_is_the_same(kept: Path) -> None:
    ds = pydicom.dcmread(kept)
    ds.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    back = kept.with_name("back")
    ds.save_as(back, enforce_file_format=True)
    assert compare(kept, back).verdict is Verdict.SAME
    assert compare(back, kept).verdict is Verdict.SAME


def test_another_object_is_different(kept: Path) -> None:
    assert compare(kept, changed(kept, SOPInstanceUID="1.2.3")).verdict is Verdict.DIFFERENT


def test_pixels_that_do_not_come_back_are_missed(kept: Path) -> None:
    assert compare(kept, changed(kept, PixelData=None)).verdict is Verdict.DIFFERENT
