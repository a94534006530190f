"""One forward pass: offsets, padding, gaps, and nothing left when it fails."""

import struct
import tracemalloc
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom.encaps import generate_frames, parse_basic_offsets
from pydicom.filereader import read_dataset

from wsi.errors import OutputError, TruncatedSlideError
from wsi.source import FrameTable
from wsi.writer import BATCH_FRAMES_MAX, lay_out, write_file

HEADER = b"head"
ITEM_HEADER_BYTES = 8


def table_of(
    path: Path, tiles: Sequence[bytes], *, gap: bytes = b"", order: Sequence[int] = (), **extra: object
) -> FrameTable:
    """Write tiles into a file (in `order`, with `gap` between) and return where they lie."""
    data, places = bytearray(b"II*\0"), dict[int, int]()
    for index in order or range(len(tiles)):
        places[index] = len(data) if tiles[index] else 0
        data += tiles[index] + gap
    path.write_bytes(data)
    return FrameTable(
        path=path,
        offsets=np.array([places[index] for index in range(len(tiles))], np.int64),
        lengths=np.array([len(tile) for tile in tiles], np.int64),
        **extra,  # type: ignore[arg-type]
    )


def frames_in(path: Path, count: int) -> list[bytes]:
    """Read the frames back with pydicom, by way of the offset table."""
    data = path.read_bytes()[len(HEADER) + 12 :]
    return list(generate_frames(data, number_of_frames=count))


@pytest.mark.parametrize("order", [(), (2, 0, 1, 3)])
@pytest.mark.parametrize("gap", [b"", b"xyz", bytes(5000)])
def test_tiles_become_frames_wherever_they_lie_in_the_scan(tmp_path: Path, gap: bytes, order: Sequence[int]) -> None:
    tiles = [b"even", b"odd", b"1", b"longer tile"]
    table = table_of(tmp_path / "scan", tiles, gap=gap, order=order)
    path = tmp_path / "out.dcm"
    write_file(path, table, lay_out(HEADER, table, is_native=False))
    assert frames_in(path, 4) == [b"even", b"odd\0", b"1\0", b"longer tile\0"]


def test_the_offset_table_points_to_the_items(tmp_path: Path) -> None:
    table = table_of(tmp_path / "scan", [b"abcd", b"odd", b"efgh"])
    path = tmp_path / "out.dcm"
    write_file(path, table, lay_out(HEADER, table, is_native=False))
    data = path.read_bytes()[len(HEADER) + 12 :]
    assert parse_basic_offsets(BytesIO(data)) == [0, 12, 24]


def test_the_prefix_replaces_the_tiles_first_bytes(tmp_path: Path) -> None:
    table = table_of(tmp_path / "scan", [b"\xff\xd8body", b"\xff\xd8"], prefix=b"\xff\xd8tables", skip_bytes=2)
    path = tmp_path / "out.dcm"
    write_file(path, table, lay_out(HEADER, table, is_native=False))
    assert frames_in(path, 2) == [b"\xff\xd8tablesbody", b"\xff\xd8tables"]


def test_a_left_out_tile_becomes_the_blank(tmp_path: Path) -> None:
    table = table_of(tmp_path / "scan", [b"one", b"", b"two"], prefix=b"P", skip_bytes=1, blank=b"white")
    path = tmp_path / "out.dcm"
    write_file(path, table, lay_out(HEADER, table, is_native=False))
    assert frames_in(path, 3) == [b"Pne\0", b"white\0", b"Pwo\0"]


def test_more_tiles_than_one_batch_holds_arrive_in_order(tmp_path: Path) -> None:
    tiles = [b"tile %d" % index for index in range(2 * BATCH_FRAMES_MAX + 7)]
    table = table_of(tmp_path / "scan", tiles)
    path = tmp_path / "out.dcm"
    seen: list[int] = []
    layout = lay_out(HEADER, table, is_native=False)
    write_file(path, table, layout, on_frames=lambda frames, _: seen.append(frames))
    assert [frame.rstrip(b"\0") for frame in frames_in(path, len(tiles))] == tiles
    assert sum(seen) == len(tiles)
    assert layout.file_bytes == path.stat().st_size


def test_uncompressed_frames_follow_each_other_without_items(tmp_path: Path) -> None:
    table = table_of(tmp_path / "scan", [b"abc", b"def", b"ghi"])
    path = tmp_path / "out.dcm"
    write_file(path, table, lay_out(HEADER, table, is_native=True))
    assert path.read_bytes() == HEADER + b"\xe0\x7f\x10\x00OB\0\0" + struct.pack("<I", 10) + b"abcdefghi\0"


def test_above_4_gib_the_extended_table_carries_offsets_and_bare_lengths(tmp_path: Path) -> None:
    tile_bytes, count = 50_001, 90_000
    table = FrameTable(
        path=tmp_path / "none",
        offsets=np.zeros(count, np.int64) + 8,
        lengths=np.full(count, tile_bytes, np.int64),
    )
    layout = lay_out(b"", table, is_native=False)
    assert layout.file_bytes > 1 << 32
    ds = read_dataset(
        BytesIO(b"".join(layout.head())), False, True, stop_when=lambda tag, _vr, _length: tag == 0x7FE00010
    )
    offsets = np.frombuffer(ds.ExtendedOffsetTable, "<u8")
    lengths = np.frombuffer(ds.ExtendedOffsetTableLengths, "<u8")
    assert set(lengths.tolist()) == {tile_bytes + 1}
    assert np.array_equal(np.diff(offsets), lengths[:-1] + ITEM_HEADER_BYTES)
    assert b"".join(layout.head()).endswith(b"\xfe\xff\x00\xe0\0\0\0\0")


def test_a_scan_cut_short_leaves_no_file(tmp_path: Path) -> None:
    table = table_of(tmp_path / "scan", [b"abcd", b"efgh"])
    (tmp_path / "scan").write_bytes((tmp_path / "scan").read_bytes()[:-1])
    with pytest.raises(TruncatedSlideError):
        write_file(tmp_path / "out.dcm", table, lay_out(HEADER, table, is_native=False))
    assert [path.name for path in tmp_path.iterdir()] == ["scan"]


def test_a_failure_while_writing_leaves_no_file(tmp_path: Path) -> None:
    table = table_of(tmp_path / "scan", [b"abcd"])

    def fail(_frames: int, _bytes: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "out.dcm", table, lay_out(HEADER, table, is_native=False), on_frames=fail)
    assert [path.name for path in tmp_path.iterdir()] == ["scan"]


def test_a_full_disk_is_said_and_temporary(tmp_path: Path) -> None:
    table = table_of(tmp_path / "scan", [bytes(1000)])
    (tmp_path / "out.dcm.part").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="full") as caught:
        write_file(tmp_path / "out.dcm", table, lay_out(HEADER, table, is_native=False))
    assert caught.value.is_temporary


@pytest.mark.parametrize("size_bytes", [1000, 6000])
def test_offset_tables_never_lie_in_memory_whole(size_bytes: int) -> None:
    count = 1_000_000
    table = FrameTable(
        path=Path("scan"), offsets=np.zeros(count, np.int64), lengths=np.full(count, size_bytes, np.int64)
    )
    tracemalloc.start()
    try:
        layout = lay_out(b"", table, is_native=False)
        held_bytes = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        table_bytes = sum(map(len, layout.head()))
        assert tracemalloc.get_traced_memory()[1] - held_bytes < 2 << 20
    finally:
        tracemalloc.stop()
    assert held_bytes < 9 * count
    assert table_bytes >= (16 if size_bytes * count > 1 << 32 else 4) * count
