"""Measurements on a still as a structured report, template TID 1500: every figure with the points it was taken from.

Standard: PS3.3 A.35.3, PS3.16 TID 1500, TID 1501, TID 300
"""

from collections.abc import Sequence
from typing import Any

from pydicom import Dataset
from pydicom.sr.codedict import codes

from edge.core.annotation import MeasurementKind, Point
from edge.core.measure import Measured, Value
from edge.dicom.header import PRODUCT_NAME, product_version
from edge.dicom.identity import new_uid
from edge.dicom.presentation_state import Identity, axes, finish_header, person_name

REPORT_CLASS_UID = "1.2.840.10008.5.1.4.1.1.88.33"
SERIES_NUMBER = 3
DECIMALS = 3
_CODES = {
    "length": ("410668003", "SCT", "Length"),
    "area": ("42798000", "SCT", "Area"),
    "perimeter": ("131191004", "SCT", "Perimeter"),
    "major_axis": ("131187009", "SCT", "Major Axis"),
    "minor_axis": ("131188004", "SCT", "Minor Axis"),
    "angle": ("1483009", "SCT", "Angle"),
    "heart_rate": ("364075005", "SCT", "Heart rate"),
}
_UNITS = {
    "mm": ("mm", "UCUM", "millimeter"),
    "mm2": ("mm2", "UCUM", "square millimeter"),
    "deg": ("deg", "UCUM", "degree"),
    "{H.B.}/min": ("{H.B.}/min", "UCUM", "Heart beat per minute"),
}
_PROCEDURE = ("16310003", "SCT", "Diagnostic ultrasonography")
_SHAPES = {
    MeasurementKind.DISTANCE: "POLYLINE", MeasurementKind.TRACE: "POLYLINE", MeasurementKind.AREA: "POLYLINE",
    MeasurementKind.ELLIPSE: "ELLIPSE", MeasurementKind.ANGLE: "POLYLINE",
}  # fmt: skip


def build(still: Dataset, identity: Identity, measured: Sequence[Measured], *, earlier: Sequence[Dataset]) -> Dataset:
    """Return the report of measurements that have values.

    `earlier`: for each of `measured` that spans two frames, in order, the header of its first frame's still.
    Raises: ValueError, TypeError for what DICOM cannot hold.
    """
    from highdicom import sr

    waiting = list(earlier)
    groups = [
        _group(still, part, number, waiting.pop(0) if part.wish.kind is MeasurementKind.HEART_RATE else None)
        for number, part in enumerate(measured, start=1)
    ]
    evidence = [still, *{ds.SOPInstanceUID: ds for ds in earlier if ds.SOPInstanceUID != still.SOPInstanceUID}.values()]
    report = sr.MeasurementReport(
        observation_context=_observers(identity), procedure_reported=_concept(_PROCEDURE), imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport, referenced_images=evidence,
    )  # fmt: skip
    ds: Dataset = sr.ComprehensiveSR(
        evidence=evidence, content=report, series_instance_uid=identity.series_instance_uid,
        series_number=SERIES_NUMBER, sop_instance_uid=identity.sop_instance_uid,
        instance_number=identity.instance_number, manufacturer=PRODUCT_NAME, is_complete=True, is_final=False,
        institution_name=identity.institution[:64] or None,
    )  # fmt: skip
    ds.ManufacturerModelName, ds.SoftwareVersions = PRODUCT_NAME, product_version()
    finish_header(ds, still, identity)
    return ds


def _group(still: Dataset, part: Measured, number: int, earlier: Dataset | None) -> Any:
    from highdicom import sr

    sources = [ds for ds in (earlier, still) if ds is not None]
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=new_uid(), identifier=f"Measurement {number}"),
        measurements=[_measurement(still, part, value, earlier) for value in part.values],
        source_images=[
            sr.SourceImageForMeasurementGroup(str(ds.SOPClassUID), str(ds.SOPInstanceUID)) for ds in sources
        ],
    )


def _measurement(still: Dataset, part: Measured, value: Value, earlier: Dataset | None) -> Any:
    from highdicom import sr

    name, unit = _concept(_CODES[value.name]), _concept(_UNITS[value.unit])
    amount = round(value.value, DECIMALS)
    if earlier is not None:
        images = [sr.SourceImageForMeasurement(str(ds.SOPClassUID), str(ds.SOPInstanceUID)) for ds in (earlier, still)]
        return sr.Measurement(name=name, value=amount, unit=unit, referenced_images=images)
    return sr.Measurement(name=name, value=amount, unit=unit, referenced_coordinates=[_coordinates(still, part)])


def _coordinates(still: Dataset, part: Measured) -> Any:
    import numpy as np
    from highdicom import sr

    width_px, height_px = int(still.Columns), int(still.Rows)
    pixels: list[Point] = [(x * width_px, y * height_px) for x, y in part.wish.points]
    if part.wish.kind is MeasurementKind.ELLIPSE:
        pixels = axes(part.wish.points, width_px, height_px)
    elif part.wish.kind is MeasurementKind.AREA:
        pixels.append(pixels[0])
    source = sr.SourceImageForRegion(str(still.SOPClassUID), str(still.SOPInstanceUID))
    return sr.CoordinatesForMeasurement(_SHAPES[part.wish.kind], np.asarray(pixels, dtype=np.float32), source)


def _observers(identity: Identity) -> Any:
    from highdicom import sr

    person = sr.ObserverContext(
        codes.DCM.Person, sr.PersonObserverIdentifyingAttributes(name=person_name(identity.author))
    )
    return sr.ObservationContext(observer_person_context=person)


def _concept(code: tuple[str, str, str]) -> Any:
    from highdicom.sr import CodedConcept

    return CodedConcept(value=code[0], scheme_designator=code[1], meaning=code[2])
