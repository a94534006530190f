"""Scans as their makers' machines write them, small: what each format says where, for which no sample is at hand."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from tests.support.scans import TILE_PX, jpeg, picture, tiles_of

QPI_SOFTWARE = "PerkinElmer-QPI"
RESOLUTION = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
"""Half a micrometre a pixel."""
BANDS = ("DAPI", "Opal 520", "Opal 690")


def grey_tiles(pixels: NDArray[np.uint8]) -> list[bytes]:
    """Cut a grey plane into JPEG tiles."""
    return [bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(t[..., 0]), level=85)) for t in tiles_of(pixels)]


def qpi_description(image_type: str, name: str = "", colour: str = "") -> str:
    """Return what a page of a QPTIFF says of itself."""
    band = f"<Name>{name}</Name><Color>{colour}</Color><ExposureTime>20000</ExposureTime>" if name else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<PerkinElmer-QPI-ImageDescription>'
        "<DescriptionVersion>2</DescriptionVersion><AcquisitionSoftware>VectraScan 1.0.7</AcquisitionSoftware>"
        f"<ImageType>{image_type}</ImageType><Identifier>7d2f</Identifier><SlideID>S24-77</SlideID>"
        "<Barcode>S24-77-A-1</Barcode><ComputerName>PC</ComputerName><IsUnmixedComponent>False</IsUnmixedComponent>"
        f"{band}<Objective>20x</Objective><InstrumentType>VectraPolaris</InstrumentType>"
        "<ScanProfile><root><Name>not the band</Name></root></ScanProfile></PerkinElmer-QPI-ImageDescription>"
    )


def write_qptiff(
    path: Path, *, bands: Sequence[str] = BANDS, compression: str = "lzw", side_px: int = 256, depth: type = np.uint8
) -> list[NDArray[Any]]:
    """Write a fluorescence scan: bands, thumbnail, smaller bands, overview, label; return the bands at full size."""
    planes: list[NDArray[Any]] = []
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        form = {"software": QPI_SOFTWARE, "metadata": None, "datetime": "2024:03:05 10:11:12", **RESOLUTION}

        def level(side: int, image_type: str) -> None:
            for number, band in enumerate(bands):
                pixels = picture(side, side, number)
                grey: NDArray[Any] = pixels[..., 0].astype(depth) * (257 if depth is np.uint16 else 1)
                data: Any = iter(grey_tiles(pixels)) if compression == "jpeg" else grey
                tiff.write(
                    data, shape=(side, side), dtype=grey.dtype, tile=(TILE_PX, TILE_PX), compression=compression,
                    photometric="minisblack", description=qpi_description(image_type, band, "0,0,255"),
                    subfiletype=int(side != side_px), **form,
                )  # fmt: skip
                if side == side_px:
                    planes.append(grey)

        level(side_px, "FullResolution")
        _strip(tiff, picture(60, 60), qpi_description("Thumbnail"), form)
        level(side_px // 2, "ReducedResolution")
        _strip(tiff, picture(40, 90), qpi_description("Overview"), form)
        _strip(tiff, picture(40, 50), qpi_description("Label"), form)
    return planes


def write_qptiff_colour(path: Path, side_px: int = 256) -> list[bytes]:
    """Write a brightfield scan: one page in colour a level, JPEG; return the tiles of the largest."""
    kept: list[bytes] = []
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        form = {"software": QPI_SOFTWARE, "metadata": None, **RESOLUTION}
        for side, image_type in ((side_px, "FullResolution"), (side_px // 2, "ReducedResolution")):
            tiles = [jpeg(tile) for tile in tiles_of(picture(side, side))]
            kept = kept or tiles
            tiff.write(
                iter(tiles), shape=(side, side, 3), dtype="uint8", tile=(TILE_PX, TILE_PX), compression="jpeg",
                photometric="ycbcr", subsampling=(2, 1), description=qpi_description(image_type), **form,
            )  # fmt: skip
            if side == side_px:
                _strip(tiff, picture(60, 60), qpi_description("Thumbnail"), form)
        _strip(tiff, picture(40, 90), qpi_description("Overview"), form)
        _strip(tiff, picture(40, 50), qpi_description("Label"), form)
    return kept


def _strip(tiff: tifffile.TiffWriter, pixels: NDArray[np.uint8], description: str, form: dict[str, Any]) -> None:
    tiff.write(pixels, photometric="rgb", compression="lzw", description=description, rowsperstrip=16, **form)


def base64_of(text: str) -> str:
    """Return a text as makers hide barcodes."""
    return base64.b64encode(text.encode()).decode()
