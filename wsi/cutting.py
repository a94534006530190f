"""An object that exists is cut into the parts of a concatenation: its own header in each, its frames byte for byte.

Nothing is decoded, and nothing of the header is lost. Parts are written one at a time, when they are asked for; the
same cut again gives the same parts.  Standard: PS3.3 C.7.6.16.2.2.4
"""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset

from wsi.dataset import SOP_CLASS_UID, encode, name_part
from wsi.errors import SlideError
from wsi.frames import FrameIndex, index_frames
from wsi.plan import Part, cut
from wsi.source import FrameTable
from wsi.writer import lay_out, write_file

_ITEM_BYTES = 12
"""An item header and its entry in the offset table."""
_UID_LONGEST = "2.25." + 39 * "9"
_PARTS_MAX = 65535
"""Their numbers are 16 bits.  Standard: PS3.5 6.2"""


class Cut:
    """One object and the parts it is cut into."""

    def __init__(self, index: FrameIndex, parts: list[Part]) -> None:
        self._index = index
        self.parts = parts
        self._syntax = str(index.dataset.file_meta.TransferSyntaxUID)

    @property
    def uids(self) -> list[str]:
        """The SOP instance UIDs of the parts, in order."""
        return [part.uid for part in self.parts]

    @property
    def firsts(self) -> list[int]:
        """The index in the whole, from 0, of each part's first frame."""
        return [part.first for part in self.parts]

    def write(self, number: int, target: Path) -> None:
        """Write one part, from 1.  Raises: OutputError, TruncatedSlideError"""
        part = self.parts[number - 1]
        index = self._index
        table = FrameTable(path=index.path, offsets=index.offsets, lengths=index.lengths).cut(part.first, part.end)
        header = encode(_header(index.dataset, part), self._syntax)
        is_word = index.is_native and index.dataset.BitsAllocated > 8
        write_file(target, table, lay_out(header, table, is_native=index.is_native, is_word=is_word))


def cut_object(path: Path, *, max_bytes: int) -> Cut | None:
    """Plan the cut of a file; None for what is no whole slide image, is a part already, or fits whole.

    A part has at most so many bytes, its header included, or one frame.
    """
    try:
        index = index_frames(path)
    except SlideError:
        return None
    if not _is_cuttable(index):
        return None
    sizes = (int(length) + (int(length) & 1) + _ITEM_BYTES for length in index.lengths)
    source_uid = str(index.dataset.SOPInstanceUID)
    example = Part(concatenation_uid=_UID_LONGEST, source_uid=source_uid, number=1, total=2, first=0, end=1)
    header = encode(_header(index.dataset, example), str(index.dataset.file_meta.TransferSyntaxUID))
    parts = cut(source_uid, sizes, max_bytes=max(0, max_bytes - len(header) - _ITEM_BYTES))
    return Cut(index, parts) if 1 < len(parts) <= _PARTS_MAX else None


def _is_cuttable(index: FrameIndex) -> bool:
    ds, count = index.dataset, len(index.offsets)
    syntax = ds.file_meta.TransferSyntaxUID
    if syntax.is_implicit_VR or syntax.is_deflated or not syntax.is_little_endian:
        return False
    groups = ds.get("PerFrameFunctionalGroupsSequence")
    return (
        ds.get("SOPClassUID") == SOP_CLASS_UID
        and "ConcatenationUID" not in ds
        and bool(ds.get("SOPInstanceUID"))
        and (groups is None or len(groups) in (0, count))
        and (bool(groups) or ds.get("DimensionOrganizationType") == "TILED_FULL")
    )


def _header(whole: Dataset, part: Part) -> Dataset:
    """Return the header of a part: the whole's, its name, and what concerns its frames only."""
    ds = Dataset({tag: whole.get_item(tag) for tag in whole.keys()})  # noqa: SIM118 - the elements are not decoded
    charset = whole.original_character_set
    ds.set_original_encoding(is_implicit_vr=False, is_little_endian=True, character_encoding=charset)
    groups = whole.get("PerFrameFunctionalGroupsSequence")
    for keyword in ("SOPInstanceUID", "NumberOfFrames", "PerFrameFunctionalGroupsSequence"):
        ds.pop(keyword, None)  # To set it would change the shared element, and with it the whole.
    ds.SOPInstanceUID = part.uid
    ds.NumberOfFrames = part.end - part.first
    if groups:
        ds.PerFrameFunctionalGroupsSequence = groups[part.first : part.end]
    name_part(ds, part)
    return ds
