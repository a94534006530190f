"""Tiled TIFFs of every dialect: what is copied, what is refused."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from tests.support.scans import APERIO, jpeg, picture, tiles_of, write_level, write_svs
from wsi import codec
from wsi.errors import SlideError, UnreadableSlideError, UnsupportedSlideError
from wsi.source import Kind, StoredImage
from wsi.tiff_source import open_tiff


def stored(path: Path, index: int = 0) -> StoredImage:
    with open_tiff(path) as source:
        image = source.images[index]
    assert isinstance(image, StoredImage)
    return image


def frame(image: StoredImage, index: int) -> bytes:
    with image.table.path.open("rb") as file:
        return image.table.read(file.fileno(), index)


def test_an_svs_says_what_it_knows(tmp_path: Path) -> None:
    write_svs(tmp_path / "case 7.svs", description=APERIO + "|Date = 12/29/09|Time = 09:59:15")
    with open_tiff(tmp_path / "case 7.svs") as source:
        facts = source.description
    assert (facts.format, facts.name, facts.manufacturer, facts.serial) == ("Aperio SVS", "case 7", "Aperio", "T1")
    assert facts.acquired_at is not None
    assert facts.acquired_at.isoformat() == "2009-12-29T09:59:15"
    assert (facts.objective_power, facts.mpp, facts.notes) == (20.0, (0.499, 0.499), ())


def test_equal_scans_have_equal_identities_and_others_do_not(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    write_svs(tmp_path / "b.svs")
    write_svs(tmp_path / "c.svs", [(300, 264)])
    identities = []
    for name in "abc":
        with open_tiff(tmp_path / f"{name}.svs") as source:
            identities.append(source.description.identity)
    assert identities[0] == identities[1] != identities[2]


def test_a_pyramid_in_sub_directories_is_found(tmp_path: Path) -> None:
    big, small = picture(200, 300), picture(100, 150)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", bigtiff=True) as tiff:
        write_level(tiff, [jpeg(tile) for tile in tiles_of(big)], 300, 200, subifds=1)
        write_level(tiff, [jpeg(tile) for tile in tiles_of(small)], 150, 100, subfiletype=1)
    with open_tiff(tmp_path / "a.ome.tif") as source:
        assert [(image.level.width_px, image.is_resampled) for image in source.images] == [(300, False), (150, True)]


def test_left_out_tiles_are_white(tmp_path: Path) -> None:
    tiles = [jpeg(tile) for tile in tiles_of(picture(128, 128))]
    tiles[2] = b""
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        write_level(tiff, tiles, 128, 128)
    image = stored(tmp_path / "a.tif")
    pixels = codec.decode_frame(frame(image, 2), image.encoding, width_px=64, height_px=64)
    assert int(pixels.min()) >= 254
    assert frame(image, 1) == tiles[1]


@pytest.mark.parametrize("compression", [33003, 33005])
def test_jpeg_2000_tiles_are_copied(tmp_path: Path, compression: int) -> None:
    tiles = [
        imagecodecs.jpeg2k_encode(tile, codecformat="j2k", mct=False, level=40) for tile in tiles_of(picture(128, 128))
    ]
    with tifffile.TiffWriter(tmp_path / "a.svs") as tiff:
        write_level(
            tiff,
            tiles,
            128,
            128,
            description=APERIO.format(w=128, h=128),
            compression=compression,
            photometric="rgb",
            subsampling=None,
        )
    image = stored(tmp_path / "a.svs")
    assert image.encoding.transfer_syntax_uid == "1.2.840.10008.1.2.4.91"
    assert image.encoding.photometric_interpretation == {33003: "YBR_FULL", 33005: "RGB"}[compression]
    assert [frame(image, index) for index in range(4)] == tiles


def test_tiles_without_a_codestream_dicom_knows_are_not_copied(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture(128, 128), tile=(64, 64), compression="deflate", photometric="rgb")
    with pytest.raises(UnsupportedSlideError, match="in TIFF compression"):
        open_tiff(tmp_path / "a.tif")


def test_a_tiff_without_tiles_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture(128, 128), photometric="rgb")
    with pytest.raises(UnsupportedSlideError, match="without tiles"):
        open_tiff(tmp_path / "a.tif")


def test_several_planes_are_not_taken_for_levels(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for seed in (1, 2):
            write_level(tiff, [jpeg(tile) for tile in tiles_of(picture(128, 128, seed))], 128, 128)
    with pytest.raises(UnsupportedSlideError, match="several planes"):
        open_tiff(tmp_path / "a.tif")


def test_a_tile_that_is_no_jpeg_is_unreadable(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        write_level(tiff, [b"garbage!"] * 4, 128, 128)
    with pytest.raises(UnreadableSlideError):
        open_tiff(tmp_path / "a.tif")


def test_the_scale_of_a_plain_tiff_is_its_resolution(tmp_path: Path) -> None:
    tiles = [jpeg(tile) for tile in tiles_of(picture(128, 128))]
    for name, resolution in (("fine", 20_000.0), ("screen", 28.0)):
        with tifffile.TiffWriter(tmp_path / f"{name}.tif") as tiff:
            write_level(tiff, tiles, 128, 128, resolution=(resolution, resolution), resolutionunit="CENTIMETER")
    with open_tiff(tmp_path / "fine.tif") as fine, open_tiff(tmp_path / "screen.tif") as screen:
        assert fine.description.mpp == (0.5, 0.5)
        assert screen.description.notes


def test_pictures_are_found_by_name(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.svs") as tiff:
        write_level(tiff, [jpeg(tile) for tile in tiles_of(picture(200, 300))], 300, 200, description=APERIO)
        tiff.write(picture(40, 60), photometric="rgb", metadata=None, description="Aperio\r\nlabel 60x40")
        tiff.write(picture(30, 90), photometric="rgb", metadata=None, description="Aperio\r\nmacro 90x30")
    with open_tiff(tmp_path / "a.svs") as source:
        assert [image.kind for image in source.images] == [Kind.VOLUME, Kind.LABEL, Kind.OVERVIEW]
        label = source.images[1]
        assert not isinstance(label, StoredImage)
        assert np.array_equal(label.read_pixels(0), picture(40, 60))
        assert label.make_frame(0) == picture(40, 60).tobytes()


@pytest.mark.parametrize("seed", range(60))
def test_damage_anywhere_in_the_structure_is_a_clear_error_or_harmless(tmp_path: Path, seed: int) -> None:
    write_svs(tmp_path / "a.svs")
    data = bytearray((tmp_path / "a.svs").read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(0, 1500, 6):
        data[at] = rng.integers(0, 256)
    (tmp_path / "a.svs").write_bytes(data)
    try:
        open_tiff(tmp_path / "a.svs").close()
    except SlideError as error:
        assert "a.svs" in error.what
