"""Tiled TIFFs of every dialect: what is copied, what is refused."""

from pathlib import Path

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image

from tests.support.scans import APERIO, jpeg, picture, tiles_of, write_level, write_svs
from wsi import codec
from wsi.convert import convert
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


def test_scanner_and_barcode_are_what_the_scan_says(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs", description=APERIO + "|ScannerType = GT450|Barcode = S24-9-A1")
    with open_tiff(tmp_path / "a.svs") as source:
        assert (source.description.manufacturer, source.description.model) == ("Aperio", "GT450")
        assert source.metadata.barcode == "S24-9-A1"
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Instrument ID="I:0">'
        '<Microscope Manufacturer="Maker" Model="M9" SerialNumber="77"/><Objective ID="O:0" NominalMagnification="40"/>'
        '</Instrument><Image ID="Image:0"><AcquisitionDate>2024-03-05T10:11:12</AcquisitionDate><Pixels ID="Pixels:0"'
        ' DimensionOrder="XYCZT" Type="uint8" SizeX="128" SizeY="128" SizeC="3" SizeZ="1" SizeT="1"'
        ' PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="250" PhysicalSizeYUnit="nm"><Channel ID="C:0"'
        ' SamplesPerPixel="3"/><TiffData IFD="0" PlaneCount="1"/></Pixels></Image></OME>'
    )
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=False) as tiff:
        write_level(tiff, [jpeg(tile) for tile in tiles_of(picture(128, 128))], 128, 128, description=xml)
    with open_tiff(tmp_path / "a.ome.tif") as source:
        said = source.description
        assert (said.manufacturer, said.model, said.serial, said.objective_power) == ("Maker", "M9", "77", 40.0)
        assert said.mpp == pytest.approx((0.25, 0.25))
        assert said.acquired_at is not None and said.acquired_at.isoformat() == "2024-03-05T10:11:12"


def write_jpeg_2000(path: Path, compression: int, **options: object) -> list[bytes]:
    """Write an SVS of JPEG 2000 tiles; under 33003 their components are Y, Cb and Cr."""
    tiles = []
    for tile in tiles_of(picture(128, 128)):
        stored = np.asarray(Image.fromarray(tile).convert("YCbCr")) if compression == 33003 else tile
        tiles.append(
            bytes(imagecodecs.jpeg2k_encode(np.ascontiguousarray(stored), codecformat="j2k", mct=False, **options))
        )
    with tifffile.TiffWriter(path) as tiff:
        form = {"compression": compression, "photometric": "rgb", "subsampling": None}
        write_level(tiff, tiles, 128, 128, description=APERIO.format(w=128, h=128), **form)
    return tiles


def test_jpeg_2000_tiles_are_copied(tmp_path: Path) -> None:
    tiles = write_jpeg_2000(tmp_path / "a.svs", 33005, level=40)
    image = stored(tmp_path / "a.svs")
    assert image.encoding.transfer_syntax_uid == "1.2.840.10008.1.2.4.91"
    assert image.encoding.photometric_interpretation == "RGB"
    assert [frame(image, index) for index in range(4)] == tiles


def test_jpeg_2000_in_ycbcr_is_copied_with_the_one_byte_that_says_so(tmp_path: Path) -> None:
    tiles = write_jpeg_2000(tmp_path / "a.svs", 33003, level=60)
    image = stored(tmp_path / "a.svs")
    assert image.encoding.photometric_interpretation == "YBR_ICT"
    for index, tile in enumerate(tiles):
        found = frame(image, index)
        different = [at for at in range(len(tile)) if tile[at] != found[at]]
        assert len(found) == len(tile)
        assert [(tile[at], found[at]) for at in different] == [(0, 1)]
        assert np.abs(np.asarray(imagecodecs.jpeg2k_decode(found), int) - tiles_of(picture(128, 128))[index]).mean() < 2
    result = convert(tmp_path / "a.svs", tmp_path / "out")
    with openslide.OpenSlide(tmp_path / "a.svs") as before, openslide.OpenSlide(result.files[0].path) as after:
        pair = [np.asarray(one.read_region((0, 0), 0, (128, 128)).convert("RGB"), int) for one in (before, after)]
    assert np.abs(pair[0] - pair[1]).mean() < 1


def test_reversible_jpeg_2000_in_ycbcr_has_no_name_in_dicom(tmp_path: Path) -> None:
    write_jpeg_2000(tmp_path / "a.svs", 33003, reversible=True)
    with pytest.raises(UnsupportedSlideError, match="YCbCr in a form"):
        open_tiff(tmp_path / "a.svs")


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
