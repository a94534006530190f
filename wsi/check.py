"""Faults in DICOM slides that validators pass over: offset tables, image types, the lossy history, concatenations.

Needs no scan: what the objects of a series say is held against each other and against their own frames.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from wsi.errors import SlideError
from wsi.frames import FrameIndex, index_frames
from wsi.source import Offsets

_FILES_MAX = 10_000
_SOP_CLASS_UID = "1.2.840.10008.5.1.4.1.1.77.1.6"
RATIO_TOLERANCE = 0.1
"""Of what the frames show; padding, and how a writer counts it, stay within."""
_ITEM = 0xE000FFFE
_LOSSY_SYNTAXES = (
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.203",
)


def check_objects(directory: Path) -> tuple[str, ...]:
    """Return every fault found in the slides of a folder, as sentences; none: all is in order."""
    problems: list[str] = []
    indexes: list[FrameIndex] = []
    for path in sorted(path for path in directory.iterdir() if path.is_file())[:_FILES_MAX]:
        try:
            index = index_frames(path)
        except SlideError as error:
            problems.append(error.what)
            continue
        if index.dataset.get("SOPClassUID") == _SOP_CLASS_UID:
            indexes.append(index)
    if not indexes and not problems:
        problems.append(f"{directory} holds no DICOM slide.")
    for index in indexes:
        problems += [f"{index.path.name}: {fault}" for fault in _faults(index)]
    for series in {str(index.dataset.SeriesInstanceUID) for index in indexes}:
        problems += _series_faults([index for index in indexes if index.dataset.SeriesInstanceUID == series])
    return tuple(problems)


def _faults(index: FrameIndex) -> list[str]:
    ds, found = index.dataset, []
    if not index.is_native and (wrong := _wrong_items(index)):
        found.append(f"the offset table is wrong for frame {wrong[0]}, and {len(wrong) - 1} more.")
    types = _types(ds)
    if types[2] == "THUMBNAIL" and ds.get("DimensionOrganizationType") == "TILED_FULL":
        found.append("a thumbnail is one picture, not TILED_FULL.")
    if ds.get("ConcatenationUID") and int(ds.get("InConcatenationTotalNumber", 0) or 0) == 1:
        found.append("a concatenation of one part is none.")
    found += _lossy_faults(index)
    return found


def _wrong_items(index: FrameIndex) -> list[int]:
    """Return the numbers of frames whose table entry does not point to an item of the length it says."""
    file_descriptor = os.open(index.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        heads = [os.pread(file_descriptor, 8, int(offset) - 8) for offset in index.offsets]
    finally:
        os.close(file_descriptor)
    words = np.frombuffer(b"".join(head.ljust(8, b"\0") for head in heads), "<u4").reshape(-1, 2)
    wrong: Offsets = np.flatnonzero((words[:, 0] != _ITEM) | (words[:, 1] != index.lengths))
    return [number + 1 for number in wrong.tolist()]


def _lossy_faults(index: FrameIndex) -> list[str]:
    ds = index.dataset
    ratios, methods = _many(ds.get("LossyImageCompressionRatio")), _many(ds.get("LossyImageCompressionMethod"))
    if ratios and methods and len(ratios) != len(methods):
        return [f"{len(methods)} lossy steps have {len(ratios)} ratios."]
    # Without loss the frames say nothing of the ratio: it is that of a step long past.
    if not ratios or str(ds.file_meta.TransferSyntaxUID) not in _LOSSY_SYNTAXES:
        return []
    raw_bytes = len(index.offsets) * ds.Rows * ds.Columns * ds.SamplesPerPixel * ds.BitsAllocated // 8
    actual = raw_bytes / max(int(index.lengths.sum()), 1)
    stated = float(str(ratios[-1]))
    is_part = bool(ds.get("ConcatenationUID"))
    if not is_part and abs(stated - actual) > RATIO_TOLERANCE * actual:
        return [f"the lossy ratio says {stated:.1f}, and its frames are compressed {actual:.1f} times."]
    return []


def _series_faults(indexes: list[FrameIndex]) -> list[str]:
    volumes = [index for index in indexes if _types(index.dataset)[2] == "VOLUME"]
    if not volumes:
        return []
    found = []
    base = max(int(index.dataset.TotalPixelMatrixColumns) for index in volumes)
    for index in volumes:
        types = _types(index.dataset)
        if int(index.dataset.TotalPixelMatrixColumns) < base and (types[0] == "ORIGINAL" or types[3] != "RESAMPLED"):
            found.append(f"{index.path.name}: a level made smaller is labelled {types[0]}, {types[3] or 'nothing'}.")
    references = Counter(str(index.dataset.get("FrameOfReferenceUID", "")) for index in volumes)
    if len(references) > 1:
        found.append(f"The levels lie in {len(references)} frames of reference, not one.")
    return found


def _types(ds: Dataset) -> list[str]:
    return [*map(str, ds.get("ImageType") or []), "", "", "", ""][:4]


def _many(value: object) -> list[object]:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, (str, float)) else list(value)  # type: ignore[call-overload]
