"""A store with DICOMweb in front of it, served on a free port from a thread: what a real client talks to."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiohttp import web

from edge.api import dicomweb, problem
from edge.api.recall import Recall
from edge.api.route import Call, Route
from edge.api.scans import Scans
from edge.core.access import Principal, UserRole
from edge.errors import BadInputError, EdgeError
from edge.store.database import Database
from edge.store.instances import Instance, Instances

SOMEBODY = Principal(name="somebody", role=UserRole.ADMIN)


@dataclass
class Served:
    """A running store."""

    url: str
    database: Database
    instances: Instances

    @property
    def root(self) -> str:
        return f"{self.url}/dicom-web"

    def keep(self, path: Path) -> Instance:
        """Take a copy of a file in.  Raises: BadInputError."""
        return self.keep_bytes(path.read_bytes())

    def keep_bytes(self, data: bytes) -> Instance:
        temp = self.instances.new_temp()
        temp.write_bytes(data)
        return self.instances.keep(temp, source="test").instance

    def keep_all(self, folder: Path) -> list[Instance]:
        """Take in whatever of a folder can be taken in."""
        kept = []
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                try:
                    kept.append(self.keep(path))
                except BadInputError:
                    continue
        return kept

    def address(self, instance: Instance) -> str:
        return (
            f"{self.root}/studies/{instance.study_instance_uid}/series/{instance.series_instance_uid}"
            f"/instances/{instance.sop_instance_uid}"
        )


def application(database: Database, instances: Instances) -> web.Application:
    """The routes without sign-in: the guard has tests of its own."""
    recall = Recall(database, instances.data_dir, instances.data_dir / "bells")
    parts: Any = SimpleNamespace(database=database, instances=instances, scans=Scans(database), recall=recall)

    @web.middleware
    async def explain(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except EdgeError as error:
            response = problem.of_error(error)
        return response

    def handler(route: Route) -> Any:
        async def handle(request: web.Request) -> Any:
            return await route.answer(Call(request=request, parts=parts, principal=SOMEBODY))

        return handle

    app = web.Application(middlewares=[explain], client_max_size=64 * 1024)
    for route in dicomweb.routes(parts):
        app.router.add_route(route.method, route.path, handler(route))
    return app


@contextmanager
def serve(folder: Path, *, pages: Mapping[str, Path] | None = None) -> Iterator[Served]:
    """Serve a new, empty store until the block ends, and beside it folders of files at the addresses of `pages`."""
    database = Database(folder / "edge.db")
    instances = Instances(database, folder)
    loop = asyncio.new_event_loop()
    app = application(database, instances)
    for address, files in (pages or {}).items():
        app.router.add_static(address, files)
    runner = web.AppRunner(app)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return int(runner.addresses[0][1])

    port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield Served(f"http://127.0.0.1:{port}", database, instances)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
        database.close()
