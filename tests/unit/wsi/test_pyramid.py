"""Levels that were missing: the right sizes, close to the truth, and honest about what they are."""

from itertools import pairwise
from pathlib import Path

import imagecodecs
import numpy as np
import openslide
import pydicom
import pytest
import tifffile

from tests.support.scans import APERIO, jpeg, picture, tiles_of, write_level, write_svs
from wsi.codec import estimate_quality
from wsi.convert import Conversion, convert, open_slide
from wsi.pyramid import MissingImage, with_missing_levels
from wsi.source import StoredImage
from wsi.verify import psnr


@pytest.fixture(scope="module")
def conversion(tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    folder = tmp_path_factory.mktemp("pyramid")
    write_svs(folder / "a.svs", [(600, 400), (150, 100)])
    return convert(folder / "a.svs", folder / "out", levels="all")


def headers(conversion: Conversion) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(file.path, stop_before_pixels=True) for file in conversion.files]


def test_every_halving_down_to_one_tile_is_there(conversion: Conversion) -> None:
    sizes = [(file.width_px, file.height_px) for file in conversion.files]
    assert sizes == [(600, 400), (300, 200), (150, 100), (75, 50), (37, 25)]


def test_the_scanners_own_levels_are_copied(conversion: Conversion) -> None:
    assert conversion.verification is not None
    assert [file.origin for file in conversion.verification.files] == [
        "copied",
        "re-encoded",
        "copied",
        "re-encoded",
        "re-encoded",
    ]


def test_made_levels_say_they_are_derived_and_share_the_coordinates(conversion: Conversion) -> None:
    every = headers(conversion)
    assert [ds.ImageType[0] for ds in every] == ["ORIGINAL", *["DERIVED"] * 4]
    assert len({ds.FrameOfReferenceUID for ds in every}) == len({ds.PyramidUID for ds in every}) == 1


def test_the_lossy_history_grows_by_one_entry_a_generation(conversion: Conversion) -> None:
    ratios = []
    for ds in headers(conversion):
        methods, values = ds.LossyImageCompressionMethod, ds.LossyImageCompressionRatio
        methods, values = ([methods], [values]) if isinstance(methods, str) else (list(methods), list(values))
        assert len(methods) == len(values)
        ratios.append([float(value) for value in values])
    assert [len(entry) for entry in ratios] == [1, 2, 1, 2, 3]
    assert ratios[1][0] == ratios[0][0]
    assert ratios[4][:2] == ratios[3]
    assert all(len(set(entry)) == len(entry) for entry in ratios)


def test_a_made_level_is_close_to_a_box_filter_of_the_larger_one(conversion: Conversion) -> None:
    with openslide.OpenSlide(conversion.files[0].path) as slide:
        levels = [
            np.asarray(slide.read_region((0, 0), index, size).convert("RGB"))
            for index, size in enumerate(slide.level_dimensions)
        ]
    for larger, smaller in list(pairwise(levels))[:1]:
        box = larger[: smaller.shape[0] * 2, : smaller.shape[1] * 2].reshape(
            smaller.shape[0], 2, smaller.shape[1], 2, 3
        )
        assert psnr(box.mean(axis=(1, 3)).round().astype(np.uint8), smaller) > 30


def test_spacing_doubles_with_every_halving(conversion: Conversion) -> None:
    spacings = [
        float(ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing[0])
        for ds in headers(conversion)
    ]
    assert spacings == pytest.approx([0.000499 * 2**index for index in range(5)])


def test_jpeg_2000_levels_are_halved_too(tmp_path: Path) -> None:
    tiles = [imagecodecs.jpeg2k_encode(tile, codecformat="j2k", level=40) for tile in tiles_of(picture(128, 128))]
    with tifffile.TiffWriter(tmp_path / "a.svs") as tiff:
        write_level(
            tiff,
            tiles,
            128,
            128,
            description=APERIO.format(w=128, h=128),
            compression=33005,
            photometric="rgb",
            subsampling=None,
        )
    result = convert(tmp_path / "a.svs", tmp_path / "out", levels="all")
    assert [file.width_px for file in result.files] == [128, 64]


def test_a_side_that_does_not_halve_evenly_ends_in_one_tile(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        write_level(tiff, [jpeg(picture(64, 64))] * 9, 191, 189)
    with open_slide(tmp_path / "a.tif") as source:
        assert len(with_missing_levels(source.images)) == 3
    result = convert(tmp_path / "a.tif", tmp_path / "out", levels="all")
    assert [(file.width_px, file.height_px) for file in result.files] == [(191, 189), (95, 94), (47, 47)]


@pytest.mark.parametrize("hole", [0, 1, 5])
def test_made_levels_have_the_quality_of_the_scans_own_tiles_wherever_one_is_left_out(
    tmp_path: Path, hole: int
) -> None:
    tiles = [jpeg(tile) for tile in tiles_of(picture(200, 300))]
    tiles[hole] = b""
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        write_level(tiff, tiles, 300, 200)
    with open_slide(tmp_path / "a.tif") as source:
        image = with_missing_levels(source.images)[1]
        assert isinstance(image, MissingImage)
        assert isinstance(image.parent, StoredImage)
        bound = image.bind(image.parent.table)
        qualities = [estimate_quality(bound.make_frame(index)) for index in range(image.level.frame_count)]
    wanted = max(estimate_quality(next(tile for tile in tiles if tile)), 85)
    assert qualities == [wanted] * image.level.frame_count
