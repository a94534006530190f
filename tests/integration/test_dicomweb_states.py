"""Presentation states rendered: held against DCMTK, which shows the same images with the same states."""

import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset

from edge.dicom.identity import new_uid
from edge.store.instances import Instance
from tests.support.dicomweb import Served, serve
from tests.support.objects import SECONDARY_CAPTURE, make_dataset

GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
SIDE_PX = 512


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path / "store") as served:
        yield served


def _write(ds: Dataset, path: Path) -> Path:
    ds.save_as(path, enforce_file_format=True)
    return path


def _image(folder: Path, **values: Any) -> tuple[Dataset, Path]:
    """A slope of all greys, so that every value of every table is seen."""
    ds = make_dataset(rows=SIDE_PX, columns=SIDE_PX, **values)
    rows, columns = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
    ds.PixelData = ((rows // 2 + columns // 2) // 2 % 256).astype(np.uint8).tobytes()
    return ds, _write(ds, folder / "image.dcm")


def _state(image: Dataset, **values: Any) -> Dataset:
    ds = make_dataset(StudyInstanceUID=image.StudyInstanceUID, SOPClassUID=GSPS, Modality="PR")
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
                    "SamplesPerPixel", "PhotometricInterpretation", "ConversionType"):  # fmt: skip
        delattr(ds, keyword)
    one = Dataset()
    one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = SECONDARY_CAPTURE, image.SOPInstanceUID
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedImageSequence = image.SeriesInstanceUID, [one]
    ds.ReferencedSeriesSequence = [series]
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = [1, 1], [SIDE_PX, SIDE_PX]
    area.PresentationSizeMode, area.PresentationPixelAspectRatio = "SCALE TO FIT", [1, 1]
    ds.DisplayedAreaSelectionSequence = [area]
    ds.ContentLabel, ds.ContentDescription, ds.ContentCreatorName = "STATE", "", ""
    ds.PresentationCreationDate, ds.PresentationCreationTime = "20260102", "101500"
    ds.PresentationLUTShape = "IDENTITY"
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def _window(center: float, width: float) -> list[Dataset]:
    item = Dataset()
    item.WindowCenter, item.WindowWidth = center, width
    return [item]


def _rendered(served: Served, state: Instance, query: str = "") -> NDArray[np.float64]:
    answer = requests.get(f"{served.address(state)}/rendered{query}", headers={"Accept": "image/png"}, timeout=20)
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(BytesIO(answer.content)), np.float64)


def _by_dcmtk(image: Path, state: Path) -> NDArray[np.float64]:
    out = image.with_suffix(".pgm")
    said = subprocess.run(["dcmp2pgm", "--pstate", str(state), str(image), str(out)], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return np.asarray(Image.open(out), np.float64)


@pytest.mark.parametrize(
    "values",
    [
        {"SoftcopyVOILUTSequence": _window(100, 60)},
        {"SoftcopyVOILUTSequence": _window(40, 200), "PresentationLUTShape": "INVERSE"},
        {"ImageRotation": 90, "ImageHorizontalFlip": "N"},
        {"ImageRotation": 270, "ImageHorizontalFlip": "Y"},
        {"RescaleSlope": 2, "RescaleIntercept": -100, "RescaleType": "US",
         "SoftcopyVOILUTSequence": _window(150, 300)},
    ],
)  # fmt: skip
def test_values_and_turns_are_those_of_dcmtk(served: Served, tmp_path: Path, values: dict[str, Any]) -> None:
    image, path = _image(tmp_path, WindowCenter=20, WindowWidth=10)
    served.keep(path)
    state_path = _write(_state(image, **values), tmp_path / "state.dcm")
    ours = _rendered(served, served.keep(state_path))
    theirs = _by_dcmtk(path, state_path)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 2


def test_the_tables_of_a_real_state_are_those_of_dcmtk(served: Served, tmp_path: Path, real_data: Path) -> None:
    state_path = real_data / "dicom/objects/weasis/prLUTs.dcm"
    state = pydicom.dcmread(state_path)
    reference = state.ReferencedSeriesSequence[0]
    _, path = _image(
        tmp_path, StudyInstanceUID=state.StudyInstanceUID, SeriesInstanceUID=reference.SeriesInstanceUID,
        SOPInstanceUID=reference.ReferencedImageSequence[0].ReferencedSOPInstanceUID,
    )  # fmt: skip
    kept = served.keep(state_path)
    absent = requests.get(f"{served.address(kept)}/rendered", timeout=20)
    assert absent.status_code == 404 and "image" in absent.json()["message"]
    served.keep(path)
    assert np.abs(_rendered(served, kept) - _by_dcmtk(path, state_path)).max() <= 2


def test_shutters_hide_and_drawings_are_shown(served: Served, tmp_path: Path) -> None:
    image, path = _image(tmp_path)
    served.keep(path)
    line, text = Dataset(), Dataset()
    line.GraphicAnnotationUnits, line.GraphicDimensions, line.NumberOfGraphicPoints = "PIXEL", 2, 2
    line.GraphicData, line.GraphicType, line.GraphicFilled = [100, 200, 300, 200], "POLYLINE", "N"
    text.UnformattedTextValue, text.BoundingBoxAnnotationUnits = "Here", "PIXEL"
    text.BoundingBoxTopLeftHandCorner, text.BoundingBoxBottomRightHandCorner = [120, 220], [220, 260]
    drawn = Dataset()
    drawn.GraphicLayer, drawn.GraphicObjectSequence, drawn.TextObjectSequence = "1", [line], [text]
    state = _state(
        image, GraphicAnnotationSequence=[drawn], ShutterShape="RECTANGULAR", ShutterLeftVerticalEdge=51,
        ShutterRightVerticalEdge=400, ShutterUpperHorizontalEdge=51, ShutterLowerHorizontalEdge=400,
        ShutterPresentationValue=0,
    )  # fmt: skip
    shown = _rendered(served, served.keep(_write(state, tmp_path / "state.dcm")))
    assert shown.shape == (SIDE_PX, SIDE_PX, 3)
    assert shown[:50].max() == 0 and shown[:, :50].max() == 0 and shown[410:].max() == 0
    assert (shown[199, 120:280] == [255, 235, 90]).all()
    ink = (shown[220:260, 115:220] == [255, 235, 90]).all(axis=-1).sum()
    assert ink > 30
    plain = _rendered(served, served.keep(path))
    assert (shown[300, 60:390, 0] == plain[300, 60:390]).all()


def test_the_displayed_area_and_a_viewport_cut_and_scale(served: Served, tmp_path: Path) -> None:
    image, path = _image(tmp_path)
    served.keep(path)
    state = _state(image)
    area = state.DisplayedAreaSelectionSequence[0]
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = [101, 201], [300, 300]
    kept = served.keep(_write(state, tmp_path / "state.dcm"))
    whole = _rendered(served, served.keep(path))
    assert (_rendered(served, kept) == whole[200:300, 100:300]).all()
    assert _rendered(served, kept, "?viewport=100,100").shape == (50, 100)


def test_a_state_never_shows_an_image_of_another_study(served: Served, tmp_path: Path) -> None:
    image, path = _image(tmp_path)
    served.keep(path)
    state = _state(image, StudyInstanceUID=new_uid())
    kept = served.keep(_write(state, tmp_path / "state.dcm"))
    assert requests.get(f"{served.address(kept)}/rendered", timeout=20).status_code == 404
