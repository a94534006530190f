"""What readers and validators say of a converted slide: OpenSlide 4, wsidicom, pydicom, dciodvfy, dcentvfy, ours."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import openslide
import pydicom
from pydicom.dataset import Dataset
from wsidicom import WsiDicom

from tests.support.judges import dcentvfy_findings, dciodvfy_findings
from wsi.check import check_objects

JPEG_LS = "1.2.840.10008.1.2.4.80"
FORCED = "Missing attribute or value that would be needed to build DICOMDIR"
"""What dciodvfy says of patient data that nobody gave."""


def objections(folder: Path) -> list[str]:
    """Return everything that anybody has against the slides in a folder."""
    paths = sorted(folder.glob("*.dcm"))
    found = [f"dciodvfy: {line}" for path in paths for line in dciodvfy_findings(path) if not line.endswith(FORCED)]
    found += [f"dcentvfy: {line}" for line in dcentvfy_findings(paths)]
    found += [f"edge verify: {fault}" for fault in check_objects(folder)]
    series: dict[str, list[tuple[Path, Dataset]]] = defaultdict(list)
    for path in paths:
        ds = pydicom.dcmread(path)
        count = int(ds.NumberOfFrames)
        pixels = ds.pixel_array
        if pixels.shape[0] != count and count > 1:
            found.append(f"pydicom: {pixels.shape} for {count} frames of {path.name}")
        series[str(ds.SeriesInstanceUID)].append((path, ds))
    for members in series.values():
        levels = [one for one in members if one[1].ImageType[2] == "VOLUME"]
        levels.sort(key=lambda one: -int(one[1].TotalPixelMatrixColumns))
        found += _of_openslide(levels) + _of_wsidicom(members, levels)
    return found


def _sizes(levels: list[tuple[Path, Dataset]]) -> tuple[tuple[int, int], ...]:
    return tuple((int(ds.TotalPixelMatrixColumns), int(ds.TotalPixelMatrixRows)) for _, ds in levels)


def _of_openslide(levels: list[tuple[Path, Dataset]]) -> list[str]:
    path, base = levels[0]
    is_beyond_it = (
        base.SamplesPerPixel == 1
        or base.file_meta.TransferSyntaxUID == JPEG_LS
        or int(base.get("TotalPixelMatrixFocalPlanes", 1)) > 1
    )
    try:
        with openslide.OpenSlide(path) as slide:
            if slide.level_dimensions != _sizes(levels):
                return [f"openslide: {slide.level_dimensions} for {_sizes(levels)}"]
            for number, (width, height) in enumerate(slide.level_dimensions):
                slide.read_region((0, 0), number, (min(width, 512), min(height, 512)))
    except openslide.OpenSlideError as error:
        # It reads slides in colour, of one plane, in the transfer syntaxes of scanners; others it must say so of.
        return [] if is_beyond_it else [f"openslide: {error}"]
    return []


def _of_wsidicom(members: list[tuple[Path, Dataset]], levels: list[tuple[Path, Dataset]]) -> list[str]:
    with WsiDicom.open([path for path, _ in members]) as slide:
        sizes = tuple((level.size.width, level.size.height) for level in slide.levels)
        if sizes != _sizes(levels):
            return [f"wsidicom: {sizes} for {_sizes(levels)}"]
        width, height = sizes[0]
        whole = np.asarray(slide.read_region((0, 0), 0, (min(width, 256), min(height, 256))))
        return [] if whole.size else ["wsidicom: nothing to see"]
