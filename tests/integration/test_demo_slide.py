"""The demonstration's scan: tissue at every zoom, and the same every time."""

from pathlib import Path

import numpy as np
import openslide
import pytest

from edge.demo.slide import write_demo_slide
from wsi.convert import convert


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo.svs"
    write_demo_slide(path, width_px=4096, height_px=3072)
    return path


def test_it_is_an_aperio_scan_with_everything_around_it(scan: Path) -> None:
    with openslide.OpenSlide(scan) as slide:
        assert slide.properties["openslide.vendor"] == "aperio"
        assert slide.level_dimensions == ((4096, 3072), (1024, 768), (256, 192))
        assert set(slide.associated_images) == {"label", "macro", "thumbnail"}
        assert slide.properties["openslide.mpp-x"] == "0.499"


def test_smaller_levels_are_the_larger_one_shrunk(scan: Path) -> None:
    with openslide.OpenSlide(scan) as slide:
        large, small = (
            np.asarray(slide.read_region((0, 0), index, slide.level_dimensions[index]).convert("RGB"), np.float32)
            for index in (0, 1)
        )
    shrunk = large.reshape(768, 4, 1024, 4, 3).mean(axis=(1, 3))
    assert float(np.abs(shrunk - small).mean()) < 3


def test_there_is_tissue_on_white_glass(scan: Path) -> None:
    with openslide.OpenSlide(scan) as slide:
        pixels = np.asarray(slide.get_thumbnail((400, 300)).convert("RGB"), np.int16)
    is_glass = (pixels.min(axis=2) > 230).mean()
    is_pink = ((pixels[..., 0] - pixels[..., 1]) > 30).mean()
    assert 0.2 < is_glass < 0.8
    assert is_pink > 0.2


def test_it_converts_by_copying(scan: Path, tmp_path: Path) -> None:
    result = convert(scan, tmp_path)
    assert result.verification is not None
    assert {file.origin for file in result.verification.files if file.kind == "VOLUME"} == {"copied"}


def test_a_scan_too_small_to_show_anything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2048"):
        write_demo_slide(tmp_path / "x.svs", width_px=100, height_px=100)
