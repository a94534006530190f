"""Whose slide a scan is: the file laid beside it, the worklist, and the barcode on its label, in this order.

Decided once per scan and written down, because UIDs follow from it: the slide that is served before its conversion and
the files that conversion writes must agree, also after a restart and when the worklist has moved on.
"""

import asyncio
import json
import logging
import os
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path

import msgspec

from edge.convert.inbox import Scan, find_metadata
from edge.core.slide_label import find_order, metadata_fields, read_label
from edge.runtime.log import event
from edge.store import worklist
from edge.store.database import Database

log = logging.getLogger(__name__)
FOLDER = "identified"
GLANCE_S_MAX = 60.0
LINE_BYTES_MAX = 64 * 1024

Glance = Callable[[Path], Awaitable[str]]
"""Reads the barcode a scan carries; empty where it carries none."""


class Identifier:
    """Decides the metadata of scans."""

    def __init__(self, database: Database, staging: Path, rule: re.Pattern[str] | None) -> None:
        """Without a rule, only files beside the scans count."""
        self._database, self._folder, self._rule = database, staging / FOLDER, rule
        self._locks: dict[str, asyncio.Lock] = {}

    def recover(self, wanted: set[str]) -> None:
        """Forget scans that are over; blocking."""
        if self._folder.is_dir():
            for path in self._folder.iterdir():
                if path.name.partition(".")[0] not in wanted:
                    path.unlink(missing_ok=True)

    def forget(self, job_id: str) -> None:
        """Forget a scan that is over; blocking."""
        self._locks.pop(job_id, None)
        if self._folder.is_dir():
            for path in self._folder.glob(f"{job_id}.*"):
                path.unlink(missing_ok=True)

    async def metadata_for(self, scan: Scan, glance: Glance) -> Path | None:
        """Return the file with a scan's metadata, or None where nothing is known of it."""
        beside = find_metadata(scan.path)
        if self._rule is None:
            return beside
        # Named after the scan as it is now: one that changes is looked at anew.
        path = self._folder / f"{scan.job_id}.{scan.identity[:16]}.json"
        async with self._locks.setdefault(scan.job_id, asyncio.Lock()):
            if not await asyncio.to_thread(path.is_file):
                barcode = await glance(scan.path)
                await asyncio.to_thread(self._decide, scan, barcode, beside, path)
        return path

    def _decide(self, scan: Scan, barcode: str, beside: Path | None, path: Path) -> None:
        from wsi.errors import MetadataFileError
        from wsi.metadata import SlideMetadata, load_metadata

        assert self._rule is not None
        said = read_label(self._rule, barcode) or read_label(self._rule, scan.path.stem)
        order = find_order(said, worklist.entries(self._database)) if said else None
        event(log, "scan.identified", job_id=scan.job_id, has_label=bool(said), has_order=order is not None)
        try:
            known = SlideMetadata(**metadata_fields(said, order))  # type: ignore[arg-type]  # texts, all of them
        except MetadataFileError:  # The worklist holds a value that no slide may carry: the label alone counts.
            known = SlideMetadata(**said)  # type: ignore[arg-type]
        self._folder.mkdir(parents=True, exist_ok=True)
        temp = path.with_suffix(".part")
        if beside is None:
            temp.write_text(json.dumps(_given(known)))
        else:
            try:
                temp.write_text(json.dumps(_given(load_metadata(beside).over(known))))
            except MetadataFileError:  # Whoever reads it next says what is wrong with it.
                temp.write_bytes(beside.read_bytes())
        temp.replace(path)


def _given(metadata: object) -> dict[str, object]:
    from wsi.metadata import SlideMetadata

    empty = asdict(SlideMetadata())
    return {name: value for name, value in asdict(metadata).items() if value != empty[name]}  # type: ignore[call-overload]


async def glance_once(path: Path) -> str:
    """Read the barcode a scan carries, in a process of its own: a scan may kill its reader."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge.convert.opening", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES_MAX, start_new_session=True,
    )  # fmt: skip
    try:
        wish = {"path": str(path), "folder": "", "parent_process_id": os.getpid(), "is_glance": True}
        said, _ = await asyncio.wait_for(process.communicate(msgspec.json.encode(wish) + b"\n"), GLANCE_S_MAX)
        return barcode_in(said)
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def barcode_in(line: bytes) -> str:
    """Return the barcode in a child's answer; empty where there is none."""
    try:
        return str(msgspec.json.decode(line, type=dict[str, dict[str, str]])["glance"]["barcode"])
    except (msgspec.DecodeError, KeyError):
        return ""
