"""An api process with one slide in it: known from its scan first, converted when told to."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import psutil

from edge.api.passwords import Passwords
from edge.config import Config, load
from edge.convert.announce import Announcer
from edge.convert.inbox import describe
from edge.core.access import UserRole
from edge.store import scans, users
from edge.store.database import Database
from edge.store.instances import Instance, Instances
from tests.support.node import free_port
from tests.support.services import Service, write_config

NAME, PASSWORD = "reader", "a long enough password"
ANNOUNCE_S_MAX = 60.0


class SlideNode:
    """`edge run api` on a folder of its own; the slide is put there as the convert service does it."""

    def __init__(self, scan: Path) -> None:
        self.scan = scan
        self.folder = Path(tempfile.mkdtemp(prefix="edge-b-"))
        self.port = free_port()
        path = write_config(self.folder, f'[api]\nlisten = "127.0.0.1:{self.port}"\n')
        self.config: Config = load(path)
        self.config.run_dir.mkdir(parents=True)
        self.database = Database(self.config.database_path)
        self.instances = Instances(self.database, self.config.data_dir)
        self.api = Service("api", path)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> SlideNode:
        made = asyncio.run(Passwords().hash(PASSWORD))
        users.add(self.database, NAME, UserRole("admin"), made, now_s=1.0)
        self.api.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, at: TracebackType | None) -> None:
        self.api.kill()
        self.database.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def announce(self) -> scans.Scan:
        """Make the scan known without converting it."""
        with ThreadPoolExecutor(1) as pool:  # A browser's driver has a loop of its own in the caller's thread.
            return pool.submit(asyncio.run, self._announce()).result()

    async def _announce(self) -> scans.Scan:
        announced: asyncio.Queue[scans.Scan] = asyncio.Queue(1)
        announcer = Announcer(self.database, self.folder / "staging", "native", announced.put_nowait)
        found = describe(self.scan.parent, self.scan)
        assert found is not None
        running = asyncio.create_task(announcer.run())
        announcer.announce(found, lambda: True)
        try:
            return await asyncio.wait_for(announced.get(), ANNOUNCE_S_MAX)
        finally:
            running.cancel()
            await asyncio.wait([running])

    def convert(self) -> list[Instance]:
        """Convert the scan and let its files take over."""
        from wsi.convert import convert

        kept = []
        for file in convert(self.scan, self.folder / "out", verify=False).files:
            temp = self.instances.new_temp()
            shutil.move(file.path, temp)
            kept.append(self.instances.keep(temp, source="convert").instance)
        for scan_id in scans.list_ids(self.database):
            scans.forget(self.database, scan_id)
        return kept

    def cpu_s(self) -> float:
        """Return the processor time the api has used, its threads included."""
        assert self.api.process is not None
        used = psutil.Process(self.api.process.pid).cpu_times()
        return float(used.user + used.system)
