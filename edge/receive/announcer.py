"""Says once that a study is complete: when nothing of it has come for `receive.quiet_s`, by whatever way.

What is on its way is what lies in `incoming/`: every process of the node writes there, and a file whose process is gone
is nobody's.
"""

import asyncio
import contextlib
import logging
from pathlib import Path

from edge.core.quiet import Quiet
from edge.errors import EdgeError
from edge.runtime.clock import wall_s
from edge.runtime.log import event
from edge.store import completion, header
from edge.store.database import Database
from edge.store.instances import Instances

log = logging.getLogger(__name__)
LOOK_S = 1.0
INCOMING_MAX = 1000
"""More files under way than this are not looked into: then nothing is complete."""


class Announcer:
    """One a node, in the service that receives."""

    def __init__(self, database: Database, instances: Instances, *, quiet_s: float) -> None:
        self._database = database
        self._instances = instances
        self._quiet = Quiet(quiet_s)
        self._study_of: dict[Path, str] = {}
        """Of files under way whose head has come."""

    async def run(self, stop: asyncio.Event) -> None:
        """Look until told to stop."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.look)
            except EdgeError as error:  # A full disk, a busy index: later.
                event(log, "study.not_announced", level=logging.WARNING, reason=error.message)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_S)

    def look(self, *, now_s: float | None = None) -> list[str]:
        """Look once, and return what has become complete."""
        now_s = wall_s() if now_s is None else now_s
        studies = completion.arriving(self._database)
        if not studies:
            return []
        under_way = self._under_way()
        quiet = self._quiet.look(
            studies, set(filter(None, under_way)), is_unknown_under_way="" in under_way, now_s=now_s
        )  # fmt: skip
        if not quiet:
            return []
        done = completion.complete(self._database, {uid: studies[uid] for uid in quiet}, now_s=now_s)
        for uid in done:
            event(log, "study.complete", study_instance_uid=uid)
        if done:
            self._instances.ring()
        return done

    def _under_way(self) -> set[str]:
        """Return the studies of which something is coming in; "" for one that is not known yet."""
        paths = self._instances.under_way(limit=INCOMING_MAX)
        self._study_of = {path: self._study_of.get(path) or header.peek_study(path) for path in paths}
        return {*self._study_of.values(), *([""] if len(paths) == INCOMING_MAX else [])}
