"""What only the header of a slide says: pixel size, objective, stain, tiles. Read once a series, then remembered."""

import struct
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
from pydicom.errors import InvalidDicomError

from edge.errors import BadInputError

NAME_CHARS_MAX = 64
REMARKS_CHARS_MAX = 10_240
PLANE_COUNT_MAX = 1024
STAND_IN = "unknown"
"""Written where the standard demands a value and the scan says none."""
ICC_BYTES_MIN = 132
ICC_TAGS_MAX = 100
ICC_TEXT_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideColour:
    """The profile of the first optical path."""

    name: str
    is_assumed: bool
    """The scan had none, and the object says sRGB in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideHeader:
    """Of one level, label or overview. Pixel sizes in micrometres; None when the object does not say."""

    width_px: int
    height_px: int
    tile_width_px: int
    tile_height_px: int
    mpp_x: float | None
    mpp_y: float | None
    magnification: float | None
    stain: str
    scanner: str
    image_type: tuple[str, ...]
    focal_plane_count: int
    focus_um: tuple[float, ...]
    """Of each focal plane, from the first; empty when there is one only."""
    channels: tuple[str, ...]
    """What each optical path shows; empty when there is one only."""
    colour: SlideColour | None
    remarks: str
    """What the scan lacked, or was damaged, in words; empty: nothing to say."""


def read(path: Path) -> SlideHeader:
    """Read one object.  Raises: BadInputError."""
    try:
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        return describe(ds)
    except (OSError, InvalidDicomError, ValueError, AttributeError) as error:
        raise BadInputError(f"The object in {path.name} is not a slide that can be read.") from error


def read_head(head: bytes, sop_instance_uid: str) -> SlideHeader:
    """Read what stays of an object that is away: all that stands before its pixels.  Raises: BadInputError."""
    try:
        return describe(pydicom.dcmread(BytesIO(head), stop_before_pixels=True))
    except (OSError, InvalidDicomError, ValueError, AttributeError) as error:
        raise BadInputError(f"What is left here of {sop_instance_uid} is not a slide that can be read.") from error


def describe(ds: Any) -> SlideHeader:
    """Take what the viewer needs out of a header."""
    spacing = _spacing(ds)
    return SlideHeader(
        width_px=int(getattr(ds, "TotalPixelMatrixColumns", ds.Columns)),
        height_px=int(getattr(ds, "TotalPixelMatrixRows", ds.Rows)),
        tile_width_px=int(ds.Columns),
        tile_height_px=int(ds.Rows),
        mpp_x=spacing[1] * 1000 if spacing else None,
        mpp_y=spacing[0] * 1000 if spacing else None,
        magnification=_magnification(ds),
        stain=_stain(ds)[:NAME_CHARS_MAX],
        scanner=_scanner(ds),
        image_type=tuple(str(part) for part in getattr(ds, "ImageType", ())),
        focal_plane_count=_count(ds, "TotalPixelMatrixFocalPlanes"),
        focus_um=_focus(ds),
        channels=_channels(ds),
        colour=_colour(ds),
        remarks=str(getattr(ds, "ImageComments", "") or "")[:REMARKS_CHARS_MAX],
    )


def _scanner(ds: Any) -> str:
    """Return maker and model, as far as they were known."""
    said = (str(getattr(ds, keyword, "") or "") for keyword in ("Manufacturer", "ManufacturerModelName"))
    return " ".join(part for part in said if part and part.casefold() != STAND_IN)


def _count(ds: Any, keyword: str) -> int:
    value = getattr(ds, keyword, None)
    return max(1, min(int(value), PLANE_COUNT_MAX)) if value else 1


def _focus(ds: Any) -> tuple[float, ...]:
    """Return where the focal planes lie: evenly spaced, as the object says.  Standard: PS3.3 C.8.12.4"""
    count = _count(ds, "TotalPixelMatrixFocalPlanes")
    measures = _first(_first(ds, "SharedFunctionalGroupsSequence"), "PixelMeasuresSequence")
    step_mm = getattr(measures, "SpacingBetweenSlices", None)
    if count == 1:
        return ()
    return tuple(round(index * float(step_mm or 0) * 1000, 3) for index in range(count))


def _channels(ds: Any) -> tuple[str, ...]:
    paths = list(getattr(ds, "OpticalPathSequence", None) or [])[:PLANE_COUNT_MAX]
    if len(paths) < 2:
        return ()
    return tuple(
        str(getattr(path, "OpticalPathDescription", "") or getattr(path, "OpticalPathIdentifier", ""))[:NAME_CHARS_MAX]
        for path in paths
    )


def _colour(ds: Any) -> SlideColour | None:
    path = _first(ds, "OpticalPathSequence")
    profile = getattr(path, "ICCProfile", None)
    if not isinstance(profile, bytes) or len(profile) < ICC_BYTES_MIN:
        return None
    return SlideColour(name=profile_name(profile), is_assumed=str(getattr(path, "ColorSpace", "")) == "SRGB")


def profile_name(profile: bytes) -> str:
    """Return what an ICC profile calls itself; empty when it does not say.  Standard: ICC.1 9.2.41"""
    (count,) = struct.unpack_from(">I", profile, 128)
    for index in range(min(count, ICC_TAGS_MAX)):
        entry = profile[132 + 12 * index : 144 + 12 * index]
        if len(entry) == 12 and entry[:4] == b"desc":
            offset, length = struct.unpack(">II", entry[4:])
            return _profile_text(profile[offset : offset + min(length, ICC_TEXT_BYTES_MAX)])
    return ""


def _profile_text(data: bytes) -> str:
    if data[:4] == b"desc" and len(data) >= 12:
        (length,) = struct.unpack_from(">I", data, 8)
        return data[12 : 12 + length].split(b"\0")[0].decode("ascii", "replace").strip()[:NAME_CHARS_MAX]
    if data[:4] == b"mluc" and len(data) >= 28:
        length, offset = struct.unpack_from(">II", data, 20)
        return data[offset : offset + length].decode("utf-16-be", "replace").strip("\0 ")[:NAME_CHARS_MAX]
    return ""


def _spacing(ds: Any) -> tuple[float, float] | None:
    """Return millimetres a pixel, rows then columns.  Standard: PS3.3 C.7.6.16.2.1"""
    shared = _first(ds, "SharedFunctionalGroupsSequence")
    measures = _first(shared, "PixelMeasuresSequence")
    spacing = getattr(measures, "PixelSpacing", None)
    if spacing and float(spacing[0]) > 0 and float(spacing[1]) > 0:
        return float(spacing[0]), float(spacing[1])
    return None


def _magnification(ds: Any) -> float | None:
    power = getattr(_first(ds, "OpticalPathSequence"), "ObjectiveLensPower", None)
    return float(power) if power else None


def _stain(ds: Any) -> str:
    """Return the stain's name from how the specimen was prepared.  Standard: PS3.3 C.7.6.22, TID 8003"""
    specimen = _first(ds, "SpecimenDescriptionSequence")
    names = [
        str(getattr(code, "CodeMeaning", ""))
        for step in getattr(specimen, "SpecimenPreparationSequence", None) or []
        for content in getattr(step, "SpecimenPreparationStepContentItemSequence", None) or []
        if getattr(_first(content, "ConceptNameCodeSequence"), "CodeValue", "") in ("424361007", "G-C350")
        for code in getattr(content, "ConceptCodeSequence", None) or []
    ]
    return ", ".join(dict.fromkeys(name for name in names if name))


def _first(ds: Any, keyword: str) -> Any:
    sequence = getattr(ds, keyword, None)
    return sequence[0] if sequence else None
