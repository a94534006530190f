"""Follows the other services: their events become the situation, changes on the pages, and controls."""

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Any

from edge.api.controls import Controls
from edge.api.desk import Desk
from edge.api.hub import Hub
from edge.api.situation import SERVICES, Situation
from edge.config import Config
from edge.core.access import Action, Principal
from edge.errors import EdgeError, UnreachableError
from edge.runtime import rpc
from edge.runtime.log import event

RETRY_S = 1.0
SUBSCRIBE_S = 0.1
"""A connection to a neighbour takes far less."""
RECONCILE_S = 5.0
CONTROL_COUNT_MAX = 32
"""Asked for and not yet answered; more are dropped and logged, a person presses again."""
DRAWING_KEYS = (
    "still_sop_instance_uid", "report_sop_instance_uid", "frame_index", "graphics", "measurements", "author",
)  # fmt: skip
"""What pages are told of a drawing besides its UID."""
log = logging.getLogger(__name__)


class Follower:
    """One a node; `follow` runs once for each service, `reconcile` once."""

    def __init__(self, config: Config, situation: Situation, hub: Hub, desk: Desk, controls: Controls) -> None:
        self._config = config
        self._situation = situation
        self._hub = hub
        self._desk = desk
        self._controls = controls
        self._controlling: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow all services until told to stop."""
        tasks = [asyncio.create_task(self._follow(service)) for service in SERVICES]
        tasks.append(asyncio.create_task(self._keep_reconciling()))
        stopper = asyncio.create_task(stop.wait())
        await asyncio.wait([stopper, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in (stopper, *tasks, *self._controlling):
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _follow(self, service: str) -> None:
        path = self._config.socket_path(service)
        while True:
            listening = asyncio.create_task(self._listen(service, path))
            try:
                # First listen, then ask: what changes in between is heard, and asking again costs nothing.
                await asyncio.wait([listening], timeout=SUBSCRIBE_S)
                await self._greet(service)
                await listening
            except EdgeError as error:
                event(log, "service.away", level=logging.DEBUG, service=service, code=error.code)
            finally:
                listening.cancel()
                with contextlib.suppress(asyncio.CancelledError, EdgeError):
                    await listening
            if self._situation.is_up[service]:
                event(log, "service.lost", level=logging.WARNING, service=service)
                self._situation.lose(service)
                await self._publish_open()
            await asyncio.sleep(RETRY_S)

    async def _listen(self, service: str, path: Path) -> None:
        async for name, values in rpc.events(path):
            await self._take_safely(service, name, values)

    async def _greet(self, service: str) -> None:
        """A service has come up: tell it of open sessions, hear how it stands."""
        match service:
            case "capture":
                await self._refresh_sources()
            case "record":
                await self._desk.announce("record")
                await self._refresh_recordings()
            case "live":
                await _knock(self._config.socket_path("live"))
                await self._desk.announce("live")
                for session in await self._desk.open_sessions():
                    await self._refresh_peers(session.session_id)
            case "convert":
                await rpc.call(self._config.socket_path("convert"), "jobs")
        if not self._situation.is_up[service]:
            self._situation.is_up[service] = True
            event(log, "service.found", service=service)
            await self._publish_open()

    async def _take_safely(self, service: str, name: str, values: dict[str, Any]) -> None:
        try:
            await self._take(service, name, values)
        except EdgeError as error:
            # One event that cannot be followed up must not end the stream; reconcile() makes good for it.
            event(log, "event.failed", level=logging.WARNING, service=service, name=name, code=error.code)

    async def _take(self, service: str, name: str, values: dict[str, Any]) -> None:
        session_id = str(values.get("session_id", ""))
        match service, name:
            case "capture", "source.state":
                await self._take_source(values)
            case "record", _:
                await self._take_record(name, session_id, values)
            case "live", "ctl":
                self._control(values)
            case "live", "peer.stats":
                self._situation.peers[session_id] = values.get("peers", [])
                self._publish_to_session("peers", session_id, values)
            case "live", "peer.joined" | "peer.left":
                await self._refresh_peers(session_id)
                await self._desk.publish(session_id, is_whole=name == "peer.joined")
            case "live", "publish.state":
                self._take_publishing(session_id, values.get("publish"))
                await self._desk.publish(session_id)
            case "convert", "job.changed":
                job = values.get("job", values)
                self._hub.publish("job", lambda principal: job if principal.may(Action.SEE_SLIDES) else None)

    def _take_publishing(self, session_id: str, said: dict[str, Any] | None) -> None:
        if said is None:
            self._situation.publishing.pop(session_id, None)
        else:
            self._situation.publishing[session_id] = said

    async def _take_source(self, values: dict[str, Any]) -> None:
        row = values.get("source", values) if isinstance(values.get("source"), dict) else values
        self._situation.sources[str(row["name"])] = row
        self._hub.publish("source", lambda principal: row if principal.may(Action.RUN_SESSION) else None)
        for session in await self._desk.open_sessions():
            if session.source == row["name"]:
                await self._desk.publish(session.session_id)

    async def _take_record(self, name: str, session_id: str, values: dict[str, Any]) -> None:
        await self._refresh_recordings()
        match name:
            case "object.saved":
                self._publish_to_session("object", session_id, values)
                saved = {
                    "v": 1,
                    "type": "saved",
                    "sop_instance_uid": values["sop_instance_uid"],
                    "kind": values["kind"],
                    **{key: values[key] for key in DRAWING_KEYS if key in values},
                }
                await self._desk.tell(session_id, saved)
            case "record.failed":
                self._publish_to_session("failure", session_id, values)
                told = {key: values.get(key, "") for key in ("code", "message", "next_step")}
                await self._desk.tell(session_id, {"v": 1, "type": "error", **told})
            case "record.gap":
                self._publish_to_session("gap", session_id, values)
        await self._desk.publish(session_id)

    def _publish_to_session(self, name: str, session_id: str, values: dict[str, Any]) -> None:
        def render(principal: Principal) -> dict[str, Any] | None:
            return values if principal.may(Action.JOIN_SESSION, session_id=session_id) else None

        self._hub.publish(name, render)

    def _control(self, values: dict[str, Any]) -> None:
        if len(self._controlling) >= CONTROL_COUNT_MAX:
            event(log, "control.dropped", level=logging.WARNING, session=values.get("session_id", ""))
            return
        task = asyncio.create_task(self._controls.take(values))
        self._controlling.add(task)
        task.add_done_callback(self._controlling.discard)

    async def _refresh_sources(self) -> None:
        self._situation.take_sources(await rpc.call(self._config.socket_path("capture"), "sources"))

    async def _refresh_recordings(self) -> None:
        self._situation.take_recordings(await rpc.call(self._config.socket_path("record"), "state"))

    async def _refresh_peers(self, session_id: str) -> None:
        state = await rpc.call(self._config.socket_path("live"), "room.state", session_id=session_id)
        self._situation.peers[session_id] = state["peers"]
        if self._desk.guides is not None:
            await self._desk.guides.follow(session_id, state["peers"])

    async def _keep_reconciling(self) -> None:
        while True:
            await asyncio.sleep(RECONCILE_S)
            for service in ("capture", "record", "live"):
                with contextlib.suppress(EdgeError):
                    await self._reconcile(service)

    async def _reconcile(self, service: str) -> None:
        if not self._situation.is_up[service]:
            return
        if service == "live":
            await self._desk.announce("live")
            return
        if service == "capture":
            await self._refresh_sources()
            return
        await self._refresh_recordings()
        await self._desk.reconcile("record", self._situation.followed_ids())

    async def _publish_open(self) -> None:
        for session in await self._desk.open_sessions():
            await self._desk.publish(session.session_id)


async def _knock(path: Path) -> None:
    """Make sure somebody listens, when there is nothing to ask yet.  Raises: UnreachableError."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError as error:
        raise UnreachableError(f"The {path.stem} service does not answer.") from error
    writer.close()
