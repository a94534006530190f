"""A folder of objects held against the scan they should have come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wsi.defects import mend
from wsi.errors import SlideError, UnsupportedSlideError
from wsi.frames import FrameIndex, index_frames
from wsi.plan import reference_uids
from wsi.pyramid import AnyImage, MissingImage, with_missing_levels
from wsi.report import FileReport, VerificationReport
from wsi.source import FrameTable, OpenSource, Source, StoredImage
from wsi.sparse import kept_frames
from wsi.verify import verify_file

_FILES_MAX = 10_000
_PLACE_DIGITS = 4
"""Of a millimetre: a tenth of a micrometre tells regions apart, and survives being written as decimal text."""

_Shape = tuple[str, int, int, str]
"""Kind, width, height, and where on the glass; regions of one slide may be equally large."""


def verify_source(
    source: OpenSource, directory: Path, *, workers: int = 2, on_frames: Callable[[int, int], None] | None = None
) -> VerificationReport:
    """Hold the objects in a folder against an open scan: its own images, and levels made from them.

    Raises: SlideError
    """
    mend(source)
    problems: list[str] = []
    found: dict[_Shape, list[FrameIndex]] = {}
    places = {place for image in source.images if (place := _place(image.origin_mm))}
    for index in sorted(_candidates(source, directory, problems), key=_first_frame):
        parts = found.setdefault(_shape(index, places), [])
        if parts and not index.dataset.get("ConcatenationUID"):
            problems.append(f"{index.path.name} is there twice: {parts[0].path.name} shows the same.")
        else:
            parts.append(index)
    reports: list[FileReport] = []
    for planned in _expected(source, found):
        mine = found.pop(_shape_of(planned), None)
        if mine is None:
            level = planned.level
            problems.append(f"The {planned.kind.value} of {level.width_px} x {level.height_px} px is missing.")
            continue
        problems += _gaps(planned, mine)
        reports += [_verify(planned, part, directory, workers, on_frames) for part in mine]
    problems += [f"{part.path.name} is no image of {source.path.name}." for parts in found.values() for part in parts]
    return VerificationReport(files=tuple(reports), problems=tuple(problems))


def _is_sparse(index: FrameIndex) -> bool:
    return str(index.dataset.get("DimensionOrganizationType", "")) == "TILED_SPARSE"


def _kept(planned: AnyImage) -> tuple[int, ...]:
    kept = kept_frames(planned)
    return tuple(range(planned.level.frame_count)) if kept is None else kept


def _misplaced(planned: AnyImage, part: FrameIndex) -> list[str]:
    """Return what is wrong with the frames' places, each of which a sparse object states."""
    level, found = planned.level, []
    for group in part.dataset.get("PerFrameFunctionalGroupsSequence") or []:
        place = group.PlanePositionSlideSequence[0]
        x_px, y_px = place.ColumnPositionInTotalImagePixelMatrix - 1, place.RowPositionInTotalImagePixelMatrix - 1
        found.append((x_px, y_px))
    tiles = [level.tile(index + 1) for index in _kept(planned)]
    meant = [(tile.column_index * level.tile_width_px, tile.row_index * level.tile_height_px) for tile in tiles]
    return [] if found == meant else [f"{part.path.name} does not place its frames where the scan has its tiles."]


def _first_frame(index: FrameIndex) -> int:
    """Return the index in its image of an object's first frame, from 0."""
    return int(index.dataset.get("ConcatenationFrameOffsetNumber", 0) or 0)


def _gaps(planned: AnyImage, parts: list[FrameIndex]) -> list[str]:
    """Return what is missing or there twice between the parts of one image."""
    problems, at = [], 0
    if _is_sparse(parts[0]):
        return _misplaced(planned, parts[0])
    for part in parts:
        if _first_frame(part) != at:
            problems.append(f"{part.path.name} begins at frame {_first_frame(part) + 1}, and {at + 1} was expected.")
        at = _first_frame(part) + len(part.offsets)
    if at != planned.level.frame_count:
        problems.append(f"{parts[-1].path.name} ends at frame {at} of {planned.level.frame_count}.")
    return problems


def _expected(source: Source, found: dict[_Shape, list[FrameIndex]]) -> tuple[AnyImage, ...]:
    """Return the scan's images, and with them the made levels if the folder holds any."""
    own = {_shape_of(image) for image in source.images}
    if found.keys() <= own:
        return source.images
    try:
        every = with_missing_levels(source.images)
    except UnsupportedSlideError:
        return source.images
    return (
        every if any(_shape_of(image) in found for image in every if isinstance(image, MissingImage)) else source.images
    )


def _verify(
    planned: AnyImage,
    index: FrameIndex,
    directory: Path,
    workers: int,
    on_frames: Callable[[int, int], None] | None,
) -> FileReport:
    if not isinstance(planned, MissingImage):
        first, end = _first_frame(index), _first_frame(index) + len(index.offsets)
        table = planned.table.cut(first, end) if isinstance(planned, StoredImage) else None
        if _is_sparse(index) and isinstance(planned, StoredImage):
            table = planned.table.take(_kept(planned))
        return verify_file(index.path, planned, table=table, first=first, end=end, workers=workers, on_frames=on_frames)
    parent = _shape_of(planned.parent)[:3]
    for path in sorted(directory.glob("*.dcm"))[:_FILES_MAX]:
        larger = index_frames(path)
        if _shape(larger, set())[:3] == parent and larger.dataset.SeriesInstanceUID == index.dataset.SeriesInstanceUID:
            frames = FrameTable(path=path, offsets=larger.offsets, lengths=larger.lengths)
            return verify_file(index.path, planned.bind(frames), table=None, workers=workers, on_frames=on_frames)
    raise UnsupportedSlideError(f"{index.path.name} was made from a level that is not in {directory}.")


def _candidates(source: Source, directory: Path, problems: list[str]) -> list[FrameIndex]:
    """Return the objects that may be of this scan: those that name it by its coordinates' UID, else all."""
    found: list[FrameIndex] = []
    for path in sorted(directory.glob("*.dcm"))[:_FILES_MAX]:
        try:
            found.append(index_frames(path))
        except SlideError as error:
            problems.append(error.what)
    own = set(reference_uids(source.description.identity))
    named = [index for index in found if index.dataset.get("FrameOfReferenceUID") in own]
    return named or found


def _place(origin_mm: tuple[float, float] | None) -> str:
    return "" if origin_mm is None else f"{origin_mm[0]:.{_PLACE_DIGITS}f} {origin_mm[1]:.{_PLACE_DIGITS}f}"


def _shape_of(image: AnyImage) -> _Shape:
    return image.kind.value, image.level.width_px, image.level.height_px, _place(image.origin_mm)


def _shape(index: FrameIndex, places: set[str]) -> _Shape:
    """Return what an object shows; its place only where it is one of those that the scan names."""
    ds = index.dataset
    kind = [*ds.get("ImageType", []), "", "", ""][2]
    place = ""
    for origin in ds.get("TotalPixelMatrixOriginSequence") or []:
        x_mm, y_mm = origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem
        place = _place((float(x_mm), float(y_mm)))
    width_px, height_px = int(ds.get("TotalPixelMatrixColumns", 0)), int(ds.get("TotalPixelMatrixRows", 0))
    return str(kind), width_px, height_px, place if place in places else ""
