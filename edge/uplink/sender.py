"""Empties one destination's outbox, for as long as it takes.

One thread a destination: it asks the link, takes what is due in the order of `edge.core.outbox`, sends, writes down.
Nothing is given up here: what fails waits and goes again, what is refused is held for a person, and neither stops the
rest. A group of small objects shares its two commits; a process killed in between sends the group again, and a
destination that has an object already has it once.
"""

import logging
import math
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from edge.core.delivery import INTERRUPTED, Delivery, Outcome, State
from edge.core.outbox import STAT
from edge.errors import EdgeError
from edge.net.storage import Answer
from edge.runtime.clock import mono_s, wall_s
from edge.runtime.doorbell import Doorbell
from edge.runtime.gate import OPEN, Gate
from edge.runtime.log import event
from edge.store import deliveries, future, turns
from edge.store.database import Database
from edge.uplink.carrier import Carrier, Way
from edge.uplink.chooser import Chooser, Task
from edge.uplink.meter import Meter
from edge.uplink.prober import Prober

log = logging.getLogger(__name__)
POLL_S = 5.0
"""A lost ring of the bell costs no more than this."""
GROUP_COUNT_MAX = 16
GROUP_BYTES_MAX = 8 * 1024 * 1024
WAY_S = 120.0
"""So long a way is used before it is opened anew."""
TURN_S = 10.0
"""After so long the order is made anew: somebody may have put a study first."""
PAUSE_LOOK_S = 0.5
CLOCK_BACK_S = 60.0
PROVE_EVERY_S = 15.0
"""However long the outbox is, what has arrived is proven meanwhile: only that makes room on the disk."""
ATTEMPTS_LOGGED_EACH = 3
"""Later failures of the same object are logged every so often only."""


@dataclass
class Sender:
    """One destination's worker. `run` blocks until `stop`; `abort` may be called from another thread."""

    database: Database
    destination: str
    carrier: Carrier
    prober: Prober
    chooser: Chooser
    meter: Meter
    bell: Doorbell
    after_turn: Callable[[], bool] = lambda: False
    """Called when nothing is due and the link is usable, and now and then besides: commitment and proof; tells whether
    there is more to do."""
    stop: threading.Event = field(default_factory=threading.Event)
    is_sending: bool = False
    proved_s: float = 0.0
    seen_s: float = math.inf
    """Wall clock, when it was last looked at."""
    unsaved: list[Delivery] = field(default_factory=list)
    """Ends of attempts that are not written down yet: of one group at most."""
    moved_bytes: int = 0
    """What the group in hand has brought there."""
    gate: Gate = OPEN
    """While it is closed nothing new begins; an object in hand waits, and goes again if its peer does not."""

    def run(self) -> None:
        """Send until stopped; the object in hand is finished first."""
        while not self.stop.is_set():
            try:
                is_busy = self._turn()
            except EdgeError as error:
                if not error.is_temporary:
                    raise
                event(log, "uplink.waits", level=logging.ERROR, destination=self.destination, reason=error.message)
                is_busy = False
            if not is_busy and not self.stop.is_set() and self.bell.wait(self._pause_s()):
                self.prober.ask_now()

    def hurry(self) -> None:
        """Break off what is only asked or waited for; an object in hand goes on, unless a call holds it up."""
        if not self.is_sending or self.gate.is_closed:
            self.carrier.abort()

    def abort(self) -> None:
        """Break off the object in hand, too: it waits again after the next start."""
        self.carrier.abort()

    def _pause_s(self) -> float:
        next_try_s = self.prober.link.next_try_s
        return POLL_S if next_try_s is None else min(POLL_S, max(0.1, next_try_s - wall_s()))

    def _turn(self) -> bool:
        """Do what can be done now; tell whether to look again at once."""
        self.gate.is_urgent = False
        self._catch_up()
        self._watch_clock()
        if self.gate.is_closed and not self.gate.is_off:
            self.prober.pause(self.gate.why)
            self.gate.wait_open(PAUSE_LOOK_S)
            return True
        is_up = self.prober.look().is_usable
        self.meter.look(is_up=is_up)
        if not is_up:
            return False
        is_off = self.gate.is_off
        tasks = self.chooser.next_tasks(priority_min=STAT if is_off else turns.LOWEST)
        self.prober.pause(self.gate.why if is_off and not tasks else "")
        if not tasks:
            return not is_off and self.after_turn()
        self.gate.is_urgent = is_off
        self._send(tasks)
        self._prove_if_due()
        return self.prober.link.is_usable

    def _prove_if_due(self) -> None:
        if mono_s() - self.proved_s > PROVE_EVERY_S and self.prober.link.is_usable and not self.gate.is_off:
            self.after_turn()
            self.proved_s = mono_s()

    def _send(self, tasks: Sequence[Task]) -> None:
        with ExitStack() as stack:
            try:
                way = stack.enter_context(self.carrier.open([task.parcel for task in tasks]))
            except EdgeError as error:
                self.prober.fail(error.message)
                return
            until_s = mono_s() + WAY_S
            try:
                while tasks and self._send_all(way, tasks) and mono_s() < until_s:
                    tasks = self._next_for(way)
            finally:
                self.is_sending = False

    def _next_for(self, way: Way) -> Sequence[Task]:
        """Return what goes next over a way that is open: on a long way, opening one anew is dear."""
        self._prove_if_due()
        self.meter.look(is_up=True)
        if self._is_over() or self.gate.is_off or not way.is_open:
            return ()
        tasks = self.chooser.next_tasks()
        return tasks if any(way.fits(task.parcel) for task in tasks) else ()

    def _is_over(self) -> bool:
        return self.stop.is_set() or self.gate.is_closed

    def _send_all(self, way: Way, tasks: Sequence[Task]) -> bool:
        """Send group by group until all went, the order is old, or we are to stop; tell whether the link held.

        Nothing is held up by it that was put first meanwhile: the order is made anew each `TURN_S`.
        """
        self.is_sending = True
        until_s = mono_s() + TURN_S
        fitting = [task for task in tasks if way.fits(task.parcel)]
        while fitting and way.is_open and not self._is_over() and mono_s() < until_s:
            group, fitting = _split(fitting)
            if not self._send_group(way, group):
                return False
        self.is_sending = False
        return True

    def _send_group(self, way: Way, group: Sequence[Task]) -> bool:
        """Send one group between its two commits; tell whether the link held."""
        now_s = wall_s()
        started = [replace(task, delivery=task.delivery.start()) for task in group]
        deliveries.save_all(self.database, [task.delivery for task in started], was=State.WAITING, now_s=now_s)
        taken = [task for task in started if self._is_ours(task.delivery)]
        ended: list[Delivery] = [self._lose(task) for task in taken if not _is_whole(task)]
        whole = [task for task in taken if _is_whole(task)]
        fault, began_s, self.moved_bytes = "", mono_s(), 0
        try:
            fault = self._send_whole(way, whole, ended)
        finally:
            self._write_down(ended, mono_s() - began_s)
        if fault and not self.gate.is_closed:  # A peer that hangs up during a pause is not out of reach.
            self.prober.fail(f"{self.destination}: {fault}.")
        return not fault

    def _send_whole(self, way: Way, tasks: Sequence[Task], ended: list[Delivery]) -> str:
        """Send these, add how each ended to `ended`, and return why the link broke, if it did."""
        answers = way.send_each([task.parcel for task in tasks])
        for number, task in enumerate(tasks):
            if (self._is_over() or not way.is_open) and (number == 0 or not way.is_batched):
                ended += [_put_back(left.delivery) for left in tasks[number:]]
                return ""
            began_s = mono_s()
            answer = next(answers)
            ended.append(self._end(task, answer, mono_s() - began_s))
            if answer.is_link_fault or answer.is_unfinished:
                ended += [_put_back(left.delivery, may_have_gone=way.is_batched) for left in tasks[number + 1 :]]
                return answer.reason if answer.is_link_fault else ""
        return ""

    def _write_down(self, ended: Sequence[Delivery], duration_s: float) -> None:
        """Save how a group ended, in one commit, and what went over the link."""
        self.unsaved += ended
        self._catch_up()
        if self.moved_bytes:
            self.prober.sent(self.moved_bytes, duration_s)
        self.meter.sent(self.moved_bytes)

    def _watch_clock(self) -> None:
        """A clock that was set back, now or while we did not run, leaves nothing waiting for a time that was wrong."""
        now_s = wall_s()
        if now_s < self.seen_s - CLOCK_BACK_S:
            count = future.forget(self.database, self.destination, now_s=now_s)
            if count:
                event(log, "uplink.clock_set_back", destination=self.destination, count=count)
        self.seen_s = now_s

    def _catch_up(self) -> None:
        """Save how attempts ended; what the disk does not take now is saved before anything else is done."""
        if self.unsaved:
            deliveries.save_all(self.database, self.unsaved, was=State.SENDING, now_s=wall_s())
            self.unsaved.clear()

    def _is_ours(self, delivery: Delivery) -> bool:
        """Tell whether the row was still waiting when we took it: a person may have held or cancelled it."""
        found = deliveries.find(self.database, delivery.sop_instance_uid, delivery.destination)
        return found is not None and found.state is State.SENDING

    def _end(self, task: Task, answer: Answer, duration_s: float) -> Delivery:
        """Return the delivery after an attempt, and tell of it."""
        whole_bytes = task.size_bytes if answer.outcome is Outcome.ACCEPTED else 0
        self.moved_bytes += whole_bytes if answer.sent_bytes is None else answer.sent_bytes
        if answer.is_unfinished:
            return replace(_put_back(task.delivery), reason=answer.reason)
        delivery = task.delivery.finish(
            answer.outcome, now_s=wall_s(), reason=answer.reason, jitter=random.random()
        )  # fmt: skip
        if answer.is_proven:
            delivery = delivery.prove()
        if answer.outcome is Outcome.ACCEPTED:
            self.chooser.charge(task)
        self._tell(delivery, answer, task.size_bytes, duration_s)
        return delivery

    def _lose(self, task: Task) -> Delivery:
        """An object whose file is not what it was is for a person."""
        name = f"{task.parcel.path.name[:16]}…"
        words = "missing" if not task.parcel.path.exists() else "cut short"
        return self._end(task, Answer(outcome=Outcome.REFUSED, reason=f"its file {name} is {words} on this node"), 0.0)

    def _tell(self, delivery: Delivery, answer: Answer, size_bytes: int, duration_s: float) -> None:
        is_told = delivery.attempt_count <= ATTEMPTS_LOGGED_EACH or delivery.attempt_count % 10 == 0
        if answer.outcome is Outcome.FAILED and not is_told:
            return
        event(
            log, f"delivery.{answer.outcome}",
            level=logging.INFO if answer.outcome is Outcome.ACCEPTED else logging.WARNING,
            destination=self.destination, sop_instance_uid=delivery.sop_instance_uid, size_bytes=size_bytes,
            duration_s=duration_s, attempt=delivery.attempt_count, reason=answer.reason,
        )  # fmt: skip


def _split(tasks: Sequence[Task]) -> tuple[list[Task], list[Task]]:
    """Take the first few: at least one, as long as they are small together."""
    total_bytes = 0
    for count, task in enumerate(tasks):
        total_bytes += task.size_bytes
        if count >= GROUP_COUNT_MAX or (count and total_bytes > GROUP_BYTES_MAX):
            return list(tasks[:count]), list(tasks[count:])
    return list(tasks), []


def _put_back(delivery: Delivery, *, may_have_gone: bool = False) -> Delivery:
    """Undo a start that led to no attempt, as far as is known."""
    reason = INTERRUPTED if may_have_gone else delivery.reason
    return replace(delivery, state=State.WAITING, attempt_count=delivery.attempt_count - 1, reason=reason)


def _is_whole(task: Task) -> bool:
    path = task.parcel.path
    return path.exists() and path.stat().st_size == task.size_bytes
