"""Is what a destination gives back the object that we keep? Bytes first; else attributes and frames, one by one.

Group 2 does not count: whoever writes a file writes it anew.  Standard: PS3.10 7.1, PS3.4 C.4.2.2 (coercion)
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from edge.errors import BadInputError
from edge.store import durable, header
from edge.store.header import Header


class Verdict(StrEnum):
    """How two objects compare."""

    SAME = "same"
    """Nothing is lost there. Values that the archive set right are named."""
    CHANGED = "changed"
    """The pixels are the same, but attributes are not."""
    DIFFERENT = "different"
    """Cut, damaged, or another object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A verdict and its reason, in words without any value of an attribute."""

    verdict: Verdict
    reason: str = ""
    is_other_form: bool = False
    """The same picture, but in another transfer syntax: our bytes cannot be had from there again."""


SAME = Comparison(verdict=Verdict.SAME)


def compare(kept: Path, back: Path) -> Comparison:
    """Compare our file with what came back; memory stays flat while the transfer syntax is the same."""
    try:
        mine, theirs = header.read(kept), header.read(back)
    except BadInputError as error:
        return different(f"what comes back cannot be read: {error.message}")
    if mine.sop_instance_uid != theirs.sop_instance_uid:
        return different("another object comes back")
    sizes = kept.stat().st_size - mine.dataset_offset, back.stat().st_size - theirs.dataset_offset
    is_same_syntax = mine.transfer_syntax_uid == theirs.transfer_syntax_uid
    if is_same_syntax and sizes[0] == sizes[1] and _dataset_digest(kept, mine) == _dataset_digest(back, theirs):
        return SAME
    from edge.uplink import picture_comparison  # Codecs are loaded when something differs.

    return picture_comparison.compare_content(kept, back, is_same_syntax=is_same_syntax)


def _dataset_digest(path: Path, parsed: Header) -> bytes:
    return durable.digest_from(path, parsed.dataset_offset)


def different(reason: str) -> Comparison:
    """Return the verdict on what is cut, damaged, or another object."""
    return Comparison(verdict=Verdict.DIFFERENT, reason=reason)
