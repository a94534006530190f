"""DICOM slides in: wrapped anew, not encoded again."""

from pathlib import Path

import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames

from tests.support.judges import dciodvfy_findings
from tests.support.scanners import write_scn_fluorescence
from tests.support.scans import write_svs
from wsi.check import check_objects
from wsi.convert import Conversion, convert, open_slide
from wsi.errors import NotASlideError
from wsi.metadata import SlideMetadata
from wsi.source import StoredImage


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
        stored = [image for image in source.images if isinstance(image, StoredImage)]
        assert [image.table.path.name for image in stored] == ["twin.dcm"]
        assert source.description.notes[-1] == f"Left out: {first.name} shows the same level."


def test_a_ratio_that_its_frames_belie_is_corrected(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs", [(300, 200)])
    first = convert(tmp_path / "a.svs", tmp_path / "one")
    ds = pydicom.dcmread(first.files[0].path)
    stated = float(ds.LossyImageCompressionRatio)
    ds.LossyImageCompressionRatio = 100
    ds.save_as(first.files[0].path)
    again = convert(tmp_path / "one", tmp_path / "two")
    found = pydicom.dcmread(again.files[0].path, stop_before_pixels=True)
    assert float(found.LossyImageCompressionRatio) == pytest.approx(stated, rel=0.01)
    assert check_objects(tmp_path / "two") == ()


def test_planes_and_paths_are_wrapped_as_they_are(tmp_path: Path) -> None:
    write_scn_fluorescence(tmp_path / "a.scn")
    first = convert(tmp_path / "a.scn", tmp_path / "one")
    again = convert(tmp_path / "one", tmp_path / "two")
    pair = [[frames(file.path) for file in one.files if file.kind == "VOLUME"] for one in (first, again)]
    assert pair[0] == pair[1] and len(pair[0]) == 2
    one, two = (pydicom.dcmread(result.files[0].path) for result in (first, again))
    assert [path.OpticalPathDescription for path in two.OpticalPathSequence] == ["DAPI", "FITC"]
    for keyword in ("NumberOfOpticalPaths", "TotalPixelMatrixFocalPlanes", "OpticalPathSequence"):
        assert two[keyword] == one[keyword]
    measures = [ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0] for ds in (one, two)]
    assert measures[0].SpacingBetweenSlices == measures[1].SpacingBetweenSlices


def test_sixteen_bit_without_compression_stays_bit_for_bit(real_data: Path, tmp_path: Path) -> None:
    scan = real_data / "wsi/dicom-highdicom/sm_image_grayscale_reversed.dcm"
    if not scan.is_file():
        pytest.skip(f"real data absent: {scan}")
    (tmp_path / "a.dcm").write_bytes(scan.read_bytes())
    result = convert(tmp_path / "a.dcm", tmp_path / "out")
    assert result.verification is not None and result.verification.is_proven
    before, after = pydicom.dcmread(scan), pydicom.dcmread(result.files[0].path)
    assert after.PixelData == before.PixelData
    assert (after["PixelData"].VR, after.BitsStored) == ("OW", 16)
    assert after.OpticalPathSequence[0].OpticalPathDescription == "DAPI"
    assert [line for line in dciodvfy_findings(result.files[0].path) if "DICOMDIR" not in line] == []
