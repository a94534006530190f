"""Scans as their makers' machines write them, small: what each format says where, for which no sample is at hand."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from tests.support.scans import TILE_PX, jpeg, picture, tiles_of, write_level

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


SCN_XMLNS = "http://www.leica-microsystems.com/scn/2010/10/01"
SCN_NM = 500
"""Nanometres a pixel of the finest level."""


def scn_image(
    name: str, ifds: Sequence[Sequence[int]], *, side: tuple[int, int], at: tuple[int, int], nm: int, objective: float,
    light: str = "brightfield", plane_count: int = 1, spacing_nm: int = 0, channels: Sequence[str] = (),
) -> str:  # fmt: skip
    """Return one image of an SCN's description; `ifds` a level, its pages focal planes within channels."""
    dimensions = "".join(
        f'<dimension sizeX="{side[0] >> 2 * level}" sizeY="{side[1] >> 2 * level}" r="{level}"'
        f' c="{number // plane_count}" z="{number % plane_count}" ifd="{ifd}"/>'
        for level, pages in enumerate(ifds)
        for number, ifd in enumerate(pages)
    )
    named = "".join(f'<channel index="{index}" name="{channel}"/>' for index, channel in enumerate(channels))
    return (
        f'<image name="{name}" uuid="urn:uuid:{name}"><creationDate>2011-11-09T14:17:34.18Z</creationDate>'
        '<device model="Leica SCN400;Leica SCN" version="1.4.0.9691 2011/06/06 14:10:07;1.4.0.9691"/>'
        f'<pixels sizeX="{side[0]}" sizeY="{side[1]}">{dimensions}</pixels>'
        f'<view sizeX="{side[0] * nm}" sizeY="{side[1] * nm}" offsetX="{at[0]}" offsetY="{at[1]}"'
        f' spacingZ="{spacing_nm}"/><scanSettings><objectiveSettings><objective>{objective}</objective>'
        "</objectiveSettings><illuminationSettings><numericalAperture>0.4</numericalAperture>"
        f"<illuminationSource>{light}</illuminationSource></illuminationSettings>"
        f"<channelSettings>{named}</channelSettings></scanSettings></image>"
    )


def scn_document(images: Sequence[str], *, glass: tuple[int, int], barcode: str = "S24-9") -> str:
    """Return an SCN's description; the glass in nanometres."""
    return (
        f'<?xml version="1.0"?><scn xmlns="{SCN_XMLNS}" uuid="urn:uuid:1"><collection name="Leica-1"'
        f' uuid="urn:uuid:2" sizeX="{glass[0]}" sizeY="{glass[1]}"><barcode>{base64_of(barcode)}</barcode>'
        f"{''.join(images)}</collection></scn>"
    )


def write_scn(
    path: Path,
    *,
    regions: Sequence[tuple[tuple[int, int], tuple[int, int]]] = (((256, 192), (100_000, 200_000)),),
    barcode: str = "S24-9",
) -> list[NDArray[np.uint8]]:
    """Write a brightfield SCN: overview, then each region (side in pixels, place in nanometres) with two levels.

    Return the picture of each region.
    """
    glass = (2_048_000, 4_096_000)
    pages: list[tuple[NDArray[np.uint8], int]] = [(picture(256, 128, 90), glass[0] // 128)]
    images = [
        scn_image("macro", [[0]], side=(128, 256), at=(0, 0), nm=glass[0] // 128, objective=0.6),
    ]
    kept = []
    for number, (side, at) in enumerate(regions):
        whole = picture(side[1], side[0], number)
        kept.append(whole)
        first = len(pages)
        pages += [(whole, SCN_NM), (picture(side[1] // 4, side[0] // 4, number), SCN_NM * 4)]
        images.append(scn_image(f"region{number}", [[first], [first + 1]], side=side, at=at, nm=SCN_NM, objective=20))
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for number, (pixels, nm) in enumerate(pages):
            tiff.write(
                iter([jpeg(tile) for tile in tiles_of(pixels)]), shape=pixels.shape, dtype="uint8",
                tile=(TILE_PX, TILE_PX), compression="jpeg", photometric="ycbcr", subsampling=(2, 1), metadata=None,
                description="" if number else scn_document(images, glass=glass, barcode=barcode),
                resolution=(1e7 / nm, 1e7 / nm), resolutionunit="CENTIMETER",
            )  # fmt: skip
    return kept


def write_scn_fluorescence(path: Path, channels: Sequence[str] = ("DAPI", "FITC"), plane_count: int = 3) -> None:
    """Write a fluorescence SCN of one region: channels of focal planes, JPEG in grey."""
    glass, pages = (2_048_000, 4_096_000), len(channels) * plane_count
    levels = [list(range(1, 1 + pages)), list(range(1 + pages, 1 + 2 * pages))]
    images = [
        scn_image("macro", [[0]], side=(128, 256), at=(0, 0), nm=16_000, objective=0.6),
        scn_image("stack", levels, side=(256, 192), at=(0, 300_000), nm=SCN_NM, objective=20, light="fluorescence",
                  plane_count=plane_count, spacing_nm=1200, channels=channels),
    ]  # fmt: skip
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        form: dict[str, Any] = {"tile": (TILE_PX, TILE_PX), "compression": "jpeg", "metadata": None}
        tiff.write(
            iter([jpeg(tile) for tile in tiles_of(picture(256, 128, 90))]), shape=(256, 128, 3), dtype="uint8",
            photometric="ycbcr", subsampling=(2, 1), description=scn_document(images, glass=glass), **form,
        )  # fmt: skip
        for width, height in ((256, 192), (64, 48)):
            for number in range(pages):
                tiff.write(
                    iter(grey_tiles(picture(height, width, number))), shape=(height, width), dtype="uint8",
                    photometric="minisblack", **form,
                )  # fmt: skip


def add_focal_planes(scan: Path, path: Path, heights_nm: Sequence[int]) -> dict[int, list[bytes]]:
    """Write an NDPI with further focal planes, as its maker does: more pages, each with the height in tag 65424.

    A further plane holds the stripes of the scan's own in reverse, so that each can be told from the others. Return,
    by height, the entropy-coded stripes of the largest level.
    """
    data = bytearray(scan.read_bytes())
    kept: dict[int, list[bytes]] = {}
    with tifffile.TiffFile(scan) as tiff:
        pages = [page for page in tiff.pages if page.is_tiled]
        last = tiff.pages[len(tiff.pages) - 1]
        link = last.offset + 2 + 12 * len(last.tags)
        for height in heights_nm:
            for page in pages:
                start = len(data)
                link, stripes = _add_plane(data, page, link, height)
                if page is pages[0]:
                    kept[height] = stripes
                assert start < len(data) < 1 << 32
        page = pages[0]
        places = zip(page.dataoffsets, page.databytecounts, strict=True)
        kept[0] = [bytes(data[offset : offset + length - 2]) for offset, length in places]
    path.write_bytes(data)
    return kept


def _add_plane(data: bytearray, page: tifffile.TiffPage, link: int, height_nm: int) -> tuple[int, list[bytes]]:
    """Add a page's stripes in reverse and its directory; return where its link to the next lies, and the stripes."""
    places = zip(page.dataoffsets, page.databytecounts, strict=True)
    stripes = [bytes(data[offset : offset + length - 2]) for offset, length in places][::-1]
    head_bytes = int(page.tags.valueof(65426)[0])
    head = bytes(data[page.dataoffsets[0] - head_bytes : page.dataoffsets[0]])
    stream, starts = bytearray(head), []
    for number, stripe in enumerate(stripes):
        starts.append(len(stream))
        stream += stripe + bytes((0xFF, 0xD0 + number % 8))
    stream[-1] = 0xD9
    stream_at, table_at = len(data), len(data) + len(stream) + len(stream) % 2
    data += stream.ljust(table_at - stream_at, b"\0") + np.array(starts, "<u4").tobytes()
    values = {273: stream_at, 279: len(stream), 65424: height_nm & 0xFFFFFFFF, 65426: table_at}
    directory_at = len(data)
    entries = bytes(data[page.offset + 2 : page.offset + 2 + 12 * len(page.tags)])
    directory = bytearray(len(page.tags).to_bytes(2, "little"))
    for at in range(0, len(entries), 12):
        entry = bytearray(entries[at : at + 12])
        if (code := int.from_bytes(entry[:2], "little")) in values:
            entry[8:12] = values[code].to_bytes(4, "little")
        directory += entry
    data[link : link + 8] = directory_at.to_bytes(8, "little")
    data += directory + bytes(8 + 4 * len(page.tags))
    return directory_at + len(directory), stripes


def philips_description(
    spacings: Sequence[float], *, pictures: dict[str, bytes] | None = None, barcode: str = "S24-55"
) -> str:
    """Return what a Philips TIFF says of itself; spacings in millimetres, one a level."""

    def attribute(name: str, kind: str, value: str) -> str:
        return f'<Attribute Name="{name}" Group="0x301D" Element="0x1000" PMSVR="{kind}">{value}</Attribute>'

    def spaced(spacing: float) -> str:
        return attribute("DICOM_PIXEL_SPACING", "IDoubleArray", f"&quot;{spacing}&quot; &quot;{spacing}&quot;")

    levels = "".join(
        f'<DataObject ObjectType="PixelDataRepresentation">{spaced(spacing)}</DataObject>' for spacing in spacings
    )
    others = "".join(
        f'<DataObject ObjectType="DPScannedImage">{attribute("PIM_DP_IMAGE_TYPE", "IString", name)}'
        f"{attribute('PIM_DP_IMAGE_DATA', 'IString', base64.b64encode(data).decode())}</DataObject>"
        for name, data in (pictures or {}).items()
    )
    sequence = attribute("PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE", "IDataObjectArray", f"<Array>{levels}</Array>")
    wsi = (
        f'<DataObject ObjectType="DPScannedImage">{attribute("PIM_DP_IMAGE_TYPE", "IString", "WSI")}'
        f"{spaced(spacings[0])}{sequence}</DataObject>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" ?><DataObject ObjectType="DPUfsImport">'
        f"{attribute('DICOM_MANUFACTURER', 'IString', 'PHILIPS')}"
        f"{attribute('DICOM_ACQUISITION_DATETIME', 'IString', '20160718122300.000000')}"
        f"{attribute('DICOM_DEVICE_SERIAL_NUMBER', 'IString', 'FMT0107')}"
        f"{attribute('PIM_DP_UFS_BARCODE', 'IString', base64_of(barcode))}"
        f"{attribute('PIM_DP_SCANNED_IMAGES', 'IDataObjectArray', f'<Array>{wsi}{others}</Array>')}</DataObject>"
    )


def write_philips(path: Path, *, left_out: Sequence[int] = (1,), pictures: dict[str, bytes] | None = None) -> None:
    """Write a scan of 10 x 6 tiles and two smaller levels of whole tiles; some tiles were never scanned."""
    sides = [(10 * TILE_PX, 6 * TILE_PX), (5 * TILE_PX, 3 * TILE_PX), (3 * TILE_PX, 2 * TILE_PX)]
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for number, (width, height) in enumerate(sides):
            tiles = [jpeg(tile) for tile in tiles_of(picture(height, width, number))]
            tiff.write(
                iter(tiles), shape=(height, width, 3), dtype="uint8", tile=(TILE_PX, TILE_PX), compression="jpeg",
                photometric="ycbcr", subsampling=(2, 1), metadata=None, software="Philips DP v1.0",
                subfiletype=min(number, 1),
                description=philips_description([0.00025, 0.0005, 0.001], pictures=pictures) if not number else "",
            )  # fmt: skip
    leave_out(path, left_out)


def leave_out(path: Path, tiles: Sequence[int]) -> None:
    """Have the first page of a TIFF hold no such tiles."""
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        for code in (324, 325):
            tag = tiff.pages[0].tags[code]
            size = tag.valuebytecount // tag.count
            for tile in tiles:
                at = tag.valueoffset + tile * size
                data[at : at + size] = bytes(size)
    path.write_bytes(data)


def _serpentine(column: int, row: int, columns: int, rows: int) -> int:
    """Return a tile's number in a Ventana scan, from 1: row by row from the lower left, back and forth."""
    from_below = rows - 1 - row
    return from_below * columns + (columns - 1 - column if from_below % 2 else column) + 1


def bif_description(columns: int, rows: int, overlap_px: int) -> str:
    """Return where the tiles of a Ventana scan join, neighbour by neighbour."""

    def joint(direction: str, one: tuple[int, int], other: tuple[int, int]) -> str:
        return (
            f'<TileJointInfo FlagJoined="1" Confidence="100" Direction="{direction}"'
            f' Tile1="{_serpentine(*one, columns, rows)}" Tile2="{_serpentine(*other, columns, rows)}"'
            f' OverlapX="{overlap_px if direction == "RIGHT" else 0}"'
            f' OverlapY="{overlap_px if direction == "UP" else 0}"/>'
        )

    joints = [joint("RIGHT", (x, y), (x + 1, y)) for y in range(rows) for x in range(columns - 1)]
    joints += [joint("UP", (x, y), (x, y - 1)) for y in range(1, rows) for x in range(columns)]
    return (
        f'<?xml version="1.0"?><EncodeInfo Ver="2"><SlideInfo><ServerDirectory/></SlideInfo><SlideStitchInfo>'
        f'<ImageInfo AOIScanned="1" AOIIndex="0" NumRows="{rows}" NumCols="{columns}" Width="{TILE_PX}"'
        f' Height="{TILE_PX}" Pos-X="0" Pos-Y="0">{"".join(joints)}</ImageInfo></SlideStitchInfo>'
        '<AoiOrigin><AOI0 OriginX="0" OriginY="0"/></AoiOrigin></EncodeInfo>'
    )


def write_bif(path: Path, *, overlap_px: int = 0) -> None:
    """Write a Ventana scan of 8 x 4 tiles and a smaller level, with the picture of the glass and a thumbnail."""
    scan = (
        '<?xml version="1.0"?><Metadata><iScan Mode="brightfield" Magnification="40" ScanRes="0.25"'
        ' UnitNumber="2000515" ScannerModel="VENTANA DP 200" Z-layers="1" BuildVersion="1.1.0.15854"'
        ' BuildDate="11/14/2019 2:12:30 PM" ScanWhitePoint="255"/></Metadata>'
    )
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        form: dict[str, Any] = {"metadata": None, "photometric": "ycbcr", "compression": "jpeg", "subsampling": (2, 1)}
        for name, pixels in (("Label Image", picture(96, 48)), ("Thumbnail", picture(48, 64))):
            extra = [(700, 1, None, scan.encode(), True)] if name == "Label Image" else []
            tiff.write(pixels, description=name, rowsperstrip=pixels.shape[0], extratags=extra, **form)
        for number, (columns, rows) in enumerate(((8, 4), (4, 2))):
            height, width = rows * TILE_PX, columns * TILE_PX
            xml = bif_description(columns, rows, overlap_px) if number == 0 else "<EncodeInfo/>"
            tiff.write(
                iter([jpeg(tile) for tile in tiles_of(picture(height, width, number))]), shape=(height, width, 3),
                dtype="uint8", tile=(TILE_PX, TILE_PX), description=f"level={number} mag={40 >> number} quality=90",
                extratags=[(700, 1, None, xml.encode(), True)], **form,
            )  # fmt: skip


def write_trestle(path: Path, *, overlaps: str = " 0 0 0 0", level_count: int = 2) -> None:
    """Write a Trestle scan: what it says of its tiles stands in the description, its scale in the resolution."""
    with tifffile.TiffWriter(path) as tiff:
        for number, (width, height) in enumerate(((512, 256), (256, 128))[:level_count]):
            tiff.write(
                iter([jpeg(tile) for tile in tiles_of(picture(height, width, number))]), shape=(height, width, 3),
                dtype="uint8", tile=(TILE_PX, TILE_PX), compression="jpeg", photometric="ycbcr", subsampling=(2, 1),
                metadata=None, software="MedScan 1.0", resolution=(0.4672, 0.4672), resolutionunit="NONE",
                description=f"Background Color=E6E6E6;White Balance=D8D8D8;Objective Power=20;JPEG Quality=75;"
                f"OverlapsXY={overlaps};",
            )  # fmt: skip


def write_colour_stack(path: Path, *, planes: int = 3, size: tuple[int, int] = (300, 200)) -> list[list[bytes]]:
    """Write an OME-TIFF of focal planes in colour, 1.5 micrometres apart; return the JPEG tiles of each."""
    width, height = size
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="{width}" SizeY="{height}" SizeC="3"'
        f' SizeZ="{planes}" SizeT="1" PhysicalSizeX="0.5" PhysicalSizeY="0.5" PhysicalSizeZ="1.5">'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="3"/><TiffData IFD="0" PlaneCount="{planes}"/>'
        "</Pixels></Image></OME>"
    )
    kept = [[jpeg(tile) for tile in tiles_of(picture(height, width, number))] for number in range(planes)]
    with tifffile.TiffWriter(path, ome=False) as tiff:
        for number, tiles in enumerate(kept):
            write_level(tiff, tiles, width, height, description="" if number else xml)
    return kept
