"""Metadata in wsidicom's JSON form reach the objects, and wsidicom reads them back."""

import json
from pathlib import Path
from typing import Any

import pydicom
import pytest
from wsidicom import WsiDicom

from tests.support.judges import dcentvfy_findings, dciodvfy_findings
from tests.support.scans import write_svs
from wsi.convert import convert
from wsi.errors import MetadataFileError
from wsi.metadata import load_metadata

MODEL: dict[str, Any] = {
    "patient": {"name": "Example^Ada", "identifier": "P1", "birth_date": "1950-01-02", "sex": "female"},
    "study": {"identifier": "S1", "accession_number": "A1", "date": "2024-01-02", "time": "10:11:12"},
    "series": {"number": 4, "description": "HE"},
    "equipment": {"manufacturer": "Scanner works", "model_name": "S9", "software_versions": ["1", "2"]},
    "slide": {
        "identifier": "S24-1-A-1",
        "stainings": [
            {
                "substances": [
                    {"value": "12710003", "scheme_designator": "SCT", "meaning": "hematoxylin stain"},
                    {"value": "36879007", "scheme_designator": "SCT", "meaning": "eosin stain"},
                ]
            }
        ],
    },
    "label": {"text": "S24-1", "barcode": "0815"},
}


def written(folder: Path, model: dict[str, Any]) -> Path:
    path = folder / "m.json"
    path.write_text(json.dumps(model))
    return path


def test_every_part_reaches_the_objects(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    result = convert(tmp_path / "a.svs", tmp_path / "out", metadata=load_metadata(written(tmp_path, MODEL)))
    ds = pydicom.dcmread(result.files[0].path)
    said = (ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex, ds.StudyID, ds.AccessionNumber)
    assert said == ("Example^Ada", "P1", "19500102", "F", "S1", "A1")
    assert (ds.StudyDate, ds.StudyTime, ds.SeriesNumber, ds.Manufacturer) == ("20240102", "101112", 4, "Scanner works")
    assert (ds.ContainerIdentifier, ds.ManufacturerModelName, ds.SoftwareVersions) == ("S24-1-A-1", "S9", "1, 2")
    assert [dciodvfy_findings(file.path) for file in result.files] == [[] for _ in result.files]
    assert dcentvfy_findings([file.path for file in result.files]) == []


def test_wsidicom_reads_the_stainings_back(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    convert(tmp_path / "a.svs", tmp_path / "out", metadata=load_metadata(written(tmp_path, MODEL)))
    with WsiDicom.open(tmp_path / "out") as slide:
        stainings = slide.metadata.slide.stainings
        assert stainings is not None
        assert [substance.meaning for substance in stainings[0].substances] == ["hematoxylin stain", "eosin stain"]


def test_other_stainings_are_other_objects(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    first = convert(tmp_path / "a.svs", tmp_path / "1", metadata=load_metadata(written(tmp_path, MODEL)))
    changed = {**MODEL, "slide": {"identifier": "S24-1-A-1"}}
    second = convert(tmp_path / "a.svs", tmp_path / "2", metadata=load_metadata(written(tmp_path, changed)))
    assert first.files[0].sop_instance_uid != second.files[0].sop_instance_uid


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ({"patient": {"name": "Secret^Name", "birth_date": "yesterday"}}, "patient"),
        ({"patient": {"name": "Secret^Name"}, "pancreas": {}}, "pancreas"),
        ({"slide": {"stainings": "blue"}, "patient": {"name": "Secret^Name"}}, "slide"),
    ],
)
def test_what_does_not_follow_the_model_is_named_without_the_patient(
    tmp_path: Path, model: dict[str, Any], named: str
) -> None:
    with pytest.raises(MetadataFileError, match=named) as caught:
        load_metadata(written(tmp_path, model))
    assert "Secret" not in str(caught.value)
