"""Ventana and Trestle: copied where no tile overlaps another, else put together, and that is said."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide
import pytest

from tests.support.judges import dciodvfy_findings
from tests.support.scanners import write_bif, write_trestle
from wsi.convert import convert, open_slide
from wsi.encoding import Origin
from wsi.openslide_source import OVERLAP_NOTE
from wsi.source import Kind


def bif(path: Path) -> Path:
    write_bif(path / "a.bif")
    return path / "a.bif"


def bif_overlapping(path: Path) -> Path:
    write_bif(path / "a.bif", overlap_px=8)
    return path / "a.bif"


def trestle(path: Path) -> Path:
    write_trestle(path / "a.tif")
    return path / "a.tif"


def trestle_overlapping(path: Path) -> Path:
    write_trestle(path / "a.tif", overlaps=" 8 8 4 4")
    return path / "a.tif"


@pytest.mark.parametrize(
    ("write", "vendor", "is_copied"),
    [
        (bif, "ventana", True),
        (bif_overlapping, "ventana", False),
        (trestle, "trestle", True),
        (trestle_overlapping, "trestle", False),
    ],
)
def test_the_slide_is_what_openslide_sees(
    tmp_path: Path, write: Callable[[Path], Path], vendor: str, is_copied: bool
) -> None:
    scan = write(tmp_path)
    result = convert(scan, tmp_path / "out")
    assert result.verification is not None and result.verification.is_proven
    assert {file.origin for file in result.verification.files if file.kind == "VOLUME"} == {
        "copied" if is_copied else "re-encoded"
    }
    assert (OVERLAP_NOTE in result.notes) is not is_copied
    with openslide.OpenSlide(scan) as before, openslide.OpenSlide(result.files[0].path) as after:
        assert before.properties["openslide.vendor"] == vendor
        assert after.level_dimensions == before.level_dimensions
        assert after.properties["openslide.mpp-x"] == before.properties["openslide.mpp-x"]
        whole = ((0, 0), 0, before.dimensions)
        pair = [np.asarray(slide.read_region(*whole).convert("RGB"), np.int16) for slide in (before, after)]
        assert np.abs(pair[0] - pair[1]).mean() < (0.01 if is_copied else 3)
    found = [line for file in result.files for line in dciodvfy_findings(file.path) if "DICOMDIR" not in line]
    assert found == []


def test_what_a_ventana_says_is_kept(tmp_path: Path) -> None:
    with open_slide(bif(tmp_path)) as source:
        said = source.description
        assert (said.manufacturer, said.model, said.serial) == ("Ventana", "VENTANA DP 200", "2000515")
        assert (said.objective_power, said.mpp) == (40.0, (0.25, 0.25))
        assert [image.kind for image in source.images] == [Kind.VOLUME] * 2 + [Kind.THUMBNAIL, Kind.OVERVIEW]
        assert source.images[0].encoding.origin is Origin.COPIED
