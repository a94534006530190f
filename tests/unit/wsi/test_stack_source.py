"""Channels and focal planes become optical paths and planes of one slide, without loss."""

from pathlib import Path

import imagecodecs
import numpy as np
import openslide
import pydicom
import pytest
import tifffile
from pydicom.encaps import generate_frames
from wsidicom import WsiDicom

from tests.support.judges import dciodvfy_findings
from tests.support.scanners import write_colour_stack
from tests.support.scans import jpeg, picture, tiles_of, write_level
from wsi.convert import Conversion, convert, open_slide
from wsi.geometry import Tile

SHAPE = {"CZYX": (3, 2, 300, 200), "ZCYX": (2, 3, 300, 200), "CYX": (3, 300, 200), "ZYX": (2, 300, 200)}


def write(path: Path, axes: str, depth: type, *, tile: tuple[int, int] | None = (64, 64)) -> np.ndarray:
    pixels: np.ndarray = np.random.default_rng(1).integers(0, np.iinfo(depth).max, SHAPE[axes]).astype(depth)
    channels = {"Channel": {"Name": ["DAPI", "FITC", "Cy5"]}} if "C" in axes else {}
    facts = {"axes": axes, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, **channels}
    tifffile.imwrite(path, pixels, tile=tile, metadata=facts, ome=True, photometric="minisblack", compression="deflate")
    return pixels


def plane(pixels: np.ndarray, axes: str, path: int, focus: int) -> np.ndarray:
    places = {"C": path, "Z": focus}
    return np.asarray(pixels[tuple(places[axis] for axis in axes[:-2])])


@pytest.mark.parametrize("tile", [(64, 64), None])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("axes", list(SHAPE))
def test_every_plane_is_where_the_standard_counts_it(
    tmp_path: Path, axes: str, depth: type, tile: tuple[int, int] | None
) -> None:
    pixels = write(tmp_path / "a.ome.tif", axes, depth, tile=tile)
    result = convert(tmp_path / "a.ome.tif", tmp_path / "out")
    assert result.verification is not None
    assert result.verification.is_proven
    ds = pydicom.dcmread(result.files[0].path)
    paths, planes = (dict(zip(axes, SHAPE[axes], strict=True)).get(axis, 1) for axis in "CZ")
    assert (ds.NumberOfOpticalPaths, ds.TotalPixelMatrixFocalPlanes, ds.BitsStored) == (
        paths, planes, depth().itemsize * 8,
    )  # fmt: skip
    with open_slide(tmp_path / "a.ome.tif") as source:
        level = source.images[0].level
    frames = list(generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
    high, wide = level.tile_height_px, level.tile_width_px
    for path in range(paths):
        for focus in range(planes):
            where = Tile(column_index=0, row_index=0, focal_plane_index=focus, optical_path_index=path)
            found = imagecodecs.jpegls_decode(frames[level.frame_number(where) - 1])
            expected = plane(pixels, axes, path, focus)[:high, :wide]
            assert np.array_equal(found[: expected.shape[0], : expected.shape[1]], expected)


@pytest.fixture
def conversion(tmp_path: Path) -> Conversion:
    write(tmp_path / "a.ome.tif", "CZYX", np.uint16)
    return convert(tmp_path / "a.ome.tif", tmp_path / "out")


def test_the_channels_have_their_names_and_no_validator_complains(conversion: Conversion) -> None:
    ds = pydicom.dcmread(conversion.files[0].path)
    assert [path.OpticalPathDescription for path in ds.OpticalPathSequence] == ["DAPI", "FITC", "Cy5"]
    assert [path.OpticalPathIdentifier for path in ds.OpticalPathSequence] == ["1", "2", "3"]
    found = dciodvfy_findings(conversion.files[0].path)
    assert [line for line in found if "DICOMDIR" not in line] == []


def test_wsidicom_reads_the_chosen_path(tmp_path: Path) -> None:
    pixels = write(tmp_path / "a.ome.tif", "CYX", np.uint8)
    convert(tmp_path / "a.ome.tif", tmp_path / "out")
    with WsiDicom.open(tmp_path / "out") as slide:
        for number in (1, 2, 3):
            found = np.asarray(slide.read_region((10, 20), 0, (100, 90), path=str(number)))
            assert np.array_equal(found.reshape(90, 100, -1)[..., 0], pixels[number - 1, 20:110, 10:110])


def test_openslide_is_not_asked_for_what_it_would_read_one_channel_of(tmp_path: Path) -> None:
    write(tmp_path / "a.ome.tif", "CYX", np.uint8)
    with openslide.OpenSlide(tmp_path / "a.ome.tif") as known, open_slide(tmp_path / "a.ome.tif") as source:
        assert known.dimensions == (200, 300)
        assert source.images[0].level.optical_path_count == 3


def test_signed_numbers_are_stored_raised_and_that_is_said(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(-128, 128, (3, 64, 64)).astype(np.int8)
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata={"axes": "CYX"}, ome=True)
    result = convert(tmp_path / "a.ome.tif", tmp_path / "out")
    assert "stored 128 higher" in " ".join(result.notes)
    frames = list(generate_frames(pydicom.dcmread(result.files[0].path).PixelData, number_of_frames=3))
    for number in range(3):
        found = imagecodecs.jpegls_decode(frames[number])[:64, :64].astype(np.int16)
        assert np.array_equal(found - 128, pixels[number])


def test_a_stack_in_colour_is_copied_plane_by_plane(tmp_path: Path) -> None:
    planes = write_colour_stack(tmp_path / "a.ome.tif")
    result = convert(tmp_path / "a.ome.tif", tmp_path / "out")
    ds = pydicom.dcmread(result.files[0].path)
    assert (ds.TotalPixelMatrixFocalPlanes, ds.NumberOfOpticalPaths, ds.PhotometricInterpretation) == (
        3, 1, "YBR_FULL_422",
    )  # fmt: skip
    measures = ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert float(measures.SpacingBetweenSlices) == pytest.approx(0.0015)
    frames = list(generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
    assert [frame.removesuffix(b"\0") for frame in frames] == [tile for tiles in planes for tile in tiles]
    assert [line for line in dciodvfy_findings(result.files[0].path) if "DICOMDIR" not in line] == []
    with WsiDicom.open(tmp_path / "out") as slide:
        for number in range(3):
            found = np.asarray(slide.read_region((0, 0), 0, (64, 64), z=number * 1.5), np.int16)
            assert np.abs(found - picture(200, 300, number)[:64, :64]).mean() < 4


def test_an_ome_tiffs_label_and_macro_are_known_by_their_names(tmp_path: Path) -> None:
    def image(number: int, name: str, side: int, ifd: int) -> str:
        return (
            f'<Image ID="Image:{number}" Name="{name}"><Pixels ID="Pixels:{number}" DimensionOrder="XYCZT" Type="uint8"'
            f' SizeX="{side}" SizeY="{side}" SizeC="3" SizeZ="1" SizeT="1" PhysicalSizeX="0.5" PhysicalSizeY="0.5">'
            f'<Channel ID="Channel:{number}:0" SamplesPerPixel="3"/><TiffData IFD="{ifd}" PlaneCount="1"/>'
            "</Pixels></Image>"
        )

    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f"{image(0, 'scan', 256, 0)}{image(1, 'label image', 64, 1)}{image(2, 'macro image', 128, 2)}</OME>"
    )
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=False) as tiff:
        for number, side in enumerate((256, 64, 128)):
            tiles = [jpeg(tile) for tile in tiles_of(picture(side, side, number))]
            write_level(tiff, tiles, side, side, description="" if number else xml)
    with open_slide(tmp_path / "a.ome.tif") as source:
        assert [(image.kind.value, image.level.width_px) for image in source.images] == [
            ("VOLUME", 256), ("LABEL", 64), ("OVERVIEW", 128),
        ]  # fmt: skip
    result = convert(tmp_path / "a.ome.tif", tmp_path / "out")
    assert [line for file in result.files for line in dciodvfy_findings(file.path) if "DICOMDIR" not in line] == []


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_missing_levels_of_every_plane_are_boxed_without_loss(tmp_path: Path, depth: type) -> None:
    pixels = write(tmp_path / "a.ome.tif", "CZYX", depth)
    result = convert(tmp_path / "a.ome.tif", tmp_path / "out", levels="all")
    assert result.verification is not None and result.verification.is_proven
    assert [(file.width_px, file.height_px) for file in result.files] == [(200, 300), (100, 150), (50, 75), (25, 37)]
    ds = pydicom.dcmread(result.files[1].path)
    assert (ds.NumberOfOpticalPaths, ds.TotalPixelMatrixFocalPlanes, ds.LossyImageCompression) == (3, 2, "00")
    frames = list(generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
    for path, focus in ((0, 0), (2, 1)):
        found = imagecodecs.jpegls_decode(frames[(path * 2 + focus) * 6])
        whole = plane(pixels, "CZYX", path, focus)[:128, :128].astype(np.uint32)
        expected = (whole.reshape(64, 2, 64, 2).sum(axis=(1, 3)) + 2) >> 2
        assert np.array_equal(found, expected)
    assert [line for file in result.files for line in dciodvfy_findings(file.path) if "DICOMDIR" not in line] == []


def test_missing_levels_of_a_colour_stack_are_of_their_own_plane(tmp_path: Path) -> None:
    write_colour_stack(tmp_path / "a.ome.tif")
    result = convert(tmp_path / "a.ome.tif", tmp_path / "out", levels="all")
    assert result.verification is not None and result.verification.is_proven
    ds = pydicom.dcmread(result.files[1].path)
    assert (ds.TotalPixelMatrixFocalPlanes, list(ds.LossyImageCompressionMethod)) == (3, ["ISO_10918_1"] * 2)
    each = ds.NumberOfFrames // 3
    for number in range(3):
        expected = picture(200, 300, number)[:128, :128].reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
        assert np.abs(ds.pixel_array[number * each].astype(np.float64) - expected).mean() < 6
