"""The header reader agrees with pydicom on every real object, and survives every other file."""

import struct
import warnings
import zlib
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import BadInputError
from edge.store import header
from edge.store.header_tags import ATTRIBUTES
from tests.support.objects import make_dataset, write_object

TEXTS = [attribute.keyword for attribute in ATTRIBUTES.values() if attribute.kind in ("name", "text")]


def test_it_reads_what_pydicom_reads_of_every_real_object(real_data: Path) -> None:
    compared_count = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in sorted((real_data / "dicom").rglob("*")) + sorted((real_data / "us" / "dicom").rglob("*")):
            if not path.is_file() or "fuzz" in path.parts:
                continue
            try:
                ours = header.read(path)
            except BadInputError:
                continue
            ds = pydicom.dcmread(path, stop_before_pixels=True)
            assert ours.sop_instance_uid == ds.SOPInstanceUID
            for keyword in TEXTS:
                value = ds.get(keyword) or ""
                first = str(value[0] if isinstance(value, pydicom.multival.MultiValue) else value)
                assert ours.text(keyword).strip() == first.strip(), (path.name, keyword)
            assert (ours.number("Rows") or 0) == (ds.get("Rows") or 0)
            compared_count += 1
    assert compared_count > 100


def test_the_first_bytes_give_the_same_as_the_whole_file_wherever_they_end(real_data: Path, tmp_path: Path) -> None:
    paths = [*sorted((real_data / "dicom").rglob("*"))[::7], tmp_path / "made.dcm"]
    write_object(paths[-1])
    for path in filter(Path.is_file, paths):
        data = path.read_bytes()
        for count in (1, 140, 400, 700, 1000, 4096, 16_384, 2**20):
            assert _outcome(path, data[:count]) == _outcome(path, b""), (path.name, count)


def _outcome(path: Path, head: bytes) -> object:
    try:
        return header.read(path, head=head)
    except BadInputError as error:
        return error.message


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"]
)
def test_every_plain_encoding_gives_the_same(tmp_path: Path, syntax: str) -> None:
    ds = make_dataset(PatientName="Прове́рка^Имя", FrameTime=33.5, ImageType=["ORIGINAL", "PRIMARY"])
    del ds.PixelData
    ds.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "a.dcm"
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
    read = header.read(path)
    assert read.transfer_syntax_uid == syntax
    assert read.values["PatientName"] == "Прове́рка^Имя"
    assert read.values["FrameTime"] == 33.5 and read.values["ImageType"] == ["ORIGINAL", "PRIMARY"]
    assert read.number("Rows") == 64


def test_a_bomb_of_deflated_zeros_is_looked_at_only_in_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "bomb.dcm"
    ds = make_dataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
    meta_end = header.read(path).dataset_offset
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = squeeze.compress(b"\0" * 100_000_000) + squeeze.flush()
    path.write_bytes(path.read_bytes()[:meta_end] + bomb)
    with pytest.raises(BadInputError):
        header.read(path)


def test_sequences_nested_a_thousand_deep_are_stepped_over(tmp_path: Path) -> None:
    path = tmp_path / "deep.dcm"
    write_object(path)
    data = path.read_bytes()
    offset = header.read(path).dataset_offset
    opening = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    closing = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    path.write_bytes(data[:offset] + opening * 1000 + closing * 1000 + data[offset:])
    assert header.read(path).number("Rows") == 64
    path.write_bytes(data[:offset] + opening * 1000 + closing * 999 + data[offset:])
    with pytest.raises(BadInputError):
        header.read(path)


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, 1200), content=st.binary(min_size=1, max_size=24), length=st.integers(0, 5000))
def test_any_bytes_end_in_a_header_or_in_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, position: int, content: bytes, length: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "mutated.dcm"
    data = bytearray(_ORIGINAL)
    data[position : position + len(content)] = content
    path.write_bytes(data[: max(1, len(data) - length)])
    try:
        assert header.read(path).sop_instance_uid
    except BadInputError as error:
        assert error.message.startswith("mutated.dcm ")


def _original() -> bytes:
    stream = pydicom.filebase.DicomBytesIO()
    pydicom.dcmwrite(stream, make_dataset(FrameTimeVector=[0, 33.3, 33.4]), enforce_file_format=True)
    return bytes(stream.getvalue())


_ORIGINAL = _original()
