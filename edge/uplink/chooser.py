"""Chooses what one destination gets next, and keeps the bills by which studies share its link."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge.core.delivery import Delivery, State
from edge.net.storage import Parcel
from edge.runtime.clock import wall_s
from edge.runtime.doorbell import ring
from edge.runtime.log import event
from edge.store import deliveries, fetches, turns
from edge.store.database import Database
from edge.store.instances import Instances
from edge.store.turns import Due

log = logging.getLogger(__name__)
CANDIDATE_MAX = 1024
"""Chosen at once; after these the whole outbox is looked at again."""
CHARGED_STUDY_MAX = 4096
AWAY_S = 60.0
"""What has to be fetched back first is looked at again after this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One delivery in hand."""

    delivery: Delivery
    parcel: Parcel
    study_instance_uid: str
    size_bytes: int

    @property
    def is_whole(self) -> bool:
        """Tell whether its file is here and as long as it was."""
        path = self.parcel.path
        return path.exists() and path.stat().st_size == self.size_bytes


@dataclass
class Chooser:
    """One destination. Used by one thread."""

    database: Database
    instances: Instances
    destination: str
    bells: Path | None = None
    charged_bytes: dict[str, int] = field(default_factory=dict)
    """What each study has sent since the outbox was last empty."""

    def next_tasks(self, *, priority_min: int = turns.LOWEST) -> list[Task]:
        """Return what goes next, in its order; with an outbox that is empty all bills are settled."""
        found = turns.due(
            self.database, self.destination, now_s=wall_s(), limit=CANDIDATE_MAX, charged_bytes=self.charged_bytes,
            priority_min=priority_min,
        )  # fmt: skip
        if not found and priority_min == turns.LOWEST:
            self.charged_bytes.clear()
        self._call_back(due for due in found if not due.is_here)
        return [self._task(due) for due in found if due.is_here]

    def charge(self, task: Task) -> None:
        """Put what a study has sent on its bill."""
        if len(self.charged_bytes) >= CHARGED_STUDY_MAX:
            self.charged_bytes.clear()
        charged = self.charged_bytes.get(task.study_instance_uid, 0)
        self.charged_bytes[task.study_instance_uid] = charged + task.size_bytes

    def _task(self, due: Due) -> Task:
        parcel = Parcel(
            path=self.instances.path_of_digest(due.digest), sop_class_uid=due.sop_class_uid,
            sop_instance_uid=due.delivery.sop_instance_uid, transfer_syntax_uid=due.transfer_syntax_uid,
            study_instance_uid=due.study_instance_uid, series_instance_uid=due.series_instance_uid,
            is_doubtful=due.delivery.is_doubtful,
        )  # fmt: skip
        return Task(
            delivery=due.delivery, parcel=parcel, study_instance_uid=due.study_instance_uid, size_bytes=due.size_bytes
        )

    def _call_back(self, away: Iterable[Due]) -> None:
        """What was evicted before this destination wanted it comes back first."""
        waiting = [due.delivery for due in away]
        if not waiting:
            return
        now_s = wall_s()
        fetches.ask(self.database, [one.sop_instance_uid for one in waiting], why="send", now_s=now_s)
        reason = "it is fetched back from where it is kept first"
        later = [replace(one, due_s=now_s + AWAY_S, reason=reason) for one in waiting]
        deliveries.save_all(self.database, later, was=State.WAITING, now_s=now_s)
        event(log, "delivery.away", destination=self.destination, count=len(waiting))
        if self.bells is not None:
            ring(self.bells)
