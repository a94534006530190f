"""What a person draws and measures on one frame, in parts of the picture: 0 to 1 from its upper left corner.

Pure: which shape needs how many points is one table.
"""

from dataclasses import dataclass
from enum import StrEnum

from edge.errors import BadInputError

GRAPHIC_COUNT_MAX = 32
MEASUREMENT_COUNT_MAX = 16
POINT_COUNT_MAX = 512
"""Of one shape; a page thins out what a hand draws."""
TEXT_CHARS_MAX = 80
BEAT_COUNT_MAX = 20

Point = tuple[float, float]


class GraphicKind(StrEnum):
    """What can be drawn."""

    POINT = "point"
    ARROW = "arrow"
    """From its tail to its tip."""
    FREEHAND = "freehand"


class MeasurementKind(StrEnum):
    """What can be measured."""

    DISTANCE = "distance"
    TRACE = "trace"
    """The length along a line."""
    AREA = "area"
    """Within a closed line."""
    ELLIPSE = "ellipse"
    """The ends of one axis, then those of the other, at a right angle in the calibrated picture."""
    ANGLE = "angle"
    """An end, the corner, the other end."""
    HEART_RATE = "heart_rate"
    """No points: the time from an earlier frame to this one."""


_GRAPHIC_POINTS = {
    GraphicKind.POINT: (1, 1), GraphicKind.ARROW: (2, 2), GraphicKind.FREEHAND: (2, POINT_COUNT_MAX),
}  # fmt: skip
_MEASUREMENT_POINTS = {
    MeasurementKind.DISTANCE: (2, 2), MeasurementKind.TRACE: (2, POINT_COUNT_MAX),
    MeasurementKind.AREA: (3, POINT_COUNT_MAX), MeasurementKind.ELLIPSE: (4, 4), MeasurementKind.ANGLE: (3, 3),
    MeasurementKind.HEART_RATE: (0, 0),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Graphic:
    """One drawn shape, with an optional word beside it."""

    kind: GraphicKind
    points: tuple[Point, ...]
    text: str = ""

    def check(self) -> None:
        """Raises: BadInputError."""
        _check(self.kind, self.points, _GRAPHIC_POINTS[self.kind])
        if len(self.text) > TEXT_CHARS_MAX or not all(character.isprintable() for character in self.text):
            raise BadInputError(f"A word beside a drawing is one line of at most {TEXT_CHARS_MAX} characters.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One measurement that is asked for; its value is worked out on the node, from the frame as captured."""

    kind: MeasurementKind
    points: tuple[Point, ...] = ()
    from_hold_id: str = ""
    """Of the earlier frame of a heart rate."""
    beat_count: int = 1
    """Heart beats from that frame to this one."""

    def check(self) -> None:
        """Raises: BadInputError."""
        _check(self.kind, self.points, _MEASUREMENT_POINTS[self.kind])
        if self.kind is MeasurementKind.HEART_RATE and not self.from_hold_id:
            raise BadInputError("A heart rate needs an earlier frame.", next_step="Hold a frame at each of two beats.")
        if not 1 <= self.beat_count <= BEAT_COUNT_MAX:
            raise BadInputError(f"Count 1 to {BEAT_COUNT_MAX} beats.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who drew; a guest chose the own name."""

    name: str
    role: str


def check_drawing(graphics: tuple[Graphic, ...], wishes: tuple[Wish, ...]) -> None:
    """Refuse what cannot be kept.  Raises: BadInputError."""
    if not graphics and not wishes:
        raise BadInputError("Nothing was drawn.")
    if len(graphics) > GRAPHIC_COUNT_MAX or len(wishes) > MEASUREMENT_COUNT_MAX:
        raise BadInputError(
            f"A frame takes at most {GRAPHIC_COUNT_MAX} drawings and {MEASUREMENT_COUNT_MAX} measurements at a time.",
            next_step="Save in two steps.",
        )
    for graphic in graphics:
        graphic.check()
    for wish in wishes:
        wish.check()


def _check(kind: StrEnum, points: tuple[Point, ...], counts: tuple[int, int]) -> None:
    if not counts[0] <= len(points) <= counts[1]:
        raise BadInputError(f"{kind} takes {counts[0]} to {counts[1]} points, not {len(points)}.")
    # Not a number compares false, too.
    if not all(0 <= part <= 1 for point in points for part in point):
        raise BadInputError("A point lies outside the picture.")
