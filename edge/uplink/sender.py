"""Empties one destination's outbox, for as long as it takes.

One thread a destination: it asks the link, takes what is due in the order of `edge.core.outbox`, sends, writes down.
Nothing is given up here: what fails waits and goes again, what is refused is held for a person, and neither stops the
rest. How objects are begun and ended in groups is in `edge.uplink.feed`; a process killed in between sends the group
again, and a destination that has an object already has it once.
"""

import logging
import math
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from edge.core.delivery import UNSURE, Delivery, Outcome
from edge.core.outbox import STAT
from edge.errors import EdgeError
from edge.net.storage import Answer
from edge.runtime.clock import mono_s, wall_s
from edge.runtime.doorbell import Doorbell
from edge.runtime.gate import OPEN, Gate
from edge.runtime.log import event
from edge.store import future, turns
from edge.store.database import Database
from edge.uplink.carrier import Carrier, Way
from edge.uplink.chooser import Chooser, Task
from edge.uplink.feed import GROUP_BYTES_MAX, GROUP_COUNT_MAX, GROUP_S_MAX, Feed, Ledger, put_back
from edge.uplink.meter import Meter
from edge.uplink.prober import Prober

log = logging.getLogger(__name__)
POLL_S = 5.0
"""A lost ring of the bell costs no more than this."""
WAY_S = 120.0
"""So long a way is used before it is opened anew."""
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
    after_turn: Callable[[], bool] | None = None
    """Called when nothing is due and the link is usable, and now and then besides: commitment and proof; tells whether
    there is more to do. None: there never is."""
    stop: threading.Event = field(default_factory=threading.Event)
    is_sending: bool = False
    proved_s: float = 0.0
    seen_s: float = math.inf
    """Wall clock, when it was last looked at."""
    gate: Gate = OPEN
    """While it is closed nothing new begins; an object in hand waits, and goes again if its peer does not."""
    moved_bytes: int = 0
    """What has been brought there since it was last written down."""
    written_s: float = 0.0

    def __post_init__(self) -> None:
        """Nothing is in hand."""
        self.ledger = Ledger(self.database)

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
        self.ledger.save()
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
            return not is_off and self.after_turn is not None and self.after_turn()
        self.gate.is_urgent = is_off
        self._send(tasks)
        self._prove_if_due()
        return self.prober.link.is_usable

    @property
    def _is_proof_due(self) -> bool:
        is_due = mono_s() - self.proved_s > PROVE_EVERY_S
        return is_due and self.after_turn is not None and self.prober.link.is_usable and not self.gate.is_off

    def _prove_if_due(self) -> None:
        if self._is_proof_due and self.after_turn is not None:
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
            feed = Feed(
                self.ledger, choose=lambda: self._choose(way), is_over=lambda: self._is_over() or not way.is_open,
                may_begin=lambda: mono_s() < until_s and not self._is_proof_due, lose=self._lose,
                tasks=deque(task for task in tasks if way.fits(task.parcel)),
            )  # fmt: skip
            while self._send_stream(way, feed) and mono_s() < until_s:
                self._prove_if_due()

    def _choose(self, way: Way) -> Sequence[Task] | None:
        """Return what goes next over a way that is open: on a long way, opening one anew is dear."""
        if self.gate.is_off:
            return None
        self.meter.look(is_up=True)
        return [task for task in self.chooser.next_tasks() if way.fits(task.parcel)]

    def _send_stream(self, way: Way, feed: Feed) -> bool:
        """Send until there is nothing more, or something else has its turn; tell whether to go on over this way."""
        feed.is_stopped, self.is_sending = False, True
        self.moved_bytes, self.written_s = 0, mono_s()
        fault = ""
        given = way.send_each(feed.parcels(is_group=way.is_batched))
        try:
            for answer in given:
                task, begun_s = feed.flying.popleft()
                fault = self._take(task, answer, mono_s() - begun_s, feed, fault)
                self._write_if_due(feed)
        finally:
            self.is_sending = False
            feed.put_back()
            self._write_down()
        if feed.error is not None:
            raise feed.error
        if fault and not self.gate.is_closed:  # A peer that hangs up during a pause is not out of reach.
            self.prober.fail(f"{self.destination}: {fault}.")
        return not fault and way.is_open and not self._is_over() and not feed.is_dry

    def _take(self, task: Task, answer: Answer, duration_s: float, feed: Feed, fault: str) -> str:
        """Note how an attempt ended; return why the link broke, if it has."""
        is_first = not fault
        if answer.is_link_fault or answer.is_unfinished:
            feed.stop()
        if answer.is_link_fault and not is_first:  # The fault of the one before: no attempt at this one has failed.
            may_have_gone = answer.reason.endswith(UNSURE)
            self.ledger.unsaved.append(put_back(task, may_have_gone=may_have_gone))
            return fault
        self.ledger.unsaved.append(self._end(task, answer, duration_s))
        return answer.reason if answer.is_link_fault else fault

    def _is_over(self) -> bool:
        return self.stop.is_set() or self.gate.is_closed

    def _write_if_due(self, feed: Feed) -> None:
        """Save what ended some time ago; else it is saved when the next group begins."""
        try:
            if len(self.ledger.unsaved) >= 2 * GROUP_COUNT_MAX or mono_s() - self.written_s >= GROUP_S_MAX:
                self._write_down()
            elif self.moved_bytes >= GROUP_BYTES_MAX:
                self._note_moved()
        except EdgeError as error:
            feed.stop(error)

    def _write_down(self) -> None:
        """Save how attempts ended, in one commit, and what went over the link."""
        self.ledger.save()
        self._note_moved()

    def _note_moved(self) -> None:
        moved_bytes, duration_s = self.moved_bytes, mono_s() - self.written_s
        self.moved_bytes, self.written_s = 0, mono_s()
        if moved_bytes:
            self.prober.sent(moved_bytes, duration_s)
        self.meter.sent(moved_bytes)

    def _watch_clock(self) -> None:
        """A clock that was set back, now or while we did not run, leaves nothing waiting for a time that was wrong."""
        now_s = wall_s()
        if now_s < self.seen_s - CLOCK_BACK_S:
            count = future.forget(self.database, self.destination, now_s=now_s)
            if count:
                event(log, "uplink.clock_set_back", destination=self.destination, count=count)
        self.seen_s = now_s

    def _end(self, task: Task, answer: Answer, duration_s: float) -> Delivery:
        """Return the delivery after an attempt, and tell of it."""
        whole_bytes = task.size_bytes if answer.outcome is Outcome.ACCEPTED else 0
        self.moved_bytes += whole_bytes if answer.sent_bytes is None else answer.sent_bytes
        if answer.is_unfinished:
            back = put_back(task)
            return replace(back, reason=answer.reason or back.reason)
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
