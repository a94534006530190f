"""The series a scan becomes, before a byte of it is written: its images, its plan, what its headers share."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from wsi.metadata import SlideMetadata
from wsi.plan import ImageOutline, Plan, make_plan
from wsi.pyramid import AnyImage, check_even, with_missing_levels
from wsi.source import FrameTable, Source
from wsi.sparse import kept_frames

if TYPE_CHECKING:
    from wsi.dataset import Subject

Levels = Literal["native", "all"]
_DATE_NOTE = "The scan does not say when it was made, the date of its file stands in."


def images_of(source: Source, levels: Levels) -> tuple[AnyImage, ...]:
    """Return every image a conversion writes: the scan's own, and with "all" the levels it lacks."""
    if levels == "native":
        return source.images
    images = with_missing_levels(source.images)
    check_even(images)
    return images


def plan_conversion(
    source: Source, metadata: SlideMetadata, *, levels: Levels = "native", is_sparse: bool = False
) -> Plan:
    """Decide what converting an open scan will write."""
    acquired_at = acquisition_time(source)
    shaping = [metadata.digest(), levels, acquired_at.isoformat(), source.description.name]
    shaping += [f"{index}: {image.defects}" for index, image in enumerate(source.images) if image.defects]
    content = hashlib.sha256("\0".join(shaping).encode()).hexdigest()
    return make_plan(
        [
            ImageOutline(
                kind=image.kind.value,
                level=image.level,
                encoding=image.encoding,
                is_resampled=image.is_resampled,
                kept=kept_frames(image) if is_sparse else None,
                region=image.region,
                origin_mm=image.origin_mm,
            )
            for image in images_of(source, levels)
        ],
        identity=source.description.identity,
        content_digest=content,
        study_instance_uid=metadata.study_instance_uid,
        series_instance_uid=metadata.series_instance_uid,
    )


def acquisition_time(source: Source) -> datetime:
    """Return when the slide was scanned: as the scan says, else when its file was finished."""
    said = source.description.acquired_at
    return said or datetime.fromtimestamp(int(source.path.stat().st_mtime))


def subject_of(source: Source, metadata: SlideMetadata, plan: Plan) -> Subject:
    """Return what the headers of all images share, notes included."""
    from wsi.dataset import Subject

    said = source.description
    notes = said.notes if said.acquired_at else (*said.notes, _DATE_NOTE)
    return Subject(
        description=replace(said, notes=notes), metadata=metadata, plan=plan, acquired_at=acquisition_time(source)
    )


def lossy_ratios(image: AnyImage, table: FrameTable, earlier: tuple[float, ...]) -> tuple[float, ...]:
    """Return one ratio per lossy step: those that came before, and that of these frames if they are a further one."""
    if len(earlier) >= len(image.encoding.lossy_methods):
        return earlier
    level = image.level
    raw_bytes = level.frame_count * level.tile_width_px * level.tile_height_px * image.encoding.sample_count
    return (*earlier, raw_bytes / max(table.frames_bytes(), 1))
