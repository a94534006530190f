"""DICOMDIR: offsets that lead where they should, and names that lead nowhere else."""

from pathlib import Path

import pydicom
import pytest

from edge.dicom import directory
from edge.dicom.directory import Entry, record_type, resolve

IMAGE = "1.2.840.10008.5.1.4.1.1.7"


def entry(patient: str, study: str, series: str, number: int, sop_class: str = IMAGE) -> Entry:
    return Entry(
        file_id=("DICOM", f"IM{number:06}"), sop_class_uid=sop_class, sop_instance_uid=f"1.2.{number}",
        transfer_syntax_uid="1.2.840.10008.1.2.1", more={"InstanceNumber": str(number)},
        patient={"PatientName": f"Müller^{patient}", "PatientID": patient},
        study={"StudyInstanceUID": study, "StudyDate": "20260101", "StudyTime": "10", "StudyID": "1",
               "StudyDescription": "", "AccessionNumber": ""},
        series={"SeriesInstanceUID": series, "Modality": "US", "SeriesNumber": "1"},
    )  # fmt: skip


def test_every_offset_leads_to_the_record_it_should(tmp_path: Path) -> None:
    path = tmp_path / "DICOMDIR"
    entries = [entry("A", "1.1", "1.1.1", 1), entry("A", "1.1", "1.1.1", 2), entry("A", "1.2", "1.2.1", 3),
               entry("B", "1.3", "1.3.1", 4)]  # fmt: skip
    path.write_bytes(directory.directory(entries))
    ds = pydicom.dcmread(path)
    records = {record.seq_item_tell: record for record in ds.DirectoryRecordSequence}

    def walk(offset: int) -> list[object]:
        found: list[object] = []
        while offset:
            record = records[offset]
            assert record.RecordInUseFlag == 0xFFFF
            found.append((record.DirectoryRecordType, walk(record.OffsetOfReferencedLowerLevelDirectoryEntity)))
            offset = record.OffsetOfTheNextDirectoryRecord
        return found

    image: tuple[str, list[object]] = ("IMAGE", [])
    assert walk(ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity) == [
        ("PATIENT", [("STUDY", [("SERIES", [image, image])]), ("STUDY", [("SERIES", [image])])]),
        ("PATIENT", [("STUDY", [("SERIES", [image])])]),
    ]
    last = records[ds.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity]
    assert last.PatientID == "B" and last.SpecificCharacterSet == "ISO_IR 192"
    assert directory.files_of(path) == [one.file_id for one in entries]


def test_an_empty_medium_has_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "DICOMDIR").write_bytes(directory.directory([]))
    assert directory.files_of(tmp_path / "DICOMDIR") == []


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        (IMAGE, "IMAGE"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "SR DOCUMENT"),
        ("1.2.840.10008.5.1.4.1.1.88.59", "KEY OBJECT DOC"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "ENCAP DOC"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "PRESENTATION"),
        ("1.2.840.10008.5.1.4.1.1.77.1.6", "IMAGE"),
    ],
)
def test_each_kind_of_object_has_its_record(uid: str, expected: str) -> None:
    assert record_type(uid) == expected


def test_a_name_leads_to_a_file_below_its_root_or_nowhere(tmp_path: Path) -> None:
    root = tmp_path / "disc"
    (root / "dicom").mkdir(parents=True)
    (root / "dicom" / "im1;1").write_bytes(b"x")
    (tmp_path / "secret").write_bytes(b"x")
    (root / "link").symlink_to(tmp_path / "secret")
    assert resolve(root, ("DICOM", "IM1")) == root / "dicom" / "im1;1"
    for file_id in (("..", "secret"), ("../secret",), ("LINK",), ("DICOM",), ("",), ("DICOM", "IM2"), ("A", "B")):
        assert resolve(root, file_id) is None, file_id
