"""Finishes spools behind the exam's back: one thread for clips, one for stills, both at low priority.

A spool that cannot be finished stays on the disk. When trying again can help (a full disk) it is tried again.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge.core.clip import EndReason
from edge.errors import EdgeError
from edge.record.finish import Finished, NothingRecorded, Store, finish_spool
from edge.runtime.log import event
from edge.runtime.priority import go_last

log = logging.getLogger(__name__)
QUEUE_MAX = 10_000
"""Spools waiting to be finished."""
RETRY_S = 30.0
PROGRESS_INTERVAL_S = 1.0
STOP_TIMEOUT_S = 5.0

Tell = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One spool to be finished."""

    path: Path
    session_id: str
    clip_id: str
    kind: str
    frame_count: int = 0
    done_count: int = 0
    ended: EndReason | None = None
    """None: as the spool says."""
    state: str = "finalising"
    reason: str = ""
    due_s: float = 0.0

    def as_row(self) -> dict[str, Any]:
        """Return the row of the contract."""
        return {
            "clip_id": self.clip_id, "kind": self.kind, "state": self.state, "frame_count": self.frame_count,
            "done_count": self.done_count, "reason": self.reason,
        }  # fmt: skip


class Finaliser:
    """The two threads and what they still have to do."""

    def __init__(self, store: Store, *, syntax_uid: str, institution: str, station: str, tell: Tell) -> None:
        """`tell` is called from these threads."""
        self._store = store
        self._syntax_uid, self._institution, self._station = syntax_uid, institution, station
        self._tell = tell
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._queues: dict[str, queue.Queue[str]] = {"clip": queue.Queue(QUEUE_MAX), "still": queue.Queue(QUEUE_MAX)}
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(kind,), name=f"finalise-{kind}", daemon=True)
            for kind in self._queues
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def is_alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Stop after at most a few seconds; what is in hand is done again from its spool next time."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(STOP_TIMEOUT_S)

    def add(self, task: Task) -> None:
        """Put a spool in the queue.  Raises: queue.Full beyond `QUEUE_MAX`; the spool is found at the next start."""
        with self._lock:
            self._tasks[task.clip_id] = task
        self._queues["still" if task.kind == "still" else "clip"].put_nowait(task.clip_id)

    def pending(self, session_id: str) -> list[dict[str, Any]]:
        """Return a session's rows."""
        with self._lock:
            return [task.as_row() for task in self._tasks.values() if task.session_id == session_id]

    def session_ids(self) -> set[str]:
        """Return the sessions that have something in the queue."""
        with self._lock:
            return {task.session_id for task in self._tasks.values()}

    def pending_count(self, session_id: str) -> int:
        with self._lock:
            return sum(task.session_id == session_id for task in self._tasks.values())

    def _run(self, kind: str) -> None:
        go_last()
        while not self._stopping.is_set():
            try:
                clip_id = self._queues[kind].get(timeout=0.2)
            except queue.Empty:
                continue
            task = self._tasks[clip_id]
            if task.due_s > time.monotonic():
                self._stopping.wait(0.2)
                self._queues[kind].put_nowait(clip_id)
                continue
            self._finish(task)

    def _finish(self, task: Task) -> None:
        self._change(task.clip_id, state="finalising", reason="")
        last_told_s = time.monotonic()

        def progress(done_count: int, frame_count: int) -> None:
            nonlocal last_told_s
            if self._stopping.is_set():
                raise _Stopping
            self._change(task.clip_id, done_count=done_count, frame_count=frame_count)
            if time.monotonic() - last_told_s >= PROGRESS_INTERVAL_S:
                last_told_s = time.monotonic()
                self._tell("clip.progress", {"session_id": task.session_id, "clip_id": task.clip_id,
                                             "done_count": done_count, "frame_count": frame_count})  # fmt: skip

        try:
            finished = finish_spool(
                task.path, self._store, syntax_uid=self._syntax_uid, institution=self._institution,
                station=self._station, ended=task.ended, progress=progress,
            )  # fmt: skip
        except _Stopping:
            return
        except NothingRecorded as error:
            self._forget(task.clip_id)
            self._say_failed(task, error)
        except EdgeError as error:
            self._fail(task, error)
        except OSError as fault:
            self._fail(task, _DiskFault(f"The disk failed while a recording was kept: {fault.strerror}."))
        else:
            self._forget(task.clip_id)
            self._say_saved(task, finished)

    def _fail(self, task: Task, error: EdgeError) -> None:
        """Keep the spool; try again later where that can help."""
        self._change(task.clip_id, state="failed", reason=error.message, due_s=time.monotonic() + RETRY_S)
        if error.is_temporary:
            self._queues["still" if task.kind == "still" else "clip"].put_nowait(task.clip_id)
        if task.reason != error.message:
            self._say_failed(task, error)

    def _say_failed(self, task: Task, error: EdgeError) -> None:
        event(log, "record.failed", level=logging.ERROR, session=task.session_id, clip=task.clip_id, code=error.code,
              why=error.message)  # fmt: skip
        self._tell("record.failed", {
            "session_id": task.session_id, "clip_id": task.clip_id, "code": error.code, "message": error.message,
            "next_step": error.advice,
        })  # fmt: skip

    def _say_saved(self, task: Task, finished: Finished) -> None:
        header = finished.spool.header
        event(log, "object.saved", session=task.session_id, sop_instance_uid=header.sop_instance_uid,
              frame_count=finished.frame_count, gap_count=len(finished.gaps),
              is_recovered=finished.is_recovered)  # fmt: skip
        self._tell("object.saved", {
            "session_id": task.session_id, "clip_id": task.clip_id, "kind": header.kind,
            "sop_instance_uid": header.sop_instance_uid, "study_instance_uid": header.session.study_instance_uid,
            "series_instance_uid": header.session.series_instance_uid, "frame_count": finished.frame_count,
            "gap_count": len(finished.gaps), "is_recovered": finished.is_recovered,
        })  # fmt: skip

    def _change(self, clip_id: str, **changes: Any) -> None:
        with self._lock:
            self._tasks[clip_id] = replace(self._tasks[clip_id], **changes)

    def _forget(self, clip_id: str) -> None:
        with self._lock:
            self._tasks.pop(clip_id, None)


class _Stopping(Exception):
    """The service ends; the spool stays for the next start."""


class _DiskFault(EdgeError):
    """The disk fails in another way than being full."""

    code = "record.disk"
    next_step = "Look at the disk; the recording waits in the spool and is tried again."
    is_temporary = True
