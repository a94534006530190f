"""DICOM slides in: wrapped anew, not encoded again."""

from pathlib import Path

import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames

from tests.support.scans import write_svs
from wsi.convert import Conversion, convert, open_slide
from wsi.errors import NotASlideError
from wsi.metadata import SlideMetadata


@pytest.fixture
def first(tmp_path: Path) -> Conversion:
    write_svs(tmp_path / "a.svs")
    given = SlideMetadata(patient_id="P1", accession_number="A1", study_instance_uid="1.2.3", container_id="S-1")
    return convert(tmp_path / "a.svs", tmp_path / "one", metadata=given)


def frames(path: Path) -> list[bytes]:
    ds = pydicom.dcmread(path)
    return list(generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))


def test_frames_and_identity_go_over(first: Conversion, tmp_path: Path) -> None:
    second = convert(tmp_path / "one", tmp_path / "two")
    assert [frames(file.path) for file in second.files] == [frames(file.path) for file in first.files]
    ds = pydicom.dcmread(second.files[0].path, stop_before_pixels=True)
    assert (ds.PatientID, ds.AccessionNumber, ds.StudyInstanceUID, ds.ContainerIdentifier) == (
        "P1",
        "A1",
        "1.2.3",
        "S-1",
    )
    assert ds.SeriesInstanceUID != first.series_instance_uid


def test_any_file_of_the_series_stands_for_it(first: Conversion, tmp_path: Path) -> None:
    second = convert(first.files[1].path, tmp_path / "two")
    assert [file.width_px for file in second.files] == [300, 75]


def test_the_lossy_history_is_kept_and_does_not_grow(first: Conversion, tmp_path: Path) -> None:
    before = pydicom.dcmread(first.files[0].path, stop_before_pixels=True)
    after = pydicom.dcmread(convert(tmp_path / "one", tmp_path / "two").files[0].path, stop_before_pixels=True)
    assert after.LossyImageCompressionMethod == before.LossyImageCompressionMethod
    assert float(after.LossyImageCompressionRatio) == pytest.approx(float(before.LossyImageCompressionRatio), rel=1e-4)


def test_sparse_tiles_are_put_in_their_place_and_gaps_are_white(first: Conversion, tmp_path: Path) -> None:
    path = first.files[0].path
    ds, tiles = pydicom.dcmread(path), frames(path)
    kept = [7, 3, 12]
    ds.DimensionOrganizationType = "TILED_SPARSE"
    groups = []
    for index in kept:
        position = pydicom.Dataset()
        position.ColumnPositionInTotalImagePixelMatrix = index % 5 * 64 + 1
        position.RowPositionInTotalImagePixelMatrix = index // 5 * 64 + 1
        group = pydicom.Dataset()
        group.PlanePositionSlideSequence = [position]
        groups.append(group)
    ds.PerFrameFunctionalGroupsSequence, ds.NumberOfFrames = groups, 3
    ds.PixelData = encapsulate([tiles[index] for index in kept])
    (tmp_path / "sparse").mkdir()
    ds.save_as(tmp_path / "sparse" / "a.dcm")
    full = convert(tmp_path / "sparse", tmp_path / "two").files[0]
    assert full.frames == 20
    assert [frames(full.path)[index] for index in kept] == [tiles[index] for index in kept]
    assert int(pydicom.dcmread(full.path).pixel_array[0].min()) >= 254


def test_another_kind_of_object_is_refused(first: Conversion, tmp_path: Path) -> None:
    ds = pydicom.dcmread(first.files[0].path)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.save_as(tmp_path / "sc.dcm")
    with pytest.raises(NotASlideError, match="not a whole slide"):
        open_slide(tmp_path / "sc.dcm")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotASlideError, match="holds no DICOM slide"):
        open_slide(tmp_path / "empty")


def test_of_two_objects_of_one_level_the_named_one_is_taken_and_the_other_told(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs", [(200, 200)])
    first = convert(tmp_path / "a.svs", tmp_path / "slide").files[0].path
    twin = pydicom.dcmread(first)
    twin.SOPInstanceUID = twin.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    twin.save_as(tmp_path / "slide" / "twin.dcm")
    with open_slide(tmp_path / "slide" / "twin.dcm") as source:
        assert [image.table.path.name for image in source.images] == ["twin.dcm"]
        assert source.description.notes[-1] == f"Left out: {first.name} shows the same level."
