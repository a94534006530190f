"""What one viewer's link carries, from what the viewer tells us.  Pure: the caller passes the time in.

REMB (the receiver's own estimate) is limited by what is sent: about half as much again. So an estimate may be far
above what a quiet picture needs, and is raised step by step while nothing speaks against it: fast until the first
sign of congestion, slowly afterwards. Loss over a tenth lowers it, as in Google's congestion control.
"""

from dataclasses import dataclass

ESTIMATE_BPS_FIRST = 1_000_000
ESTIMATE_BPS_MIN = 80_000
REMB_USABLE = 0.92
"""Of a REMB that is below what we would send; the rest is for headers, audio and resends."""
LOSS_HIGH = 0.10
LOSS_LOW = 0.02
GROWTH_FAST_PER_S = 0.60
GROWTH_SLOW_PER_S = 0.08
STEP_S_MAX = 1.0


@dataclass(slots=True, kw_only=True)
class Estimate:
    """One viewer's rate, in bits a second."""

    bitrate_bps_max: int
    bitrate_bps: int = ESTIMATE_BPS_FIRST
    remb_bps: int | None = None
    is_steady: bool = False
    """True after the first sign of congestion: growth is slow from then on."""
    _grown_s: float | None = None

    def __post_init__(self) -> None:
        self.bitrate_bps = min(self.bitrate_bps, self.bitrate_bps_max)

    def take_remb(self, remb_bps: int) -> None:
        """Take the receiver's estimate; it lowers ours at once."""
        is_falling = self.remb_bps is not None and remb_bps < self.remb_bps
        self.remb_bps = remb_bps
        limit_bps = int(remb_bps * REMB_USABLE)
        if is_falling and limit_bps < self.bitrate_bps:
            self.is_steady = True
            self._set(limit_bps)

    def take_report(self, *, loss: float, now_s: float) -> None:
        """Take a receiver report; `loss` is the fraction lost since the last one, 0 to 1."""
        if loss > LOSS_HIGH:
            self.is_steady = True
            self._set(int(self.bitrate_bps * (1 - loss / 2)))
            self._grown_s = now_s
        elif loss <= LOSS_LOW:
            self._grow(now_s)

    def _grow(self, now_s: float) -> None:
        step_s = 0.0 if self._grown_s is None else min(STEP_S_MAX, now_s - self._grown_s)
        self._grown_s = now_s
        grown_bps = int(self.bitrate_bps * (1 + (GROWTH_SLOW_PER_S if self.is_steady else GROWTH_FAST_PER_S) * step_s))
        if self.remb_bps is not None:
            # Never beyond what the receiver believes in, never below what we already send without harm.
            grown_bps = min(grown_bps, max(int(self.remb_bps * REMB_USABLE), self.bitrate_bps))
        self._set(grown_bps)

    def _set(self, bitrate_bps: int) -> None:
        self.bitrate_bps = max(ESTIMATE_BPS_MIN, min(self.bitrate_bps_max, bitrate_bps))
