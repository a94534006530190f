"""The life of one delivery: an instance on its way to one destination.

    waiting ──send──▶ sending ──accepted──▶ sent ──committed──▶ committed ──read back──▶ safe
       ▲                 │failed                │not committed
       │                 │                      │                     │not the same there
       └─────────────────┴──────────────────────┴─────────────────────┘
    refused, or never the same there ─▶ held ──retry──▶ waiting

Pure: the caller passes the time in. The sender is in `edge.uplink`, the table in `edge.store`.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

RETRY_S_FIRST = 2.0
RETRY_S_MAX = 300.0
INTERRUPTED = "interrupted"
"""The reason of what was being sent when the process died: it may have arrived."""
UNSURE = "whether it arrived is not known"
"""The end of the reason of what was sent whole and never answered."""


class State(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    COMMITTED = "committed"
    SAFE = "safe"
    HELD = "held"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """How an attempt ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    FAILED = "failed"


OPEN_STATES = (State.WAITING, State.SENDING)
ARRIVED_STATES = (State.SENT, State.COMMITTED, State.SAFE)


class WrongState(Exception):
    """Our own mistake: this move is not in the table above."""


def retry_delay_s(attempt_count: int, *, jitter: float = 0.5) -> float:
    """Return the wait before the next attempt: doubling, bounded, spread by `jitter` in [0, 1]. Never gives up."""
    grown: float = min(RETRY_S_MAX, RETRY_S_FIRST * 2 ** min(max(attempt_count - 1, 0), 16))
    return grown * (0.75 + 0.5 * jitter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One row of the outbox."""

    sop_instance_uid: str
    destination: str
    state: State = State.WAITING
    attempt_count: int = 0
    due_s: float = 0.0
    """Wall clock; not before this."""
    reason: str = ""
    """Why it waits or is held, in words."""
    priority: int = 0
    """Higher goes first."""
    is_other_form: bool = False
    """What is proven there is the same picture in other bytes: it cannot give ours back one by one."""

    @property
    def is_doubtful(self) -> bool:
        """Tell whether it may have arrived already: that is looked at before it goes again."""
        return self.reason == INTERRUPTED or self.reason.endswith(UNSURE)

    def start(self) -> "Delivery":
        """Begin an attempt."""
        self._require(State.WAITING)
        return replace(self, state=State.SENDING, attempt_count=self.attempt_count + 1, reason="")

    def finish(self, outcome: Outcome, *, now_s: float, reason: str = "", jitter: float = 0.5) -> "Delivery":
        """End an attempt. Accepted is not yet safe: only commitment and a readback are.  Standard: PS3.4 J"""
        self._require(State.SENDING)
        match outcome:
            case Outcome.ACCEPTED:
                return replace(self, state=State.SENT, reason=reason)
            case Outcome.REFUSED:
                return replace(self, state=State.HELD, reason=reason)
            case Outcome.FAILED:
                due_s = now_s + retry_delay_s(self.attempt_count, jitter=jitter)
                return replace(self, state=State.WAITING, due_s=due_s, reason=reason)

    def commit(self, *, is_committed: bool, now_s: float, reason: str = "") -> "Delivery":
        """Take the destination's word: kept, or to be sent again."""
        if self.state not in (State.SENT, State.COMMITTED):
            return self
        if is_committed:
            return replace(self, state=State.COMMITTED, reason="")
        return replace(self, state=State.WAITING, due_s=now_s, reason=reason)

    def prove(self, *, reason: str = "", is_other_form: bool = False) -> "Delivery":
        """The destination gave the object back, the same: only now it is safe. `reason`: what it set right."""
        if self.state not in (State.SENT, State.COMMITTED):
            return self
        return replace(self, state=State.SAFE, reason=reason, is_other_form=is_other_form)

    def doubt(self, *, due_s: float, reason: str) -> "Delivery":
        """It has arrived, but nothing is proven yet; it is looked at again at `due_s`."""
        if self.state not in (State.SENT, State.COMMITTED):
            return self
        return replace(self, due_s=due_s, reason=reason)

    def hold_unproven(self, *, reason: str) -> "Delivery":
        """What is there is not the same, and sending it again has not helped: a person is needed."""
        if self.state not in (State.SENT, State.COMMITTED):
            return self
        return replace(self, state=State.HELD, reason=reason)

    def retry(self, *, now_s: float) -> "Delivery":
        """A person says: try now."""
        if self.state in (State.HELD, State.WAITING, State.CANCELLED):
            return replace(self, state=State.WAITING, due_s=now_s, reason="")
        return self

    def recover(self, *, now_s: float) -> "Delivery":
        """After a restart nothing is being sent any more."""
        if self.state is State.SENDING:
            return replace(self, state=State.WAITING, due_s=now_s, reason=INTERRUPTED)
        return self

    def _require(self, state: State) -> None:
        if self.state is not state:
            raise WrongState(f"delivery of {self.sop_instance_uid} is {self.state}, not {state}")
