"""What goes over one open way, without a pause between groups: chosen, begun, given to the way, ended.

A group of small objects shares one commit, which says that it is begun and how the one before has ended. The way takes
the next object when it can: the next group begins while the last answers of the one before are still out. A process
that is killed in between finds what was begun, looks whether it has arrived, and sends the rest.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from edge.core.delivery import INTERRUPTED, Delivery, State
from edge.errors import EdgeError
from edge.net.parcel import Parcel
from edge.runtime.clock import mono_s, wall_s
from edge.store import deliveries
from edge.store.database import Database
from edge.uplink.chooser import Task

GROUP_COUNT_MAX = 16
GROUP_BYTES_MAX = 8 * 1024 * 1024
GROUP_S_MAX = 5.0
"""On a slow link what has ended is written down after so long, however few."""
TURN_S = 10.0
"""After so long the order is made anew: somebody may have put a study first."""


@dataclass
class Ledger:
    """Writes attempts of one destination down. Used by one thread."""

    database: Database
    unsaved: list[Delivery] = field(default_factory=list)
    """Ends of attempts that are not written down yet: of two groups at most."""

    def begin(self, tasks: Sequence[Task]) -> list[Task]:
        """Write down that these are being sent, and what has ended; return those that are: a person may have held one.

        One commit for both: on a fast link it is what an object waits for.
        """
        started = [replace(task, delivery=task.delivery.start()) for task in tasks]
        ended = [(delivery, State.SENDING) for delivery in self.unsaved]
        begun = [(task.delivery, State.WAITING) for task in started]
        are_written = deliveries.save_each(self.database, ended + begun, now_s=wall_s())
        self.unsaved.clear()
        return [task for task, is_ours in zip(started, are_written[len(ended) :], strict=True) if is_ours]

    def save(self) -> None:
        """Write down how attempts ended; what the disk does not take now stays to be written."""
        if self.unsaved:
            deliveries.save_all(self.database, self.unsaved, was=State.SENDING, now_s=wall_s())
            self.unsaved.clear()


@dataclass
class Feed:
    """The objects of one way. Used by the sender's thread, in which a way takes them, too."""

    ledger: Ledger
    choose: Callable[[], Sequence[Task] | None]
    """Returns what goes next, in its order; None: as it was."""
    is_over: Callable[[], bool]
    """Nothing more is given to the way."""
    may_begin: Callable[[], bool]
    """Another group may begin."""
    lose: Callable[[Task], Delivery]
    """Ends an attempt at what is not whole on this node."""
    tasks: deque[Task]
    """Chosen, and not begun."""
    chosen_s: float = field(default_factory=mono_s)
    begun: deque[Task] = field(default_factory=deque)
    """Begun, and not given to the way."""
    flying: deque[tuple[Task, float]] = field(default_factory=deque)
    """Given to the way, and not answered; with when."""
    is_stopped: bool = False
    is_dry: bool = False
    """There was nothing more to choose."""
    error: EdgeError | None = None
    """Why nothing more can be begun: it is raised when what flies has been answered."""

    def parcels(self, *, is_group: bool = False) -> Iterator[Parcel]:
        """Give the next objects, as they can be taken; `is_group`: of one group only."""
        has_begun = False
        while not (self.is_stopped or self.is_over()):
            if not self.begun:
                if (is_group and has_begun) or not self.may_begin() or not self._begin():
                    return
                has_begun = True
                continue  # That took a while: it may be over.
            task = self.begun.popleft()
            if not task.is_whole:
                self.ledger.unsaved.append(self.lose(task))
                continue
            self.flying.append((task, mono_s()))
            yield task.parcel

    def stop(self, error: EdgeError | None = None) -> None:
        """Give no more, and make the order anew; what flies is still answered."""
        self.is_stopped, self.chosen_s = True, -math.inf
        self.error = self.error or error

    def put_back(self) -> None:
        """Undo what was begun and never given to the way, or never answered."""
        self.ledger.unsaved += [put_back(task) for task in self.begun]
        self.ledger.unsaved += [put_back(task, may_have_gone=True) for task, _ in self.flying]
        self.begun.clear()
        self.flying.clear()

    def _begin(self) -> bool:
        """Begin the next group; tell whether there is one."""
        try:
            if not self.tasks or mono_s() - self.chosen_s > TURN_S:
                chosen = self.choose()
                if chosen is not None:
                    self.tasks, self.chosen_s = deque(chosen), mono_s()
            self.is_dry = not self.tasks
            if self.is_dry:
                return False
            self.begun.extend(self.ledger.begin(_take_group(self.tasks)))
        except EdgeError as error:
            self.stop(error)
            return False
        return True


def _take_group(tasks: deque[Task]) -> list[Task]:
    """Take the first few: at least one, as long as they are small together."""
    taken: list[Task] = []
    total_bytes = 0
    while tasks and len(taken) < GROUP_COUNT_MAX:
        total_bytes += tasks[0].size_bytes
        if taken and total_bytes > GROUP_BYTES_MAX:
            break
        taken.append(tasks.popleft())
    return taken


def put_back(task: Task, *, may_have_gone: bool = False) -> Delivery:
    """Undo a start that led to no attempt, as far as is known; what was in doubt before still is."""
    delivery = task.delivery
    reason = INTERRUPTED if may_have_gone or task.parcel.is_doubtful else delivery.reason
    return replace(delivery, state=State.WAITING, attempt_count=delivery.attempt_count - 1, reason=reason)
