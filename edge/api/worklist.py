"""`/api/v1/sources` and `/api/v1/worklist`: with what, and for whom, an exam can begin."""

import asyncio
from typing import Any

from edge.api import local_time, shapes
from edge.api.route import Call, Route
from edge.api.views import show_order, show_patient
from edge.core import dicom_time
from edge.core.access import Action
from edge.core.worklist import WorklistEntry
from edge.errors import ConflictError
from edge.runtime import clock, doorbell
from edge.store import worklist


def routes() -> list[Route]:
    return [
        Route(method="GET", path="/api/v1/sources", name="sources", gate=Action.RUN_SESSION, answer=list_sources,
              returns=list[dict[str, Any]], summary="Probes and how they are"),
        Route(method="GET", path="/api/v1/worklist", name="worklist", gate=Action.SEE_WORKLIST, answer=list_worklist,
              returns=shapes.WorklistView, summary="Planned exams", audit="worklist.read"),
        Route(method="POST", path="/api/v1/worklist/refresh", name="worklist.refresh", gate=Action.SEE_WORKLIST,
              answer=refresh_worklist, returns=shapes.Done, summary="Ask the hospital again", audit="worklist.refresh"),
    ]  # fmt: skip


async def list_sources(call: Call) -> list[dict[str, Any]]:
    """Ask capture itself: what it says now, or that it does not answer."""
    rows: list[dict[str, Any]] = await call.parts.rpc("capture", "sources")
    return rows


async def list_worklist(call: Call) -> shapes.WorklistView:
    database = call.parts.database
    if call.parts.config.worklist is None:
        return shapes.WorklistView(items=[], refreshed_s=None, reason="No worklist is configured.")
    entries = await asyncio.to_thread(worklist.entries, database)
    state = await asyncio.to_thread(worklist.state, database)
    return shapes.WorklistView(
        items=[_view(entry) for entry in entries], refreshed_s=state.refreshed_s, reason=state.reason
    )


async def refresh_worklist(call: Call) -> shapes.Done:
    """Note the wish and wake uplink.  Raises: ConflictError without a worklist."""
    config = call.parts.config
    if config.worklist is None:
        raise ConflictError("No worklist is configured.", next_step="Add [worklist] to the configuration.")
    await asyncio.to_thread(worklist.ask, call.parts.database, now_s=clock.wall_s())
    doorbell.ring(config.run_dir / "bells" / "uplink")
    return shapes.Done()


def _view(entry: WorklistEntry) -> shapes.WorklistRow:
    return shapes.WorklistRow(
        worklist_id=entry.worklist_id,
        patient=show_patient(entry.patient),
        order=show_order(entry.order),
        scheduled_s=dicom_time.to_seconds(entry.scheduled_at, zone=local_time.zone()),
        scheduled_at=entry.scheduled_at,
        modality=entry.modality,
    )
