import math

import pytest

from edge.core.annotation import Graphic, GraphicKind, MeasurementKind, Wish, check_drawing
from edge.core.frame import Calibration
from edge.core.measure import Canvas, measure
from edge.errors import BadInputError

# 0.2 mm a pixel across, 0.1 mm a pixel down: pixels that are not square.
TISSUE = Calibration(min_x_px=0, min_y_px=0, max_x_px=499, max_y_px=399, delta_x=0.02, delta_y=0.01)
CANVAS = Canvas(width_px=1000, height_px=400, regions=(TISSUE,))


def _wish(kind: MeasurementKind, *pixels: tuple[float, float], **more: object) -> Wish:
    wish = Wish(kind=kind, points=tuple((x / 1000, y / 400) for x, y in pixels), **more)  # type: ignore[arg-type]
    wish.check()
    return wish


def _values(wish: Wish, canvas: Canvas = CANVAS) -> dict[str, float]:
    measured = measure(wish, canvas)
    assert measured.reason == ""
    return {value.name: value.value for value in measured.values}


def test_a_distance_counts_each_direction_with_its_own_pixel_size() -> None:
    wish = _wish(MeasurementKind.DISTANCE, (100, 100), (250, 500 - 100))
    assert _values(wish) == {"length": pytest.approx(math.hypot(150 * 0.2, 300 * 0.1))}


def test_a_trace_is_as_long_as_its_parts_and_an_area_is_what_it_encloses() -> None:
    square = [(100.0, 100.0), (150.0, 100.0), (150.0, 200.0), (100.0, 200.0)]
    assert _values(_wish(MeasurementKind.TRACE, *square)) == {"length": pytest.approx(30.0)}
    assert _values(_wish(MeasurementKind.AREA, *square)) == {
        "area": pytest.approx(100.0), "perimeter": pytest.approx(40.0),
    }  # fmt: skip


def test_a_circle_in_millimetres_is_measured_as_one_though_it_is_an_ellipse_in_pixels() -> None:
    wish = _wish(MeasurementKind.ELLIPSE, (100, 200), (200, 200), (150, 100), (150, 300))
    values = _values(wish)
    assert (values["major_axis"], values["minor_axis"]) == (pytest.approx(20), pytest.approx(20))
    assert values["area"] == pytest.approx(math.pi * 100)
    assert values["perimeter"] == pytest.approx(math.pi * 20)


def test_an_ellipse_with_leaning_axes_has_no_value_and_says_why() -> None:
    measured = measure(_wish(MeasurementKind.ELLIPSE, (100, 200), (200, 200), (140, 100), (180, 300)), CANVAS)
    assert measured.values == ()
    assert "right angle" in measured.reason


def test_an_angle_is_that_of_the_body_not_of_the_pixels() -> None:
    wish = _wish(MeasurementKind.ANGLE, (150, 200), (100, 200), (150, 300))
    assert _values(wish) == {"angle": pytest.approx(45.0)}


def test_a_heart_rate_counts_the_beats_between_two_frames() -> None:
    wish = Wish(kind=MeasurementKind.HEART_RATE, from_hold_id="a", beat_count=2)
    (value,) = measure(wish, CANVAS, interval_s=1.5).values
    assert (value.name, value.value, value.unit) == ("heart_rate", pytest.approx(80.0), "{H.B.}/min")
    assert measure(wish, CANVAS, interval_s=-1.5).values == ()


@pytest.mark.parametrize(
    ("canvas", "word"),
    [
        (Canvas(width_px=1000, height_px=400), "size of its pixels"),
        (CANVAS, "one calibrated part"),
        (Canvas(width_px=1000, height_px=400, regions=(
            Calibration(min_x_px=0, min_y_px=0, max_x_px=999, max_y_px=399, unit_x=4, delta_x=0.01, delta_y=0.01),
        )), "one calibrated part"),
    ],
    ids=["not calibrated", "across the edge", "time across"],
)  # fmt: skip
def test_what_is_not_calibrated_in_both_directions_gets_no_value(canvas: Canvas, word: str) -> None:
    measured = measure(_wish(MeasurementKind.DISTANCE, (100, 100), (900, 100)), canvas)
    assert measured.values == ()
    assert word in measured.reason


def test_of_two_regions_the_one_of_high_priority_counts() -> None:
    under = Calibration(min_x_px=0, min_y_px=0, max_x_px=400, max_y_px=399, delta_x=0.5, delta_y=0.5, flags=1)
    canvas = Canvas(width_px=1000, height_px=400, regions=(under, TISSUE))
    assert _values(_wish(MeasurementKind.DISTANCE, (100, 100), (110, 100)), canvas) == {"length": pytest.approx(2.0)}


@pytest.mark.parametrize(
    "shape",
    [
        Graphic(kind=GraphicKind.ARROW, points=((0.1, 0.1),)),
        Graphic(kind=GraphicKind.POINT, points=((1.1, 0.1),)),
        Graphic(kind=GraphicKind.POINT, points=((math.nan, 0.1),)),
        Graphic(kind=GraphicKind.POINT, points=((0.5, 0.1),), text="a\nb"),
        Wish(kind=MeasurementKind.HEART_RATE),
        Wish(kind=MeasurementKind.HEART_RATE, from_hold_id="a", beat_count=0),
        Wish(kind=MeasurementKind.AREA, points=((0.1, 0.1), (0.2, 0.2))),
    ],
)
def test_a_wrong_shape_is_refused_in_words(shape: Graphic | Wish) -> None:
    with pytest.raises(BadInputError):
        check_drawing(*(((shape,), ()) if isinstance(shape, Graphic) else ((), (shape,))))
