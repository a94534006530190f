"""Asks one DICOMweb destination to take responsibility for what it was sent, and looks again until it has answered."""

import logging
from dataclasses import dataclass

from edge.core.delivery import retry_delay_s
from edge.dicom.identity import new_uid
from edge.errors import EdgeError
from edge.net import web_commitment
from edge.net.commitment import INSTANCE_COUNT_MAX, Report
from edge.net.peer import NotAcceptedError
from edge.net.web import WebClient
from edge.runtime.clock import wall_s
from edge.runtime.log import event
from edge.store import commitments
from edge.store.database import Database
from edge.uplink.committer import ASK_EVERY_S, MISSED_COUNT_MAX, REPORT_S, UNWILLING_S, VOID_S, in_parts, take

log = logging.getLogger(__name__)


@dataclass
class WebCommitter:
    """One destination of kind stow. Used by one thread; the rules are those of `Committer`."""

    database: Database
    destination: str
    client: WebClient
    next_ask_s: float = 0.0
    missed_count: int = 0
    is_unwilling: bool = False
    """It does not commit: what it has is then judged by reading it back alone."""
    open_uid: str = ""
    """Of the transaction it still works on."""
    open_s: float = 0.0

    def step(self) -> None:
        """Ask about what was sent and not asked about yet, or look what became of the last question."""
        now_s = wall_s()
        if now_s < self.next_ask_s and self.next_ask_s - now_s <= UNWILLING_S:
            return
        self.next_ask_s = now_s + ASK_EVERY_S
        if self.open_uid and not 0 <= now_s - self.open_s < VOID_S:
            self._withdraw()
        try:
            report = web_commitment.look_up(self.client, self.open_uid) if self.open_uid else self._ask(now_s)
        except NotAcceptedError as error:
            self.is_unwilling, self.next_ask_s = True, now_s + UNWILLING_S
            event(log, "commitment.absent", destination=self.destination, reason=error.message)
            self._withdraw()
        except EdgeError as error:
            self.missed_count += 1
            self.is_unwilling = self.missed_count >= MISSED_COUNT_MAX
            self.next_ask_s = now_s + retry_delay_s(self.missed_count)
            event(log, "commitment.failed", destination=self.destination, reason=error.message)
            self._withdraw()
        else:
            self._take(report)

    def _ask(self, now_s: float) -> Report | None:
        """Ask, with the question written down before.  Raises: what `web_commitment.ask` raises."""
        references = commitments.unasked(
            self.database, self.destination, asked_before_s=now_s - VOID_S, limit=INSTANCE_COUNT_MAX
        )
        if not references:
            return None
        about, asked = in_parts(self.database, self.destination, references)
        self.open_uid, self.open_s = new_uid(), now_s
        commitments.write_down(self.database, self.open_uid, self.destination, about, now_s=now_s)
        return web_commitment.ask(self.client, self.open_uid, asked, wait_s=REPORT_S)

    def _take(self, report: Report | None) -> None:
        if report is not None:
            self.missed_count, self.is_unwilling, self.open_uid = 0, False, ""
            take(self.database, report)

    def _withdraw(self) -> None:
        """Forget the open question: its objects are asked about again."""
        if self.open_uid:
            commitments.withdraw(self.database, self.open_uid)
            self.open_uid = ""
