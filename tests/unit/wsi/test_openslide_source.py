"""What OpenSlide reads and nothing copies: decoded, encoded again, and truthful about it."""

from pathlib import Path

import numpy as np
import openslide
import pydicom
import pytest
import tifffile

from tests.support.scans import picture
from wsi.convert import Conversion, convert
from wsi.verify import psnr


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scan") / "a.tif"
    with tifffile.TiffWriter(path) as tiff:
        for index, size in enumerate(((900, 1300), (450, 650))):
            tiff.write(
                picture(*size),
                tile=(128, 128),
                compression="deflate",
                photometric="rgb",
                metadata=None,
                subfiletype=min(index, 1),
                resolution=(20_000, 20_000),
                resolutionunit="CENTIMETER",
            )
    return path


@pytest.fixture(scope="module")
def conversion(scan: Path) -> Conversion:
    return convert(scan, scan.parent / "out")


def test_the_pixels_stay_close_and_edges_are_white(scan: Path, conversion: Conversion) -> None:
    with openslide.OpenSlide(scan) as before, openslide.OpenSlide(conversion.files[0].path) as after:
        assert after.level_dimensions == before.level_dimensions
        whole = ((0, 0), 0, before.dimensions)
        pair = [np.asarray(slide.read_region(*whole).convert("RGB")) for slide in (before, after)]
    assert psnr(pair[0], pair[1]) > 35
    last = pydicom.dcmread(conversion.files[0].path).pixel_array[-1]
    assert int(last[450:, 300:].min()) > 250


def test_it_says_it_was_decoded(conversion: Conversion) -> None:
    ds = pydicom.dcmread(conversion.files[0].path, stop_before_pixels=True)
    assert list(ds.ImageType) == ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    assert ds.LossyImageCompression == "01"
    assert conversion.verification is not None
    assert conversion.verification.files[0].origin == "re-encoded"


def test_one_worker_and_many_write_the_same(scan: Path, tmp_path: Path) -> None:
    one, many = (convert(scan, tmp_path / str(workers), workers=workers) for workers in (1, 5))
    assert [file.sha256 for file in one.files] == [file.sha256 for file in many.files]


def test_the_scale_is_kept(conversion: Conversion) -> None:
    ds = pydicom.dcmread(conversion.files[1].path, stop_before_pixels=True)
    spacing = ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing
    assert [float(value) for value in spacing] == pytest.approx([0.001, 0.001])


def test_a_tile_that_cannot_be_decoded_is_white_and_named(tmp_path: Path) -> None:
    pixels = picture(1024, 1536)
    form = {"compression": "deflate", "tile": (64, 64), "photometric": "rgb"}
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata=None, **form)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        # The 26th tile of 24 across: the second row, third column; it lies in the first frame of 512 px.
        offset, length = tiff.pages[0].dataoffsets[26], tiff.pages[0].databytecounts[26]
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[offset : offset + length] = b"\xff" * length
    (tmp_path / "a.tif").write_bytes(data)
    result = convert(tmp_path / "a.tif", tmp_path / "out")
    assert list(result.defects.values()) == [(1,)]
    assert result.verification is not None
    assert result.verification.is_proven
    ds = pydicom.dcmread(result.files[0].path)
    assert "white here: frame 1." in ds.ImageComments
    frames = [np.asarray(frame, np.int16) for frame in ds.pixel_array]
    assert frames[0].min() == 255
    assert np.abs(frames[4] - pixels[512:1024, 512:1024]).mean() < 6
