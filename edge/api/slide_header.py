"""What only the header of a slide says: pixel size, objective, stain, tiles. Read once a series, then remembered."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.errors import InvalidDicomError

from edge.errors import BadInputError

NAME_CHARS_MAX = 64


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


def read(path: Path) -> SlideHeader:
    """Read one object.  Raises: BadInputError."""
    try:
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        return describe(ds)
    except (OSError, InvalidDicomError, ValueError, AttributeError) as error:
        raise BadInputError(f"The object in {path.name} is not a slide that can be read.") from error


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
        scanner=" ".join(str(getattr(ds, name, "")) for name in ("Manufacturer", "ManufacturerModelName")).strip(),
        image_type=tuple(str(part) for part in getattr(ds, "ImageType", ())),
    )


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
