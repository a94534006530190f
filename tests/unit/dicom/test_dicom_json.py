"""Datasets as DICOM JSON."""

import json
import math

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from edge.dicom.dicom_json import encode_dataset, find_value


def _encode(dataset: Dataset) -> dict[str, dict[str, object]]:
    encoded = encode_dataset(dataset, lambda path: f"/at/{path}", has_pixels_at=None, syntax_uid="1.2")
    decoded: dict[str, dict[str, object]] = json.loads(encoded, parse_constant=lambda name: 1 / 0)
    return decoded


def test_values_have_the_types_of_the_standard() -> None:
    dataset = Dataset()
    dataset.PatientName = "Invented^Name=発明^名=ﾊﾂ"
    dataset.StudyInstanceUID, dataset.Rows, dataset.NumberOfFrames = "1.2.3", 5, 7
    dataset.PixelSpacing, dataset.PatientID, dataset.AccessionNumber = [0.5, 0.25], "x", ""
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    encoded = _encode(dataset)
    assert encoded["00100010"]["Value"][0]["Alphabetic"] == "Invented^Name"  # type: ignore[index]
    assert encoded["00100010"]["Value"][0]["Ideographic"] == "発明^名"  # type: ignore[index]
    assert encoded["0020000D"] == {"vr": "UI", "Value": ["1.2.3"]}
    assert encoded["00280010"] == {"vr": "US", "Value": [5]}
    assert encoded["00280008"] == {"vr": "IS", "Value": [7]}
    assert encoded["00280030"] == {"vr": "DS", "Value": [0.5, 0.25]}
    assert encoded["00080008"]["Value"] == ["DERIVED", "SECONDARY"]
    assert encoded["00080050"] == {"vr": "SH"}
    assert list(encoded) == sorted(encoded)


def test_small_binary_is_inline_and_large_is_an_address_also_inside_sequences() -> None:
    inner = Dataset()
    inner.add_new(0x54001010, "OW", b"\1\2" * 5000)
    dataset = Dataset()
    dataset.WaveformSequence = Sequence([Dataset(), inner])
    dataset.add_new(0x00420011, "OB", b"1234")
    encoded = _encode(dataset)
    assert encoded["00420011"] == {"vr": "OB", "InlineBinary": "MTIzNA=="}
    path = "54000100/1/54001010"
    assert encoded["54000100"]["Value"][1]["54001010"] == {"vr": "OW", "BulkDataURI": f"/at/{path}"}  # type: ignore[index]
    found = find_value(dataset, path)
    assert found is not None and found.value == b"\1\2" * 5000


def test_addresses_that_lead_nowhere_find_nothing() -> None:
    dataset = Dataset()
    dataset.WaveformSequence = Sequence([Dataset()])
    for path in ("", "x", "54000100/1/54001010", "54000100/0", "54000100/-9/54001010", "00100010/0/00100020", "../.."):
        assert find_value(dataset, path) is None or path == "54000100", path


def test_numbers_json_does_not_know_are_written_as_text() -> None:
    dataset = Dataset()
    dataset.add_new(0x00189087, "FD", [math.nan, math.inf, -math.inf, 1.5])
    assert _encode(dataset)["00189087"]["Value"] == ["NaN", "inf", "-inf", 1.5]


def test_text_is_always_said_to_be_unicode() -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 126"
    assert _encode(dataset)["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}


def test_a_value_that_cannot_be_read_does_not_spoil_the_others() -> None:
    dataset = Dataset()
    dataset.PatientID = "x"
    dataset.add_new(0x00280030, "DS", "1\\2")
    dataset._dict[0x00280030] = dataset._dict[0x00280030].__class__(  # a decimal that is none, as files hold them
        0x00280030, "DS", ["one", "two"], already_converted=True
    )
    encoded = _encode(dataset)
    assert encoded["00100020"]["Value"] == ["x"]
