"""Everything a conversion will write, decided before any pixel is read.

Pure: no clock, no file. UIDs are UUIDs of version 5 under 2.25, derived from the scan's identity and from all that
shapes the content, so that the same conversion twice gives the same objects, and another one never the same UID.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from wsi.encoding import Encoding, Origin
from wsi.geometry import Level

_NAMESPACE = uuid.UUID("6f0c3d8e-52c4-5f6a-9d5b-0c8d6a1f7e21")
CONTENT_VERSION = "1"
"""Raised whenever the written bytes of an unchanged scan change: new bytes need new UIDs."""
BASIC_TABLE_BYTES_MAX = (1 << 32) - 1
"""Offsets of the basic table are 32 bits wide.  Standard: PS3.5 A.4"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOutline:
    """What the plan needs to know of an image: no pixels, no file."""

    kind: str
    level: Level
    encoding: Encoding
    is_resampled: bool
    kept: tuple[int, ...] | None = None
    """Indices from 0 of the frames that are written; None: all."""
    region: int = 0
    origin_mm: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedInstance:
    """One object to be written."""

    sop_instance_uid: str
    instance_number: int
    kind: str
    image_type: tuple[str, str, str, str]
    level: Level
    encoding: Encoding
    frame_of_reference_uid: str
    pyramid_uid: str
    """Empty for images that are no level of the pyramid."""
    part: Part | None = None
    kept: tuple[int, ...] | None = None
    """Indices from 0 of the level's frames that are written, each with its place; None: all of them, in order."""
    series_instance_uid: str = ""
    region: int = 0
    origin_mm: tuple[float, float] | None = None
    """X and Y on the glass of the upper left pixel; None: not known."""

    @property
    def frame_count(self) -> int:
        """Frames of this object: those of the level, of its part, or those kept."""
        if self.kept is not None:
            return len(self.kept)
        return self.level.frame_count if self.part is None else self.part.end - self.part.first

    @property
    def file_name(self) -> str:
        """The name of the written file."""
        return f"{self.sop_instance_uid}.dcm"

    @property
    def is_tiled_full(self) -> bool:
        """Only levels are whole grids of tiles; the others are one picture.  Standard: PS3.3 C.8.12.14"""
        return self.kind == "VOLUME" and self.kept is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of several objects that together are one image.  Standard: PS3.3 C.7.6.16.2.2.4"""

    concatenation_uid: str
    source_uid: str
    """The SOP instance UID of the image that is not written whole."""
    number: int
    total: int
    first: int
    """Index of its first frame in the whole, from 0."""
    end: int

    @property
    def uid(self) -> str:
        """Its SOP instance UID."""
        return derive_uid("part", self.source_uid, str(self.first), str(self.end))


def split(instance: PlannedInstance, sizes: Sequence[int], *, max_bytes: int) -> list[PlannedInstance]:
    """Cut an image into parts of at most so many bytes of frames, or one frame; a whole that fits stays whole.

    `sizes` are those of the frames with all that belongs to each. The same cut twice gives the same UIDs.
    """
    parts = cut(instance.sop_instance_uid, sizes, max_bytes=max_bytes)
    return [replace(instance, sop_instance_uid=part.uid, part=part) for part in parts] or [instance]


def cut(source_uid: str, sizes: Iterable[int], *, max_bytes: int) -> list[Part]:
    """Return the parts of an image, as `split` makes them; none when it fits whole."""
    cuts, taken, count = [0], 0, 0
    for size in sizes:
        if taken and taken + size > max_bytes:
            cuts.append(count)
            taken = 0
        taken += size
        count += 1
    if len(cuts) == 1:
        return []
    concatenation_uid = derive_uid("concatenation", source_uid, *map(str, cuts))
    return [
        Part(
            concatenation_uid=concatenation_uid,
            source_uid=source_uid,
            number=number,
            total=len(cuts),
            first=first,
            end=end,
        )
        for number, (first, end) in enumerate(zip(cuts, [*cuts[1:], count], strict=True), 1)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The study, its series, and their instances, base level first; a series for every region of the glass."""

    study_instance_uid: str
    series_instance_uid: str
    """Of the first region."""
    specimen_uid: str
    dimension_uid: str
    instances: tuple[PlannedInstance, ...]

    @property
    def frame_count(self) -> int:
        """Frames of all instances."""
        return sum(instance.frame_count for instance in self.instances)


def derive_uid(*parts: str) -> str:
    """Return the UID that belongs to a name: the same parts, the same UID.  Standard: PS3.5 B.2"""
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(0).join(parts)).int}"


def make_plan(
    outlines: Sequence[ImageOutline],
    *,
    identity: str,
    content_digest: str,
    study_instance_uid: str = "",
    series_instance_uid: str = "",
) -> Plan:
    """Decide every UID, type and number.

    `identity` names the scan; `content_digest` everything else that shapes the bytes (metadata, options, dates).
    Raises: ValueError when there is no level.
    """
    if not outlines or outlines[0].kind != "VOLUME":
        raise ValueError("a plan begins with the base level")
    version = derive_uid(identity, content_digest, CONTENT_VERSION)
    series = series_instance_uid or derive_uid("series", version, study_instance_uid)
    return Plan(
        study_instance_uid=study_instance_uid or derive_uid("study", identity),
        series_instance_uid=series,
        specimen_uid=derive_uid("specimen", identity),
        dimension_uid=derive_uid("dimension", series),
        instances=tuple(
            _instance(outline, index, identity=identity, series=series_uid(series, outline.region), version=version)
            for index, outline in enumerate(outlines)
        ),
    )


def series_uid(first: str, region: int) -> str:
    """Return the series of a region; that of the first, number 0, is given."""
    return derive_uid("region", first, str(region)) if region else first


def _instance(outline: ImageOutline, index: int, *, identity: str, series: str, version: str) -> PlannedInstance:
    form = repr((outline.kind, index, outline.level, outline.encoding))
    if outline.kept is not None:
        form += f" sparse {outline.kept}"
    # Only where there is something to say, so that other scans keep the UIDs they have always had.
    if outline.origin_mm is not None or outline.level.focal_spacing_um:
        form += f" at {outline.origin_mm} planes {outline.level.focal_spacing_um}"
    return PlannedInstance(
        sop_instance_uid=derive_uid("instance", series, version, form),
        instance_number=index + 1,
        kind=outline.kind,
        image_type=image_type(outline),
        level=outline.level,
        encoding=outline.encoding,
        frame_of_reference_uid=reference_uid(identity, outline.kind),
        pyramid_uid=derive_uid("pyramid", series) if outline.kind == "VOLUME" else "",
        kept=outline.kept,
        series_instance_uid=series,
        region=outline.region,
        origin_mm=outline.origin_mm,
    )


def reference_uid(identity: str, kind: str) -> str:
    """Return the UID of an image's coordinates: one for all levels and the thumbnail.

    Label and overview are photographs of the glass by another camera: they share no coordinates with the levels.
    """
    is_registered = kind in ("VOLUME", "THUMBNAIL")
    return derive_uid("reference", identity) if is_registered else derive_uid("reference", identity, kind)


def reference_uids(identity: str) -> tuple[str, ...]:
    """Return every coordinates' UID that belongs to a scan."""
    return tuple(reference_uid(identity, kind) for kind in ("VOLUME", "LABEL", "OVERVIEW"))


def image_type(outline: ImageOutline) -> tuple[str, str, str, str]:
    """Return the four values of Image Type: shrunk or decoded-and-lossy pixels are derived.  Standard: C.8.12.4.1.1"""
    if outline.is_resampled:
        return ("DERIVED", "PRIMARY", outline.kind, "RESAMPLED")
    is_derived = outline.encoding.origin is Origin.REENCODED
    return ("DERIVED" if is_derived else "ORIGINAL", "PRIMARY", outline.kind, "NONE")


def needs_extended_table(items_bytes: int) -> bool:
    """Tell whether 32-bit offsets are too small for the encapsulated items of this length."""
    return items_bytes > BASIC_TABLE_BYTES_MAX
