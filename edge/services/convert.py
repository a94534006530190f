"""convert: slides that are dropped into the inbox become DICOM."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from edge.config import Config
from edge.convert.inbox import Settling, look
from edge.convert.job import Jobs, public
from edge.runtime import clock, rpc
from edge.runtime.service import run_parts
from edge.store.database import Database
from edge.store.instances import Instances
from edge.store.jobs import JobRow

LOOK_INTERVAL_S = 0.5


async def serve(config: Config) -> None:
    """Run until SIGTERM."""
    database = await asyncio.to_thread(Database, config.database_path)
    instances = Instances(
        database, config.data_dir, destinations=[destination.name for destination in config.destination],
        bells=config.run_dir / "bells" / "uplink", reserve_bytes=config.node.disk_reserve_mb * 2**20,
    )  # fmt: skip
    inbox = Path(config.inbox.slides).absolute() if config.inbox.slides else None

    def tell(row: JobRow) -> None:
        server.tell("job.changed", **public(row))

    jobs = Jobs(
        database, instances, inbox=inbox or config.data_dir / "jobs", staging=config.data_dir / "jobs",
        levels=config.convert.levels, worker_count=config.convert.worker_count, tell=tell,
    )  # fmt: skip
    server = rpc.Server(config.socket_path("convert"), _answers(jobs))

    async def watch(stop: asyncio.Event) -> None:
        settling = Settling(config.inbox.settle_s)
        try:
            while not stop.is_set():
                if inbox is not None and inbox.is_dir():
                    now_s = clock.wall_s()
                    whole, growing = settling.take(await asyncio.to_thread(look, inbox), now_s=now_s)
                    jobs.see(whole, growing, now_s=now_s)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_INTERVAL_S)
        finally:
            await server.stop()

    await asyncio.to_thread(jobs.recover)
    try:
        await run_parts([jobs.run, watch], on_ready=server.start)
    finally:
        database.close()


def _answers(jobs: Jobs) -> dict[str, rpc.Answer]:
    async def list_jobs() -> list[dict[str, Any]]:
        return jobs.rows()

    async def cancel(job_id: str) -> dict[str, Any]:
        await jobs.cancel(job_id)
        return {}

    async def retry(job_id: str) -> dict[str, Any]:
        await jobs.retry(job_id)
        return {}

    return {"jobs": list_jobs, "job.cancel": cancel, "job.retry": retry}
