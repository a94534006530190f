"""Where frames lie: every way of encapsulating them, and every way of getting that wrong."""

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import generate_uid

from edge.dicom import frame_index
from edge.dicom.frame_index import FrameCache, OpenFrames, build, pack_item
from edge.dicom.items import ItemWatch
from edge.errors import BadInputError, NotFoundError

JPEG, NATIVE, IMPLICIT = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
BIG_ENDIAN, DEFLATED, RLE = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
VIDEO = "1.2.840.10008.1.2.4.102"
END = bytes.fromhex("feffdde000000000")
FRAMES = [b"\xff\xd8" + bytes([number]) * (10 + 2 * number) for number in range(1, 6)]


def _header(frame_count: int, syntax: str = JPEG, **attributes: object) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", generate_uid()
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 4, 6, 1
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation, dataset.PhotometricInterpretation = 7, 0, "MONOCHROME2"
    dataset.NumberOfFrames = frame_count
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def _write(folder: Path, dataset: Dataset, pixel_element: bytes) -> Path:
    path = folder / "object"
    dataset.save_as(path, enforce_file_format=True)
    with open(path, "ab") as file:
        file.write(pixel_element)
    return path


def _encapsulated(items: list[bytes], *, table: bytes = b"", end: bytes = END) -> bytes:
    head = bytes.fromhex("e07f1000") + b"OB\0\0" + b"\xff" * 4
    return head + pack_item(table) + b"".join(pack_item(item) for item in items) + end


def _offsets(items: list[bytes]) -> list[int]:
    return [sum(8 + len(item) for item in items[:index]) for index in range(len(items))]


def _read_all(path: Path) -> list[bytes]:
    frames = OpenFrames(path, "digest")
    return [frames.read(number) for number in range(1, frames.index.frame_count + 1)]


def test_frames_are_found_by_their_basic_offset_table(tmp_path: Path) -> None:
    table = struct.pack("<5I", *_offsets(FRAMES))
    path = _write(tmp_path, _header(5), _encapsulated(FRAMES, table=table))
    assert not build(path).is_walked
    assert _read_all(path) == FRAMES


def test_frames_are_found_by_their_extended_offset_table(tmp_path: Path) -> None:
    dataset = _header(5)
    dataset.ExtendedOffsetTable = struct.pack("<5Q", *_offsets(FRAMES))
    dataset.ExtendedOffsetTableLengths = struct.pack("<5Q", *(len(frame) for frame in FRAMES))
    path = _write(tmp_path, dataset, _encapsulated(FRAMES))
    assert not build(path).is_walked
    assert _read_all(path) == FRAMES


@pytest.mark.parametrize("wrong_by", [8, -2, 1000])
def test_extended_lengths_that_lie_are_noticed_and_repaired(tmp_path: Path, wrong_by: int) -> None:
    dataset = _header(5)
    dataset.ExtendedOffsetTable = struct.pack("<5Q", *_offsets(FRAMES))
    dataset.ExtendedOffsetTableLengths = struct.pack("<5Q", *(max(0, len(frame) + wrong_by) for frame in FRAMES))
    assert _read_all(_write(tmp_path, dataset, _encapsulated(FRAMES))) == FRAMES


@pytest.mark.parametrize("change", [2, 4, -8, 1 << 20])
def test_a_basic_offset_table_that_lies_is_noticed_and_repaired(tmp_path: Path, change: int) -> None:
    offsets = _offsets(FRAMES)
    offsets[2:] = [max(0, offset + change) for offset in offsets[2:]]
    path = _write(tmp_path, _header(5), _encapsulated(FRAMES, table=struct.pack("<5I", *offsets)))
    assert _read_all(path) == FRAMES


def test_without_a_table_the_items_are_walked(tmp_path: Path) -> None:
    path = _write(tmp_path, _header(5), _encapsulated(FRAMES))
    assert build(path).is_walked
    assert _read_all(path) == FRAMES


def test_fragments_are_joined_with_a_table_and_without(tmp_path: Path) -> None:
    frames = [b"\xff\xd8" + bytes([number]) * 30 for number in range(3)]
    items = [piece for frame in frames for piece in (frame[:10], frame[10:20], frame[20:])]
    starts = _offsets(items)[::3]
    for table in (b"", struct.pack("<3I", *starts)):
        path = _write(tmp_path, _header(3), _encapsulated(items, table=table))
        assert _read_all(path) == frames


def test_a_single_frame_may_be_in_any_number_of_fragments(tmp_path: Path) -> None:
    items = [bytes([number]) * 6 for number in range(7)]
    assert _read_all(_write(tmp_path, _header(1), _encapsulated(items))) == [b"".join(items)]


def test_a_video_is_one_frame_whatever_number_it_says(tmp_path: Path) -> None:
    path = _write(tmp_path, _header(250, VIDEO), _encapsulated([b"stream", b"more"]))
    assert _read_all(path) == [b"streammore"]


def test_a_file_cut_in_the_middle_gives_the_frames_before_the_cut(tmp_path: Path) -> None:
    whole = _encapsulated(FRAMES, table=struct.pack("<5I", *_offsets(FRAMES)))
    path = _write(tmp_path, _header(5), whole[: -len(END) - (8 + len(FRAMES[4])) - 4])
    frames = OpenFrames(path, "digest")
    assert [frames.read(number) for number in (1, 2, 3)] == FRAMES[:3]
    with pytest.raises(BadInputError, match="ends inside"):
        frames.read(4)
    with pytest.raises(NotFoundError):
        frames.read(5)


def test_what_holds_no_frames_says_so(tmp_path: Path) -> None:
    path = _write(tmp_path, _header(1), b"")
    with pytest.raises(NotFoundError, match="no pixels"):
        build(path)
    path = _write(tmp_path, _header(1), bytes.fromhex("e07f1000") + b"OB\0\0" + b"\xff" * 4 + b"rubbish!")
    with pytest.raises(BadInputError):
        build(path)
    text = tmp_path / "text"
    text.write_bytes(b"no object at all " * 100)
    with pytest.raises((BadInputError, NotFoundError)):
        build(text)


def test_frames_that_do_not_exist_are_not_found(tmp_path: Path) -> None:
    frames = OpenFrames(_write(tmp_path, _header(5), _encapsulated(FRAMES)), "digest")
    for number in (0, -1, 6):
        with pytest.raises(NotFoundError):
            frames.read(number)


@pytest.mark.parametrize("syntax", [NATIVE, IMPLICIT, BIG_ENDIAN, DEFLATED])
@pytest.mark.parametrize("bits", [8, 16, 32])
def test_native_frames_come_out_little_endian(tmp_path: Path, syntax: str, bits: int) -> None:
    pixels = np.arange(3 * 4 * 6, dtype=f"u{bits // 8}").reshape(3, 4, 6) * 3 + 1
    dataset = _header(3, syntax, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1)
    order = ">" if syntax == BIG_ENDIAN else "<"
    dataset.add_new(0x7FE00010, "OW" if bits > 8 else "OB", pixels.astype(f"{order}u{bits // 8}").tobytes())
    path = tmp_path / "object"
    dataset.save_as(path, enforce_file_format=True)
    assert _read_all(path) == [frame.astype(f"<u{bits // 8}").tobytes() for frame in pixels]


def test_bytes_swapped_in_words_are_swapped_back(tmp_path: Path) -> None:
    frames = [bytes(range(1, 16)), bytes(range(21, 36))]  # of odd length: the second begins inside a word
    joined = b"".join(frames)
    swapped = np.frombuffer(joined, ">u2").astype("<u2").tobytes()
    dataset = _header(2, BIG_ENDIAN, Rows=3, Columns=5)
    dataset.add_new(0x7FE00010, "OW", swapped)
    path = tmp_path / "object"
    dataset.save_as(path, enforce_file_format=True)
    assert _read_all(path) == frames


def test_bit_packed_frames_start_at_a_byte(tmp_path: Path) -> None:
    bits = np.random.default_rng(1).integers(0, 2, (5, 3, 5), dtype=np.uint8)
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    dataset = _header(5, NATIVE, Rows=3, Columns=5, BitsAllocated=1, BitsStored=1, HighBit=0)
    dataset.add_new(0x7FE00010, "OB", packed + b"\0" * (len(packed) % 2))
    path = tmp_path / "object"
    dataset.save_as(path, enforce_file_format=True)
    assert _read_all(path) == [np.packbits(frame.reshape(-1), bitorder="little").tobytes() for frame in bits]


def test_subsampled_native_colour_takes_two_samples_a_pixel(tmp_path: Path) -> None:
    frames = [bytes(range(start, start + 48)) for start in (0, 100)]
    dataset = _header(2, NATIVE, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422", PlanarConfiguration=0)
    dataset.add_new(0x7FE00010, "OB", b"".join(frames))
    path = tmp_path / "object"
    dataset.save_as(path, enforce_file_format=True)
    assert _read_all(path) == frames


def test_native_data_that_ends_early_gives_the_whole_frames_only(tmp_path: Path) -> None:
    dataset = _header(3, NATIVE)
    head = bytes.fromhex("e07f1000") + b"OB\0\0" + struct.pack("<I", 72)
    frames = OpenFrames(_write(tmp_path, dataset, head + b"a" * 24 + b"b" * 24 + b"c" * 10), "digest")
    assert frames.index.frame_count == 2
    assert frames.read(2) == b"b" * 24


def test_a_repaired_index_stays_repaired(tmp_path: Path) -> None:
    dataset = _header(5)
    dataset.ExtendedOffsetTable = struct.pack("<5Q", *_offsets(FRAMES))
    dataset.ExtendedOffsetTableLengths = struct.pack("<5Q", *(len(frame) + 8 for frame in FRAMES[:-1]), len(FRAMES[-1]))
    frames = OpenFrames(_write(tmp_path, dataset, _encapsulated(FRAMES)), "digest")
    assert not frames.index.is_walked
    assert frames.read_if_cached(2) is None, "a lie is not served from memory either"
    assert frames.read(2) == FRAMES[1]
    assert frames.index.is_walked
    assert frames.read_if_cached(2) == FRAMES[1]


def test_what_was_noted_while_the_object_came_in_is_used_instead_of_a_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path, _header(5), _encapsulated(FRAMES))
    data = path.read_bytes()
    watch = ItemWatch(begin=data.index(b"\x08\x00\x16\x00\x55\x49"))
    watch.feed(memoryview(data)[data.index(b"\x08\x00\x16\x00\x55\x49") :])
    table = watch.table()
    assert table is not None
    walked = OpenFrames(path, "a")
    monkeypatch.setattr(frame_index, "_walk", lambda *_: pytest.fail("walked"))
    noted = OpenFrames(path, "a", lambda digest: table)
    assert noted.index.offsets.tolist() == walked.index.offsets.tolist()
    assert [noted.read(number) for number in range(1, 6)] == [walked.read(number) for number in range(1, 6)]
    monkeypatch.undo()
    other = _write(tmp_path, _header(5, PatientName="Somebody^Else"), _encapsulated(FRAMES))
    assert OpenFrames(other, "b", lambda digest: table).read(3) == FRAMES[2]  # A table of another file.


def test_the_cache_lets_the_least_used_go(tmp_path: Path) -> None:
    path = _write(tmp_path, _header(5), _encapsulated(FRAMES))
    cache = FrameCache(count_max=2)
    first = cache.open(path, "a")
    cache.open(path, "b")
    assert cache.open(path, "a") is first
    cache.open(path, "c")
    assert cache.find("b") is None
    assert cache.find("a") is first
    assert first.read(1) == FRAMES[0]


def test_a_file_gone_from_the_disk_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="gone"):
        OpenFrames(tmp_path / "nothing", "digest")


def test_indexing_a_large_object_takes_no_reading_of_its_pixels(tmp_path: Path) -> None:
    count = 50_000
    frame = b"\xff\xd8" + b"x" * 30
    dataset = _header(count)
    dataset.ExtendedOffsetTable = (np.arange(count, dtype="<u8") * 40).tobytes()
    dataset.ExtendedOffsetTableLengths = np.full(count, 32, "<u8").tobytes()
    path = _write(tmp_path, dataset, _encapsulated([]).removesuffix(END) + pack_item(frame) * count + END)
    index = build(path)
    assert not index.is_walked
    assert all(second - first == 40 for first, second in pairwise(index.offsets[:100].tolist()))
    assert OpenFrames(path, "digest").read(count) == frame
