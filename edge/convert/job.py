"""The jobs of the inbox: each scan once, watched, cancelled, tried again, and finished after a kill.

    settling ─▶ converting ⇄ verifying ─▶ storing ─▶ done
                     └──────────┴────────────┴─────▶ failed | cancelled ──retry──▶ converting

A job is known by the place of its scan, and remembers the identity of what it converted: a scan that changes is
converted anew, one that does not is never taken twice. UIDs derive from the scan, so a repeat gives the same objects.
"""

import asyncio
import contextlib
import logging
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from edge.convert.announce import Announcer
from edge.convert.child import Child
from edge.convert.identify import glance_once
from edge.convert.inbox import Scan, describe
from edge.convert.signing import sign_off
from edge.convert.worker import RESULT_NAME, Progress, Result, Task
from edge.errors import ConflictError, EdgeError, NotFoundError, StorageFullError
from edge.runtime import clock
from edge.runtime.log import event
from edge.store import jobs, scans
from edge.store.database import Database
from edge.store.instances import Instances
from edge.store.jobs import OPEN_JOB_STATES, JobRow

log = logging.getLogger(__name__)
TRY_AGAIN_S = 60.0
TELL_INTERVAL_S = 0.25
QUEUE_MAX = 10_000
LISTED_MAX = 200
_OVER = ("done", "cancelled", "settling")
"""Nothing of a scan in one of these states is served from the scan."""
_WAITS = "Waits its turn."
_BY_ITSELF = "It is tried again by itself."
_STAGE_STATES: dict[str, jobs.JobState] = {"encode": "converting", "write": "converting", "verify": "verifying"}


class Jobs:
    """All conversions of a node."""

    def __init__(
        self, database: Database, instances: Instances, *, inbox: Path, staging: Path, levels: str, worker_count: int,
        tell: Callable[[JobRow], None], label_rule: re.Pattern[str] | None = None,
    ) -> None:  # fmt: skip
        """`tell` hears of every change; `staging` is ours alone, on the disk of the store."""
        self._database, self._instances = database, instances
        self._inbox, self._staging, self._levels = inbox, staging, levels
        self._tell = tell
        self._rows: dict[str, JobRow] = {}
        self._queue: asyncio.Queue[str] = asyncio.Queue(QUEUE_MAX)
        self._waiting: set[str] = set()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._worker_count = worker_count
        self._due_s: dict[str, float] = {}
        self._told_s: dict[str, float] = {}
        self._announcer = Announcer(database, staging, levels, self._take_announced, label_rule)

    def recover(self) -> None:
        """Read what was; what was under way begins again, staging that belongs to nothing goes; blocking."""
        underway = jobs.list_jobs(self._database, limit=jobs.JOB_LIST_MAX, only_open=True)
        for row in (*jobs.list_jobs(self._database, limit=LISTED_MAX), *underway):
            self._rows[row.job_id] = row
            if row.state == "failed" and row.next_step.endswith(_BY_ITSELF):
                self._due_s[row.job_id] = 0.0
        open_ids = {row.job_id for row in underway}
        self._staging.mkdir(parents=True, exist_ok=True)
        for folder in self._staging.iterdir():
            if folder.name.startswith("slide-") and folder.name not in open_ids:
                shutil.rmtree(folder, ignore_errors=True)
        self._announcer.recover({row.job_id for row in self._rows.values() if row.state not in _OVER})
        for job_id in open_ids:
            event(log, "job.resumed", job_id=job_id)
            scan = describe(self._inbox, Path(self._rows[job_id].path)) if job_id not in self._announcer.known else None
            if scan is not None:
                self._announce(scan)
            self._enqueue(job_id)

    def rows(self) -> list[dict[str, Any]]:
        """Return every job, the newest first, without where it lies on the disk."""
        rows = sorted(self._rows.values(), key=lambda row: -row.started_s)[:LISTED_MAX]
        return [public(row) for row in rows]

    def see(self, whole: list[Scan], growing: list[Scan]) -> None:
        """Take what is whole and new; show what is still being copied."""
        now_s = clock.wall_s()
        for scan in growing:
            if self._is_new(scan):
                self._announcer.warm_up()
                self._show_growing(scan, now_s)
        for scan in whole:
            is_due = now_s >= self._due_s.get(scan.job_id, float("inf"))
            if (self._is_new(scan) or (is_due and not self._is_busy(scan.job_id))) and not self._queue.full():
                self._begin(scan, now_s)
        self._forget_gone({scan.job_id for scan in (*whole, *growing)})

    def _announce(self, scan: Scan) -> None:
        def is_wanted() -> bool:
            row = self._rows.get(scan.job_id)
            return row is not None and row.state not in _OVER and row.identity == scan.identity

        self._announcer.announce(scan, is_wanted)

    def _take_announced(self, scan: scans.Scan) -> None:
        """The store knows what a scan will become: from now on its slide can be opened."""
        row = self._rows.get(scan.scan_id)
        if row is None or row.state in _OVER:
            self._announcer.forget(scan.scan_id)
            return
        self._change(
            replace(
                row, study_instance_uid=scan.study_instance_uid, series_instance_uid=scan.series_instance_uid
            )
        )  # fmt: skip

    def _is_new(self, scan: Scan) -> bool:
        """Tell whether this scan, as it is now, was never taken: whatever came of it then."""
        if self._is_busy(scan.job_id):
            return False
        row = self._rows.get(scan.job_id)
        if row is None and (row := jobs.find(self._database, scan.job_id)) is not None:
            self._rows[scan.job_id] = row  # older than what recover() reads
        return row is None or row.identity != scan.identity

    def _is_busy(self, job_id: str) -> bool:
        return job_id in self._running or job_id in self._waiting

    def _show_growing(self, scan: Scan, now_s: float) -> None:
        row = self._rows.get(scan.job_id)
        if row is None or row.state != "settling":
            row = JobRow(job_id=scan.job_id, name=scan.name, path=str(scan.path), state="settling", started_s=now_s)
        self._change(replace(row, bytes_total=scan.size_bytes), is_kept=False)

    def _forget_gone(self, present: set[str]) -> None:
        """A scan that was taken away again before it was whole leaves no row behind."""
        gone = [row for row in self._rows.values() if row.state == "settling" and row.job_id not in present]
        for job_id in self._announcer.known - present:
            if not self._is_busy(job_id):
                self._announcer.forget(job_id)
        for row in gone:
            if not self._is_busy(row.job_id):
                del self._rows[row.job_id]
                self._tell(replace(row, state="cancelled", ended_s=clock.wall_s(), reason="The scan was taken away."))

    def _begin(self, scan: Scan, now_s: float) -> None:
        self._due_s.pop(scan.job_id, None)
        self._change(
            JobRow(
                job_id=scan.job_id, name=scan.name, path=str(scan.path), state="converting", started_s=now_s,
                bytes_total=scan.size_bytes, identity=scan.identity, reason=_WAITS,
            )
        )  # fmt: skip
        event(log, "job.taken", job_id=scan.job_id, size_bytes=scan.size_bytes)
        self._announce(scan)
        self._enqueue(scan.job_id)

    def _enqueue(self, job_id: str) -> None:
        if job_id not in self._waiting:
            self._queue.put_nowait(job_id)
            self._waiting.add(job_id)

    async def cancel(self, job_id: str) -> None:
        """Stop a job.  Raises: NotFoundError, ConflictError once its objects are going into the store."""
        row = self._require(job_id)
        if row.state not in OPEN_JOB_STATES:
            raise ConflictError(f"The conversion of {row.name} is {row.state}.")
        if row.state == "settling":
            raise ConflictError(f"{row.name} is still being copied.", next_step="Take it out of the inbox.")
        if row.state == "storing":
            raise ConflictError(f"The objects of {row.name} are being stored.", next_step="Wait until they are.")
        self._waiting.discard(job_id)
        task = self._running.get(job_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        row = self._rows[job_id]
        if row.state in OPEN_JOB_STATES:
            await self._end(replace(row, state="cancelled", reason="Cancelled.", next_step="Retry when you want it."))

    async def retry(self, job_id: str) -> None:
        """Begin a failed or cancelled job again.  Raises: NotFoundError, ConflictError."""
        row = self._require(job_id)
        if row.state not in ("failed", "cancelled") or self._is_busy(job_id):
            raise ConflictError(f"The conversion of {row.name} is {row.state}.")
        scan = await asyncio.to_thread(describe, self._inbox, Path(row.path))
        if scan is None:
            raise NotFoundError(f"{row.name} is no longer in the inbox.", next_step="Copy it there again.")
        self._begin(scan, clock.wall_s())

    def _require(self, job_id: str) -> JobRow:
        row = self._rows.get(job_id)
        if row is None:
            raise NotFoundError(f"There is no conversion {job_id}.")
        return row

    async def run(self, stop: asyncio.Event) -> None:
        """Convert what is waiting, so many at once, until told to stop; the next start resumes what was cut off."""
        workers = [asyncio.create_task(self._work()) for _ in range(self._worker_count)]
        workers.append(asyncio.create_task(self._announcer.run()))
        stopper = asyncio.create_task(stop.wait())
        await asyncio.wait([stopper, *workers], return_when=asyncio.FIRST_COMPLETED)
        for task in (stopper, *self._running.values(), *workers):
            task.cancel()
        for worker in workers:
            with contextlib.suppress(asyncio.CancelledError):
                await worker

    async def _work(self) -> None:
        while True:
            job_id = await self._queue.get()
            if job_id not in self._waiting:  # cancelled while it waited
                continue
            task = asyncio.create_task(self._convert(job_id))
            self._running[job_id] = task
            self._waiting.discard(job_id)
            try:
                await asyncio.wait([task])
                if not task.cancelled():
                    task.result()
            finally:
                if not task.done():
                    task.cancel()
                    await asyncio.wait([task])
                self._running.pop(job_id, None)

    async def _convert(self, job_id: str) -> None:
        row = self._rows[job_id] = replace(self._rows[job_id], reason="")
        self._tell(row)
        try:
            scan = await asyncio.to_thread(describe, self._inbox, Path(row.path))
            if scan is None or scan.identity != row.identity:
                self._let_settle(row)
                return
            await asyncio.to_thread(self._instances.require_room)
            result = await self._find_result(scan) or await self._make(scan)
            after = await asyncio.to_thread(describe, self._inbox, scan.path)
            if after is None or after.identity != scan.identity:
                await asyncio.to_thread(self._clear, job_id)
                self._let_settle(self._rows[job_id])
                return
            await self._store(job_id, result)
        except EdgeError as error:
            await self._fail(job_id, error)

    def _let_settle(self, row: JobRow) -> None:
        """The scan is not what it was when it was taken: it is looked at anew, or is gone."""
        self._rows[row.job_id] = replace(row, state="settling", identity="")
        self._announcer.forget(row.job_id)
        jobs.remove(self._database, row.job_id)
        self._tell(self._rows[row.job_id])

    async def _find_result(self, scan: Scan) -> Result | None:
        """Return what an earlier process finished for this very scan."""
        path = self._staging / scan.job_id / RESULT_NAME
        mark = self._staging / scan.job_id / "scan"
        try:
            if await asyncio.to_thread(mark.read_text) != scan.identity:
                return None
            result = msgspec.json.decode(await asyncio.to_thread(path.read_bytes), type=Result)
        except (OSError, msgspec.DecodeError, ValueError):
            return None
        return result if await asyncio.to_thread(self._is_whole, scan.job_id, result) else None

    def _is_whole(self, job_id: str, result: Result) -> bool:
        """Tell whether each file is still staged, or in the store already."""
        for file in result.files:
            staged = self._staging / job_id / file.name
            if not staged.is_file() or staged.stat().st_size != file.size_bytes:
                known = self._instances.find(file.sop_instance_uid)
                if known is None or known.digest != file.sha256:
                    return False
        return True

    async def _make(self, scan: Scan) -> Result:
        """Convert in a child process.  Raises: ConversionError, ChildDiedError."""
        out_dir = self._staging / scan.job_id
        await asyncio.to_thread(self._mark, out_dir, scan.identity)
        metadata = await self._announcer.identifier.metadata_for(scan, glance_once)
        task = Task(
            path=str(scan.path), out_dir=str(out_dir), metadata=str(metadata or ""), levels=self._levels,
            worker_count=max(1, (os.cpu_count() or 2) // max(1, len(self._running))), parent_process_id=os.getpid(),
        )  # fmt: skip
        child = Child()
        began_s = clock.mono_s()
        steps = child.run(task)
        try:
            async for step in steps:
                if isinstance(step, Result):
                    return step
                self._show_progress(scan.job_id, step, clock.mono_s() - began_s)
        finally:
            await child.stop()
            await steps.aclose()  # type: ignore[attr-defined]
        raise AssertionError("a child ends with a result or an error")

    def _mark(self, out_dir: Path, identity: str) -> None:
        """Note which scan the staging is for; what was staged for another goes."""
        mark = out_dir / "scan"
        if not mark.is_file() or mark.read_text() != identity:
            shutil.rmtree(out_dir, ignore_errors=True)
        try:
            out_dir.mkdir(parents=True, exist_ok=True)
            mark.write_text(identity)
        except OSError as error:
            raise StorageFullError(f"The staging folder cannot be written: {error.strerror}.") from error

    def _show_progress(self, job_id: str, step: Progress, elapsed_s: float) -> None:
        row = self._rows[job_id]
        bytes_done = round(step.share * step.bytes_total)
        rate = bytes_done / elapsed_s if elapsed_s > 0.5 else 0.0
        state = _STAGE_STATES.get(step.stage, "converting")
        self._change(
            replace(
                row, state=state, bytes_done=bytes_done, bytes_total=step.bytes_total,
                frames_done=round(step.share * step.frames_total), frames_total=step.frames_total, rate_bytes_s=rate,
                eta_s=(step.bytes_total - bytes_done) / rate if rate > 0 else None,
            ),
            is_kept=False,
        )  # fmt: skip

    async def _store(self, job_id: str, result: Result) -> None:
        """Hand every object to the store; those that an earlier attempt handed over are there already."""
        total_bytes = sum(file.size_bytes for file in result.files)
        row = replace(
            self._rows[job_id], state="storing", eta_s=None, study_instance_uid=result.study_instance_uid,
            series_instance_uid=result.series_instance_uid, frames_done=result.frame_count,
            frames_total=result.frame_count, bytes_done=total_bytes, bytes_total=total_bytes,
        )  # fmt: skip
        self._change(row)
        for file in result.files:
            await asyncio.shield(asyncio.to_thread(self._keep, job_id, file.name, file.sop_instance_uid, file.sha256))
        await asyncio.to_thread(sign_off, self._database, self._staging, job_id, result)
        await self._end(replace(row, state="done", rate_bytes_s=0.0))

    def _keep(self, job_id: str, name: str, sop_instance_uid: str, sha256: str) -> None:
        path = self._staging / job_id / name
        if not path.exists():
            known = self._instances.find(sop_instance_uid)
            if known is not None and known.digest == sha256:
                return
            shutil.rmtree(self._staging / job_id, ignore_errors=True)
            raise ConflictError(f"{name} is gone from the staging folder.", next_step="Retry the conversion.")
        temp = self._instances.new_temp()
        try:
            path.rename(temp)
        except OSError as error:
            raise StorageFullError(f"{name} cannot be handed to the store: {error.strerror}.") from error
        kept = self._instances.keep(temp, digest=bytes.fromhex(sha256), source="convert")
        if kept.outcome == "conflict":
            raise ConflictError(
                f"An object {sop_instance_uid} with other content is already here.",
                next_step="The new one lies aside; compare the two with `edge doctor`.",
            )

    async def _fail(self, job_id: str, error: EdgeError) -> None:
        event(log, "job.failed", level=logging.WARNING, job_id=job_id, code=error.code)
        advice = error.advice
        if error.is_temporary:
            self._due_s[job_id] = clock.wall_s() + TRY_AGAIN_S
            advice = f"{advice} {_BY_ITSELF}"
        await self._end(replace(self._rows[job_id], state="failed", reason=error.message, next_step=advice))

    async def _end(self, row: JobRow) -> None:
        self._change(replace(row, ended_s=clock.wall_s(), eta_s=None))
        if row.state != "failed":  # What failed can still be looked at.
            self._announcer.forget(row.job_id)
        await asyncio.to_thread(self._clear, row.job_id)
        event(log, "job.ended", job_id=row.job_id, state=row.state)

    def _clear(self, job_id: str) -> None:
        shutil.rmtree(self._staging / job_id, ignore_errors=True)

    def _change(self, row: JobRow, *, is_kept: bool = True) -> None:
        """Show a new state; write it down when a restart must know it. Mere progress is told now and then."""
        before = self._rows.get(row.job_id)
        self._rows[row.job_id] = row
        now_s = clock.mono_s()
        is_new = before is None or before.state != row.state
        if is_kept:
            jobs.save(self._database, row)
        if is_kept or is_new or now_s - self._told_s.get(row.job_id, 0.0) >= TELL_INTERVAL_S:
            self._told_s[row.job_id] = now_s
            self._tell(row)


def public(row: JobRow) -> dict[str, Any]:
    """Return a job as others may see it."""
    fields: dict[str, Any] = msgspec.to_builtins(row)
    del fields["path"], fields["identity"]
    return fields
