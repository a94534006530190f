"""What a measurement on a calibrated frame is worth. Pure.

Pixels need not be square: every point is brought to millimetres before anything is worked out.
Standard: PS3.3 C.8.5.5
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge.core.annotation import MeasurementKind, Point, Wish
from edge.core.frame import Calibration

CENTIMETRES = 3
SPATIAL_2D = 1
LOW_PRIORITY = 1
"""Bit 0 of the flags: another region at the same place counts more."""
MM_PER_CM = 10.0
RIGHT_ANGLE_COSINE_MAX = 0.05
"""Within three degrees: an ellipse whose axes are not at right angles is another shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One figure. `name` is its key in the words of the pages and the codes of the report."""

    name: str
    value: float
    unit: str
    """UCUM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measurement with its figures; without any, `reason` says why in words."""

    wish: Wish
    values: tuple[Value, ...] = ()
    reason: str = ""

    @property
    def words(self) -> str:
        """What stands beside the drawing."""
        return ", ".join(f"{part.value:.4g} {UNIT_WORDS[part.unit]}" for part in self.values[:1])


UNIT_WORDS = {"mm": "mm", "mm2": "mm²", "deg": "°", "{H.B.}/min": "/min"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The frame that is measured."""

    width_px: int
    height_px: int
    regions: tuple[Calibration, ...] = ()


def measure(wish: Wish, canvas: Canvas, *, interval_s: float | None = None) -> Measured:
    """Work out one wish. `interval_s`: from the earlier frame of a heart rate to this one."""
    if wish.kind is MeasurementKind.HEART_RATE:
        return _heart_rate(wish, interval_s)
    pixels = [(x * canvas.width_px, y * canvas.height_px) for x, y in wish.points]
    region = find_region(pixels, canvas.regions)
    if region is None:
        reason = (
            "The points do not lie in one calibrated part of the picture."
            if canvas.regions
            else "The probe says nothing of the size of its pixels: this picture cannot be measured."
        )
        return Measured(wish=wish, reason=reason)
    points = [(x * region.delta_x * MM_PER_CM, y * region.delta_y * MM_PER_CM) for x, y in pixels]
    return _work_out(wish, points)


def find_region(pixels: Sequence[Point], regions: Sequence[Calibration]) -> Calibration | None:
    """Return the region in centimetres that holds all points: high priority first, then the smallest."""
    fitting = [region for region in regions if _is_spatial(region) and all(_holds(region, point) for point in pixels)]
    return min(fitting, key=lambda region: (region.flags & LOW_PRIORITY, _size(region)), default=None)


def _work_out(wish: Wish, points: list[Point]) -> Measured:
    match wish.kind:
        case MeasurementKind.DISTANCE:
            return _given(wish, ("length", math.dist(points[0], points[1]), "mm"))
        case MeasurementKind.TRACE:
            return _given(wish, ("length", sum(math.dist(*pair) for pair in pairwise(points)), "mm"))
        case MeasurementKind.AREA:
            ring = [*points, points[0]]
            doubled = sum(here[0] * there[1] - there[0] * here[1] for here, there in pairwise(ring))
            around = sum(math.dist(*pair) for pair in pairwise(ring))
            return _given(wish, ("area", abs(doubled) / 2, "mm2"), ("perimeter", around, "mm"))
        case MeasurementKind.ELLIPSE:
            return _ellipse(wish, points)
    return _angle(wish, points)


def _ellipse(wish: Wish, points: list[Point]) -> Measured:
    one, other = math.dist(points[0], points[1]), math.dist(points[2], points[3])
    if min(one, other) == 0:
        return Measured(wish=wish, reason="The ellipse has no width.")
    across = _dot(_from(points[0], points[1]), _from(points[2], points[3])) / (one * other)
    centres_apart = math.dist(_middle(points[0], points[1]), _middle(points[2], points[3]))
    if abs(across) > RIGHT_ANGLE_COSINE_MAX or centres_apart > RIGHT_ANGLE_COSINE_MAX * max(one, other):
        return Measured(wish=wish, reason="The axes of the ellipse do not cross in their middles at a right angle.")
    major, minor = max(one, other), min(one, other)
    return _given(
        wish, ("area", math.pi * major * minor / 4, "mm2"), ("major_axis", major, "mm"), ("minor_axis", minor, "mm"),
        ("perimeter", _ellipse_perimeter(major / 2, minor / 2), "mm"),
    )  # fmt: skip


def _ellipse_perimeter(a: float, b: float) -> float:
    """Return Ramanujan's second approximation: within 0.04 % for a flat ellipse, far less for a round one."""
    h = ((a - b) / (a + b)) ** 2
    return math.pi * (a + b) * (1 + 3 * h / (10 + math.sqrt(4 - 3 * h)))


def _angle(wish: Wish, points: list[Point]) -> Measured:
    one, other = _from(points[1], points[0]), _from(points[1], points[2])
    length = math.hypot(*one) * math.hypot(*other)
    if length == 0:
        return Measured(wish=wish, reason="A side of the angle has no length.")
    return _given(wish, ("angle", math.degrees(math.acos(max(-1.0, min(1.0, _dot(one, other) / length)))), "deg"))


def _heart_rate(wish: Wish, interval_s: float | None) -> Measured:
    if not interval_s or interval_s < 0:
        return Measured(wish=wish, reason="The two frames of a heart rate are to be of one stream, the earlier first.")
    return _given(wish, ("heart_rate", 60.0 * wish.beat_count / interval_s, "{H.B.}/min"))


def _given(wish: Wish, *figures: tuple[str, float, str]) -> Measured:
    values = tuple(Value(name=name, value=value, unit=unit) for name, value, unit in figures)
    if values[0].value == 0:
        return Measured(wish=wish, reason="The points lie on one another.")
    return Measured(wish=wish, values=values)


def _is_spatial(region: Calibration) -> bool:
    return (
        (region.unit_x, region.unit_y) == (CENTIMETRES, CENTIMETRES)
        and region.spatial_format == SPATIAL_2D
        and region.delta_x != 0
        and region.delta_y != 0
    )


def _holds(region: Calibration, point: Point) -> bool:
    # The region's last pixel reaches one further.
    return region.min_x_px <= point[0] <= region.max_x_px + 1 and region.min_y_px <= point[1] <= region.max_y_px + 1


def _size(region: Calibration) -> int:
    return (region.max_x_px - region.min_x_px + 1) * (region.max_y_px - region.min_y_px + 1)


def _from(start: Point, end: Point) -> Point:
    return end[0] - start[0], end[1] - start[1]


def _dot(one: Point, other: Point) -> float:
    return one[0] * other[0] + one[1] * other[1]


def _middle(one: Point, other: Point) -> Point:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2
