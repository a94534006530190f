"""Single pictures become slides of one level, or are refused for what they are."""

from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom.encaps import generate_frames

from tests.support.scans import picture
from wsi.convert import Conversion, convert, open_slide
from wsi.errors import UnreadableSlideError, UnsupportedSlideError


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
    frames = 2 if ending == "png" else 1
    assert (file.kind, file.width_px, file.height_px, file.frames) == ("VOLUME", 700, 300, frames)


@pytest.mark.parametrize("ending", ["jpg", "jp2", "j2k"])
def test_a_small_picture_is_copied_bit_for_bit(tmp_path: Path, ending: str) -> None:
    Image.fromarray(picture(300, 700)).save(tmp_path / f"a.{ending}")
    result = converted(tmp_path / f"a.{ending}")
    assert result.verification is not None
    assert result.verification.files[0].origin == "copied"
    ds = pydicom.dcmread(result.files[0].path)
    frame = next(iter(generate_frames(ds.PixelData, number_of_frames=1)))
    assert frame.removesuffix(b"\0") in (tmp_path / f"a.{ending}").read_bytes()


def test_a_large_picture_is_cut_into_tiles_and_tells_both_losses(tmp_path: Path) -> None:
    Image.fromarray(np.repeat(picture(64, 128), 32, 1).repeat(32, 0)).save(tmp_path / "a.jpg")
    (file,) = converted(tmp_path / "a.jpg").files
    ds = pydicom.dcmread(file.path, stop_before_pixels=True)
    assert file.frames == 32
    assert list(ds.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_10918_1"]
    assert len(ds.LossyImageCompressionRatio) == 2


def test_sixteen_bits_are_stored_without_loss(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 65535, (300, 700)).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    (file,) = converted(tmp_path / "a.png").files
    ds = pydicom.dcmread(file.path)
    frames = generate_frames(ds.PixelData, number_of_frames=2)
    whole = np.concatenate([imagecodecs.jpegls_decode(frame) for frame in frames], axis=1)
    assert np.array_equal(whole[:300, :700], pixels)


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
