"""How much of the picture a viewer gets: the rungs, and who stands on which.  Pure.

At most two rungs are encoded at a time. A viewer on a bad link goes to the lower one, so it does not drag down the
viewers on the upper one; every rung's bit rate is what its weakest viewer can take.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

ENCODED_RUNG_COUNT_MAX = 2
UP_MARGIN = 1.25
"""A viewer steps up only with this much more than the upper rung's floor: no hopping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One size and rate of the live picture."""

    name: str
    width_px_max: int
    height_px_max: int
    fps_max: float
    bitrate_bps_min: int
    bitrate_bps_max: int

    def fit(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Return the encoded size: same aspect, never enlarged, both sides even."""
        scale = min(1.0, self.width_px_max / width_px, self.height_px_max / height_px)
        return tuple(max(2, 2 * round(side * scale / 2 - 1e-9)) for side in (width_px, height_px))  # type: ignore[return-value]


RUNGS = (
    Rung(
        name="720p30", width_px_max=1280, height_px_max=720, fps_max=60, bitrate_bps_min=900_000,
        bitrate_bps_max=4_000_000,
    ),
    Rung(
        name="540p30", width_px_max=960, height_px_max=540, fps_max=60, bitrate_bps_min=450_000,
        bitrate_bps_max=1_500_000,
    ),
    Rung(
        name="360p30", width_px_max=640, height_px_max=360, fps_max=60, bitrate_bps_min=260_000,
        bitrate_bps_max=800_000,
    ),
    Rung(
        name="360p15", width_px_max=640, height_px_max=360, fps_max=15, bitrate_bps_min=80_000,
        bitrate_bps_max=400_000,
    ),
)  # fmt: skip
TOP = RUNGS[0]
SECOND_RUNGS = (
    Rung(
        name="camera", width_px_max=640, height_px_max=640, fps_max=15, bitrate_bps_min=120_000,
        bitrate_bps_max=400_000,
    ),
    Rung(
        name="camera small", width_px_max=320, height_px_max=320, fps_max=10, bitrate_bps_min=50_000,
        bitrate_bps_max=150_000,
    ),
)  # fmt: skip
"""Of the picture beside the ultrasound: a phone's may stand upright."""


class Rate(Protocol):
    """What a viewer's link carries of one picture."""

    @property
    def bitrate_bps(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """Who gets which rung, and at what rate each is encoded."""

    rung_of: Mapping[str, Rung]
    bitrate_bps_of: Mapping[Rung, int]


def ladder_for(width_px: int, height_px: int, rungs: Sequence[Rung] = RUNGS) -> tuple[Rung, ...]:
    """Return the rungs that differ for a source: of those that show it in the same size and rate, only the highest,
    with the lowest's floor."""
    ladder: list[Rung] = []
    for rung in rungs:
        above = ladder[-1] if ladder else None
        if above and above.fps_max == rung.fps_max and above.fit(width_px, height_px) == rung.fit(width_px, height_px):
            ladder[-1] = replace(above, bitrate_bps_min=rung.bitrate_bps_min)
        else:
            ladder.append(rung)
    return tuple(ladder)


def choose_rung(estimate_bps: int, current: Rung | None, ladder: Sequence[Rung] = RUNGS) -> Rung:
    """Return the best rung an estimate carries; stepping up takes a margin, stepping down does not."""
    for rung in ladder:
        is_up = current is not None and rung.bitrate_bps_min > current.bitrate_bps_min
        if estimate_bps >= rung.bitrate_bps_min * (UP_MARGIN if is_up else 1.0):
            return rung
    return ladder[-1]


def plan_rungs(
    estimates_bps: Mapping[str, int],
    current: Mapping[str, Rung],
    *,
    bitrate_bps_max: int,
    ladder: Sequence[Rung] = RUNGS,
) -> Plan:
    """Put every viewer on a rung; with more than two rungs wanted, those between join the lowest."""
    wanted = {viewer: choose_rung(estimate, current.get(viewer), ladder) for viewer, estimate in estimates_bps.items()}
    used = sorted(set(wanted.values()), key=ladder.index)
    kept = used if len(used) <= ENCODED_RUNG_COUNT_MAX else [used[0], used[-1]]
    rung_of = {viewer: rung if rung in kept else kept[-1] for viewer, rung in wanted.items()}
    bitrate_bps_of = {
        rung: max(
            ladder[-1].bitrate_bps_min,
            min(
                rung.bitrate_bps_max,
                bitrate_bps_max,
                *(estimates_bps[viewer] for viewer in rung_of if rung_of[viewer] == rung),
            ),
        )
        for rung in kept
    }
    return Plan(rung_of, bitrate_bps_of)
