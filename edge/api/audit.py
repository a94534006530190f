"""`/api/v1/audit`: who did what."""

import asyncio

from edge.api import shapes
from edge.api.route import Call, Route
from edge.core.access import Action
from edge.store import audit_log

PAGE_MAX = 500
OFFSET_MAX = 100_000_000


def routes() -> list[Route]:
    return [
        Route(method="GET", path="/api/v1/audit", name="audit", gate=Action.SEE_AUDIT, answer=list_rows,
              returns=shapes.AuditPage, summary="Who did what, newest first"),
        Route(method="GET", path="/api/v1/audit/verify", name="audit.verify", gate=Action.SEE_AUDIT, answer=verify,
              returns=shapes.AuditProof, summary="Prove that no row was changed or taken out"),
    ]  # fmt: skip


async def list_rows(call: Call) -> shapes.AuditPage:
    database = call.parts.database
    limit, offset = call.number("limit", 100, largest=PAGE_MAX), call.number("offset", 0, largest=OFFSET_MAX)
    rows = await asyncio.to_thread(
        audit_log.list_rows,
        database,
        limit=limit,
        offset=offset,
        action=call.text("action"),
        object=call.text("object"),
    )
    items = [
        shapes.AuditRow(
            number=row.row_number, at_s=row.at_s, actor=row.actor, action=row.action, object=row.object,
            detail=row.detail,
        )
        for row in rows
    ]  # fmt: skip
    return shapes.AuditPage(total=await asyncio.to_thread(audit_log.count, database), items=items)


async def verify(call: Call) -> shapes.AuditProof:
    """Follow the whole chain of digests."""
    broken_at = await asyncio.to_thread(audit_log.verify, call.parts.database)
    return shapes.AuditProof(is_intact=broken_at is None, broken_at=broken_at)
