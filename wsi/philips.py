"""Philips TIFF: its first page describes the slide in XML, with label and overview inside as JPEG in base 64.

The sides of its levels are whole tiles: how much of the last ones is padding follows from the levels' pixel spacings.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from xml.etree import ElementTree

import tifffile

from wsi import codec
from wsi.errors import SlideError
from wsi.geometry import Level, LevelSize
from wsi.source import Kind, MadeImage, Pixels, picture_level
from wsi.tiff_facts import description_of, from_base64, positive

_XML_CHARS_MAX = 64 << 20
_PICTURES = {"LABELIMAGE": Kind.LABEL, "MACROIMAGE": Kind.OVERVIEW}
_PAGES = {"label": Kind.LABEL, "macro": Kind.OVERVIEW}


def page_kind(page: tifffile.TiffPage) -> Kind | None:
    """Return which picture a page is; None for a level."""
    return _PAGES.get(re.split(r"[^a-z]", description_of(page).lower(), maxsplit=1)[0])


def parse(page: tifffile.TiffPage) -> ElementTree.Element | None:
    """Return the description of the slide; None where it is no plain XML of a sane size."""
    text = description_of(page)
    if len(text) > _XML_CHARS_MAX or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None


def level_sizes(root: ElementTree.Element | None, pages: Sequence[tifffile.TiffPage]) -> list[LevelSize] | None:
    """Return the size of each level, largest first; None where the description does not list them all."""
    spacings = [] if root is None else _spacings(root)
    if len(spacings) != len(pages) or not pages:
        return None
    (base_y, base_x), base = spacings[0], pages[0]
    sizes = []
    for (spacing_y, spacing_x), page in zip(spacings, pages, strict=True):
        scale_x, scale_y = max(round(spacing_x / base_x), 1), max(round(spacing_y / base_y), 1)
        sizes.append(
            LevelSize(
                width_px=_within(base.imagewidth // scale_x, page.imagewidth, page.tilewidth),
                height_px=_within(base.imagelength // scale_y, page.imagelength, page.tilelength),
                scale_x=scale_x,
                scale_y=scale_y,
            )
        )
    return sizes


def _within(side_px: int, stored_px: int, tile_px: int) -> int:
    """Return a side that ends inside the last tile; where it does not, what is stored counts."""
    return side_px if stored_px - tile_px < side_px <= stored_px else stored_px


def _spacings(root: ElementTree.Element) -> list[tuple[float, float]]:
    """Return each level's spacing down and across, in millimetres."""
    found = []
    for element in root.iter("DataObject"):
        if element.get("ObjectType") == "PixelDataRepresentation":
            numbers = [positive(part) for part in _attribute(element, "DICOM_PIXEL_SPACING").replace('"', "").split()]
            if len(numbers) == 2 and numbers[0] and numbers[1]:
                found.append((numbers[0], numbers[1]))
    return found


def barcode(root: ElementTree.Element | None) -> str:
    """Return what the label's barcode says."""
    return "" if root is None else from_base64(_attribute(root, "PIM_DP_UFS_BARCODE"))


def pictures(root: ElementTree.Element | None, base: Level) -> dict[Kind, MadeImage]:
    """Return label and overview, copied; one that is no JPEG that DICOM allows is left out."""
    found: dict[Kind, MadeImage] = {}
    for element in [] if root is None else root.iter("DataObject"):
        kind = _PICTURES.get(_attribute(element, "PIM_DP_IMAGE_TYPE"))
        if kind is None or element.get("ObjectType") != "DPScannedImage":
            continue
        try:
            found.setdefault(kind, _picture(_attribute(element, "PIM_DP_IMAGE_DATA"), kind, base))
        except (SlideError, binascii.Error):
            continue
    return found


def _picture(text: str, kind: Kind, base: Level) -> MadeImage:
    frame = base64.b64decode(text)
    header = codec.parse_jpeg(frame)
    encoding = codec.jpeg_encoding(header, tiff_photometric=None)
    level = picture_level(kind, header.width_px, header.height_px, base)

    def read_pixels(_: int) -> Pixels:
        return codec.decode_frame(frame, encoding, width_px=level.width_px, height_px=level.height_px)

    return MadeImage(
        kind=kind,
        level=level,
        encoding=encoding,
        make_frame=lambda _: frame,
        read_pixels=read_pixels,
        is_same=lambda _, found: found == frame,
    )


def _attribute(element: ElementTree.Element, name: str) -> str:
    """Return the text of an object's own attribute."""
    for child in element.findall("Attribute"):
        if child.get("Name") == name:
            return (child.text or "").strip()
    return ""
