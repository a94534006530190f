"""`/api/v1/jobs`: slides on their way in."""

import asyncio
from dataclasses import asdict

import msgspec

from edge.api import node_shapes, shapes
from edge.api.route import Call, Route
from edge.core.access import Action
from edge.errors import UnreachableError
from edge.store import jobs

LISTED_MAX = 200


def routes() -> list[Route]:
    return [
        Route(method="GET", path="/api/v1/jobs", name="jobs", gate=Action.SEE_SLIDES, answer=list_jobs,
              returns=list[node_shapes.JobView], summary="Slide conversions, newest first"),
        Route(method="POST", path="/api/v1/jobs/{job_id}/cancel", name="jobs.cancel", gate=Action.RUN_JOBS,
              answer=cancel_job, returns=shapes.Done, summary="Stop a conversion", audit="job.cancel"),
        Route(method="POST", path="/api/v1/jobs/{job_id}/retry", name="jobs.retry", gate=Action.RUN_JOBS,
              answer=retry_job, returns=shapes.Done, summary="Convert again", audit="job.retry"),
    ]  # fmt: skip


async def list_jobs(call: Call) -> list[node_shapes.JobView]:
    """Return what convert says now; while it is away, what it wrote last."""
    try:
        rows = await call.parts.rpc("convert", "jobs")
    except UnreachableError:
        rows = [asdict(job) for job in await asyncio.to_thread(jobs.list_jobs, call.parts.database, limit=LISTED_MAX)]
    return [show_job(row) for row in rows[:LISTED_MAX]]


def show_job(row: object) -> node_shapes.JobView:
    """Return the public fields; the path on the node's disk is not one of them."""
    return msgspec.convert(row, node_shapes.JobView)


async def cancel_job(call: Call) -> shapes.Done:
    await call.parts.rpc("convert", "job.cancel", job_id=call.path("job_id"))
    return shapes.Done()


async def retry_job(call: Call) -> shapes.Done:
    await call.parts.rpc("convert", "job.retry", job_id=call.path("job_id"))
    return shapes.Done()
