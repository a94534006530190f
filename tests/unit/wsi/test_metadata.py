"""Metadata from a file: exact, or refused without naming the patient."""

import json
from pathlib import Path

import pytest

from wsi.errors import MetadataFileError
from wsi.metadata import SlideMetadata, load_metadata


def write(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "m.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_file_gives_what_it_says(tmp_path: Path) -> None:
    path = write(tmp_path, {"patient_id": "P1", "series_number": 3, "study_instance_uid": "1.2.3"})
    assert load_metadata(path) == SlideMetadata(patient_id="P1", series_number=3, study_instance_uid="1.2.3")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[]", "one JSON object"),
        ({"patient_nme": "SECRET"}, "'patient_nme' is unknown"),
        ({"patient_name": 7}, "patient_name must be a text"),
        ({"series_number": True}, "series_number must be a whole number"),
        ({"study_instance_uid": "SECRET"}, "study_instance_uid is not a DICOM UID"),
        ({"patient_birth_date": "1.1.1970"}, "YYYYMMDD"),
        ({"patient_sex": "SECRET"}, "patient_sex must be"),
    ],
)
def test_a_wrong_file_is_named_without_its_values(tmp_path: Path, content: object, words: str) -> None:
    with pytest.raises(MetadataFileError, match=words) as caught:
        load_metadata(write(tmp_path, content))
    assert "SECRET" not in str(caught.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(MetadataFileError, match="cannot be read"):
        load_metadata(tmp_path / "none.json")


def test_what_is_given_goes_before_what_the_scan_says() -> None:
    own = SlideMetadata(patient_id="OWN", study_id="S")
    assert SlideMetadata(patient_id="GIVEN").over(own) == SlideMetadata(patient_id="GIVEN", study_id="S")


def test_any_difference_changes_the_digest() -> None:
    assert SlideMetadata(patient_id="1").digest() != SlideMetadata(patient_id="2").digest()
