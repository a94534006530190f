"""Changes of several threads in one commit: it costs the disk and the processor much the same for one as for four.

announce ──▶ run ──first──▶ leads: waits a little for what is announced, commits what waits, hands over
                 ──else───▶ waits: is told when its change is made, or that it is to lead now
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Generic, TypeVar

from edge.errors import BusyError, StorageFullError

GROUP_MAX = 64
"""So many waiting changes share one commit, and its one sync, at most."""
LINGER_S_MAX = 0.05
"""A commit waits for changes that are announced as long as the last one took, and this at most."""

_OF_ALL = (BusyError, StorageFullError)
"""Faults of the index that every change of a group would meet again."""

Result = TypeVar("Result")


class _Entry(Generic[Result]):
    """A change that waits."""

    __slots__ = ("change", "failure", "is_done", "result", "woken")

    def __init__(self, change: Callable[[sqlite3.Connection], Result]) -> None:
        self.change = change
        self.is_done = False
        self.result: Result | None = None
        self.failure: BaseException | None = None
        self.woken = threading.Event()

    def end(self, result: Any, failure: BaseException | None) -> None:
        self.result, self.failure, self.is_done = result, failure, True
        self.woken.set()


class Commits:
    """Makes the commits of one process."""

    def __init__(self, write: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        """`write` is a transaction, durable when it ends."""
        self._write = write
        self._lock = threading.Lock()
        self._all_here = threading.Condition(self._lock)
        self._waiting: list[_Entry[Any]] = []
        self.is_led = False
        """Whether some thread commits, or is about to."""
        self.to_come_count = 0
        self.commit_s = 0.0
        """How long the last commit took."""
        self._local = threading.local()

    @contextmanager
    def announce(self) -> Iterator[None]:
        """Say that a `run` is about to come from this thread: a commit of others waits for it a little."""
        with self._lock:
            self.to_come_count += 1
            self._local.is_announced = True
        try:
            yield
        finally:
            with self._lock:
                self._arrive()

    def run(self, change: Callable[[sqlite3.Connection], Result], beside: Callable[[], None]) -> Result:
        """Make a change; durable when this returns. What it raises is raised here, and only it is undone.

        It may be called again, after all it did was undone: another one of its commit has failed.

        `beside` is done before the commit by the thread that leads it, meanwhile by those that wait. What it raises is
        raised here, too; the change may have been made all the same.
        """
        entry = _Entry(change)
        with self._lock:
            leads, self.is_led = not self.is_led, True
            if not leads:
                self._enter(entry)
        if leads:
            try:
                beside()
                with self._lock:
                    self._enter(entry)
                self._commit_until(entry)
            finally:
                self._hand_over()
        else:
            try:
                beside()
            finally:
                self._wait(entry)
        if entry.failure is not None:
            raise entry.failure
        return entry.result  # type: ignore[return-value]

    def _wait(self, entry: _Entry[Any]) -> None:
        entry.woken.wait()
        if not entry.is_done:
            try:
                self._commit_until(entry)
            finally:
                self._hand_over()

    def _enter(self, entry: _Entry[Any]) -> None:
        self._waiting.append(entry)
        self._arrive()

    def _arrive(self) -> None:
        """What this thread announced has come, or will not."""
        if getattr(self._local, "is_announced", False):
            self._local.is_announced = False
            self.to_come_count -= 1
            if not self.to_come_count:
                self._all_here.notify_all()

    def _hand_over(self) -> None:
        """Let the one that has waited longest lead, if there is one."""
        with self._lock:
            self.is_led = bool(self._waiting)
            if self._waiting:
                self._waiting[0].woken.set()

    def _commit_until(self, entry: _Entry[Any]) -> None:
        while not entry.is_done:
            with self._lock:
                self._all_here.wait_for(lambda: not self.to_come_count, min(self.commit_s, LINGER_S_MAX))
                group, self._waiting = self._waiting[:GROUP_MAX], self._waiting[GROUP_MAX:]
            self._commit(group)

    def _commit(self, group: list[_Entry[Any]]) -> None:
        """Commit a group at once. If that fails nothing of it was done, and each change is tried in its own commit.

        Savepoints would tell them apart sooner, but every page would be written once more for each of them.
        """
        begun_s = time.monotonic()
        try:
            with self._write() as connection:
                results = [entry.change(connection) for entry in group]
        except BaseException as error:
            if len(group) > 1 and isinstance(error, Exception) and not isinstance(error, _OF_ALL):
                for entry in group:
                    self._commit([entry])
                return
            for entry in group:
                entry.end(None, error)
            if not isinstance(error, Exception):
                raise
            return
        self.commit_s = time.monotonic() - begun_s
        for entry, result in zip(group, results, strict=True):
            entry.end(result, None)
