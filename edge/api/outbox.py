"""`/api/v1/outbox`: has it arrived? If not, why and when."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import msgspec

from edge.api import local_time, node_shapes
from edge.api.forecast import Forecast
from edge.api.recall import Recall
from edge.api.route import Call, Route
from edge.api.rows import text
from edge.config import Config, Destination
from edge.core import capacity, capacity_words, sync_words
from edge.core.access import Action, Principal
from edge.core.delivery import State
from edge.core.outbox import STAT
from edge.core.outlook import Outlook, study_ends_s
from edge.errors import BadInputError, NotFoundError
from edge.runtime import clock, doorbell
from edge.store import deliveries, evictions, fetches, index, inflow, links
from edge.store.database import Database
from edge.store.instances import Instances

STUDIES_LISTED_MAX = 300
HISTORY_S = 24 * 3600.0
SPAN_S = 300
RETURNING_LISTED_MAX = 50
REST = 5.0
"""A view is not made again before so many times the time it took: a huge outbox does not eat the processor."""
WISHES: dict[str, Callable[..., int]] = {
    "retry": deliveries.retry,
    "hold": deliveries.hold,
    "release": deliveries.release,
    "cancel": deliveries.cancel,
    "first": deliveries.first,
}


def routes() -> list[Route]:
    wishes = [
        Route(method="POST", path=f"/api/v1/outbox/{verb}", name=f"outbox.{verb}", gate=Action.RUN_OUTBOX,
              answer=_answer_wish(verb), body=node_shapes.OutboxWish, returns=node_shapes.Count,
              summary=f"{verb}: what waits")
        for verb in WISHES
    ]  # fmt: skip
    see = Route(method="GET", path="/api/v1/outbox", name="outbox", gate=Action.SEE_OUTBOX, answer=see_outbox,
                returns=node_shapes.OutboxView, summary="What is on its way")  # fmt: skip
    return [see, *wishes]


class Outbox:
    """Reads what uplink wrote. `bytes_done` counts from when a destination last had everything."""

    def __init__(self, config: Config, database: Database, recall: Recall) -> None:
        self._config = config
        self._database = database
        self._done_before: dict[str, int] = {}
        self._forecast = Forecast(config, database)
        self._recall = recall
        self._kept: tuple[node_shapes.OutboxView | None, float, float] = (None, 0.0, 0.0)
        """The last view, when it was made, and how long that took."""

    async def summary(self) -> node_shapes.OutboxSummary:
        """Return how each destination stands."""
        return await asyncio.to_thread(self._read)

    async def view(self) -> node_shapes.OutboxView:
        """Return the same, and every study that is not there yet or came lately, with names."""
        kept, made_s, took_s = self._kept
        if kept is not None and 0 <= clock.mono_s() - made_s < took_s * REST:
            return kept
        return await asyncio.to_thread(self._read_all)

    def _read_all(self) -> node_shapes.OutboxView:
        began_s = clock.mono_s()
        view = self._look_at_all()
        self._kept = (view, clock.mono_s(), clock.mono_s() - began_s)
        return view

    def _look_at_all(self) -> node_shapes.OutboxView:
        summary = self._read()
        rows = deliveries.list_studies(self._database, limit=STUDIES_LISTED_MAX)
        left = inflow.left(self._database)
        ends = {one.name: study_ends_s(left.get(one.name, {}), empty_s=one.eta_s) for one in summary.destinations}
        studies = [
            node_shapes.OutboxStudy(
                **asdict(row),
                eta_s=ends.get(row.destination, {}).get(row.study_instance_uid),
                is_urgent=(known := left.get(row.destination, {}).get(row.study_instance_uid)) is not None
                and known.priority >= STAT,
            )
            for row in rows
        ]
        return node_shapes.OutboxView(
            destinations=summary.destinations, disk=summary.disk, disk_full_s=summary.disk_full_s,
            away=summary.away, returning=self._returning(), studies=studies,
        )  # fmt: skip

    def _read(self) -> node_shapes.OutboxSummary:
        now_s = clock.wall_s()
        counts = {row.destination: row for row in deliveries.counts(self._database)}
        known = {row.destination: row for row in links.links(self._database)}
        outlooks = {one.name: self._forecast.outlook(one, known.get(one.name)) for one in self._config.destination}
        views = [
            self._view(destination, counts.get(destination.name), known.get(destination.name), outlooks, now_s)
            for destination in self._config.destination
        ]
        required = {name: outlook for name, outlook in outlooks.items() if name in self._config.required}
        full_s = self._forecast.full_in_s(required or outlooks)
        return node_shapes.OutboxSummary(
            destinations=views, disk=capacity_words.say_disk(full_s), disk_full_s=full_s, away=self._away()
        )

    def _away(self) -> node_shapes.AwaySummary:
        count, size_bytes = evictions.away(self._database)
        return node_shapes.AwaySummary(
            count=count, bytes=size_bytes, here_bytes=self._forecast.used_bytes,
            budget_bytes=self._config.limits.budget_bytes,
        )  # fmt: skip

    def _returning(self) -> list[node_shapes.ReturningStudy]:
        """Return the studies that are being fetched back, with names."""
        found = fetches.list_studies(self._database, limit=RETURNING_LISTED_MAX)
        rows = {uid: index.find_study(self._database, uid) or {} for uid, _ in found}
        return [
            node_shapes.ReturningStudy(
                study_instance_uid=uid, patient_name=text(rows[uid], "PatientName"),
                description=text(rows[uid], "StudyDescription"), away=self._recall.show(away),
            )
            for uid, away in found
        ]  # fmt: skip

    def _view(
        self, destination: Destination, found: deliveries.Counts | None, link: links.LinkRow | None,
        outlooks: dict[str, Outlook], now_s: float,
    ) -> node_shapes.DestinationView:  # fmt: skip
        counts = found.counts if found is not None else {state.value: 0 for state in State}
        bytes_left = found.bytes_left if found is not None else 0
        outlook = outlooks[destination.name]
        flow = self._forecast.flow(destination, outlook)
        early_s, late_s = outlook.empty_between_s(bytes_left)
        progress = sync_words.Progress(
            link_state=link.state if link is not None else "unknown",
            rate_bytes_s=link.rate_bytes_s if link is not None else 0.0,
            since_s=link.since_s if link is not None else None,
            next_try_s=link.next_try_s if link is not None else None,
            bytes_left=bytes_left,
            bytes_done=self._done_since(destination.name, found),
            waiting_count=counts["waiting"] + counts["sending"],
            held_count=counts["held"],
            arrived_count=counts["sent"] + counts["committed"] + counts["safe"],
            unproven_count=counts["sent"] + counts["committed"] if destination.readback else 0,
            left_s=outlook.empty_in_s(bytes_left) if bytes_left else None,
            between_s=(early_s, late_s),
            is_foretold=outlook.carried.bytes_s > 0,
            paused=link.reason if link is not None and link.state in ("up", "slow") else "",
        )
        eta_s = sync_words.eta_s(progress)
        return node_shapes.DestinationView(
            name=destination.name,
            kind=destination.kind,
            is_required=destination.is_required,
            link=_show_link(link),
            counts=dict(counts),
            bytes_left=bytes_left,
            bytes_done=progress.bytes_done,
            eta_s=eta_s,
            sentence=sync_words.say(progress, now_s=now_s, zone=local_time.zone()),
            eta_early_s=early_s if eta_s is not None else None,
            eta_late_s=late_s if eta_s is not None else None,
            forecast=self._forecast.say_outbox(destination, outlook, bytes_left=bytes_left),
            utilisation=capacity.utilisation(flow),
            waiting_s=capacity.waiting_s(flow),
            bytes_arrived=found.bytes_done if found is not None else 0,
            arriving_bytes_s=flow.arriving_bytes_s,
            carried_bytes_s=flow.leaving_bytes_s,
            history=self._history(destination.name, now_s),
        )

    def _history(self, name: str, now_s: float) -> list[node_shapes.RatePoint]:
        return [
            node_shapes.RatePoint(
                t_s=span.start_s, bytes_s=span.sent_bytes / SPAN_S, up=span.up_s / span.seen_s if span.seen_s else None
            )
            for span in links.spans(self._database, name, since_s=now_s - HISTORY_S, span_s=SPAN_S)
        ]

    def _done_since(self, name: str, found: deliveries.Counts | None) -> int:
        if found is None:
            return 0
        if found.counts["waiting"] + found.counts["sending"] == 0:
            self._done_before[name] = found.bytes_done
        return max(0, found.bytes_done - self._done_before.setdefault(name, found.bytes_done))


def _show_link(link: links.LinkRow | None) -> node_shapes.LinkView:
    if link is None:
        return node_shapes.LinkView(state="unknown", rate_bytes_s=0.0, since_s=None, next_try_s=None, reason="")
    return node_shapes.LinkView(
        state=link.state, rate_bytes_s=link.rate_bytes_s, since_s=link.since_s, next_try_s=link.next_try_s,
        reason=link.reason,
    )  # fmt: skip


def for_principal(view: node_shapes.OutboxView, principal: Principal) -> node_shapes.OutboxView | None:
    """Return what this one may see: whose study it is only for those who read images."""
    if not principal.may(Action.SEE_OUTBOX):
        return None
    if principal.may(Action.READ_IMAGES):
        return view
    unnamed = [msgspec.structs.replace(study, patient_name="", description="") for study in view.studies]
    returning = [msgspec.structs.replace(study, patient_name="", description="") for study in view.returning]
    return msgspec.structs.replace(view, studies=unnamed, returning=returning)


async def see_outbox(call: Call) -> node_shapes.OutboxView | None:
    view = await call.parts.outbox.view()
    if call.principal.may(Action.READ_IMAGES) and view.studies:
        await call.parts.audit_read(call.principal, "outbox", action="outbox.read")
    return for_principal(view, call.principal)


def _answer_wish(verb: str) -> Callable[[Call], Any]:
    async def answer(call: Call) -> node_shapes.Count:
        parts, wish = call.parts, call.body
        narrowed = await asyncio.to_thread(_narrow, wish, parts.config, parts.database, parts.instances)
        if verb == "cancel" and not any(narrowed.values()):
            raise BadInputError("Cancelling everything at once is not offered.", next_step="Name a study or an object.")
        count = await asyncio.to_thread(WISHES[verb], parts.database, now_s=clock.wall_s(), **narrowed)
        doorbell.ring(parts.config.run_dir / "bells" / "uplink")
        target = narrowed["sop_instance_uid"] or narrowed["study_instance_uid"] or "all"
        await parts.audit(call.principal, f"outbox.{verb}", target, destination=narrowed["destination"], count=count)
        return node_shapes.Count(count=count)

    return answer


def _narrow(wish: node_shapes.OutboxWish, config: Config, database: Database, instances: Instances) -> dict[str, str]:
    """Return which rows are meant; blocks.  Raises: NotFoundError for what is not here."""
    destination = wish.destination or ""
    if destination and destination not in {known.name for known in config.destination}:
        raise NotFoundError(f"There is no destination {destination!r}.")
    study, instance = wish.study_instance_uid or "", wish.sop_instance_uid or ""
    if wish.uid:
        is_study = index.find_study(database, wish.uid) is not None
        study, instance = (wish.uid, instance) if is_study else (study, wish.uid)
    if study and index.find_study(database, study) is None:
        raise NotFoundError(f"The study {study} is not on this node.")
    if instance:
        instances.require(instance)
    return {"destination": destination, "study_instance_uid": study, "sop_instance_uid": instance}
