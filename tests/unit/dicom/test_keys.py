"""Identifiers of queries: read whatever they hold, written in any set, and never a crash."""

import io

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from edge.dicom import keys
from edge.errors import BadInputError

SYNTAXES = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"]
VALUES: keys.Keys = {
    "QueryRetrieveLevel": "STUDY", "PatientName": "Müller^Änne", "PatientID": "", "StudyDate": "20260101-20260131",
    "NumberOfStudyRelatedInstances": 12, "Rows": 640, "StudyInstanceUID": "1.2.3", "ModalitiesInStudy": ["SM", "US"],
    "ScheduledProcedureStepSequence": [{"Modality": "US", "ScheduledProcedureStepDescription": "Schilddrüse"}],
}  # fmt: skip


def dataset(data: bytes, syntax: str) -> Dataset:
    uid = pydicom.uid.UID(syntax)
    return pydicom.filereader.read_dataset(io.BytesIO(data), uid.is_implicit_VR, uid.is_little_endian)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("terms", [("ISO_IR 192",), ("ISO_IR 100",)])
def test_what_is_written_pydicom_reads(syntax: str, terms: tuple[str, ...]) -> None:
    ds = dataset(keys.write(VALUES, terms, syntax), syntax)
    assert str(ds.PatientName) == "Müller^Änne" and ds.SpecificCharacterSet == terms[0]
    assert ds.Rows == 640 and ds.NumberOfStudyRelatedInstances == 12 and list(ds.ModalitiesInStudy) == ["SM", "US"]
    assert ds.StudyInstanceUID == "1.2.3" and ds.PatientID == ""
    assert ds.ScheduledProcedureStepSequence[0].ScheduledProcedureStepDescription == "Schilddrüse"


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_pydicom_writes_is_read(syntax: str) -> None:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 144"
    ds.PatientName, ds.StudyDate, ds.SeriesNumber, ds.Rows = "Люкceмбypг*", "20260101-", "7", 640
    ds.StudyInstanceUID = ["1.2", "1.3"]
    step = Dataset()
    step.Modality, step.ScheduledProcedureStepDescription = "US", "Люк"
    ds.ScheduledProcedureStepSequence = Sequence([step])
    ds.ScheduledProcedureStepSequence.is_undefined_length = True
    ds.add_new(0x00091001, "LO", "private")
    uid = pydicom.uid.UID(syntax)
    out = pydicom.filebase.DicomBytesIO()
    out.is_implicit_VR, out.is_little_endian = uid.is_implicit_VR, uid.is_little_endian
    pydicom.filewriter.write_dataset(out, ds)
    read = keys.read(out.getvalue(), syntax)
    assert read.character_set == ("ISO_IR 144",)
    assert read.text("PatientName") == "Люкceмбypг*" and read.text("StudyDate") == "20260101-"
    assert read.text("StudyInstanceUID") == "1.2\\1.3"
    assert read.text("SeriesNumber") == "7" and read.text("Rows") == "640"
    (item,) = read.by_keyword["ScheduledProcedureStepSequence"].items
    assert item.text("Modality") == "US" and item.text("ScheduledProcedureStepDescription") == "Люк"
    assert [key.tag for key in read.keys if not key.keyword] == [0x00091001]


def test_a_set_left_unsaid_is_seen_when_it_is_utf_8() -> None:
    for raw, expected in (("Müller".encode(), "Müller"), ("Müller".encode("latin-1"), "Müller")):
        data = b"\x10\x00\x10\x00PN" + len(raw).to_bytes(2, "little") + raw
        assert keys.read(data, SYNTAXES[1]).text("PatientName") == expected


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, 300), content=st.binary(min_size=1, max_size=12), length=st.integers(0, 300))
def test_any_bytes_end_in_an_identifier_or_in_a_refusal(position: int, content: bytes, length: int) -> None:
    for syntax in SYNTAXES:
        data = bytearray(keys.write(VALUES, ("ISO_IR 192",), syntax))
        data[position : position + len(content)] = content
        try:
            keys.read(bytes(data[: max(0, len(data) - length)]), syntax)
        except BadInputError as error:
            assert error.message.startswith("The identifier")


def test_sequences_a_hundred_deep_are_refused() -> None:
    opening = bytes.fromhex("4000000153510000ffffffff") + bytes.fromhex("feff00e0ffffffff")
    with pytest.raises(BadInputError):
        keys.read(opening * 100, SYNTAXES[1])
