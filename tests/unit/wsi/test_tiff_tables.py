"""Tables of a large scan's tiles are read as arrays, and tifffile does not get to see them."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.support.scans import TILE_PX, jpeg, picture, tiles_of, write_level, write_svs
from wsi.errors import TruncatedSlideError
from wsi.source import StoredImage
from wsi.tiff_source import open_tiff
from wsi.tiff_tables import TILE_LENGTHS, TILE_OFFSETS, Masked, long_tables


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("is_big", [False, True])
def test_tables_are_those_tifffile_reads_and_it_sees_one_entry(tmp_path: Path, byteorder: str, is_big: bool) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, bigtiff=is_big, byteorder=byteorder) as tiff:
        write_level(tiff, [jpeg(tile) for tile in tiles_of(picture(200, 300))], 300, 200, subifds=1)
        write_level(tiff, [jpeg(tile) for tile in tiles_of(picture(100, 150))], 150, 100, subfiletype=1)
        write_level(tiff, [jpeg(tile) for tile in tiles_of(picture(64, 64))], 64, 64)
    tables = long_tables(path, at_least=2)
    with tifffile.TiffFile(path) as whole:
        pages = [whole.pages[0], whole.pages[0].pages[0]]
        wanted = {(page.offset, TILE_OFFSETS): list(page.dataoffsets) for page in pages}
        wanted |= {(page.offset, TILE_LENGTHS): list(page.databytecounts) for page in pages}
    assert {key: table.read().tolist() for key, table in tables.items()} == wanted
    with Masked(path, tables) as masked, tifffile.TiffFile(masked, name=str(path)) as seen:
        assert [len(page.dataoffsets) for page in (seen.pages[0], seen.pages[0].pages[0], seen.pages[1])] == [1, 1, 1]
        assert (seen.pages[0].imagewidth, seen.pages[0].tilewidth) == (300, TILE_PX)


def test_a_scan_reads_the_same_with_its_tables_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.svs"
    write_svs(path)
    with open_tiff(path) as plain:
        monkeypatch.setattr("wsi.tiff_source.long_tables", lambda path: long_tables(path, at_least=2))
        with open_tiff(path) as hidden:
            assert hidden.description == plain.description
            for ours, theirs in zip(hidden.images, plain.images, strict=True):
                assert isinstance(ours, StoredImage) and isinstance(theirs, StoredImage)
                assert np.array_equal(ours.table.offsets, theirs.table.offsets)
                assert np.array_equal(ours.table.lengths, theirs.table.lengths)


def write_many(path: Path, side: int) -> None:
    """Write a BigTIFF of side x side places that all show the one tile it has."""
    tile = jpeg(picture(16, 16), subsampling="444")
    tags = [(256, 4, 1, 16 * side), (257, 4, 1, 16 * side), (258, 3, 3, 8 | 8 << 16 | 8 << 32), (259, 3, 1, 7)]
    tags += [(262, 3, 1, 6), (277, 3, 1, 3), (322, 3, 1, 16), (323, 3, 1, 16)]
    table_at = 16 + 8 + 20 * (len(tags) + 2) + 8
    tags += [(TILE_OFFSETS, 16, side * side, table_at), (TILE_LENGTHS, 4, side * side, table_at + 8 * side * side)]
    directory = b"".join(struct.pack("<HHQQ", *tag) for tag in tags)
    tile_at = table_at + 12 * side * side
    path.write_bytes(
        struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, len(tags))
        + directory
        + bytes(8)
        + np.full(side * side, tile_at, "<u8").tobytes()
        + np.full(side * side, len(tile), "<u4").tobytes()
        + tile
    )


def test_a_million_tiles_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    write_many(tmp_path / "small.tif", 4)
    open_tiff(tmp_path / "small.tif").close()  # What is imported once is not counted.
    side = 1000
    write_many(tmp_path / "a.tif", side)
    tracemalloc.start()
    try:
        with open_tiff(tmp_path / "a.tif") as source:
            held_bytes, peak_bytes = tracemalloc.get_traced_memory()
            assert source.images[0].level.frame_count == side * side
    finally:
        tracemalloc.stop()
    # Two arrays of 8 bytes a tile lie in a file; as Python's numbers they were 80.
    assert held_bytes < 1 << 20
    assert peak_bytes < 3 << 20


def test_a_table_that_ends_with_the_file_is_truncated(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_many(path, 64)
    table = next(iter(long_tables(path).values()))
    path.write_bytes(path.read_bytes()[: table.value_at + 100])
    with pytest.raises(TruncatedSlideError, match="inside its table"):
        table.read()


@pytest.mark.parametrize(
    "content", [b"", b"II*\0", b"II*\0\x08\0\0\0", b"MM\0+" + b"\xff" * 40, b"II*\0" + b"\x08\0" * 90]
)
def test_damaged_structures_have_no_tables_and_do_not_loop(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    assert long_tables(tmp_path / "a.tif") == {}
