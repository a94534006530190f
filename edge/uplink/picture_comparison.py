"""Two files whose bytes differ: are their pixels and their attributes the same?  Standard: PS3.4 C.4.2.2 (coercion)"""

import hashlib
from pathlib import Path

import pydicom
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset

from edge.dicom.decode import decode
from edge.dicom.frame_index import OpenFrames
from edge.errors import EdgeError, NotFoundError
from edge.net.recoding import UNREADABLE
from edge.store import header
from edge.uplink.comparison import Comparison, Verdict, different

NAMED_MAX = 8
"""Attributes named in a reason."""
DEFERRED_BYTES = 1024 * 1024
_PIXELS = 0x7FE0
_IDENTITY = frozenset(
    {
        "PatientName", "PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "PatientBirthDate",
        "PatientBirthTime", "PatientSex", "OtherPatientIDs", "OtherPatientIDsSequence", "AccessionNumber",
        "IssuerOfAccessionNumberSequence", "StudyID", "StudyDescription", "ReferringPhysicianName",
        "InstitutionName", "OriginalAttributesSequence", "SpecificCharacterSet", "InstanceCoercionDateTime",
    }
)  # fmt: skip
"""What an archive may set right against its own records and still have the same object."""
_FORM = frozenset(
    {
        "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "ExtendedOffsetTable",
        "ExtendedOffsetTableLengths", "SmallestImagePixelValue", "LargestImagePixelValue",
    }
)  # fmt: skip
"""What follows from another transfer syntax, when the pixels are the same."""


def compare_content(kept: Path, back: Path, *, is_same_syntax: bool) -> Comparison:
    """Compare frames, then attributes; decoded where the transfer syntaxes differ."""
    try:
        pixels = _compare_pixels(kept, back, is_decoded=not is_same_syntax)
        if pixels:
            return different(pixels)
        return _compare_attributes(kept, back, with_form=not is_same_syntax)
    except EdgeError as error:
        return different(f"what comes back cannot be read: {error.message}")
    except UNREADABLE as error:
        return different(f"what comes back cannot be read: {type(error).__name__}")


def compare_frames(whole: Path, back: Path, *, first: int) -> str:
    """Return how the frames of a part differ from those of the whole from index `first` on; empty when they do not."""
    try:
        is_decoded = header.read(whole).transfer_syntax_uid != header.read(back).transfer_syntax_uid
        mine, theirs = OpenFrames(whole, ""), OpenFrames(back, "")
        for number in range(1, theirs.index.frame_count + 1):
            if _digest(mine, first + number, is_decoded=is_decoded) != _digest(theirs, number, is_decoded=is_decoded):
                return f"frame {first + number} of the whole is not the same there"
    except EdgeError as error:
        return f"what comes back cannot be read: {error.message}"
    except UNREADABLE as error:
        return f"what comes back cannot be read: {type(error).__name__}"
    return ""


def _compare_pixels(kept: Path, back: Path, *, is_decoded: bool) -> str:
    """Return how the frames differ; empty when they do not, or there are none."""
    try:
        mine = OpenFrames(kept, "")
    except NotFoundError:
        return ""
    try:
        theirs = OpenFrames(back, "")
    except NotFoundError:
        return "it comes back without its pixels"
    if mine.index.frame_count != theirs.index.frame_count:
        return f"{theirs.index.frame_count} of {mine.index.frame_count} frames come back"
    for number in range(1, mine.index.frame_count + 1):
        if _digest(mine, number, is_decoded=is_decoded) != _digest(theirs, number, is_decoded=is_decoded):
            return f"frame {number} is not the same there"
    return ""


def _digest(frames: OpenFrames, number: int, *, is_decoded: bool) -> bytes:
    data = frames.read(number)
    if is_decoded:
        data = decode(data, frames.index.layout).tobytes()
    return hashlib.sha256(data).digest()


def _compare_attributes(kept: Path, back: Path, *, with_form: bool) -> Comparison:
    mine, theirs = _read(kept), _read(back)
    changed = [
        element.tag for element in mine
        if element.tag.group not in (2, _PIXELS) and element.tag.element != 0
        and (element.tag not in theirs or element.value != theirs[element.tag].value)
    ]  # fmt: skip
    names = {keyword_for_tag(tag) or str(tag) for tag in changed}
    if with_form:
        names -= _FORM
    wrong = sorted(names - _IDENTITY)
    if wrong:
        return Comparison(verdict=Verdict.CHANGED, reason=f"kept there with other attributes: {_list(wrong)}")
    reason = f"set right there: {_list(sorted(names))}" if names else ""
    return Comparison(verdict=Verdict.SAME, reason=reason, is_other_form=with_form)


def _read(path: Path) -> Dataset:
    return pydicom.dcmread(path, defer_size=DEFERRED_BYTES, stop_before_pixels=True)


def _list(names: list[str]) -> str:
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
