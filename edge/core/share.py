"""What the uplink may send while a call runs: what the call leaves. Pure: time is handed in.

The call comes first: when it begins nothing passes until it has said what it needs. Then the uplink takes what the link
carried before, less that need, and feels its way: its own bytes tell how long the queue on the way is. While there is
none the share grows; when one builds up, which the call's packets would wait in, it shrinks. The call's own loss and
delay, told each second, shrink it at once, and close it when that does not help.
"""

from dataclasses import dataclass, replace

DELAY_S_AIM = 0.008
"""The call's round trip above its shortest: so much means a link that is busy and a packet that hardly waits."""
GROWTH = 0.3
"""For each second in which nothing waits."""
GROWTH_BEYOND = 0.04
"""Beyond what the link has carried before, where the next step may be one too many."""
SHRINK = 0.3
QUEUE_S_MAX = 0.06
"""What our own bytes may wait on the way: beyond what a receiver's late acknowledgements explain."""
QUEUED_PER_S = 1.5
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
    left_bytes_s: float = 0.0
    """What should be left of the link beside the call; 0: not known."""
    felt_s: float = 0.0
    carried_bytes_s: float = 0.0
    """What has arrived lately of ours."""
    rested_s: float = 0.0
    """Since when nothing passes."""
    round_trip_s_min: float = 0.0
    """Of the call; 0: not told yet."""
    hurt_count: int = 0

    def tell(self, *, need_bytes_s: float, round_trip_s: float, loss: float, now_s: float) -> "Share":
        """Take what the call says each second of what it needs and how it fares."""
        shortest_s = min(self.round_trip_s_min or round_trip_s, round_trip_s)
        left = max(float(RATE_BYTES_S_MIN), self.link_bytes_s - NEED_SPARE * need_bytes_s) if self.link_bytes_s else 0.0
        told = replace(self, round_trip_s_min=shortest_s, left_bytes_s=left)
        if left and not self.left_bytes_s and self.rate_bytes_s > left:  # It began without a word of the call.
            return replace(told, rate_bytes_s=left)
        is_hurt = loss > LOSS_MAX or (round_trip_s > 0 and round_trip_s - shortest_s > DELAY_S_MAX)
        if self.rate_bytes_s <= 0:
            may_begin = not is_hurt and (self.hurt_count == 0 or now_s - self.rested_s >= REST_S)
            return told._begin(need_bytes_s, now_s) if may_begin else told
        if not is_hurt:
            return replace(told, hurt_count=0, rate_bytes_s=told._felt_by_call(round_trip_s - shortest_s, round_trip_s))
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
        told = replace(self, felt_s=now_s, carried_bytes_s=delivered_bytes_s)
        if queue_s <= QUEUE_S_MAX:
            return told
        factor = 1 - QUEUED_PER_S * min(step_s, STEP_S_MAX)
        return replace(told, rate_bytes_s=max(RATE_BYTES_S_MIN, self.rate_bytes_s * factor))

    def _felt_by_call(self, delay_s: float, round_trip_s: float) -> float:
        """Return the share by how long the call's packets wait: it grows while they do not, if it is used."""
        if round_trip_s <= 0 or (delay_s < DELAY_S_AIM and self.rate_bytes_s > 2 * self.carried_bytes_s > 0):
            return self.rate_bytes_s
        excess = delay_s / DELAY_S_AIM - 1
        growth = GROWTH_BEYOND if 0 < self.left_bytes_s <= self.rate_bytes_s else GROWTH
        factor = 1 - growth * excess if excess < 0 else 1 - SHRINK * min(excess, 1.0)
        return max(float(RATE_BYTES_S_MIN), self.rate_bytes_s * factor)

    def _begin(self, need_bytes_s: float, now_s: float) -> "Share":
        left = self.link_bytes_s - NEED_SPARE * need_bytes_s
        rate = BEGIN_PART * left if self.link_bytes_s else RATE_BYTES_S_FIRST
        return replace(self, rate_bytes_s=max(RATE_BYTES_S_MIN, rate), felt_s=now_s, hurt_count=0)
