"""One object to send, and what became of it."""

from dataclasses import dataclass
from pathlib import Path

from edge.core.delivery import Outcome

PIXEL_BYTES_MAX = 256 * 1024 * 1024
"""Larger pixel data is not unpacked in memory: the object is held, with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One object to send."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    is_doubtful: bool = False
    """It may have arrived already: it was being sent when a process died."""
    size_bytes: int = 0
    """Of the whole file, when there is none at `path`; 0: ask the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of it."""

    outcome: Outcome
    reason: str = ""
    is_link_fault: bool = False
    """The association is gone: it says nothing about the object."""
    is_proven: bool = False
    """It was read back there and was the same."""
    is_syntax_refused: bool = False
    """Only its transfer syntax is not taken."""
    is_unfinished: bool = False
    """A part of it is there and stays there: it goes on at its next turn. No attempt has failed."""
    sent_bytes: int | None = None
    """How much of it this turn brought there; None: all of it or nothing, as the outcome says."""
