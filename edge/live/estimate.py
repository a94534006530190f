"""What one viewer's link carries, from what the viewer tells us.  Pure: the caller passes the time in.

Four voices: REMB, the receiver's own estimate, which falls to 85 % of what arrives when delay builds up; receiver
reports, with the fraction lost; the round trip, which grows with the queue on the way; negative acknowledgements, the
first to speak when a link is flooded. REMB rises only to about one and a half times what is sent, so a quiet picture
keeps it low: it may be exceeded step by step while nothing speaks against it. Growth is fast until the first sign of
congestion, then quick up to what the link was seen to carry, and slow beyond.

A fifth voice speaks for all where a receiver has it: when each packet arrived (see `arrivals`). It tells what the link
carries before that is used up, and a queue within a tenth of a second; round trip and REMB are not asked then.
"""

from dataclasses import dataclass

from edge.live.arrivals import Reading

ESTIMATE_BPS_FIRST = 500_000
"""Its first keyframe fits into the queue of a poor link; a good one carries all after three seconds."""
ESTIMATE_BPS_MIN = 80_000
REMB_USABLE = 0.92
"""The rest is for headers, audio and resends."""
REMB_OF_ARRIVED = 0.85
REMB_EXCEEDED = 1.3
BUSY_PART = 0.7
"""A picture that uses less than this of its rate tells REMB nothing of the link."""
LOSS_HIGH = 0.10
LOSS_LOW = 0.06
"""Loss without a queue is the radio's, not ours: less would not help."""
QUEUED_S_LOW = 0.05
QUEUED_S_HIGH = 0.12
QUEUED_CUT = 0.8
RTT_FORGET = 1.002
"""A report: a way that became longer for good is the shortest one again after some minutes."""
NACK_HIGH = 0.15
NACK_CUT = 0.5
GROWTH_FIRST_PER_S = 0.6
GROWTH_BACK_PER_S = 0.25
GROWTH_BEYOND_PER_S = 0.06
NEAR_CAPACITY = 0.85
STEP_S_MAX = 1.0
REPORT_S = 0.5
REPORT_PACKETS_MIN = 8
MOMENT_S = 0.2
MISSES_MIN = 8
"""Fewer in a moment may be chance."""
MOMENT_S_MAX = 2.0
REST_S = 0.7
"""After a cut the queue on the way empties; what is heard meanwhile is of the time before."""

ARRIVALS_FRESH_S = 2.0
"""After so long without word of arrivals, the other voices are heard again."""
CAPACITY_PART = 0.88
"""Of what the link carries; the rest is for headers, audio and resends, and empties a queue."""
CAPACITY_WIDE = 1.5
"""A link this much wider than what is sent is not what a late packet waited for."""
STANDING_S_MUCH = 0.04
STANDING_S_LITTLE = 0.02
STANDING_S_LONG = 0.35
RECEIVED_PART_MIN = 0.6
"""What arrived was less than the link carries when little was sent a moment ago; so much less it hardly was."""
UNWAITED_S = 3.0
DRAIN_S = 1.0
DRAIN_PART_MAX = 0.4
GROWTH_TOWARDS_PER_S = 2.0
GROWTH_PROBING_PER_S = 0.03
DECLINE_PER_S = 0.5
CUT_REST_S = 0.25


@dataclass(slots=True)
class Misses:
    """Negative acknowledgements gathered over a moment: which fraction of what was sent is missed."""

    _missing_count: int = 0
    _sent_count: int = 0
    _begun_s: float | None = None

    def take(self, missing_count: int, sent_count: int, *, now_s: float) -> float | None:
        """Return the fraction once a moment is over, else None; `sent_count` counts from the start."""
        if self._begun_s is None or now_s - self._begun_s > MOMENT_S_MAX:
            self._missing_count, self._sent_count, self._begun_s = missing_count, sent_count, now_s
            return None
        self._missing_count += missing_count
        if now_s - self._begun_s < MOMENT_S:
            return None
        is_telling = self._missing_count >= MISSES_MIN
        fraction = self._missing_count / max(1, sent_count - self._sent_count) if is_telling else 0.0
        self._missing_count, self._sent_count, self._begun_s = 0, sent_count, now_s
        return fraction


@dataclass(slots=True)
class LossMeter:
    """The loss over a second, from the totals of receiver reports: single ones cover a few packets and mislead."""

    _lost_count: int = 0
    _highest: int | None = None
    _begun_s: float = 0.0

    def take(self, *, highest_sequence: int, lost_count: int, now_s: float) -> float | None:
        """Return the fraction lost since the last answer, once that is long enough ago, else None."""
        if self._highest is None:
            self._lost_count, self._highest, self._begun_s = lost_count, highest_sequence, now_s
            return None
        expected_count = (highest_sequence - self._highest) % (1 << 32)
        if now_s - self._begun_s < REPORT_S or expected_count < REPORT_PACKETS_MIN:
            return None
        fraction = max(0, lost_count - self._lost_count) / expected_count
        self._lost_count, self._highest, self._begun_s = lost_count, highest_sequence, now_s
        return min(1.0, fraction)


@dataclass(slots=True, kw_only=True)
class Estimate:
    """One viewer's rate, in bits a second."""

    bitrate_bps_max: int
    bitrate_bps: int = ESTIMATE_BPS_FIRST
    remb_bps: int | None = None
    capacity_bps: float | None = None
    """What the link was seen to carry when it was full; None before the first sign of congestion."""
    is_probing: bool = False
    """Nothing has waited on the way for a while: send in bursts again, to see whether the link became wider."""
    _cut_s: float | None = None
    _rtt_s_min: float | None = None
    _grown_s: float | None = None
    _arrived_s: float | None = None
    _standing_since_s: float | None = None
    _unwaited_since_s: float | None = None

    def __post_init__(self) -> None:
        self.bitrate_bps = min(self.bitrate_bps, self.bitrate_bps_max)

    @property
    def is_steady(self) -> bool:
        """True after the first sign of congestion."""
        return self.capacity_bps is not None

    @property
    def is_queued(self) -> bool:
        """True while a queue stands on the way, as far as times of arrival tell."""
        return self._standing_since_s is not None

    def take_remb(self, remb_bps: int, *, now_s: float) -> None:
        """Take the receiver's estimate; one that falls below ours lowers ours at once."""
        is_falling = self.remb_bps is not None and remb_bps < self.remb_bps
        self.remb_bps = remb_bps
        if self._hears_arrivals(now_s):
            return
        if is_falling and remb_bps * REMB_USABLE < self.bitrate_bps and not self._is_resting(now_s):
            self._cut(remb_bps * REMB_USABLE, carried_bps=remb_bps / REMB_OF_ARRIVED, now_s=now_s)

    def take_report(self, *, loss: float, sent_bps: float, rtt_s: float | None, now_s: float) -> None:
        """Take what a receiver reported; `loss` is the fraction lost since the last time, 0 to 1."""
        hears_arrivals = self._hears_arrivals(now_s)
        queued_s = 0.0 if hears_arrivals else self._queued_s(rtt_s)
        if queued_s > QUEUED_S_HIGH and not self._is_resting(now_s):
            self._cut(self.bitrate_bps * QUEUED_CUT, carried_bps=self.bitrate_bps * QUEUED_CUT, now_s=now_s)
            return
        if loss > LOSS_HIGH:
            if not self._is_resting(now_s):
                kept_bps = self.bitrate_bps * (1 - loss / 2)
                self._cut(kept_bps, carried_bps=self.bitrate_bps * (1 - loss), now_s=now_s)
        elif not hears_arrivals and loss <= LOSS_LOW and queued_s < QUEUED_S_LOW:
            self._grow(now_s, is_busy=sent_bps >= BUSY_PART * self.bitrate_bps)

    def take_nacks(self, fraction: float, *, now_s: float) -> None:
        """Take the fraction of packets the receiver misses, as soon as it says so."""
        if fraction > NACK_HIGH and not self._is_resting(now_s):
            carried_bps = self.bitrate_bps * (1 - min(1.0, fraction))
            self._cut(self.bitrate_bps * NACK_CUT, carried_bps=max(carried_bps, self.bitrate_bps * 0.25), now_s=now_s)

    def take_arrivals(self, reading: Reading, *, now_s: float) -> None:
        """Take what the times of arrival say: follow what the link carries, and give way to a queue at once."""
        self._arrived_s = now_s
        is_wide = reading.capacity_bps is None or reading.capacity_bps > self.bitrate_bps * CAPACITY_WIDE
        if not is_wide or self._unwaited_since_s is None:
            self._unwaited_since_s = now_s
        self.is_probing = now_s - self._unwaited_since_s >= UNWAITED_S / 2
        if reading.queued_s <= STANDING_S_MUCH:
            self._standing_since_s = None
        elif self._standing_since_s is None:
            self._standing_since_s = now_s
        if self._standing_since_s is not None:
            if not is_wide or now_s - self._standing_since_s >= STANDING_S_LONG:
                self._give_way(reading, now_s)
        elif reading.queued_s < STANDING_S_LITTLE:
            self._follow(reading, now_s)

    def _give_way(self, reading: Reading, now_s: float) -> None:
        """A queue stands on the way: what arrives is what the link carries. Send less until it is gone."""
        if self._has_cut_within(CUT_REST_S, now_s):
            return
        carried_bps = reading.received_bps
        if reading.capacity_bps is not None:
            carried_bps = min(reading.capacity_bps, max(carried_bps, reading.capacity_bps * RECEIVED_PART_MIN))
        part = CAPACITY_PART - min(DRAIN_PART_MAX, reading.queued_s / DRAIN_S)
        self._cut(carried_bps * part, carried_bps=carried_bps, now_s=now_s)

    def _follow(self, reading: Reading, now_s: float) -> None:
        """Approach what the link carries: quickly up to what is known, slowly beyond, quickly again where nothing
        waits for seconds."""
        step_s = 0.0 if self._grown_s is None else max(0.0, min(STEP_S_MAX, now_s - self._grown_s))
        self._grown_s = now_s
        limit_bps = float(self.bitrate_bps_max)
        if reading.capacity_bps is not None:
            limit_bps = min(limit_bps, reading.capacity_bps * CAPACITY_PART)
        growth_per_s = GROWTH_TOWARDS_PER_S
        if self.capacity_bps is not None and self.bitrate_bps >= self.capacity_bps * CAPACITY_PART * 0.95:
            is_free = self._unwaited_since_s is not None and now_s - self._unwaited_since_s >= UNWAITED_S
            growth_per_s = GROWTH_BACK_PER_S if is_free else GROWTH_PROBING_PER_S
        elif self.capacity_bps is not None:
            limit_bps = min(limit_bps, self.capacity_bps * CAPACITY_PART)
        if limit_bps >= self.bitrate_bps:
            self._set(min(limit_bps, self.bitrate_bps * (1 + growth_per_s * step_s)))
        else:
            self._set(max(limit_bps, self.bitrate_bps * (1 - DECLINE_PER_S * step_s)))
        if self.capacity_bps is not None:
            self.capacity_bps = max(self.capacity_bps, float(self.bitrate_bps))

    def _hears_arrivals(self, now_s: float) -> bool:
        return self._arrived_s is not None and now_s - self._arrived_s < ARRIVALS_FRESH_S

    def _has_cut_within(self, seconds: float, now_s: float) -> bool:
        return self._cut_s is not None and now_s - self._cut_s < seconds

    def _queued_s(self, rtt_s: float | None) -> float:
        """Return how much longer than the shortest a round trip is: what waits on the way."""
        if rtt_s is None or rtt_s < 0:
            return 0.0
        self._rtt_s_min = rtt_s if self._rtt_s_min is None else min(rtt_s, self._rtt_s_min * RTT_FORGET)
        return rtt_s - self._rtt_s_min

    def _is_resting(self, now_s: float) -> bool:
        return self._has_cut_within(REST_S, now_s)

    def _cut(self, bitrate_bps: float, *, carried_bps: float, now_s: float) -> None:
        self.capacity_bps = carried_bps
        self._cut_s = self._grown_s = now_s
        self._set(min(bitrate_bps, self.bitrate_bps))

    def _grow(self, now_s: float, *, is_busy: bool) -> None:
        step_s = 0.0 if self._grown_s is None else max(0.0, min(STEP_S_MAX, now_s - self._grown_s))
        self._grown_s = now_s
        grown_bps = self.bitrate_bps * (1 + self._growth_per_s() * step_s)
        if self.remb_bps is not None and self.is_steady and is_busy:
            grown_bps = min(grown_bps, max(self.remb_bps * REMB_EXCEEDED, self.bitrate_bps))
        self._set(grown_bps)

    def _growth_per_s(self) -> float:
        if self.capacity_bps is None:
            return GROWTH_FIRST_PER_S
        return GROWTH_BACK_PER_S if self.bitrate_bps < NEAR_CAPACITY * self.capacity_bps else GROWTH_BEYOND_PER_S

    def _set(self, bitrate_bps: float) -> None:
        self.bitrate_bps = max(ESTIMATE_BPS_MIN, min(self.bitrate_bps_max, int(bitrate_bps)))
