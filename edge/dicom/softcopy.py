"""A softcopy presentation state: how somebody wants an image shown, and what was drawn on it.

What the state says replaces what the image says of its values; then shutters, drawings, the displayed area and the
turn are applied, in this order.  Standard: PS3.3 A.33, PS3.4 N.2
"""

import math
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

from edge.dicom.pixel_layout import PARSE_FAULTS, PixelLayout
from edge.dicom.presentation import Presentation, read_presentation
from edge.errors import BadInputError

STATE_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.11.2"})
"""Greyscale and colour softcopy presentation state."""
GRAPHIC_COUNT_MAX = 2000
POINT_COUNT_MAX = 20_000
TEXT_CHARS_MAX = 2000
INK = (255, 235, 90)
_OF_VALUES = (
    "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction",
    "VOILUTSequence", "PresentationLUTShape", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
Picture = NDArray[np.uint8]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Reference:
    """An image that a state is for."""

    series_instance_uid: str
    sop_instance_uid: str
    frame_numbers: tuple[int, ...]
    """Empty: every frame."""


def references(state: Dataset) -> list[Reference]:
    """Return the images a state is for, in its order; what is malformed is left out."""
    found = []
    for series in _items(state, "ReferencedSeriesSequence"):
        for image in _items(series, "ReferencedImageSequence"):
            numbers = tuple(int(value) for value in _numbers(image, "ReferencedFrameNumber"))
            uids = str(series.get("SeriesInstanceUID", "")), str(image.get("ReferencedSOPInstanceUID", ""))
            if all(uids):
                found.append(Reference(*uids, numbers))
    return found


@dataclass(frozen=True, slots=True)
class State:
    """A presentation state, ready for one image."""

    dataset: Dataset
    sop_instance_uid: str
    """Of the image."""

    def presentation(self, image: Dataset, layout: PixelLayout) -> Presentation:
        """Return how the image's values are shown: what the state does not say is not done.  Standard: PS3.4 N.2.1"""
        merged = copy(image)
        for keyword in _OF_VALUES:
            if keyword in merged:
                delattr(merged, keyword)
        for keyword in ("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "PresentationLUTShape"):
            if keyword in self.dataset:
                setattr(merged, keyword, self.dataset[keyword].value)
        for item in self._mine("SoftcopyVOILUTSequence")[:1]:
            for keyword in ("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"):
                if keyword in item:
                    setattr(merged, keyword, item[keyword].value)
        if "PresentationLUTShape" not in merged:  # The state's table works on P-values: low is dark.
            merged.PresentationLUTShape = "IDENTITY"
        return read_presentation(merged, layout)

    def finish(self, picture: Picture) -> Picture:
        """Return the picture with its table, shutters, drawings, area and turn.  Raises: BadInputError."""
        try:
            shown = self._shutter(self._tabled(picture))
            shown = self._draw(shown)
            shown = self._area(shown)
            return self._turn(shown)
        except PARSE_FAULTS as error:
            raise BadInputError(
                "The presentation state is malformed.", next_step="Ask for the image itself."
            ) from error

    def _mine(self, keyword: str) -> list[Dataset]:
        """Return the items of a sequence that are for this image, or for all."""
        mine = []
        for item in _items(self.dataset, keyword):
            images = [str(one.get("ReferencedSOPInstanceUID", "")) for one in _items(item, "ReferencedImageSequence")]
            if not images or self.sop_instance_uid in images:
                mine.append(item)
        return mine

    def _tabled(self, picture: Picture) -> Picture:
        """Apply the presentation look-up table.  Standard: PS3.3 C.11.6"""
        for item in _items(self.dataset, "PresentationLUTSequence")[:1]:
            count, _, bits = (int(value) for value in item.LUTDescriptor)
            data = item.LUTData
            entries = np.frombuffer(data, "<u2") if isinstance(data, bytes) else np.atleast_1d(np.asarray(data))
            places = np.rint(np.linspace(0, min(count or 65536, len(entries)) - 1, 256)).astype(int)
            table = np.clip(entries[places] / float((1 << bits) - 1) * 255, 0, 255)
            return np.asarray(np.rint(table).astype(np.uint8)[picture])
        return picture

    def _shutter(self, picture: Picture) -> Picture:
        shapes = [str(shape).upper() for shape in _texts(self.dataset, "ShutterShape")]
        if not shapes:
            return picture
        high, wide = picture.shape[:2]
        mask = Image.new("1", (wide, high), 1)
        for shape in shapes:
            hole = Image.new("1", (wide, high), 0)
            _open_shutter(ImageDraw.Draw(hole), shape, self.dataset)
            mask = Image.fromarray(np.asarray(mask) & np.asarray(hole))
        grey = int((_numbers(self.dataset, "ShutterPresentationValue") or [0])[0]) >> 8
        shown = picture.copy()
        shown[~np.asarray(mask)] = min(255, grey)
        return shown

    def _draw(self, picture: Picture) -> Picture:
        annotations = self._mine("GraphicAnnotationSequence")
        if not any("GraphicObjectSequence" in one or "TextObjectSequence" in one for one in annotations):
            return picture
        image = Image.fromarray(picture).convert("RGB")
        canvas = ImageDraw.Draw(image)
        area = self._displayed(picture)
        count = 0
        for annotation in annotations:
            for item in [*_items(annotation, "GraphicObjectSequence"), *_items(annotation, "TextObjectSequence")]:
                count += 1
                if count <= GRAPHIC_COUNT_MAX:
                    _draw_one(canvas, item, area)
        return np.asarray(image)

    def _displayed(self, picture: Picture) -> tuple[int, int, int, int]:
        """Return left, top, right, bottom of what is displayed, from 0, the ends not included."""
        high, wide = picture.shape[:2]
        for item in self._mine("DisplayedAreaSelectionSequence")[:1]:
            first = _numbers(item, "DisplayedAreaTopLeftHandCorner")
            last = _numbers(item, "DisplayedAreaBottomRightHandCorner")
            if len(first) == 2 == len(last):
                left, right = sorted((first[0], last[0]))
                top, bottom = sorted((first[1], last[1]))
                box = (max(0, int(left) - 1), max(0, int(top) - 1), min(wide, int(right)), min(high, int(bottom)))
                if box[0] < box[2] and box[1] < box[3]:
                    return box
        return 0, 0, wide, high

    def _area(self, picture: Picture) -> Picture:
        left, top, right, bottom = self._displayed(picture)
        return picture[top:bottom, left:right]

    def _turn(self, picture: Picture) -> Picture:
        """Rotate clockwise, then flip.  Standard: PS3.3 C.10.6"""
        turns = int((_numbers(self.dataset, "ImageRotation") or [0])[0]) // 90 % 4
        shown = np.rot90(picture, -turns)
        is_flipped = str(self.dataset.get("ImageHorizontalFlip", "N")).upper() == "Y"
        return np.ascontiguousarray(shown[:, ::-1] if is_flipped else shown)


def _open_shutter(canvas: ImageDraw.ImageDraw, shape: str, state: Dataset) -> None:
    """Draw what stays in sight.  Standard: PS3.3 C.7.6.11"""
    if shape == "RECTANGULAR":
        edges = ("ShutterLeftVerticalEdge", "ShutterUpperHorizontalEdge", "ShutterRightVerticalEdge",
                 "ShutterLowerHorizontalEdge")  # fmt: skip
        left, top, right, bottom = (_numbers(state, keyword)[0] - 1 for keyword in edges)
        canvas.rectangle((min(left, right), min(top, bottom), max(left, right), max(top, bottom)), fill=1)
    elif shape == "CIRCULAR":
        row, column = _numbers(state, "CenterOfCircularShutter")
        radius = _numbers(state, "RadiusOfCircularShutter")[0]
        canvas.ellipse((column - 1 - radius, row - 1 - radius, column - 1 + radius, row - 1 + radius), fill=1)
    elif shape == "POLYGONAL":
        values = _numbers(state, "VerticesOfThePolygonalShutter")[:POINT_COUNT_MAX]
        canvas.polygon([(column - 1, row - 1) for row, column in zip(values[::2], values[1::2], strict=False)], fill=1)
    else:
        canvas.rectangle((0, 0, 1 << 16, 1 << 16), fill=1)


def _draw_one(canvas: ImageDraw.ImageDraw, item: Dataset, area: tuple[int, int, int, int]) -> None:
    if "UnformattedTextValue" in item:
        _write_text(canvas, item, area)
        return
    values = _numbers(item, "GraphicData")[: 2 * POINT_COUNT_MAX]
    points = list(_places(values, str(item.get("GraphicAnnotationUnits", "PIXEL")), area))
    is_filled = str(item.get("GraphicFilled", "N")).upper() == "Y"
    fill = INK if is_filled else None
    match str(item.get("GraphicType", "")).upper():
        case "POINT" if points:
            x, y = points[0]
            canvas.line((x - 3, y, x + 3, y), fill=INK)
            canvas.line((x, y - 3, x, y + 3), fill=INK)
        case "POLYLINE" | "INTERPOLATED" if len(points) > 1:
            if is_filled and points[0] == points[-1]:
                canvas.polygon(points, fill=INK)
            canvas.line(points, fill=INK, width=2)
        case "CIRCLE" if len(points) > 1:
            (x, y), edge = points[0], points[1]
            radius = math.dist((x, y), edge)
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), outline=INK, width=2, fill=fill)
        case "ELLIPSE" if len(points) > 3:
            canvas.polygon(list(_ellipse(points)), outline=INK, width=2, fill=fill)


def _places(values: Sequence[float], units: str, area: tuple[int, int, int, int]) -> Iterator[Point]:
    """Yield points of the image, from 0; those of the display are parts of the displayed area."""
    left, top, right, bottom = area
    for x, y in zip(values[::2], values[1::2], strict=False):
        if units.upper() == "DISPLAY":
            yield left + x * (right - left), top + y * (bottom - top)
        else:
            yield x - 0.5, y - 0.5


def _ellipse(points: Sequence[Point]) -> Iterator[Point]:
    """Yield an outline from the ends of the major axis, then of the minor one."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points[:4]
    middle = (ax + bx) / 2, (ay + by) / 2
    for step in range(72):
        turn = math.tau * step / 72
        yield (
            middle[0] + math.cos(turn) * (bx - ax) / 2 + math.sin(turn) * (dx - cx) / 2,
            middle[1] + math.cos(turn) * (by - ay) / 2 + math.sin(turn) * (dy - cy) / 2,
        )


def _write_text(canvas: ImageDraw.ImageDraw, item: Dataset, area: tuple[int, int, int, int]) -> None:
    text = str(item.UnformattedTextValue)[:TEXT_CHARS_MAX].replace("\r\n", "\n")
    for keyword, units in (("BoundingBoxTopLeftHandCorner", "BoundingBoxAnnotationUnits"),
                           ("AnchorPoint", "AnchorPointAnnotationUnits")):  # fmt: skip
        points = list(_places(_numbers(item, keyword), str(item.get(units, "PIXEL")), area))
        if points:
            size = max(12, (area[3] - area[1]) // 32)
            canvas.multiline_text(points[0], text, fill=INK, font=ImageFont.load_default(size))
            return


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    value = dataset.get(keyword)
    return [item for item in value if isinstance(item, Dataset)] if value is not None and not isinstance(
        value, (str, bytes)) else []  # fmt: skip


def _numbers(dataset: Dataset, keyword: str) -> list[float]:
    value: Any = dataset.get(keyword)
    if value is None or value == "":
        return []
    values = value if hasattr(value, "__iter__") and not isinstance(value, (str, bytes)) else [value]
    return [float(one) for one in values]


def _texts(dataset: Dataset, keyword: str) -> list[str]:
    value: Any = dataset.get(keyword)
    if not value:
        return []
    return [value] if isinstance(value, str) else [str(one) for one in value]
