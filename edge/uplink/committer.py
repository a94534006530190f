"""Asks one destination to take responsibility for what it was sent, and takes its answers, early, late or never."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from edge.core.delivery import State, retry_delay_s
from edge.dicom.implementation import new_uid
from edge.errors import EdgeError
from edge.net import commitment
from edge.net.commitment import INSTANCE_COUNT_MAX, Report
from edge.net.peer import NotAcceptedError, Peer
from edge.runtime.clock import wall_s
from edge.runtime.log import event
from edge.store import commitments, deliveries, parts
from edge.store.database import Database
from edge.store.parts import PartState

log = logging.getLogger(__name__)
ASK_EVERY_S = 2.0
REPORT_S = 3.0
"""For the report on the association of the question, when the peer has nowhere else to report."""
VOID_S = 600.0
"""A question without an answer for so long is asked again."""
MISSED_COUNT_MAX = 2
"""A peer that accepts so many questions in a row and answers none is taken for one that does not commit."""
UNWILLING_S = 3600.0
"""A peer that does not offer commitment is asked again after this."""


@dataclass
class Committer:
    """One DIMSE destination. Used by one thread; `take` by any."""

    database: Database
    destination: str
    peer: Peer
    has_listener: bool
    next_ask_s: float = 0.0
    missed_count: int = 0
    """Questions in a row that were accepted and never answered."""

    is_unwilling: bool = False
    """It has said that it does not commit, or never answers: what it has is then judged by reading it back alone."""

    def step(self) -> None:
        """Ask about what was sent and not asked about yet; returns at once when there is nothing, or it is too soon."""
        now_s = wall_s()
        if now_s < self.next_ask_s and self.next_ask_s - now_s <= UNWILLING_S:
            return
        references = commitments.unasked(
            self.database, self.destination, asked_before_s=now_s - VOID_S, limit=INSTANCE_COUNT_MAX
        )
        if not references:
            return
        self.next_ask_s = now_s + ASK_EVERY_S
        transaction_uid = new_uid()
        about, asked = in_parts(self.database, self.destination, references)
        commitments.write_down(self.database, transaction_uid, self.destination, about, now_s=now_s)
        try:
            wait_s = 0.0 if self.has_listener else REPORT_S
            report = commitment.ask(
                self.peer, transaction_uid, asked, wait_s=wait_s, on_other=partial(take, self.database)
            )  # fmt: skip
        except NotAcceptedError as error:
            self.next_ask_s = now_s + UNWILLING_S
            self.is_unwilling = True
            commitments.withdraw(self.database, transaction_uid)
            event(log, "commitment.absent", destination=self.destination, reason=error.message)
            return
        except EdgeError as error:  # Some answer by hanging up.
            self._miss()
            commitments.withdraw(self.database, transaction_uid)
            event(log, "commitment.failed", destination=self.destination, reason=error.message)
            return
        if report is not None:
            self.missed_count, self.is_unwilling = 0, False
            take(self.database, report)
        elif not self.has_listener:  # Nowhere else could it report: the question is void.
            self._miss()
            commitments.withdraw(self.database, transaction_uid)

    def _miss(self) -> None:
        self.missed_count += 1
        self.is_unwilling = self.missed_count >= MISSED_COUNT_MAX
        self.next_ask_s = wall_s() + retry_delay_s(self.missed_count)


def in_parts(
    database: Database, destination: str, references: Sequence[tuple[str, str]]
) -> tuple[list[str], list[tuple[str, str]]]:
    """Return what a question is about, and what is asked: of an object that went in parts, these."""
    about: list[str] = []
    asked: list[tuple[str, str]] = []
    for sop_class, uid in references:
        if len(asked) >= INSTANCE_COUNT_MAX:
            break
        rows = parts.of_object(database, destination, uid)
        about.append(uid)
        asked += [(sop_class, row.part_uid) for row in rows] or [(sop_class, uid)]
    return about, asked


def take(database: Database, report: Report) -> None:
    """Believe a report, once: committed objects are committed, refused ones go again after a while."""
    now_s = wall_s()
    asked = commitments.answer(database, report.transaction_uid, now_s=now_s)
    if asked is None:
        event(log, "commitment.unexpected", level=logging.WARNING, transaction_uid=report.transaction_uid)
        return
    moved = []
    for uid in asked.sop_instance_uids:
        delivery = deliveries.find(database, uid, asked.destination)
        said = _said_of(database, asked.destination, uid, report)
        if delivery is None or said is None:
            continue
        wait_s = retry_delay_s(delivery.attempt_count)
        is_committed, reason = said
        moved.append(delivery.commit(is_committed=is_committed, now_s=now_s + wait_s, reason=reason))
    count = deliveries.save_all(database, moved, was=State.SENT, now_s=now_s)
    event(
        log, "commitment.answered", destination=asked.destination, transaction_uid=report.transaction_uid,
        asked_count=len(asked.sop_instance_uids), moved_count=count, failed_count=len(report.failed),
    )  # fmt: skip


def _said_of(database: Database, destination: str, uid: str, report: Report) -> tuple[bool, str] | None:
    """Return whether an object is committed and why not; None when nothing was said of it, or not of all its parts.

    A part that is not committed is to go again.
    """
    rows = parts.of_object(database, destination, uid)
    for row in rows:
        if row.part_uid in report.failed:
            parts.move(database, destination, uid, row.number, PartState.WAITING)
    wanted = [row.part_uid for row in rows] or [uid]
    reasons = [report.failed[one] for one in wanted if one in report.failed]
    if reasons:
        return False, f"not committed: {reasons[0]}"
    return (True, "") if all(one in report.committed for one in wanted) else None
