"""One small scan of every kind the converter is asked for, and the table in docs/formats.md that they make.

`python -m tests.support.formats` writes the table anew; a test fails while it is stale.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from tests.support.scanners import (
    add_focal_planes,
    write_bif,
    write_colour_stack,
    write_philips,
    write_qptiff,
    write_qptiff_colour,
    write_scn,
    write_scn_fluorescence,
    write_trestle,
)
from tests.support.scans import TILE_PX, jpeg, picture, tiles_of, write_level, write_svs
from wsi.convert import open_slide
from wsi.defects import mend
from wsi.encoding import Origin
from wsi.errors import SlideError

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
BEGIN, END = "<!-- table: made by tests/support/formats.py -->", "<!-- end of table -->"
_SYNTAXES = {
    "1.2.840.10008.1.2.1": "uncompressed",
    "1.2.840.10008.1.2.4.50": "JPEG",
    "1.2.840.10008.1.2.4.80": "JPEG-LS lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.4.201": "HTJ2K lossless",
}
_NDPI = "wsi/hamamatsu/test3-TRITC_2_560.ndpi"
_WORDS = {Origin.COPIED: "copied", Origin.REENCODED: "re-encoded", Origin.LOSSLESS: "stored without loss"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A kind of scan, and how to get one: made in a folder, or a real one."""

    name: str
    make: Callable[[Path], Path]
    real: str = ""
    """Where it lies in the real data; empty: made."""
    alter: Callable[[Path, Path], Path] | None = None
    """What is done to the real one, in a folder."""


def table(samples: list[Sample], real_data: Path) -> list[str]:
    """Return one row a sample; what is not here has no row."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number, sample in enumerate(samples):
            place = Path(folder) / str(number)
            place.mkdir()
            path = real_data / sample.real if sample.real else sample.make(place)
            if path.exists():
                if sample.alter is not None:
                    path = sample.alter(path, place)
                rows.append(f"| {sample.name} | {' | '.join(_found(path))} |")
    return rows


def names_of_real() -> set[str]:
    """Return the names of the rows that need the real data."""
    return {sample.name for sample in SAMPLES if sample.real}


def _found(path: Path) -> tuple[str, str, str]:
    try:
        with open_slide(path) as source:
            mend(source)
            said = {"levels": "", "others": ""}
            for image in source.images:
                what = "levels" if image.kind.value == "VOLUME" else "others"
                syntax = _SYNTAXES[image.encoding.transfer_syntax_uid]
                words = f"{_WORDS[image.encoding.origin]} ({syntax})"
                if words not in said[what]:
                    said[what] += f", {words}" if said[what] else words
            volumes = [image for image in source.images if image.kind.value == "VOLUME"]
            regions = len({image.region for image in volumes})
            several = f"{len(volumes) // regions} levels: " if len(volumes) > regions else ""
            several = f"{regions} series of {several}" if regions > 1 else several
            return f"{several}{said['levels']}", said["others"] or "none in it", " ".join(source.description.notes)
    except SlideError as error:
        what = error.what.replace(f"{path.parent}/", "").replace(f"{path.name}: ", "")
        return "refused", "", what.replace(path.name, "The file")


def _made(path: Path, write: Callable[..., object], **options: object) -> Path:
    write(path, **options)
    return path


def _ndpi_planes(real: Path, folder: Path) -> Path:
    add_focal_planes(real, folder / "a.ndpi", [-1000, 1000])
    return folder / "a.ndpi"


def _philips(folder: Path) -> Path:
    pictures = {"LABELIMAGE": jpeg(picture(48, 64)), "MACROIMAGE": jpeg(picture(40, 120))}
    return _made(folder / "a.tiff", write_philips, pictures=pictures)


def _scn_regions(folder: Path) -> Path:
    places = ((100_000, 200_000), (600_000, 900_000))
    return _made(folder / "a.scn", write_scn, regions=[((256, 192), place) for place in places])


def _colour_stack(folder: Path) -> Path:
    write_colour_stack(folder / "a.ome.tif")
    return folder / "a.ome.tif"


def _svs(folder: Path) -> Path:
    write_svs(folder / "a.svs")
    return folder / "a.svs"


def _svs_with_pictures(folder: Path) -> Path:
    with tifffile.TiffWriter(folder / "a.svs") as tiff:
        head = "Aperio Image Library v12\r\n200x200"
        write_level(
            tiff, [jpeg(tile) for tile in tiles_of(picture(200, 200))], 200, 200, description=f"{head}|MPP = 0.5"
        )
        for name, number, form in (("label", 1, "lzw"), ("macro", 9, "jpeg")):
            tiff.write(
                picture(40, 64), rowsperstrip=40, compression=form, subfiletype=number, metadata=None,
                photometric="rgb" if form == "lzw" else "ycbcr", description=f"{head}\r\n{name} 64x40",
            )  # fmt: skip
    return folder / "a.svs"


def _svs_jpeg_2000(folder: Path, compression: int) -> Path:
    is_transformed = compression == 33005
    pixels = Image.fromarray(picture(200, 200))
    coded = tiles_of(np.asarray(pixels if is_transformed else pixels.convert("YCbCr")))
    tiles = [bytes(imagecodecs.jpeg2k_encode(t, codecformat="j2k", level=30, mct=is_transformed)) for t in coded]
    with tifffile.TiffWriter(folder / "a.svs") as tiff:
        form = {"compression": compression, "photometric": "rgb", "subsampling": None}
        write_level(tiff, tiles, 200, 200, description="Aperio Image Library v12\r\n200x200|MPP = 0.5", **form)
    return folder / "a.svs"


def _damaged(folder: Path) -> Path:
    path = _svs(folder)
    with tifffile.TiffFile(path) as tiff:
        offset, length = tiff.pages[0].dataoffsets[2], tiff.pages[0].databytecounts[2]
    data = bytearray(path.read_bytes())
    data[offset : offset + length] = bytes(length)
    path.write_bytes(data)
    return path


def _cut_short(folder: Path) -> Path:
    tiles = [jpeg(tile) for tile in tiles_of(picture(200, 200))]
    with tifffile.TiffWriter(folder / "a.svs") as tiff:
        write_level(tiff, tiles, 200, 200, description="Aperio Image Library v12\r\n200x200|MPP = 0.5")
    data = (folder / "a.svs").read_bytes()
    (folder / "a.svs").write_bytes(data[: len(data) // 2])
    return folder / "a.svs"


def _sub_directories(folder: Path) -> Path:
    with tifffile.TiffWriter(folder / "a.ome.tif", ome=False) as tiff:
        xml = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
            '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="300" SizeY="200" SizeC="3" SizeZ="1"'
            ' SizeT="1" PhysicalSizeX="0.5" PhysicalSizeY="0.5"><Channel ID="Channel:0:0" SamplesPerPixel="3"/>'
            '<TiffData IFD="0" PlaneCount="1"/></Pixels></Image></OME>'
        )
        write_level(tiff, [jpeg(t) for t in tiles_of(picture(200, 300))], 300, 200, description=xml, subifds=1)
        write_level(tiff, [jpeg(t) for t in tiles_of(picture(100, 150))], 150, 100, subfiletype=1)
    return folder / "a.ome.tif"


def _jpeg_tiff(folder: Path, **options: object) -> Path:
    with tifffile.TiffWriter(folder / "a.tif", **options) as tiff:  # type: ignore[arg-type]
        write_level(tiff, [jpeg(tile) for tile in tiles_of(picture(200, 200))], 200, 200, resolution=(20000, 20000),
                    resolutionunit="CENTIMETER")  # fmt: skip
    return folder / "a.tif"


def _tiff(folder: Path, **options: object) -> Path:
    form = {"resolution": (20000, 20000), "resolutionunit": "CENTIMETER", "photometric": "rgb", **options}
    tifffile.imwrite(folder / "a.tif", picture(200, 200), metadata=None, **form)  # type: ignore[arg-type]
    return folder / "a.tif"


def _deep(folder: Path) -> Path:
    tifffile.imwrite(folder / "a.tif", picture(200, 200)[..., 0].astype(np.float32), metadata=None)
    return folder / "a.tif"


def _planes(folder: Path, shape: tuple[int, ...], depth: type) -> Path:
    pixels = np.random.default_rng(1).integers(0, 100, shape).astype(depth)
    axes = "CZYX"[-len(shape) :]
    facts = {"axes": axes, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(folder / "a.ome.tif", pixels, tile=(64, 64), metadata=facts, ome=True, photometric="minisblack")
    return folder / "a.ome.tif"


def _picture(folder: Path, ending: str) -> Path:
    Image.fromarray(picture(200, 200)).save(folder / f"a.{ending}")
    return folder / f"a.{ending}"


def _nothing(folder: Path) -> Path:
    (folder / "a.isyntax").write_bytes(b"no slide at all" * 20)
    return folder / "a.isyntax"


def _none(_: Path) -> Path:
    raise AssertionError("a real scan is not made")


SAMPLES = [
    Sample(name="Aperio SVS, JPEG", make=_svs),
    Sample(name="Aperio SVS with label and macro", make=_svs_with_pictures),
    Sample(name="Aperio SVS, JPEG 2000 (33003)", make=lambda folder: _svs_jpeg_2000(folder, 33003)),
    Sample(name="Aperio SVS, JPEG 2000 (33005)", make=lambda folder: _svs_jpeg_2000(folder, 33005)),
    Sample(name="Aperio SVS with a damaged tile", make=_damaged),
    Sample(name="Aperio SVS cut short", make=_cut_short),
    Sample(name="Hamamatsu NDPI", make=_none, real="wsi/hamamatsu/test3-TRITC_2_560.ndpi"),
    Sample(name="Hamamatsu NDPI, 3 focal planes", make=_none, real=_NDPI, alter=_ndpi_planes),
    Sample(name="Philips TIFF", make=_none, real="wsi/synthetic-container/philips-like.tiff"),
    Sample(name="Philips TIFF with tiles left out, label and macro", make=_philips),
    Sample(name="Leica SCN", make=lambda folder: _made(folder / "a.scn", write_scn)),
    Sample(name="Leica SCN, two regions", make=_scn_regions),
    Sample(name="Leica SCN, fluorescence, 3 focal planes", make=lambda f: _made(f / "a.scn", write_scn_fluorescence)),
    Sample(name="Ventana BIF without overlap", make=lambda folder: _made(folder / "a.bif", write_bif)),
    Sample(name="Ventana BIF, tiles overlap", make=lambda f: _made(f / "a.bif", write_bif, overlap_px=8)),
    Sample(name="Trestle without overlap", make=lambda folder: _made(folder / "a.tif", write_trestle)),
    Sample(
        name="Trestle, tiles overlap",
        make=lambda folder: _made(folder / "a.tif", write_trestle, overlaps=" 8 8", level_count=1),
    ),
    Sample(name="QPTIFF, brightfield, JPEG", make=lambda f: _made(f / "a.qptiff", write_qptiff_colour)),
    Sample(name="QPTIFF, 3 bands, JPEG", make=lambda f: _made(f / "a.qptiff", write_qptiff, compression="jpeg")),
    Sample(name="QPTIFF, 3 bands, LZW", make=lambda folder: _made(folder / "a.qptiff", write_qptiff)),
    Sample(name="MIRAX without its index", make=_none, real="wsi/panimg/complex_tiff/Mirax2-Fluorescence-1.mrxs"),
    Sample(name="OME-TIFF, JPEG, pyramid in sub-directories", make=_sub_directories),
    Sample(
        name="OME-TIFF, 3 channels of 2 focal planes, 8 bit",
        make=lambda folder: _planes(folder, (3, 2, 128, 128), np.uint8),
    ),
    Sample(name="OME-TIFF, 3 focal planes in colour, JPEG", make=_colour_stack),
    Sample(name="OME-TIFF, grey, 16 bit", make=lambda folder: _planes(folder, (128, 128), np.uint16)),
    Sample(name="OME-TIFF, 3 focal planes, signed", make=lambda folder: _planes(folder, (3, 128, 128), np.int8)),
    Sample(name="Tiled TIFF, JPEG", make=_jpeg_tiff),
    Sample(name="Tiled BigTIFF, JPEG", make=lambda folder: _jpeg_tiff(folder, bigtiff=True)),
    Sample(name="Tiled TIFF, uncompressed", make=lambda folder: _tiff(folder, tile=(TILE_PX, TILE_PX))),
    Sample(
        name="Tiled TIFF, Deflate", make=lambda folder: _tiff(folder, tile=(TILE_PX, TILE_PX), compression="deflate")
    ),
    Sample(name="Tiled TIFF, WebP", make=lambda folder: _tiff(folder, tile=(TILE_PX, TILE_PX), compression="webp")),
    Sample(name="TIFF without tiles", make=_tiff),
    Sample(name="TIFF of floating point numbers", make=_deep),
    Sample(name="DICOM slide, JPEG", make=_none, real="wsi/dicom-wsi2dcm/jpeg.dicom"),
    Sample(name="DICOM slide, grey, 16 bit", make=_none, real="wsi/dicom-highdicom/sm_image_grayscale_reversed.dcm"),
    Sample(name="DICOM slide, uncompressed", make=_none, real="wsi/dicom-highdicom/sm_image_numbers.dcm"),
    Sample(
        name="DICOM slide, JPEG-LS, no offset table", make=_none, real="wsi/dicom-highdicom/sm_image_jpegls_nobot.dcm"
    ),
    Sample(name="DICOM object that is no slide", make=_none, real="wsi/panimg/dicom_wsi/non_wsi_dcm/1.dcm"),
    Sample(name="PNG", make=lambda folder: _picture(folder, "png")),
    Sample(name="JPEG picture", make=lambda folder: _picture(folder, "jpg")),
    Sample(name="JPEG 2000 picture", make=lambda folder: _picture(folder, "jp2")),
    Sample(name="Anything else", make=_nothing),
]


def document(rows: list[str]) -> str:
    """Return the document with these rows in the place of its table."""
    text = DOCUMENT.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    head = ["| Scan | Levels | Label, overview, thumbnail | Said about it |", "|---|---|---|---|"]
    return "\n".join([f"{before}{BEGIN}", *head, *rows, after])


if __name__ == "__main__":
    from tests.bench.mosaic import real_data

    DOCUMENT.write_text(document(table(SAMPLES, real_data())))
