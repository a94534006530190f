"""Single pictures become slides of one level, or are refused for what they are."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.support.scans import picture
from wsi.convert import Conversion, convert, open_slide
from wsi.errors import SlideError, UnreadableSlideError, UnsupportedSlideError


def converted(path: Path) -> Conversion:
    result = convert(path, path.parent / "out")
    assert result.verification is not None
    assert result.verification.is_proven
    return result


@pytest.mark.parametrize("ending", ["png", "jpg", "jp2"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_picture_becomes_one_level(tmp_path: Path, ending: str, mode: str) -> None:
    Image.fromarray(picture(300, 700)).convert(mode).save(tmp_path / f"a.{ending}")
    (file,) = converted(tmp_path / f"a.{ending}").files
    assert (file.kind, file.width_px, file.height_px, file.frames) == ("VOLUME", 700, 300, 2)


def test_a_tiff_openslide_cannot_decode_is_decoded(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture(256, 256), compression="webp", tile=(64, 64), photometric="rgb")
    (file,) = converted(tmp_path / "a.tif").files
    assert (file.width_px, file.frames) == (256, 1)


def test_several_planes_are_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 40, 50), np.uint16), metadata={"axes": "CYX"})
    with pytest.raises(UnsupportedSlideError, match="3 C x 40 Y x 50 X of uint16"):
        open_slide(tmp_path / "a.tif")


def test_a_picture_cut_short_leaves_nothing(tmp_path: Path) -> None:
    Image.fromarray(picture(300, 300)).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(UnreadableSlideError, match=r"a\.png"):
        convert(tmp_path / "a.png", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_16_bits_are_refused_not_cut(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.zeros((40, 40), np.uint16)))
    with pytest.raises(SlideError, match=r"a\.png"):
        convert(tmp_path / "a.png", tmp_path / "out")
