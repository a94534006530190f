"""Leica SCN: an XML document in the first page names every image of the glass, its levels, focal planes and channels.

An image that covers the whole glass at the origin is the overview. Every other one is a region that was scanned apart,
and becomes a series of its own: nothing is pieced together, and no white is put between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import tifffile

from wsi.errors import UnreadableSlideError, UnsupportedSlideError
from wsi.identity import identity_of
from wsi.source import Channel, Kind, SlideDescription
from wsi.stack import Pages, Stack, Stacks
from wsi.tiff_facts import describe, from_base64, positive

_XML_CHARS_MAX = 1 << 20
_REGIONS_MAX = 64
_NM_PER_MM, _NM_PER_UM = 1e6, 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    """One image of the collection; sizes and places in nanometres on the glass."""

    element: ElementTree.Element
    width_nm: int
    height_nm: int
    x_nm: int
    y_nm: int
    spacing_nm: float
    dimensions: dict[tuple[int, int, int], int]
    """The page, by level, channel and focal plane."""

    @property
    def is_brightfield(self) -> bool:
        """Colour, one channel."""
        return _text(self.element, "illuminationSource") in ("", "brightfield")


def scn_stacks(path: Path, tiff: tifffile.TiffFile, pages: list[tifffile.TiffPage]) -> Stacks:
    """Return a pyramid a region, and the overview.  Raises: UnreadableSlideError, UnsupportedSlideError"""
    root = _parse(path, pages[0].description)
    collection = root.find("{*}collection")
    if collection is None:
        raise UnreadableSlideError(f"{path.name} names no collection of images.")
    glass = _number(collection, "sizeX"), _number(collection, "sizeY")
    images = [_image(element) for element in collection.findall("{*}image")]
    regions = [image for image in images if not _is_overview(image, glass)][: _REGIONS_MAX + 1]
    if not regions or len(regions) > _REGIONS_MAX:
        raise UnsupportedSlideError(f"{path.name} has {len(regions)} regions; 1 to {_REGIONS_MAX} are read.")
    # The most finely scanned first: what opens a slide by its first series shows the most.
    regions.sort(key=lambda image: image.width_nm / max(_columns(pages, image), 1))
    overview = next((image for image in images if _is_overview(image, glass) and image.is_brightfield), None)
    pictures = []
    if overview is not None:
        page = pages[overview.dimensions[min(overview.dimensions)]]
        pictures.append((Kind.OVERVIEW, page))
    stacks = tuple(_stack(path, pages, image, glass) for image in regions)
    return Stacks(
        description=_facts(path, tiff, pages[0], regions[0], stacks), stacks=stacks, pictures=tuple(pictures),
        barcode=_barcode(collection),
    )  # fmt: skip


def _parse(path: Path, text: str) -> ElementTree.Element:
    start = text[:_XML_CHARS_MAX]
    if len(text) > _XML_CHARS_MAX or "<!DOCTYPE" in start or "<!ENTITY" in start:
        raise UnreadableSlideError(f"{path.name} has a description that is no plain XML of a sane size.")
    try:
        return ElementTree.fromstring(text)  # neither long nor with entities: both are refused above
    except ElementTree.ParseError as error:
        raise UnreadableSlideError(f"{path.name} has a damaged description: {error}.") from error


def _image(element: ElementTree.Element) -> _Image:
    view, pixels = element.find("{*}view"), element.find("{*}pixels")
    if view is None or pixels is None:
        raise UnreadableSlideError("The scan has an image without a place on the glass.")
    return _Image(
        element=element, width_nm=_number(view, "sizeX"), height_nm=_number(view, "sizeY"),
        x_nm=_number(view, "offsetX"), y_nm=_number(view, "offsetY"),
        spacing_nm=positive(view.get("spacingZ")) or 0.0,
        dimensions={
            (_number(one, "r"), _number(one, "c"), _number(one, "z")): _number(one, "ifd")
            for one in pixels.findall("{*}dimension")
        },
    )  # fmt: skip


def _is_overview(image: _Image, glass: tuple[int, int]) -> bool:
    return (image.x_nm, image.y_nm) == (0, 0) and (image.width_nm, image.height_nm) == glass


def _columns(pages: list[tifffile.TiffPage], image: _Image) -> int:
    number = image.dimensions[min(image.dimensions)] if image.dimensions else -1
    return int(pages[number].imagewidth) if 0 <= number < len(pages) else 0


def _stack(path: Path, pages: list[tifffile.TiffPage], image: _Image, glass: tuple[int, int]) -> Stack:
    keys = sorted(image.dimensions)
    if not keys or not all(0 <= image.dimensions[key] < len(pages) for key in keys):
        raise UnreadableSlideError(f"{path.name} names pages that it does not have.")
    # Sorted, the keys are in the order frames are counted in: focal planes within channels.
    levels: list[Pages] = [
        tuple(pages[image.dimensions[key]] for key in keys if key[0] == number)
        for number in sorted({key[0] for key in keys})
    ]
    levels.sort(key=lambda found: -found[0].imagewidth)
    base, plane_count = levels[0][0], len({key[2] for key in keys})
    return Stack(
        levels=tuple(levels),
        path_count=len({key[1] for key in keys}),
        plane_count=plane_count,
        focal_spacing_um=image.spacing_nm / _NM_PER_UM if plane_count > 1 else 0.0,
        mpp=(
            image.width_nm / _NM_PER_UM / base.imagewidth,
            image.height_nm / _NM_PER_UM / base.imagelength,
        ),
        # Rows of pixels run against the glass's X, columns against its Y.  Standard: PS3.3 C.8.12.2.1
        origin_mm=((glass[1] - image.y_nm) / _NM_PER_MM, (glass[0] - image.x_nm) / _NM_PER_MM),
    )


def _facts(
    path: Path, tiff: tifffile.TiffFile, page: tifffile.TiffPage, image: _Image, stacks: tuple[Stack, ...]
) -> SlideDescription:
    device = image.element.find("{*}device")
    model = "" if device is None else device.get("model", "")
    version = "" if device is None else device.get("version", "")
    facts = describe(path, tiff, page, identity=identity_of([path]))
    apart = f"The glass was scanned in {len(stacks)} regions; each is a series of its own."
    return replace(
        facts,
        format="Leica SCN",
        manufacturer="Leica",
        model=model.partition(";")[0].strip()[:64],
        software=version.partition(";")[0].strip()[:64],
        objective_power=positive(_text(image.element, "objective")),
        acquired_at=_time(_text(image.element, "creationDate")),
        mpp=stacks[0].mpp,
        channels=() if image.is_brightfield else _channels(image, stacks[0].path_count),
        notes=(apart,) if len(stacks) > 1 else (),
    )


def _channels(image: _Image, count: int) -> tuple[Channel, ...]:
    names = {
        _number(channel, "index"): channel.get("name", "")
        for channel in image.element.iter()
        if channel.tag.rpartition("}")[2] == "channel"
    }
    return tuple(Channel(name=names.get(index, "")[:64]) for index in range(count))


def _barcode(collection: ElementTree.Element) -> str:
    """Return the label's barcode: an attribute in the older form of the document, base 64 in the newer one."""
    return collection.get("barcode", "") or from_base64(_text(collection, "barcode"))


def _text(element: ElementTree.Element, name: str) -> str:
    found = next((one for one in element.iter() if one.tag.rpartition("}")[2] == name), None)
    return "" if found is None or found.text is None else found.text.strip()


def _number(element: ElementTree.Element, name: str) -> int:
    text = element.get(name, "0")
    try:
        return int(text)
    except ValueError as error:
        raise UnreadableSlideError(f"The scan's description gives {name} as {text[:20]!r}, not a number.") from error


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.partition(".")[0].rstrip("Z"))
    except ValueError:
        return None
