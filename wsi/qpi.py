"""PerkinElmer and Akoya QPTIFF: each page says in XML which image it is of, and for fluorescence of which band.

The pages come as the whole image (one page in colour, or one a band), a thumbnail, the smaller levels likewise, then
overview and label.
"""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import tifffile

from wsi.errors import UnsupportedSlideError
from wsi.identity import identity_of
from wsi.source import Channel, Kind, SlideDescription
from wsi.stack import Pages, Stack, Stacks
from wsi.tiff_facts import describe, description_of, positive

_ROOT = "PerkinElmer-QPI-ImageDescription"
_LEVELS = ("FullResolution", "ReducedResolution")
_PICTURES = {"Thumbnail": Kind.THUMBNAIL, "Overview": Kind.OVERVIEW, "Label": Kind.LABEL}
_DATE_FORMS = ("%Y-%m-%dT%H:%M:%S", "%Y:%m:%d %H:%M:%S")
_DATE_CHARS = 19


def is_qpi(page: tifffile.TiffPage) -> bool:
    """Tell whether a page is of this maker."""
    return str(page.software).startswith("PerkinElmer-QPI") or f"<{_ROOT}>" in description_of(page)[:1000]


def qpi_stacks(path: Path, tiff: tifffile.TiffFile, pages: list[tifffile.TiffPage]) -> Stacks:
    """Return the pyramid and the pictures.  Raises: UnsupportedSlideError where pages do not fit together"""
    levels: dict[int, list[tifffile.TiffPage]] = {}
    pictures: dict[Kind, tifffile.TiffPage] = {}
    for page in pages:
        image_type = said(page, "ImageType")
        if image_type in _LEVELS:
            levels.setdefault(page.imagewidth, []).append(page)
        elif (kind := _PICTURES.get(image_type)) is not None:
            pictures.setdefault(kind, page)
    if not levels:
        raise UnsupportedSlideError(f"{path.name} names no page of its whole image.")
    ordered: list[Pages] = [tuple(levels[width]) for width in sorted(levels, reverse=True)]
    stack = Stack(levels=tuple(ordered), path_count=len(ordered[0]))
    return Stacks(
        description=_facts(path, tiff, ordered[0]), stacks=(stack,), pictures=tuple(pictures.items()),
        barcode=said(ordered[0][0], "Barcode"),
    )  # fmt: skip


def said(page: tifffile.TiffPage, name: str) -> str:
    """Return what a page says under a name; the first, for profiles embedded further down repeat names."""
    found = re.search(rf"<{name}>([^<]*)</{name}>", description_of(page))
    return html.unescape(found.group(1)).strip() if found else ""


def _facts(path: Path, tiff: tifffile.TiffFile, base: Pages) -> SlideDescription:
    first = base[0]
    is_colour = int(first.samplesperpixel) > 1
    power = re.match(r"[\d.]+", said(first, "Objective"))
    return replace(
        describe(path, tiff, first, identity=identity_of([path])),
        format="PerkinElmer QPTIFF",
        manufacturer="Akoya Biosciences" if "Akoya" in said(first, "AcquisitionSoftware") else "PerkinElmer",
        model=(said(first, "InstrumentType") or said(first, "CameraName"))[:64],
        serial=said(first, "InstrumentSerialNumber")[:64],
        software=(said(first, "AcquisitionSoftware") or str(first.software))[:64],
        objective_power=positive(power.group()) if power else None,
        acquired_at=_time(first),
        channels=() if is_colour else tuple(_channel(page) for page in base),
    )


def _channel(page: tifffile.TiffPage) -> Channel:
    name = said(page, "Biomarker") or said(page, "Name")
    return Channel(name=name[:64], excitation_nm=positive(said(page, "ExcitationWavelength")) or 0.0)


def _time(page: tifffile.TiffPage) -> datetime | None:
    value = page.tags.valueof("DateTime")
    for text in (said(page, "AcquisitionDate"), str(value or "")):
        for form in _DATE_FORMS:
            try:
                return datetime.strptime(text[:_DATE_CHARS], form)
            except ValueError:
                continue
    return None
