"""Scans become known, and viewable, before they are converted: the parent's side of `edge.convert.opening`.

A scan is known as soon as it is opened, taken to be sound. Then, when no other waits to be opened, each of its tiles is
looked at; where some are damaged it becomes known anew, for its objects will be others, with white in their place.
"""

import asyncio
import contextlib
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import msgspec

from edge.convert.identify import Identifier, barcode_in
from edge.convert.inbox import Scan as InboxScan
from edge.convert.opening import Opened, Wish
from edge.errors import EdgeError
from edge.runtime import clock
from edge.runtime.log import event
from edge.store import header, scans
from edge.store.database import Database

log = logging.getLogger(__name__)
OPEN_S_MAX = 60.0
"""A scan on a slow drive takes seconds; one that takes longer is converted without being announced."""
IDLE_S = 300.0
"""The child and its memory are let go when no scan came for so long."""
LINE_BYTES_MAX = 1024 * 1024
QUEUE_MAX = 10_000
FOLDER = "opening"
IsWanted = Callable[[], bool]


class Turn(IntEnum):
    """What comes first when both wait."""

    ANNOUNCE = 0
    SEARCH = 1


@dataclass(frozen=True, slots=True)
class _Asked:
    scan: InboxScan
    is_wanted: IsWanted


class Announcer:
    """Opens one scan after the other, and tells the store and `announced` what it will become."""

    def __init__(
        self, database: Database, staging: Path, levels: str, announced: Callable[[scans.Scan], None],
        label_rule: re.Pattern[str] | None = None,
    ) -> None:  # fmt: skip
        self._database, self._levels, self._announced = database, levels, announced
        self.identifier = Identifier(database, staging, label_rule)
        self._folder = staging / FOLDER
        self.known: set[str] = set()
        """Scans that the store knows the objects of, by job."""
        self._process: asyncio.subprocess.Process | None = None
        self._queue: asyncio.PriorityQueue[tuple[Turn, int, _Asked | None]] = asyncio.PriorityQueue(QUEUE_MAX)
        self._asked_count = 0

    def recover(self, wanted: set[str]) -> None:
        """Read what was announced before; of a scan whose job is over, nothing stays; blocking."""
        self.known = set(scans.list_ids(self._database))
        self.identifier.recover(wanted)
        for job_id in self.known - wanted:
            self.forget(job_id)

    def forget(self, job_id: str) -> None:
        """What is known from this scan only goes: its files took over, or there will be none."""
        self.identifier.forget(job_id)
        if job_id in self.known:
            self.known.discard(job_id)
            scans.forget(self._database, job_id)

    def announce(self, scan: InboxScan, is_wanted: IsWanted) -> None:
        """Have a scan announced when its turn comes, unless it is no longer wanted then."""
        self._put(Turn.ANNOUNCE, _Asked(scan, is_wanted))

    def warm_up(self) -> None:
        """Have the child ready: a scan is on its way in."""
        if self._process is None and self._queue.empty():
            self._put(Turn.ANNOUNCE, None)

    def _put(self, turn: Turn, asked: _Asked | None) -> None:
        if not self._queue.full():
            self._asked_count += 1
            self._queue.put_nowait((turn, self._asked_count, asked))

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                try:
                    # Not wait_for, which does not hear of being cancelled when its answer comes at the same moment.
                    async with asyncio.timeout(IDLE_S):
                        turn, _, asked = await self._queue.get()
                except TimeoutError:
                    await self._end_child()
                else:
                    await self._take(turn, asked)
        finally:
            await self._end_child()
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _take(self, turn: Turn, asked: _Asked | None) -> None:
        if asked is None:
            await self._child()
        elif asked.is_wanted():
            await self._announce(asked.scan, asked.is_wanted, is_searched=turn is Turn.SEARCH)

    async def _announce(self, scan: InboxScan, is_wanted: IsWanted, *, is_searched: bool) -> None:
        began_s = clock.mono_s()
        try:
            await asyncio.to_thread(self._clean)
            metadata = str(await self.identifier.metadata_for(scan, self._glance) or "")
            answer = await self._open(scan, metadata, is_searched=is_searched) or {}
            opened = msgspec.convert(answer["opened"], Opened) if "opened" in answer else None
            if is_searched and "error" in answer:
                self.forget(scan.job_id)  # Little is left of it, as its conversion will say.
            elif opened is not None and (opened.damaged_count or not is_searched):
                known = self._describe(scan, opened, metadata)
                count = await asyncio.to_thread(self._remember, known, opened, is_wanted)
                if count:
                    self.known.add(scan.job_id)
                    self._announced(known)
                event(
                    log, "scan.announced", job_id=scan.job_id, object_count=count, damaged_count=opened.damaged_count,
                    took_ms=round((clock.mono_s() - began_s) * 1000),
                )  # fmt: skip
                if count and opened.is_taken_as_sound:
                    self._put(Turn.SEARCH, _Asked(scan, is_wanted))
        except (EdgeError, OSError) as error:  # The conversion itself says what is wrong with the scan.
            event(log, "scan.unannounced", level=logging.WARNING, job_id=scan.job_id, reason=type(error).__name__)
        finally:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _glance(self, path: Path) -> str:
        """Return the barcode a scan carries, read by the child that is there already."""
        wish = Wish(path=str(path), folder="", parent_process_id=os.getpid(), is_glance=True)
        return barcode_in(msgspec.json.encode(await self._ask(wish)))

    async def _open(self, scan: InboxScan, metadata: str, *, is_searched: bool) -> dict[str, Any] | None:
        wish = Wish(
            path=str(scan.path), metadata=metadata, levels=self._levels, folder=str(self._folder),
            parent_process_id=os.getpid(), is_searched=is_searched,
        )  # fmt: skip
        return await self._ask(wish)

    async def _ask(self, wish: Wish) -> dict[str, Any] | None:
        """Have the child answer; None where it cannot."""
        process = await self._child()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(msgspec.json.encode(wish) + b"\n")
            async with asyncio.timeout(OPEN_S_MAX):
                line = await process.stdout.readline()
            return msgspec.json.decode(line, type=dict[str, Any])
        except (TimeoutError, ConnectionError, ValueError, msgspec.DecodeError):
            await self._end_child()
            event(log, "scan.unanswered", level=logging.WARNING)
            return None

    def _describe(self, scan: InboxScan, opened: Opened, metadata: str) -> scans.Scan:
        return scans.Scan(
            scan_id=scan.job_id, path=str(scan.path), metadata_path=metadata,
            levels=self._levels, study_instance_uid=opened.study_instance_uid,
            series_instance_uid=opened.series_instance_uid, opened_s=clock.wall_s(),
        )  # fmt: skip

    def _remember(self, known: scans.Scan, opened: Opened, is_wanted: IsWanted) -> int:
        objects = [
            scans.ScannedObject(header=header.read(self._folder / each.name), size_bytes=each.size_bytes)
            for each in opened.objects
        ]
        return scans.remember(self._database, known, objects, is_wanted=is_wanted)

    def _clean(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)

    async def _child(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "edge.convert.opening", stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES_MAX, start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )  # fmt: skip
        return self._process

    async def _end_child(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
