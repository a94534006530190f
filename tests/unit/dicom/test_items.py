"""Where items lie is learnt from the bytes as they pass, however they are cut; what cannot be followed is let be."""

import io
import struct
from itertools import pairwise

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filewriter import write_dataset

from edge.dicom.frame_index import pack_item
from edge.dicom.items import ItemWatch, items, may_have_items
from tests.support.objects import make_dataset

FRAGMENTS = [b"\x01" * 10, b"", b"\x02" * 300, b"\x03" * 4]


def encoded(*, with_icon: bool = False) -> bytes:
    """Return a dataset in explicit VR with compressed pixels, as it goes over the network."""
    ds = make_dataset()
    if with_icon:  # Pixels inside a sequence of undefined length are not the object's.
        icon = Dataset()
        icon.PixelData = pack_item(b"") + pack_item(b"icon")
        icon["PixelData"].VR, icon["PixelData"].is_undefined_length = "OB", True
        ds.IconImageSequence = [icon]
        ds["IconImageSequence"].is_undefined_length = True
        ds.IconImageSequence[0].is_undefined_length_sequence_item = True
    ds.PixelData = b"".join(map(pack_item, (b"", *FRAGMENTS)))
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    stream = pydicom.filebase.DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    write_dataset(stream, ds)
    return stream.getvalue()


def watched(data: bytes, cuts: list[int], begin: int = 0) -> bytes | None:
    watch = ItemWatch(begin=begin)
    for first, last in pairwise([0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]):
        watch.feed(memoryview(data)[first:last])
    return watch.table()


def walked(data: bytes, begin: int) -> list[tuple[int, int]]:
    """Look for the items the plain way."""
    position = data.rindex(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff") + 12
    found = []
    while data[position : position + 4] == b"\xfe\xff\x00\xe0":
        extent = 8 + struct.unpack_from("<I", data, position + 4)[0]
        found.append((begin + position, extent))
        position += extent
    return found


@pytest.mark.parametrize("with_icon", [False, True])
@given(cuts=st.lists(st.integers(0, 3000), max_size=12), begin=st.integers(0, 5000))
def test_the_items_are_where_a_walk_finds_them_however_the_bytes_are_cut(
    with_icon: bool, cuts: list[int], begin: int
) -> None:
    data = encoded(with_icon=with_icon)
    table = watched(data, cuts, begin)
    assert table is not None
    assert items(table) == walked(data, begin)
    assert len(items(table)) == 1 + len(FRAGMENTS)


def test_byte_by_byte_is_the_same() -> None:
    data = encoded(with_icon=True)
    table = watched(data, list(range(len(data))))
    assert table is not None and items(table) == walked(data, 0)


@given(st.binary(max_size=400), st.integers(0, 2000))
def test_any_bytes_end_in_a_table_or_in_none(noise: bytes, at: int) -> None:
    data = encoded()
    watched(data[:at] + noise + data[at:], [at])
    watched(noise, [])


def test_what_is_cut_off_or_plain_has_no_table() -> None:
    data = encoded()
    assert watched(data[:-9], []) is None
    assert watched(data[:-300], []) is None
    plain = io.BytesIO()
    make_dataset().save_as(plain, enforce_file_format=True)
    assert watched(plain.getvalue()[plain.getvalue().index(b"\x08\x00\x16\x00") :], [100]) is None
    assert may_have_items("1.2.840.10008.1.2.4.50") and not may_have_items("1.2.840.10008.1.2.1")
