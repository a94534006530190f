"""What a clip is: which frames, when each was taken, what is missing, and when it must end.

Pure: frames are handed in as moments, in order; the spool and the object are written elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

EVEN_NS_MAX = 1_000_000
"""Frames that lie within a millisecond of an even beat are even: containers round their times to that."""
VALUE_BYTES_MAX = 65_534
"""The longest value a decimal string can have with a short length field.  Standard: PS3.5 7.1.2"""
DECIMALS_MAX = 3
NOMINAL_INTERVAL_MS = 40.0
"""For a clip of one frame from a source that does not know its rate."""


class EndReason(StrEnum):
    """Why a clip ended."""

    STOPPED = "stopped"
    LIMIT = "limit"
    SIZE_CHANGED = "size_changed"
    DISK_FULL = "disk_full"
    SESSION_CLOSED = "session_closed"
    SAVED = "saved"
    """Made at once, from frames already in memory."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a frame was taken."""

    index: int
    mono_ns: int
    wall_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Frames that the source gave and the record does not have."""

    after_number: int
    """The frame of the clip, from 1, before the hole."""
    missing_count: int
    """At least so many; a probe that was away does not say."""
    duration_ns: int
    """From the frame before to the frame after."""

    def sentence(self) -> str:
        """Return it in words."""
        frames = "1 frame is" if self.missing_count == 1 else f"{self.missing_count} frames are"
        return f"At least {frames} missing after frame {self.after_number} ({self.duration_ns / 1e9:.2f} s)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The time of every frame: one interval when even, else each frame's interval from the one before."""

    frame_time_ms: float
    """The interval; the mean one when uneven."""
    vector: tuple[str, ...] = ()
    """Milliseconds as decimal strings, the first 0; empty when even."""

    @property
    def is_even(self) -> bool:
        return not self.vector


def find_gaps(moments: Sequence[Moment]) -> tuple[Gap, ...]:
    """Return every hole in the indices."""
    return tuple(
        Gap(after_number=number, missing_count=here.index - before.index - 1, duration_ns=here.mono_ns - before.mono_ns)
        for number, (before, here) in enumerate(pairwise(moments), start=1)
        if here.index != before.index + 1
    )


def timing_of(moments: Sequence[Moment], *, nominal_ms: float = NOMINAL_INTERVAL_MS) -> Timing:
    """Return how a clip is to be played so that each frame comes within a millisecond of its time.

    Standard: PS3.3 C.7.6.5.1
    """
    if len(moments) < 2:
        return Timing(frame_time_ms=nominal_ms)
    offsets_ns = [moment.mono_ns - moments[0].mono_ns for moment in moments]
    last = len(moments) - 1
    mean_ns = offsets_ns[-1] / last
    frame_time_ms = round(mean_ns / 1e6, 6)
    is_even = mean_ns > 0 and all(
        abs(offset_ns - number * mean_ns) <= EVEN_NS_MAX for number, offset_ns in enumerate(offsets_ns)
    )
    if is_even and not find_gaps(moments):
        return Timing(frame_time_ms=frame_time_ms)
    return Timing(frame_time_ms=frame_time_ms, vector=time_vector(offsets_ns))


def time_vector(offsets_ns: Sequence[int]) -> tuple[str, ...]:
    """Return the intervals in ms, with as many decimals as fit into one value.

    The running sum is rounded, not the interval: no error adds up along the clip.  Standard: PS3.3 C.7.6.5.1.2
    """
    texts: list[str] = []
    for decimals in range(DECIMALS_MAX, -1, -1):
        unit_ns = 10 ** (6 - decimals)
        ticks = [(offset_ns + unit_ns // 2) // unit_ns for offset_ns in offsets_ns]
        texts = [_decimal(here - before, decimals) for before, here in pairwise([0, *ticks])]
        if sum(map(len, texts)) + len(texts) <= VALUE_BYTES_MAX:
            break
    return tuple(texts)


def end_reason(*, frame_count: int, duration_s: float, duration_s_max: float, is_room_left: bool) -> EndReason | None:
    """Tell whether a running clip must end now."""
    if frame_count and duration_s >= duration_s_max:
        return EndReason.LIMIT
    return None if is_room_left else EndReason.DISK_FULL


def start_of_last(moments: Sequence[Moment], seconds: float) -> int:
    """Return from which position on `moments` are the last `seconds` of what is there."""
    if not moments:
        return 0
    wanted_ns = moments[-1].mono_ns - round(seconds * 1e9)
    for position, moment in enumerate(moments):
        if moment.mono_ns > wanted_ns:
            return position
    return len(moments) - 1


def _decimal(ticks: int, decimals: int) -> str:
    whole, part = divmod(max(0, ticks), 10**decimals)
    text = f"{whole}.{part:0{decimals}d}" if decimals else str(whole)
    return text.rstrip("0").rstrip(".") if decimals and part else str(whole)
