"""Fetches back what was sent and compares it: only what a destination gives back unchanged is safe there.

An archive may commit what it has cut short. What comes back cut, damaged or not at all is sent again; when sending
again does not help, a person is asked.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.core.delivery import Delivery, State, retry_delay_s
from edge.errors import EdgeError
from edge.net.fetching import Fetch, NotGivenError, NotThereError
from edge.net.parcel import Parcel
from edge.net.peer import NotAcceptedError
from edge.runtime.clock import mono_s, wall_s
from edge.runtime.gate import OPEN, Gate
from edge.runtime.log import event
from edge.store import deliveries
from edge.store.database import Database
from edge.store.instances import Instances
from edge.uplink.comparison import Comparison, Verdict, compare

log = logging.getLogger(__name__)
STEP_S = 5.0
"""Then sending has its turn again."""
LIST_MAX = 64
UNWILLING_S = 3600.0
"""A destination that gives nothing back is asked again after this."""
CHANGED_S = 7 * 24 * 3600.0
"""What is kept with other attributes is looked at again after this: the archive may have been corrected."""
ASK_COUNT_MAX = 3
"""Asked for so often in vain, it is sent again."""
ATTEMPT_COUNT_MAX = 5
"""Sent so often and still not the same there: held, for a person."""


@dataclass
class Prover:
    """One destination. Used by one thread."""

    database: Database
    instances: Instances
    destination: str
    fetch: Fetch
    examine: Callable[[Parcel], Comparison | None] = lambda parcel: None
    """Compares in another way, where there is one for this object; None: it is fetched back whole."""
    is_committed_first: Callable[[], bool] = lambda: False
    """Tells whether the destination commits: then only what it has committed is read back."""
    stop: threading.Event = field(default_factory=threading.Event)
    gate: Gate = OPEN
    """While it is closed nothing is fetched."""
    next_s: float = 0.0
    asked_count: dict[str, int] = field(default_factory=dict)

    def step(self) -> bool:
        """Prove what can be proven now; tell whether there is more."""
        now_s = wall_s()
        if now_s < self.next_s and self.next_s - now_s <= UNWILLING_S:
            return False
        states = [State.COMMITTED] if self.is_committed_first() else [State.SENT, State.COMMITTED]
        found = deliveries.unproven(self.database, self.destination, states, now_s=now_s, limit=LIST_MAX)
        until_s = mono_s() + STEP_S
        for delivery in found:
            if self.stop.is_set() or self.gate.is_closed:
                return False
            if mono_s() > until_s or not self._prove(delivery):
                return mono_s() > until_s
        return len(found) == LIST_MAX

    def _prove(self, delivery: Delivery) -> bool:
        """Prove one; tell whether to go on."""
        instance = self.instances.find(delivery.sop_instance_uid)
        if instance is None or not self.instances.path_of(instance).exists():
            self._move(delivery, delivery.doubt(due_s=wall_s() + CHANGED_S, reason="its file is missing on this node"))
            return True
        parcel = Parcel(
            path=self.instances.path_of(instance), sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid, transfer_syntax_uid=instance.transfer_syntax_uid,
            study_instance_uid=instance.study_instance_uid, series_instance_uid=instance.series_instance_uid,
        )  # fmt: skip
        try:
            comparison = self.look(parcel)
        except NotAcceptedError as error:
            self.next_s = wall_s() + UNWILLING_S
            event(log, "readback.absent", destination=self.destination, reason=error.message)
            return False
        except NotThereError:
            self._send_again(delivery, "it is not there any more")
        except NotGivenError as error:
            self._ask_again(delivery, error.message)
        except (EdgeError, OSError) as error:
            self.next_s = wall_s() + retry_delay_s(4)
            event(log, "readback.waits", destination=self.destination, reason=str(error))
            return False
        else:
            self._believe(delivery, comparison)
        return True

    def look(self, parcel: Parcel) -> Comparison:
        """Fetch one object back and compare it.  Raises: what `Fetch` raises, OSError."""
        examined = self.examine(parcel)
        if examined is not None:
            return examined
        self.instances.require_space(parcel.path.stat().st_size)
        target = self.instances.new_temp()
        try:
            self.fetch(parcel, target)
            return compare(parcel.path, target)
        finally:
            target.unlink(missing_ok=True)

    def has_already(self, parcel: Parcel) -> bool:
        """Tell whether an object whose answer was lost has arrived all the same.  Raises: EdgeError."""
        return self.look(parcel).verdict is Verdict.SAME

    def _believe(self, delivery: Delivery, comparison: Comparison) -> None:
        self.asked_count.pop(delivery.sop_instance_uid, None)
        match comparison.verdict:
            case Verdict.SAME:
                self._move(delivery, delivery.prove(reason=comparison.reason, is_other_form=comparison.is_other_form))
            case Verdict.CHANGED:
                self._move(delivery, delivery.doubt(due_s=wall_s() + CHANGED_S, reason=comparison.reason))
            case Verdict.DIFFERENT:
                self._send_again(delivery, comparison.reason)

    def _ask_again(self, delivery: Delivery, reason: str) -> None:
        count = self.asked_count[delivery.sop_instance_uid] = self.asked_count.get(delivery.sop_instance_uid, 0) + 1
        if count >= ASK_COUNT_MAX:
            self.asked_count.pop(delivery.sop_instance_uid)
            self._send_again(delivery, reason)
        else:
            self._move(delivery, delivery.doubt(due_s=wall_s() + retry_delay_s(count), reason=reason))

    def _send_again(self, delivery: Delivery, reason: str) -> None:
        if delivery.attempt_count >= ATTEMPT_COUNT_MAX:
            words = f"sent {delivery.attempt_count} times and not the same there: {reason}. Remove it there, then retry"
            self._move(delivery, delivery.hold_unproven(reason=words))
            return
        wait_s = retry_delay_s(delivery.attempt_count)
        self._move(delivery, delivery.commit(is_committed=False, now_s=wall_s() + wait_s, reason=reason))

    def _move(self, before: Delivery, after: Delivery) -> None:
        level = logging.INFO if after.state is State.SAFE else logging.WARNING
        if deliveries.save(self.database, after, was=before.state, now_s=wall_s()):
            event(
                log, "delivery.proven" if after.state is State.SAFE else "delivery.unproven", level=level,
                destination=self.destination, sop_instance_uid=after.sop_instance_uid, state=after.state,
                reason=after.reason,
            )  # fmt: skip
