"""Drawings and measurements on stills, as the standard's checker and another library read them."""

from pathlib import Path

import highdicom
import pytest
from pydicom import Dataset, dcmread

from edge.core.annotation import Author, Graphic, GraphicKind, MeasurementKind, Wish
from edge.core.clip import Moment, timing_of
from edge.core.frame import Calibration
from edge.core.measure import Canvas, Measured, measure
from edge.core.session import Patient, Session
from edge.dicom import measurement_report, presentation_state, ultrasound
from edge.dicom.codec import JPEG_LS, encoder_for
from edge.dicom.identity import new_uid
from edge.dicom.presentation_state import Identity
from tests.support.judges import dciodvfy_errors

TISSUE = Calibration(min_x_px=0, min_y_px=0, max_x_px=399, max_y_px=299, delta_x=0.02, delta_y=0.02)
AUTHOR = Author(name="Dr Zoë Müller", role="specialist")
SESSION = Session(
    session_id="s", source="probe", patient=Patient(patient_id="7", name="Zebra^Té", sex="F", birth_date="19800101"),
    study_instance_uid=new_uid(), series_instance_uid=new_uid(), opened_s=1.7e9, study_id="A", operator_name="Op",
)  # fmt: skip


def _still(*, is_colour: bool) -> Dataset:
    moments = [Moment(10, 10, 1_700_000_000_000_000_000)]
    return ultrasound.build(
        ultrasound.Content(
            sop_instance_uid=new_uid(), instance_number=3, is_still=True, session=SESSION,
            equipment=ultrasound.Equipment(manufacturer="Maker", model="M", station="node", regions=(TISSUE,)),
            picture=ultrasound.Picture(
                width_px=400, height_px=300, channel_count=3 if is_colour else 1, captured_channel_count=3
            ),
            encoder=encoder_for(JPEG_LS), moments=moments, timing=timing_of(moments),
        )
    )  # fmt: skip


def _identity() -> Identity:
    return Identity(
        sop_instance_uid=new_uid(), series_instance_uid=new_uid(), instance_number=1, made_s=1.7e9 + 60, author=AUTHOR,
        station="clinic-7", institution="Clinic",
    )  # fmt: skip


def _measured() -> list[Measured]:
    canvas = Canvas(width_px=400, height_px=300, regions=(TISSUE,))
    wishes = [
        Wish(kind=MeasurementKind.DISTANCE, points=((0.1, 0.1), (0.35, 0.1))),
        Wish(kind=MeasurementKind.AREA, points=((0.1, 0.1), (0.2, 0.1), (0.2, 0.2))),
        Wish(kind=MeasurementKind.ELLIPSE, points=((0.5, 0.4), (0.5, 0.6), (0.4, 0.5), (0.6, 0.5))),
        Wish(kind=MeasurementKind.ANGLE, points=((0.5, 0.5), (0.6, 0.6), (0.7, 0.5))),
        Wish(kind=MeasurementKind.TRACE, points=((0.5, 0.5), (0.6, 0.6), (0.7, 0.5))),
        Wish(kind=MeasurementKind.HEART_RATE, from_hold_id="a"),
    ]
    return [measure(wish, canvas, interval_s=0.75) for wish in wishes]


def _save(ds: Dataset, folder: Path) -> Path:
    path = folder / f"{ds.SOPInstanceUID}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("is_colour", [False, True], ids=["grey", "colour"])
def test_a_drawing_is_a_presentation_state_of_the_stills_own_kind_that_the_checker_accepts(
    tmp_path: Path, *, is_colour: bool
) -> None:
    still = _still(is_colour=is_colour)
    graphics = [
        Graphic(kind=GraphicKind.POINT, points=((0.5, 0.5),), text="here"),
        Graphic(kind=GraphicKind.ARROW, points=((0.1, 0.2), (0.01, 0.01))),
        Graphic(kind=GraphicKind.FREEHAND, points=((0.1, 0.1), (0.2, 0.3), (0.3, 0.1))),
    ]
    path = _save(presentation_state.build(still, _identity(), graphics, _measured()), tmp_path)
    assert dciodvfy_errors(path, tmp_path) == []
    read = dcmread(path)
    wanted = presentation_state.COLOUR_CLASS_UID if is_colour else presentation_state.GRAYSCALE_CLASS_UID
    assert read.SOPClassUID == wanted
    (series,) = read.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == still.SeriesInstanceUID
    assert [part.ReferencedSOPInstanceUID for part in series.ReferencedImageSequence] == [still.SOPInstanceUID]
    (annotation,) = read.GraphicAnnotationSequence
    assert annotation.GraphicObjectSequence[0].GraphicData == pytest.approx([200.0, 150.0])
    assert annotation.GraphicObjectSequence[2].GraphicData == pytest.approx([40, 30, 80, 90, 120, 30])
    texts = [part.UnformattedTextValue for part in annotation.TextObjectSequence]
    assert texts[:2] == ["here", "20 mm"]
    assert "80 /min" in texts
    assert str(read.ContentCreatorName) == "Dr Zoë Müller^"
    assert (str(read.PatientName), read.StudyInstanceUID) == (str(still.PatientName), still.StudyInstanceUID)


def test_measurements_are_a_report_that_another_library_reads_back_with_figures_and_points(tmp_path: Path) -> None:
    still, earlier = _still(is_colour=True), _still(is_colour=True)
    path = _save(measurement_report.build(still, _identity(), _measured(), earlier=[earlier]), tmp_path)
    assert dciodvfy_errors(path, tmp_path) == []
    report = highdicom.sr.srread(str(path))
    assert report.content.__class__.__name__ == "MeasurementReport"
    groups = report.content.get_image_measurement_groups()
    figures = {
        (number, part.name.meaning): (part.value, part.unit.value)
        for number, group in enumerate(groups)
        for part in group.get_measurements()
    }
    assert figures[0, "Length"] == (pytest.approx(20.0), "mm")
    assert figures[1, "Area"] == (pytest.approx(24.0), "mm2")
    assert figures[2, "Major Axis"] == (pytest.approx(16.0), "mm")
    assert figures[5, "Heart rate"] == (pytest.approx(80.0), "{H.B.}/min")
    (distance,) = groups[0].get_measurements()
    (points,) = distance.referenced_coordinates
    assert points.value.flatten().tolist() == pytest.approx([40, 30, 140, 30])
    (source,) = points.ContentSequence
    assert source.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == still.SOPInstanceUID
    (rate,) = groups[5].get_measurements()
    named = [image.referenced_sop_instance_uid for image in rate.referenced_images]
    assert named == [earlier.SOPInstanceUID, still.SOPInstanceUID]
