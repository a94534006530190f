"""DICOM slides in: their frames wrapped anew, never encoded again.

The series around the given file is read; frames keep their bytes, the lossy history its entries, and the patient and
study their names unless others are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from wsi import codec
from wsi import encoding as forms
from wsi.check import RATIO_TOLERANCE
from wsi.dicom_facts import describe, focal_spacing_um, is_many, metadata_of, mpp_of
from wsi.encoding import Encoding, Origin
from wsi.errors import NotASlideError, UnsupportedSlideError
from wsi.frames import FrameIndex, index_frames
from wsi.geometry import Level
from wsi.identity import identity_of
from wsi.joined import joined_image
from wsi.source import FrameTable, Image, Kind, MadeImage, Offsets, OpenSource, StoredImage

_SOP_CLASS_UID = "1.2.840.10008.5.1.4.1.1.77.1.6"
_FILES_MAX = 2000
_NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
_COPIED = {forms.JPEG_BASELINE, forms.JPEG_2000, forms.JPEG_2000_LOSSLESS, forms.JPEG_LS_LOSSLESS, forms.HTJ2K_LOSSLESS}


def is_dicom(magic: bytes) -> bool:
    """Tell whether a file begins as DICOM Part 10 does."""
    return magic[128:132] == b"DICM"


def open_dicom(path: Path) -> OpenSource:
    """Open the series a file belongs to, or the one in a folder.

    Raises: NotASlideError for other objects; UnsupportedSlideError for frames that cannot be wrapped as they are.
    """
    indexes = _series(path)
    images: list[_Found] = []
    notes: list[str] = []
    for parts in _wholes(indexes):
        try:
            image = _joined(parts) if parts[0].dataset.get("ConcatenationUID") else _image(parts[0])
            images.append(_Found(parts, image))
        except UnsupportedSlideError as error:
            if "VOLUME" in parts[0].dataset.get("ImageType", []):
                raise
            notes.append(f"Left out: {error.what}")
    volumes = sorted(
        (one for one in images if one.image.kind is Kind.VOLUME), key=lambda one: -one.image.level.width_px
    )
    volumes = _once(volumes, path, notes)
    if not volumes:
        raise UnsupportedSlideError(f"{path.name} belongs to no series with a level of a slide.")
    others = {one.image.kind: one.image for one in images if one.image.kind is not Kind.VOLUME}
    base = volumes[0].parts[0]
    ordered: list[Image] = [one.image for one in volumes]
    ordered += [others[kind] for kind in (Kind.THUMBNAIL, Kind.LABEL, Kind.OVERVIEW) if kind in others]
    return OpenSource(
        path=path,
        description=describe(path, base, identity_of(index.path for index in indexes), tuple(notes)),
        images=tuple(ordered),
        metadata=metadata_of(base.dataset),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """An image and the objects it lies in: one, or the parts of a concatenation."""

    parts: list[FrameIndex]
    image: Image

    def is_in(self, path: Path) -> bool:
        return any(part.path == path for part in self.parts)


def _wholes(indexes: list[FrameIndex]) -> list[list[FrameIndex]]:
    """Return the objects image by image: the parts of a concatenation together, first frame first."""
    groups: dict[str, list[FrameIndex]] = {}
    for index in indexes:
        name = index.dataset.get("ConcatenationUID") or index.path
        groups.setdefault(str(name), []).append(index)
    return [sorted(parts, key=_first_frame) for parts in groups.values()]


def _first_frame(part: FrameIndex) -> int:
    return int(part.dataset.get("ConcatenationFrameOffsetNumber", 0) or 0)


def _once(volumes: list[_Found], path: Path, notes: list[str]) -> list[_Found]:
    """Return one image per level: where a series holds several, the one in the file that was named.

    Raises: UnsupportedSlideError where none of them was
    """
    kept: dict[tuple[int, int], _Found] = {}
    for one in volumes:
        size = one.image.level.width_px, one.image.level.height_px
        other = kept.setdefault(size, one)
        if other is one:
            continue
        if not one.is_in(path) and not other.is_in(path):
            raise UnsupportedSlideError(f"{path.name}: its series has several images of the same level.")
        kept[size] = one if one.is_in(path) else other
        left_out = other if kept[size] is one else one
        notes.append(f"Left out: {left_out.parts[0].path.name} shows the same level.")
    return list(kept.values())


def _series(path: Path) -> list[FrameIndex]:
    folder = path if path.is_dir() else path.parent
    candidates = [path] if path.is_file() else []
    candidates += [file for file in sorted(folder.iterdir())[:_FILES_MAX] if file.is_file() and file != path]
    wanted, found = "", list[FrameIndex]()
    for file in candidates:
        ds = _peek(file)
        is_slide = ds is not None and ds.get("SOPClassUID") == _SOP_CLASS_UID
        if file == path and not is_slide:
            raise NotASlideError(f"{path.name} is a DICOM object, but not a whole slide image.")
        if ds is None or not is_slide:
            continue
        if wanted and ds.SeriesInstanceUID != wanted:
            if path.is_dir():
                raise NotASlideError(
                    f"{path.name} holds several slides.", next_step="Name one file of the slide you mean."
                )
            continue
        wanted = str(ds.SeriesInstanceUID)
        found.append(index_frames(file))
    if not found:
        raise NotASlideError(f"{path.name} holds no DICOM slide.")
    return found


def _peek(path: Path) -> Dataset | None:
    with path.open("rb") as file:
        if not is_dicom(file.read(132)):
            return None
        file.seek(0)
        try:
            return dcmread(file, specific_tags=["SOPClassUID", "SeriesInstanceUID"], stop_before_pixels=True)
        except (InvalidDicomError, ValueError, KeyError, EOFError, AttributeError):
            return None


def _joined(parts: list[FrameIndex]) -> MadeImage:
    """Return the image that lies in the parts of a concatenation, all of which must be there."""
    first, name = parts[0], parts[0].path.name
    kind, level = _outline(first)
    at = 0
    for part in parts:
        if _first_frame(part) != at:
            raise UnsupportedSlideError(
                f"{name} is one part of several, and the part that begins at frame {at + 1} is not there."
            )
        if part.dataset.get("DimensionOrganizationType") != "TILED_FULL":
            raise UnsupportedSlideError(f"{name} is one part of several, and does not hold whole rows of tiles.")
        at += len(part.offsets)
    if at != level.frame_count:
        raise UnsupportedSlideError(
            f"{name} is one part of several, and those at hand hold {at} of {level.frame_count} frames."
        )
    forms_found = [_form(part, level) for part in parts]
    if any(_outline(part) != (kind, level) for part in parts) or len({form[0] for form in forms_found}) > 1:
        raise UnsupportedSlideError(f"{name} is one part of several, and they differ in form.")
    tables = [
        FrameTable(
            path=part.path, offsets=part.offsets, lengths=part.lengths, prefix=prefix, skip_bytes=2 * bool(prefix)
        )
        for part, (_, prefix, _) in zip(parts, forms_found, strict=True)
    ]
    is_resampled = "RESAMPLED" in first.dataset.get("ImageType", [])
    return joined_image(tables, kind=kind, level=level, encoding=forms_found[0][0], is_resampled=is_resampled)


def _outline(index: FrameIndex) -> tuple[Kind, Level]:
    """Return what an object shows, and its grid of tiles."""
    ds, name = index.dataset, index.path.name
    types = [*ds.get("ImageType", []), "", "", "", ""]
    if types[2] not in [kind.value for kind in Kind]:
        raise UnsupportedSlideError(f"{name} has the image type {'/'.join(types).strip('/')}.")
    bits, samples = (int(ds.BitsAllocated), int(ds.BitsStored)), int(ds.SamplesPerPixel)
    if (bits, samples) not in (((8, 8), 1), ((8, 8), 3), ((16, 16), 1)) or ds.get("PixelRepresentation"):
        raise UnsupportedSlideError(f"{name} has {bits[1]} of {bits[0]} bits and {samples} samples a pixel.")
    if ds.get("PresentationLUTShape", "IDENTITY") != "IDENTITY" or ds.PhotometricInterpretation == "MONOCHROME1":
        raise UnsupportedSlideError(f"{name} is to be shown inverted.")
    kind = Kind(types[2])
    mpp_x, mpp_y = mpp_of(ds) if kind in (Kind.VOLUME, Kind.THUMBNAIL) else (0.0, 0.0)
    level = Level(
        width_px=int(ds.get("TotalPixelMatrixColumns") or ds.Columns),
        height_px=int(ds.get("TotalPixelMatrixRows") or ds.Rows),
        tile_width_px=int(ds.Columns),
        tile_height_px=int(ds.Rows),
        mpp_x=mpp_x,
        mpp_y=mpp_y,
        focal_plane_count=int(ds.get("TotalPixelMatrixFocalPlanes", 1) or 1),
        optical_path_count=int(ds.get("NumberOfOpticalPaths", 1) or 1),
        focal_spacing_um=focal_spacing_um(ds),
    )
    return kind, level


def _image(index: FrameIndex) -> StoredImage:
    name, (kind, level) = index.path.name, _outline(index)
    order = _order(index, level)
    encoding, prefix, start = _form(index, level)
    is_left_out = order < 0
    blank = b""
    if is_left_out.any():
        if encoding.transfer_syntax_uid != forms.JPEG_BASELINE:
            raise UnsupportedSlideError(f"{name} leaves tiles out.")
        photometric = encoding.photometric_interpretation
        sampling = codec.parse_jpeg(_frame(index, 0)).sampling
        blank = codec.white_jpeg(level.tile_width_px, level.tile_height_px, photometric, sampling)
    table = FrameTable(
        path=index.path,
        offsets=np.where(is_left_out, 0, index.offsets[order]),
        lengths=np.where(is_left_out, 0, index.lengths[order]),
        prefix=prefix,
        skip_bytes=2 if prefix else 0,
        blank=blank,
        start=start,
    )
    is_resampled = "RESAMPLED" in index.dataset.get("ImageType", [])
    return StoredImage(kind=kind, level=level, encoding=encoding, is_resampled=is_resampled, table=table)


def _order(index: FrameIndex, level: Level) -> Offsets:
    """Return, per tile of the full grid, the frame that holds it, or -1."""
    ds, count = index.dataset, len(index.offsets)
    groups = ds.get("PerFrameFunctionalGroupsSequence")
    if ds.get("DimensionOrganizationType") == "TILED_FULL" or not groups or level.frame_count == count == 1:
        if level.frame_count != count:
            raise UnsupportedSlideError(f"{index.path.name} has {count} frames for {level.frame_count} tiles.")
        return np.arange(count, dtype=np.int64)
    order = np.full(level.frame_count, -1, np.int64)
    for number, group in enumerate(groups):
        position = group.PlanePositionSlideSequence[0] if "PlanePositionSlideSequence" in group else None
        if position is None:
            raise UnsupportedSlideError(f"{index.path.name} does not say where its frames lie.")
        column, across = divmod(int(position.ColumnPositionInTotalImagePixelMatrix) - 1, level.tile_width_px)
        row, down = divmod(int(position.RowPositionInTotalImagePixelMatrix) - 1, level.tile_height_px)
        if across or down or not (0 <= column < level.column_count and 0 <= row < level.row_count):
            raise UnsupportedSlideError(f"{index.path.name} has tiles off the grid.")
        if order[row * level.column_count + column] >= 0:
            raise UnsupportedSlideError(f"{index.path.name} has several planes or paths at one place.")
        order[row * level.column_count + column] = number
    return order


def _form(index: FrameIndex, level: Level) -> tuple[Encoding, bytes, bytes]:
    """Return the encoding as the codestream has it, what to put before each frame, and how each begins."""
    ds, syntax = index.dataset, str(index.dataset.file_meta.TransferSyntaxUID)
    methods, ratios = _history(ds)
    if index.is_native and syntax in _NATIVE and not ds.get("PlanarConfiguration"):
        encoding = Encoding(
            transfer_syntax_uid=forms.EXPLICIT_LITTLE_ENDIAN,
            photometric_interpretation=str(ds.PhotometricInterpretation),
            sample_count=int(ds.SamplesPerPixel),
            bits=int(ds.BitsStored),
            lossy_methods=methods,
            lossy_ratios=ratios,
        )
        return encoding, b"", b""
    if index.is_native or syntax not in _COPIED:
        raise UnsupportedSlideError(f"{index.path.name} has the transfer syntax {syntax}.")
    prefix = start = b""
    photometric = str(ds.PhotometricInterpretation)
    is_lossy = syntax in (forms.JPEG_BASELINE, forms.JPEG_2000)
    if syntax == forms.JPEG_BASELINE:
        first = _frame(index, 0)
        header = _same_size(index, level)
        tiff_photometric = codec.PHOTOMETRIC_RGB if photometric == "RGB" else codec.PHOTOMETRIC_YCBCR
        photometric = codec.jpeg_encoding(header, tiff_photometric=tiff_photometric).photometric_interpretation
        prefix = codec.jpeg_prefix(header, None, is_rgb=photometric == "RGB")
        start = first[: header.scan_offset]
    if is_lossy and not methods:
        methods = ("ISO_10918_1" if syntax == forms.JPEG_BASELINE else "ISO_15444_1",)
    encoding = Encoding(
        transfer_syntax_uid=syntax,
        photometric_interpretation=photometric,
        sample_count=int(ds.SamplesPerPixel),
        bits=int(ds.BitsStored),
        lossy_methods=methods,
        lossy_ratios=_true_ratios(index, ratios, methods, is_lossy=is_lossy and bool(ratios)),
        origin=Origin.COPIED,
    )
    return encoding, prefix, start


def _true_ratios(
    index: FrameIndex, ratios: tuple[float, ...], methods: tuple[str, ...], *, is_lossy: bool
) -> tuple[float, ...]:
    """Return the ratios as they are stated; without the last, which is computed then, where its frames belie it."""
    if len(ratios) != len(methods):
        return ()
    ds = index.dataset
    raw_bytes = len(index.lengths) * ds.Rows * ds.Columns * ds.SamplesPerPixel * ds.BitsAllocated // 8
    actual = raw_bytes / max(int(index.lengths.sum()), 1)
    is_part = bool(ds.get("ConcatenationUID"))
    is_belied = is_lossy and not is_part and abs(ratios[-1] - actual) > RATIO_TOLERANCE * actual
    return ratios[:-1] if is_belied else ratios


def _same_size(index: FrameIndex, level: Level) -> codec.JpegHeader:
    """Return the first frame's header, after a look at frames of the edges, which some writers cut."""
    count = len(index.offsets)
    for number in {0, min(level.column_count, count) - 1, count - 1}:
        header = codec.parse_jpeg(_frame(index, number))
        if (header.width_px, header.height_px) != (level.tile_width_px, level.tile_height_px):
            raise UnsupportedSlideError(
                f"{index.path.name} has a frame of {header.width_px} x {header.height_px} px"
                f" among frames of {level.tile_width_px} x {level.tile_height_px}."
            )
    return codec.parse_jpeg(_frame(index, 0))


def _frame(index: FrameIndex, number: int) -> bytes:
    with index.path.open("rb") as file:
        return index.read(file.fileno(), number)


def _history(ds: Dataset) -> tuple[tuple[str, ...], tuple[float, ...]]:
    methods, ratios = ds.get("LossyImageCompressionMethod"), ds.get("LossyImageCompressionRatio")
    return (
        tuple(map(str, methods if is_many(methods) else [methods] if methods else [])),
        tuple(map(float, ratios if is_many(ratios) else [ratios] if ratios else [])),
    )
