"""`/api/v1/audit`: who did what."""

import asyncio

from edge.api import shapes
from edge.api.route import Call, Route
from edge.core.access import Action
from edge.runtime import clock
from edge.store import audit_log
from edge.store.database import Database

PAGE_MAX = 500
PROOF_S = 120.0
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
    total = await asyncio.to_thread(audit_log.count, database)
    return shapes.AuditPage(total=total, is_intact=await call.parts.audit_proof.is_intact(), items=items)


async def verify(call: Call) -> shapes.AuditProof:
    """Follow the whole chain of digests."""
    broken_at = await call.parts.audit_proof.verify()
    return shapes.AuditProof(is_intact=broken_at is None, broken_at=broken_at)


class AuditProof:
    """Remembers the last proof for a while: following the whole chain for every page would be slow one day."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._broken_at: int | None = None
        self._proven_s: float | None = None

    async def verify(self) -> int | None:
        """Follow the chain now; return the number of the first row that does not hold."""
        self._broken_at = await asyncio.to_thread(audit_log.verify, self._database)
        self._proven_s = clock.mono_s()
        return self._broken_at

    async def is_intact(self) -> bool:
        """Tell what the last proof said; one that is too old is made anew."""
        if self._proven_s is None or clock.mono_s() - self._proven_s > PROOF_S:
            await self.verify()
        return self._broken_at is None
