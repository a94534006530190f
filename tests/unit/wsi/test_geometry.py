"""Levels, tiles and frame numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsi.geometry import Level, Tile, downsample

LEVEL = Level(width_px=2220, height_px=2967, tile_width_px=240, tile_height_px=240)


def test_tiles_at_the_edges_are_counted_whole() -> None:
    assert (LEVEL.column_count, LEVEL.row_count, LEVEL.frame_count) == (10, 13, 130)


def test_frames_run_across_first_from_one() -> None:
    assert LEVEL.frame_number(Tile(column_index=0, row_index=0)) == 1
    assert LEVEL.frame_number(Tile(column_index=9, row_index=0)) == 10
    assert LEVEL.frame_number(Tile(column_index=0, row_index=1)) == 11


def test_focal_planes_come_before_optical_paths() -> None:
    level = Level(
        width_px=20, height_px=10, tile_width_px=10, tile_height_px=10, focal_plane_count=3, optical_path_count=2
    )
    assert level.frame_number(Tile(column_index=0, row_index=0, focal_plane_index=1)) == 3
    assert level.frame_number(Tile(column_index=0, row_index=0, optical_path_index=1)) == 7


@given(
    sides=st.tuples(*[st.integers(1, 5000)] * 2),
    tile=st.tuples(*[st.integers(1, 600)] * 2),
    planes=st.integers(1, 4),
    data=st.data(),
)
def test_every_frame_holds_the_tile_that_names_it(
    sides: tuple[int, int], tile: tuple[int, int], planes: int, data: st.DataObject
) -> None:
    level = Level(
        width_px=sides[0],
        height_px=sides[1],
        tile_width_px=tile[0],
        tile_height_px=tile[1],
        focal_plane_count=planes,
        optical_path_count=2,
    )
    number = data.draw(st.integers(1, level.frame_count))
    assert level.frame_number(level.tile(number)) == number


@pytest.mark.parametrize(
    "tile", [Tile(column_index=10, row_index=0), Tile(column_index=0, row_index=13), Tile(column_index=-1, row_index=0)]
)
def test_a_tile_outside_has_no_frame(tile: Tile) -> None:
    with pytest.raises(IndexError, match="outside"):
        LEVEL.frame_number(tile)


@pytest.mark.parametrize("number", [0, 131])
def test_a_frame_outside_has_no_tile(number: int) -> None:
    with pytest.raises(IndexError, match="outside"):
        LEVEL.tile(number)


def test_a_level_without_extent_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Level(width_px=0, height_px=1, tile_width_px=1, tile_height_px=1)


@pytest.mark.parametrize(
    ("base_px", "level_px", "scale"), [(2221, 555, 4.0), (2220, 555, 4.0), (40960, 2560, 16.0), (1000, 300, 1000 / 300)]
)
def test_a_scale_is_whole_where_rounding_explains_the_rest(base_px: int, level_px: int, scale: float) -> None:
    assert downsample(base_px, level_px) == scale
