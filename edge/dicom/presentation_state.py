"""A drawing on one still as a presentation state: grayscale or colour, as the still is.

The picture itself is never touched: viewers lay the drawing over it. highdicom is imported only here and in the
report, when somebody draws: it takes a second, and one process needs it.
Standard: PS3.3 A.33.1, A.33.2, C.10.5
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import atan2, cos, dist, hypot, pi, sin
from typing import TYPE_CHECKING, Any

from pydicom import Dataset

from edge.core.annotation import Author, Graphic, GraphicKind, MeasurementKind, Point
from edge.core.measure import Measured
from edge.dicom.header import PRODUCT_NAME, UTF_8, file_meta, product_version
from edge.dicom.identity import dicom_date, dicom_time, local_time, utc_offset

if TYPE_CHECKING:
    from highdicom.pr import GraphicObject, TextObject

GRAYSCALE_CLASS_UID = "1.2.840.10008.5.1.4.1.1.11.1"
COLOUR_CLASS_UID = "1.2.840.10008.5.1.4.1.1.11.2"
SERIES_NUMBER = 2
LAYER = "ANNOTATIONS"
LABEL = "LIVE"
SYNTAX_UID = "1.2.840.10008.1.2.1"
ARROW_HEAD_PART = 0.04
"""Of the picture's diagonal."""
ARROW_HEAD_ANGLE = pi / 7
TEXT_OFFSET_PX = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The UIDs and numbers of an object made beside the stills."""

    sop_instance_uid: str
    series_instance_uid: str
    instance_number: int
    made_s: float
    author: Author
    station: str = ""
    institution: str = ""


def build(
    still: Dataset, identity: Identity, graphics: Sequence[Graphic], measured: Sequence[Measured]
) -> Dataset:  # fmt: skip
    """Return the presentation state of a still's header.  Raises: ValueError, TypeError for what DICOM cannot hold."""
    from highdicom import pr

    layer = pr.GraphicLayer(LAYER, order=1, description="Drawn during the live exam")
    width_px, height_px = int(still.Columns), int(still.Rows)
    objects, texts = _draw(graphics, measured, width_px, height_px)
    annotation = pr.GraphicAnnotation(
        referenced_images=[still], graphic_layer=layer, graphic_objects=objects or None, text_objects=texts or None
    )
    is_colour = int(still.SamplesPerPixel) > 1
    make: Any = pr.GrayscaleSoftcopyPresentationState
    if is_colour:
        make = partial(pr.ColorSoftcopyPresentationState, icc_profile=_srgb())
    ds: Dataset = make(
        referenced_images=[still], series_instance_uid=identity.series_instance_uid, series_number=SERIES_NUMBER,
        sop_instance_uid=identity.sop_instance_uid, instance_number=identity.instance_number,
        manufacturer=PRODUCT_NAME, manufacturer_model_name=PRODUCT_NAME, software_versions=product_version(),
        device_serial_number=identity.station[:64] or "0", content_label=LABEL,
        content_description="Drawing of the live exam", graphic_annotations=[annotation], graphic_layers=[layer],
        content_creator_name=person_name(identity.author), institution_name=identity.institution[:64] or None,
    )  # fmt: skip
    finish_header(ds, still, identity)
    return ds


def _srgb() -> bytes:
    """Return the profile of what a probe's screen output is, as that of an input device.  Standard: PS3.3 C.11.15"""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:12] + b"scnr" + profile[16:]


def finish_header(ds: Dataset, still: Dataset, identity: Identity) -> None:
    """Bring what highdicom leaves to others in line with the still: characters, times, the file's own header."""
    moment = local_time(identity.made_s)
    ds.SpecificCharacterSet = UTF_8
    ds.ContentDate, ds.ContentTime = dicom_date(moment), dicom_time(moment)
    ds.InstanceCreationDate, ds.InstanceCreationTime = ds.ContentDate, ds.ContentTime
    ds.SeriesDate, ds.SeriesTime = still.StudyDate, still.StudyTime
    ds.TimezoneOffsetFromUTC = utc_offset(moment)
    ds.Laterality = ""
    if "PresentationCreationDate" in ds:
        ds.PresentationCreationDate, ds.PresentationCreationTime = ds.ContentDate, ds.ContentTime
    if identity.station:
        ds.StationName = identity.station[:16]
    for keyword in _STUDY_KEYWORDS:
        if keyword in still:
            setattr(ds, keyword, still[keyword].value)
    ds.file_meta = file_meta(ds.SOPClassUID, ds.SOPInstanceUID, SYNTAX_UID)


_STUDY_KEYWORDS = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientSize",
    "PatientWeight", "PatientComments", "ResponsiblePerson", "ResponsiblePersonRole", "StudyDescription",
    "AccessionNumber", "ReferringPhysicianName", "StudyID", "StudyDate", "StudyTime",
)  # fmt: skip
"""The same in every object of a study, whatever class it is of.  Standard: PS3.3 C.7.1, C.7.2"""


def person_name(author: Author) -> str:
    """Return a name as one component: a guest wrote it in one line, and which part is the family is not known.

    The caret says that one component is meant.
    """
    words = "".join(" " if character in "\\^=" else character for character in author.name)
    return f"{' '.join(words.split())[:63] or 'Unknown'}^"


def axes(points: Sequence[Point], width_px: int, height_px: int) -> list[Point]:
    """Return an ellipse's ends in pixels, those of the longer axis first.  Standard: PS3.3 C.18.6.1.2"""
    pixels = _pixels(points, width_px, height_px)
    is_in_order = dist(pixels[0], pixels[1]) >= dist(pixels[2], pixels[3])
    return pixels if is_in_order else [*pixels[2:], *pixels[:2]]


def _draw(
    graphics: Sequence[Graphic], measured: Sequence[Measured], width_px: int, height_px: int
) -> tuple[list["GraphicObject"], list["TextObject"]]:
    objects: list[Any] = []
    texts: list[Any] = []
    for graphic in graphics:
        pixels = _pixels(graphic.points, width_px, height_px)
        if graphic.kind is GraphicKind.POINT:
            objects.append(_graphic("POINT", pixels))
        else:
            head = _arrow_head(pixels, width_px, height_px) if graphic.kind is GraphicKind.ARROW else []
            objects.append(_graphic("POLYLINE", [*pixels, *head]))
        if graphic.text:
            texts.append(_text(graphic.text, pixels[0], width_px, height_px))
    for part in measured:
        objects += list(_outline(part, width_px, height_px))
        if part.words and part.wish.points:
            end = _pixels(part.wish.points, width_px, height_px)[-1]
            texts.append(_text(part.words, end, width_px, height_px))
        elif part.words:
            texts.append(_text(part.words, (TEXT_OFFSET_PX, TEXT_OFFSET_PX), width_px, height_px))
    return objects, texts


def _outline(part: Measured, width_px: int, height_px: int) -> Iterator["GraphicObject"]:
    wish = part.wish
    if not wish.points:
        return
    pixels = _pixels(wish.points, width_px, height_px)
    if wish.kind is MeasurementKind.ELLIPSE:
        yield _graphic("ELLIPSE", axes(wish.points, width_px, height_px))
    elif wish.kind is MeasurementKind.AREA:
        yield _graphic("POLYLINE", [*pixels, pixels[0]])
    else:
        yield _graphic("POLYLINE", pixels)


def _graphic(kind: str, pixels: Sequence[Point]) -> "GraphicObject":
    import numpy as np
    from highdicom.pr import GraphicObject

    return GraphicObject(kind, np.asarray(pixels, dtype=np.float32), units="PIXEL")


def _text(words: str, at: Point, width_px: int, height_px: int) -> "TextObject":
    from highdicom.pr import TextObject

    anchor = (min(at[0] + TEXT_OFFSET_PX, width_px - 1.0), min(at[1] + TEXT_OFFSET_PX, height_px - 1.0))
    return TextObject(words, units="PIXEL", anchor_point=anchor, anchor_point_visible=False)


def _pixels(points: Sequence[Point], width_px: int, height_px: int) -> list[Point]:
    """From parts of the picture to pixels, 0,0 at the upper left corner of the first one.  Standard: PS3.3 C.10.5.1"""
    return [(x * width_px, y * height_px) for x, y in points]


def _arrow_head(pixels: Sequence[Point], width_px: int, height_px: int) -> list[Point]:
    """Return the way from the tip along both barbs, back through the tip."""
    (tail, tip) = next(pairwise(pixels))
    back = atan2(tail[1] - tip[1], tail[0] - tip[0])
    length = ARROW_HEAD_PART * hypot(width_px, height_px)
    one, other = (
        (
            min(max(tip[0] + length * cos(back + turn), 0.0), float(width_px)),
            min(max(tip[1] + length * sin(back + turn), 0.0), float(height_px)),
        )
        for turn in (ARROW_HEAD_ANGLE, -ARROW_HEAD_ANGLE)
    )
    return [one, tip, other]
