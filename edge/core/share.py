"""What the uplink may send while a call runs: what the call leaves. Pure: time is handed in.

The call comes first: when it begins nothing passes until it has said what it needs. Then the uplink takes what the link
carried before, less that need, and feels its way: its own bytes tell how long the queue on the way is. While there is
none the share grows; when one builds up, which the call's packets would wait in, it shrinks. The call's own loss and
delay, told each second, shrink it at once, and close it when that does not help.
"""

from dataclasses import dataclass, replace

QUEUE_S_AIM = 0.006
"""A queue so long is neither too short nor too long: the link is busy, and a packet of the call hardly waits."""
GROWTH_PER_S = 0.6
SHRINK_PER_S = 1.5
SHRINK_STEP_MIN = 0.7
STEP_S_MIN = 0.05
STEP_S_MAX = 0.3
RATE_BYTES_S_MIN = 4 * 1024
RATE_BYTES_S_FIRST = 32 * 1024
"""Where nothing is known of the link."""
NEED_SPARE = 1.1
BEGIN_PART = 0.7
"""Of what should be left: the call may need more than it has needed so far."""
LOSS_MAX = 0.02
DELAY_S_MAX = 0.04
"""The call's round trip above its shortest."""
HURT_FACTOR = 0.6
HURT_COUNT_MAX = 3
"""Told so often in a row that the call suffers, the uplink pauses."""
REST_S = 3.0
SILENT_S = 1.5
"""A call that says nothing of its need for so long is begun with as little as is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The uplink's part of the link. Times are monotonic seconds."""

    begun_s: float
    link_bytes_s: float = 0.0
    """What the link carried for us before the call; 0: not known."""
    rate_bytes_s: float = 0.0
    """0: nothing passes."""
    felt_s: float = 0.0
    rested_s: float = 0.0
    """Since when nothing passes."""
    round_trip_s_min: float = 0.0
    """Of the call; 0: not told yet."""
    hurt_count: int = 0

    def tell(self, *, need_bytes_s: float, round_trip_s: float, loss: float, now_s: float) -> "Share":
        """Take what the call says each second of what it needs and how it fares."""
        shortest_s = min(self.round_trip_s_min or round_trip_s, round_trip_s)
        told = replace(self, round_trip_s_min=shortest_s)
        is_hurt = loss > LOSS_MAX or (round_trip_s > 0 and round_trip_s - shortest_s > DELAY_S_MAX)
        if self.rate_bytes_s <= 0:
            may_begin = not is_hurt and (self.hurt_count == 0 or now_s - self.rested_s >= REST_S)
            return told._begin(need_bytes_s, now_s) if may_begin else told
        if not is_hurt:
            return replace(told, hurt_count=0)
        if self.hurt_count + 1 >= HURT_COUNT_MAX:
            return replace(told, rate_bytes_s=0.0, rested_s=now_s, hurt_count=self.hurt_count + 1)
        lower = max(RATE_BYTES_S_MIN, self.rate_bytes_s * HURT_FACTOR)
        return replace(told, rate_bytes_s=lower, hurt_count=self.hurt_count + 1, felt_s=now_s)

    def look(self, *, now_s: float) -> "Share":
        """Begin without a word of the call, when none comes."""
        is_silent = self.rate_bytes_s <= 0 and self.hurt_count == 0 and now_s - self.begun_s >= SILENT_S
        return self._begin(0.0, now_s) if is_silent else self

    def feel(self, queue_s: float, delivered_bytes_s: float, *, now_s: float) -> "Share":
        """Take what a sender feels: how long its bytes wait on the way beyond the way itself, and how fast they go."""
        step_s = now_s - self.felt_s
        if self.rate_bytes_s <= 0 or step_s < STEP_S_MIN:
            return self
        step_s = min(step_s, STEP_S_MAX)
        excess = queue_s / QUEUE_S_AIM - 1
        if excess > 0:
            factor = max(SHRINK_STEP_MIN, 1 - SHRINK_PER_S * step_s * min(excess, 2.0) / 2)
        elif delivered_bytes_s and self.rate_bytes_s > 2 * delivered_bytes_s:
            factor = 1.0  # It does not use what it has.
        else:
            factor = 1 - GROWTH_PER_S * step_s * excess
        return replace(self, rate_bytes_s=max(RATE_BYTES_S_MIN, self.rate_bytes_s * factor), felt_s=now_s)

    def _begin(self, need_bytes_s: float, now_s: float) -> "Share":
        left = self.link_bytes_s - NEED_SPARE * need_bytes_s
        rate = BEGIN_PART * left if self.link_bytes_s else RATE_BYTES_S_FIRST
        return replace(self, rate_bytes_s=max(RATE_BYTES_S_MIN, rate), felt_s=now_s, hurt_count=0)
