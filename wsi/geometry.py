"""The shape of a slide: levels, cut into tiles, counted as DICOM frames.

Pure. A level is a grid of equal tiles; tiles at the right and lower edge are full size and padded. Frames are
counted from 1, tiles across first, then down, then focal planes, then optical paths.  Standard: PS3.3 C.7.6.17.3
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One piece of a level, counted from 0 from the upper left."""

    column_index: int
    row_index: int
    focal_plane_index: int = 0
    optical_path_index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One resolution of a slide, cut into equal tiles."""

    width_px: int
    height_px: int
    tile_width_px: int
    tile_height_px: int
    mpp_x: float = 0.0
    """Micrometres per pixel across; 0 where no physical size is known (label, overview)."""
    mpp_y: float = 0.0
    focal_plane_count: int = 1
    optical_path_count: int = 1
    focal_spacing_um: float = field(default=0.0, repr=False)
    """Between focal planes; 0 where it is not known."""

    def __post_init__(self) -> None:
        sides = (self.width_px, self.height_px, self.tile_width_px, self.tile_height_px)
        if min(*sides, self.focal_plane_count, self.optical_path_count) < 1:
            raise ValueError(f"a level needs sides and counts of at least 1, not {self}")

    @property
    def column_count(self) -> int:
        """Tiles across."""
        return -(-self.width_px // self.tile_width_px)

    @property
    def row_count(self) -> int:
        """Tiles down."""
        return -(-self.height_px // self.tile_height_px)

    @property
    def frame_count(self) -> int:
        """Tiles of all planes and paths."""
        return self.column_count * self.row_count * self.focal_plane_count * self.optical_path_count

    def frame_number(self, tile: Tile) -> int:
        """Return the frame that holds a tile, from 1.  Raises: IndexError outside.  Standard: PS3.3 C.7.6.17.3"""
        if not (
            0 <= tile.column_index < self.column_count
            and 0 <= tile.row_index < self.row_count
            and 0 <= tile.focal_plane_index < self.focal_plane_count
            and 0 <= tile.optical_path_index < self.optical_path_count
        ):
            raise IndexError(f"{tile} lies outside {self.column_count} x {self.row_count} tiles")
        plane = tile.optical_path_index * self.focal_plane_count + tile.focal_plane_index
        return (plane * self.row_count + tile.row_index) * self.column_count + tile.column_index + 1

    def tile(self, frame_number: int) -> Tile:
        """Return the tile a frame holds.  Raises: IndexError outside 1 … frame_count."""
        if not 1 <= frame_number <= self.frame_count:
            raise IndexError(f"frame {frame_number} lies outside 1 to {self.frame_count}")
        rest, column_index = divmod(frame_number - 1, self.column_count)
        plane, row_index = divmod(rest, self.row_count)
        path_index, focal_index = divmod(plane, self.focal_plane_count)
        return Tile(
            column_index=column_index,
            row_index=row_index,
            focal_plane_index=focal_index,
            optical_path_index=path_index,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSize:
    """What of a level's tiles is image, and how much smaller it is than the base."""

    width_px: int
    height_px: int
    scale_x: float
    scale_y: float


def downsample(base_px: int, level_px: int) -> float:
    """Return how often a smaller side goes into the base side: the whole number meant where rounding explains the rest.

    A scanner that shrinks 2221 pixels four times keeps 555 and drops one: the scale is 4, not 4.0018.
    """
    exact = base_px / level_px
    whole = round(exact)
    is_rounding = abs(base_px / whole - level_px) <= 1.0 if whole else False
    return float(whole) if is_rounding else exact
