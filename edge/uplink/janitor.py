"""Makes room: lets the oldest objects leave that are proven elsewhere, as many as the budget of the disk asks for.

Each leaves a small picture, both ends of its file, its row and a row of audit. What is not proven at every required
destination stays, however full the disk is: then new work is refused (`edge.store.room`), never old work lost.
"""

import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from edge.core.retention import Limits, excess_bytes
from edge.core.routing import Routing
from edge.errors import BadInputError, EdgeError
from edge.runtime.clock import wall_s
from edge.runtime.log import event
from edge.store import durable, evictions
from edge.store.database import Database
from edge.store.evictions import Candidate
from edge.store.instances import Instance, Instances

log = logging.getLogger(__name__)
LOOK_S = 2.0
NOTHING_S = 30.0
"""With nothing that may leave it is looked again after this: something may be proven by then."""
PAGE = 64
UNFIT_COUNT_MAX = 100_000
"""So many are remembered; then they are looked at anew."""


@dataclass
class Janitor:
    """The worker that evicts. `run` blocks until `stop`."""

    database: Database
    instances: Instances
    routing: Routing
    required: Collection[str]
    limits: Limits
    keep_s: float
    free_bytes: Callable[[], int]
    stop: threading.Event = field(default_factory=threading.Event)
    evicted_count: int = 0
    unfit: set[str] = field(default_factory=set)
    """Objects whose files cannot be cut into ends and pixels: they stay."""

    def run(self) -> None:
        """Make room until stopped; first what a crash left in the middle is finished."""
        finished = evictions.settle(self.database, self.instances.path_of)
        if finished:
            event(log, "janitor.settled", count=finished)
        while not self.stop.is_set():
            missing_bytes = self.step()
            self.stop.wait(NOTHING_S if missing_bytes > 0 else LOOK_S)

    def hurry(self) -> None:
        """It waits for nothing but `stop`."""

    def abort(self) -> None:
        """An object in hand is done in a moment."""

    def step(self) -> int:
        """Let leave what has to and may; return how many bytes too many are still here."""
        excess = excess_bytes(
            self.limits, used_bytes=evictions.used_bytes(self.database), free_bytes=self.free_bytes()
        )  # fmt: skip
        for is_strict in (True, False):  # What is still to go somewhere else leaves only when nothing else can.
            if excess > 0:
                excess -= self._evict(excess, is_strict=is_strict)
        return max(0, excess)

    def _evict(self, wanted_bytes: int, *, is_strict: bool) -> int:
        """Evict the oldest until enough have left, or none is left that may; return the bytes."""
        gone_bytes, after, now_s = 0, (float("-inf"), ""), wall_s()
        while gone_bytes < wanted_bytes and not self.stop.is_set():
            found = evictions.candidates(
                self.database, before_s=now_s - self.keep_s, after=after, limit=PAGE, is_strict=is_strict
            )
            if not found:
                break
            for candidate in found:
                after = (candidate.turn_s, candidate.instance.sop_instance_uid)
                if gone_bytes >= wanted_bytes or self.stop.is_set():
                    break
                gone_bytes += self._let_leave(candidate, now_s)
        return gone_bytes

    def _let_leave(self, candidate: Candidate, now_s: float) -> int:
        """Evict one object if it may; return its bytes, 0 when it stays."""
        instance = candidate.instance
        path = self.instances.path_of(instance)
        if instance.sop_instance_uid in self.unfit:
            return 0
        try:
            remains = evictions.take_remains(path)
            if remains is None:
                self.unfit.add(instance.sop_instance_uid)
                return 0
            from edge.uplink.thumbnail import keep_thumbnail  # Codecs are loaded when something leaves.

            keep_thumbnail(path, self.instances.thumbnail_of(instance))
            verdict = evictions.evict(
                self.database, candidate, path, remains, required=self.required_of(candidate),
                before_s=now_s - self.keep_s, now_s=now_s,
            )  # fmt: skip
        except (BadInputError, OSError) as error:  # A file that cannot be read is the scrub's business.
            event(
                log, "janitor.skips", level=logging.WARNING, sop_instance_uid=instance.sop_instance_uid,
                reason=str(error),
            )  # fmt: skip
            return self._leave_here(instance)
        except EdgeError as error:
            if not error.is_temporary:
                raise
            event(log, "janitor.waits", level=logging.WARNING, reason=error.message)
            return 0
        if not verdict.may_leave:
            return 0
        self.evicted_count += 1
        event(log, "object.evicted", sop_instance_uid=instance.sop_instance_uid, size_bytes=instance.size_bytes)
        return instance.size_bytes

    def _leave_here(self, instance: Instance) -> int:
        """Remember that an object cannot leave, and that none of its bytes did."""
        if len(self.unfit) >= UNFIT_COUNT_MAX:
            self.unfit.clear()
        self.unfit.add(instance.sop_instance_uid)
        return 0

    def required_of(self, candidate: Candidate) -> Collection[str]:
        """Return which destinations must have an object: the required ones among those its routes lead to.

        With a required destination that no route leads it to, and none that does, nothing vouches for it: it stays.
        """
        routed = self.routing.destinations_of(
            modality=candidate.modality, source=candidate.instance.source, descriptions=candidate.descriptions
        )
        return frozenset(self.required) & frozenset(routed)


def room_of(instances: Instances) -> Callable[[], int]:
    """Return what tells how much is free on the disk of the objects."""
    return lambda: durable.free_bytes(instances.data_dir)
