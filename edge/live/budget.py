"""What of one viewer's link goes to which picture.  Pure.

Sound and control come first and are small; then the ultrasound; the second picture, of the room or the probe in the
hand, gets a fifth of what a link carries, up to its limit, and nothing at all on a poor link.
"""

from dataclasses import dataclass

from edge.live.rungs import SECOND_RUNGS, Rate

SECOND_BPS_MAX = SECOND_RUNGS[0].bitrate_bps_max
SECOND_BPS_MIN = SECOND_RUNGS[-1].bitrate_bps_min
SECOND_PART = 0.2
ON_BPS = 700_000
OFF_BPS = 500_000
"""Between the two the second picture stays as it is: no hopping."""


class Budget:
    """One viewer's link, divided. Belongs to the event loop."""

    def __init__(self, estimate: Rate) -> None:
        """The whole link is the first picture's until somebody wants a second."""
        self._estimate = estimate
        self._is_wanted = False
        self._is_on = False

    def want_second(self, is_wanted: bool) -> None:
        """There is a second picture, and somebody looks at it."""
        self._is_wanted = is_wanted
        self._is_on = self._is_on and is_wanted

    def is_second_on(self) -> bool:
        """Tell whether the link carries a second picture now; call when the estimate changed."""
        if self._is_wanted:
            self._is_on = self._estimate.bitrate_bps >= (OFF_BPS if self._is_on else ON_BPS)
        return self._is_on

    @property
    def second_bps(self) -> int:
        if not self._is_on:
            return 0
        return max(SECOND_BPS_MIN, min(SECOND_BPS_MAX, int(self._estimate.bitrate_bps * SECOND_PART)))

    @property
    def first_bps(self) -> int:
        return self._estimate.bitrate_bps - self.second_bps


@dataclass(frozen=True, slots=True)
class FirstRate:
    """The ultrasound's part, as the hub asks for it."""

    budget: Budget

    @property
    def bitrate_bps(self) -> int:
        return self.budget.first_bps


@dataclass(frozen=True, slots=True)
class SecondRate:
    """The second picture's part."""

    budget: Budget

    @property
    def bitrate_bps(self) -> int:
        return self.budget.second_bps
