"""convert: slides that are dropped into the inbox become DICOM."""

import asyncio
from pathlib import Path
from typing import Any

from edge.config import Config
from edge.convert.job import Jobs, public
from edge.convert.watch import watch
from edge.core.slide_label import read_rule
from edge.runtime import rpc
from edge.runtime.service import run_parts
from edge.store.database import Database
from edge.store.instances import Instances
from edge.store.jobs import JobRow


async def serve(config: Config) -> None:
    """Run until SIGTERM."""
    database = await asyncio.to_thread(Database, config.database_path)
    instances = Instances(
        database, config.data_dir, destinations=config.routing,
        bells=config.run_dir / "bells" / "uplink", reserve_bytes=config.node.disk_reserve_mb * 2**20,
        budget_bytes=config.limits.budget_bytes,
    )  # fmt: skip
    inbox = Path(config.inbox.slides).absolute() if config.inbox.slides else None

    def tell(row: JobRow) -> None:
        server.tell("job.changed", **public(row))

    jobs = Jobs(
        database, instances, inbox=inbox or config.data_dir / "jobs", staging=config.data_dir / "jobs",
        levels=config.convert.levels, worker_count=config.convert.worker_count, tell=tell,
        label_rule=read_rule(config.inbox.barcode) if config.inbox.barcode else None,
    )  # fmt: skip
    server = rpc.Server(config.socket_path("convert"), _answers(jobs))

    async def take(stop: asyncio.Event) -> None:
        try:
            if inbox is None:
                await stop.wait()
            else:
                await watch(inbox, config.inbox.settle_s, jobs.see, stop)
        finally:
            await server.stop()

    await asyncio.to_thread(jobs.recover)
    try:
        await run_parts([jobs.run, take], on_ready=server.start)
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
