"""Pages of a TIFF that belong together: a pyramid whose levels have focal planes and optical paths.

Each maker says in its own way which page is which; what is said here is the same for all.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tifffile

from wsi.errors import NotASlideError, UnsupportedSlideError
from wsi.identity import identity_of
from wsi.source import Kind, SlideDescription
from wsi.tiff_facts import describe, ome_planes

_PLANES_MAX = 1000
_AXES = frozenset({"YX", "ZYX", "CYX", "CZYX", "ZCYX", "ZYXS"})

Pages = tuple[tifffile.TiffPage, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """One pyramid."""

    levels: tuple[Pages, ...]
    """Per level, largest first, its pages as frames are counted: focal planes within optical paths."""
    path_count: int = 1
    plane_count: int = 1
    focal_spacing_um: float = 0.0
    mpp: tuple[float, float] | None = None
    """None: as the slide's."""
    origin_mm: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        count = self.path_count * self.plane_count
        if count > _PLANES_MAX:
            raise UnsupportedSlideError(f"The scan has {count} planes.")
        for pages in self.levels:
            if len(pages) != count:
                raise UnsupportedSlideError(f"The scan has a level of {len(pages)} pages for {count} planes.")
            if len({(page.imagewidth, page.imagelength, page.tilewidth, page.tilelength) for page in pages}) > 1:
                raise UnsupportedSlideError("The scan has planes of different sizes in one level.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stacks:
    """All of a scan: its pyramids, one per region of the glass, and the pictures beside them."""

    description: SlideDescription
    stacks: tuple[Stack, ...]
    pictures: tuple[tuple[Kind, tifffile.TiffPage], ...] = ()
    barcode: str = field(default="", repr=False)


def find_stacks(path: Path, tiff: tifffile.TiffFile, pages: list[tifffile.TiffPage]) -> Stacks:
    """Return what the maker says belongs together.

    Raises: NotASlideError for one plane of 8 bit, and for what is laid out otherwise; UnsupportedSlideError
    """
    from wsi.qpi import is_qpi, qpi_stacks
    from wsi.scn import scn_stacks

    if tiff.is_scn:
        return scn_stacks(path, tiff, pages)
    if is_qpi(pages[0]):
        return qpi_stacks(path, tiff, pages)
    return _series_stack(path, tiff)


def _series_stack(path: Path, tiff: tifffile.TiffFile) -> Stacks:
    """Return the first series, which OME-TIFF and others describe by the names of its axes."""
    series = tiff.series[0]
    axes, depth = series.axes, str(series.dtype)
    counts = dict(zip(axes, series.shape, strict=True))
    is_colour = axes.endswith("S")
    if axes not in _AXES or (axes == "YX" and depth == "uint8") or (is_colour and counts["S"] != 3):
        raise NotASlideError(f"{path.name} is in colour, or one plane.")
    path_count, plane_count = int(counts.get("C", 1)), int(counts.get("Z", 1))
    levels = []
    for one in series.levels:
        found = [page.aspage() for page in one.pages if page is not None]
        if len(found) != path_count * plane_count:
            sides = " x ".join(f"{size} {axis}" for size, axis in zip(series.shape, axes, strict=True))
            raise UnsupportedSlideError(f"{path.name} holds {sides} of {depth} in one page.")
        levels.append(_in_order(found, axes, path_count, plane_count))
    facts = describe(path, tiff, tiff.pages[0], identity=identity_of([path]))
    spacing_um, channels = ome_planes(tiff.ome_metadata or "", path_count)
    if not is_colour:
        facts = replace(facts, channels=channels)
    stack = Stack(
        levels=tuple(levels), path_count=path_count, plane_count=plane_count,
        focal_spacing_um=spacing_um if plane_count > 1 else 0.0,
    )  # fmt: skip
    return Stacks(description=facts, stacks=(stack,))


def _in_order(pages: list[Any], axes: str, path_count: int, plane_count: int) -> Pages:
    """Return the pages as frames are counted: focal planes within optical paths."""
    if axes.find("Z") > axes.find("C") or "Z" not in axes:
        return tuple(pages)
    return tuple(pages[plane * path_count + path] for path in range(path_count) for plane in range(plane_count))
