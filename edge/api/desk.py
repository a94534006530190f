"""The desk: opens and closes exams, and sees to it that record and live know of every open one.

A session is saved before anybody is told of it; `announce` and `reconcile` repeat what a service may have missed,
which costs nothing because `session.begin` and `room.open` may be said twice.
"""

import asyncio
import logging
import secrets
import uuid
from dataclasses import asdict, replace
from typing import Any

import msgspec

from edge.api.call_news import CallNews
from edge.api.guides import Guides
from edge.api.hub import Hub
from edge.api.rows import show_object
from edge.api.shapes import GuideView, OpenSession, PublishView, SessionObject, SessionView, WaitingView
from edge.api.situation import Situation
from edge.api.views import for_principal, read_patient, view_session
from edge.api.waiting import WaitingRoom
from edge.config import Config
from edge.core.access import Principal
from edge.core.session import Order, Patient, Session, SessionState
from edge.errors import BadInputError, ConflictError, EdgeError, NotFoundError, UnreachableError
from edge.runtime import clock, rpc
from edge.runtime.log import event
from edge.store import index, sessions, worklist
from edge.store.database import Database

OPEN_COUNT_MAX = 16
OBJECTS_LISTED_MAX = 1000
log = logging.getLogger(__name__)


class Desk:
    """One a node. Blocking reads run in threads; one session is opened at a time."""

    def __init__(
        self,
        config: Config,
        database: Database,
        situation: Situation,
        hub: Hub,
        *,
        public_url: str,
    ) -> None:
        self._config = config
        self._database = database
        self._situation = situation
        self._hub = hub
        self._opening = asyncio.Lock()
        self._beginning = asyncio.Lock()
        self._news = CallNews()
        self.public_url = public_url
        self.guides: Guides | None = None
        self.waiting: WaitingRoom | None = None

    async def open(self, principal: Principal, wish: OpenSession) -> Session:
        """Begin an exam.  Raises: NotFoundError, ConflictError when the probe is in use, UnreachableError."""
        if self._config.find_source(wish.source) is None:
            raise NotFoundError(f"There is no probe {wish.source!r}.", next_step="See `edge session open --help`.")
        async with self._opening:
            taken = await self.open_sessions()
            if any(session.source == wish.source for session in taken):
                raise ConflictError(f'The probe "{wish.source}" is used by another exam.', next_step="Finish that one.")
            if len(taken) >= OPEN_COUNT_MAX:
                raise ConflictError(f"{OPEN_COUNT_MAX} exams are open.", next_step="Finish one of them.")
            session = await self._make(principal, wish)
            await asyncio.to_thread(sessions.save, self._database, session)
            try:
                await self._begin(session)
            except EdgeError:
                # An exam that cannot be recorded is no exam: the operator reads why, and nothing stays open.
                await asyncio.to_thread(sessions.save, self._database, replace(session, closed_s=clock.wall_s()))
                raise
        event(
            log, "session.opened", session=session.session_id, source=session.source, study=session.study_instance_uid
        )
        await self.publish(session.session_id)
        return session

    async def _make(self, principal: Principal, wish: OpenSession) -> Session:
        patient, order = await self._find_patient(wish)
        session_id = secrets.token_hex(8)
        return Session(
            session_id=session_id,
            source=wish.source,
            patient=patient,
            order=order,
            study_instance_uid=order.study_instance_uid or mint_uid(),
            series_instance_uid=mint_uid(),
            study_id=session_id[:8].upper(),
            description=wish.description
            or order.requested_procedure_description
            or order.scheduled_procedure_step_description,
            operator_name=principal.name,
            opened_s=clock.wall_s(),
        )

    async def _find_patient(self, wish: OpenSession) -> tuple[Patient, Order]:
        if wish.worklist_id is None:
            return read_patient(wish.patient) if wish.patient is not None else Patient(), Order()
        if wish.patient is not None:
            raise BadInputError("Name either an entry of the worklist or a patient, not both.")
        entry = await asyncio.to_thread(worklist.find, self._database, wish.worklist_id)
        if entry is None:
            raise NotFoundError(
                f"The worklist has no entry {wish.worklist_id}.", next_step="Refresh the worklist and choose again."
            )
        return entry.patient, entry.order

    async def _begin(self, session: Session) -> None:
        await self._begin_record(session)
        try:
            await self._call("live", "room.open", session_id=session.session_id, source=session.source)
        except UnreachableError as error:
            # The record never depends on the live picture; the room is opened when live is back.
            event(log, "room.late", session=session.session_id, code=error.code, level=logging.WARNING)

    async def close(self, session_id: str) -> Session:
        """End an exam: a running clip is finished, guests are sent away.  Closing twice is closing once."""
        session = await self.find(session_id)
        if session.state is SessionState.CLOSED:
            return session
        session = replace(session, closed_s=clock.wall_s())
        await asyncio.to_thread(sessions.save, self._database, session)
        for service, verb in (("record", "session.end"), ("live", "room.close")):
            try:
                await self._call(service, verb, session_id=session_id)
            except EdgeError as error:
                # It is told again by reconcile(), or knows by itself after its restart.
                event(log, "session.late", service=service, session=session_id, code=error.code, level=logging.WARNING)
        event(log, "session.closed", session=session_id)
        await self.publish(session_id)
        self._hub.end_for(lambda principal: principal.session_id == session_id)
        return session

    async def find(self, session_id: str) -> Session:
        """Return a session.  Raises: NotFoundError."""
        session = await asyncio.to_thread(sessions.find, self._database, session_id)
        if session is None:
            raise NotFoundError(f"There is no session {session_id}.")
        return session

    async def find_open(self, session_id: str) -> Session:
        """Return an open session.  Raises: NotFoundError, ConflictError."""
        session = await self.find(session_id)
        if session.state is not SessionState.OPEN:
            raise ConflictError(f"The session {session_id} is closed.", next_step="Start a new exam.")
        return session

    async def open_sessions(self) -> list[Session]:
        return await asyncio.to_thread(sessions.open_sessions, self._database)

    async def list_sessions(self, *, limit: int) -> list[Session]:
        """Return open ones first, then the newest."""
        return await asyncio.to_thread(sessions.list_sessions, self._database, limit=limit)

    async def view(self, session: Session) -> SessionView:
        """Return everything known of it, patient included."""
        objects = await asyncio.to_thread(self._objects, session)
        view = view_session(session, self._situation, objects, public_url=self.public_url)
        if self.guides is not None and session.state is SessionState.OPEN:
            session_id = session.session_id
            view.guide = msgspec.convert(self.guides.show(session_id), GuideView)
            view.is_picture_stopped = session_id in self.guides.stopped_ids
            view.consent_s = self.guides.consents_s.get(session_id)
            view.may_publish = bool(self._config.live.publish_url)
            said = self._situation.publishing.get(session_id)
            view.publish = msgspec.convert(said, PublishView) if said else None
            view.waiting = msgspec.convert(self.waiting.show(session_id) if self.waiting else [], list[WaitingView])
        return view

    def _objects(self, session: Session) -> list[SessionObject]:
        found: list[SessionObject] = []
        for series_uid in session.series_uids:
            series = {"StudyInstanceUID": session.study_instance_uid, "SeriesInstanceUID": series_uid}
            rows = index.search_instances(self._database, series, limit=OBJECTS_LISTED_MAX).rows
            found += [show_object(row) for row in rows]
        return found

    async def publish(self, session_id: str, *, is_whole: bool = False) -> None:
        """Tell browsers, and the pages in the call, how a session stands; `is_whole`: somebody new must hear all."""
        session = await asyncio.to_thread(sessions.find, self._database, session_id)
        if session is None:
            return
        view = await self.view(session)
        self._hub.publish("session", lambda principal: for_principal(view, principal))
        if self._situation.peers.get(session_id) and session.state is SessionState.OPEN:
            news = self._news.of(view, is_whole=is_whole)
            if news:
                await self.tell(session_id, {"v": 1, "type": "state", "session": news})

    async def tell(self, session_id: str, message: dict[str, Any], *, peer_id: str | None = None) -> None:
        """Send a message to the pages in the call; when live is away there is nobody to tell."""
        try:
            await self._call("live", "room.tell", session_id=session_id, message=message, peer_id=peer_id)
        except EdgeError as error:
            event(log, "room.deaf", session=session_id, code=error.code, level=logging.WARNING)

    async def show_picture(self, session_id: str, *, is_shown: bool) -> None:
        """Show the picture to the guests, or to nobody but the bedside.  Raises: UnreachableError."""
        await self._call("live", "room.show", session_id=session_id, is_shown=is_shown)

    async def publish_outside(self, session_id: str, *, is_on: bool) -> None:
        """Show a session through the configured media server, or end that.  Raises: ConflictError, UnreachableError."""
        await self._call("live", "room.publish", session_id=session_id, is_on=is_on)

    async def record(self, verb: str, session_id: str, **values: Any) -> dict[str, Any]:
        """Ask record to do something within an open session.  Raises: ConflictError, UnreachableError, RemoteError."""
        await self.find_open(session_id)
        answer: dict[str, Any] = await self._call("record", verb, session_id=session_id, **values)
        return answer

    async def announce(self, service: str) -> None:
        """Tell a service that has just come up of every open session."""
        for session in await self.open_sessions():
            await self._announce_one(service, session)

    async def reconcile(self, service: str, known_ids: set[str]) -> None:
        """Tell a service what it missed: sessions it does not know, and ended ones it still holds."""
        opened = {session.session_id: session for session in await self.open_sessions()}
        for session_id in opened.keys() - known_ids:
            await self._announce_one(service, opened[session_id])
        verb = {"record": "session.end", "live": "room.close"}[service]
        for session_id in known_ids - opened.keys():
            await self._call(service, verb, session_id=session_id)

    async def _announce_one(self, service: str, session: Session) -> None:
        try:
            if service == "record":
                await self._begin_record(session)
            elif service == "live":
                await self._call("live", "room.open", session_id=session.session_id, source=session.source)
                if self.guides is not None and session.session_id in self.guides.stopped_ids:
                    await self.show_picture(session.session_id, is_shown=False)
                if self.guides is not None and session.session_id in self.guides.published_ids:
                    await self.publish_outside(session.session_id, is_on=True)
        except UnreachableError:
            raise
        except EdgeError as error:
            # One session that a service refuses must not keep it from the others.
            event(log, "session.unannounced", service=service, session=session.session_id, code=error.code)

    async def _begin_record(self, session: Session) -> None:
        # One at a time: an exam opened in the moment in which record comes up is told of twice, never at once.
        async with self._beginning:
            await self._call("record", "session.begin", session=asdict(session))

    async def _call(self, service: str, verb: str, **values: Any) -> Any:
        return await rpc.call(self._config.socket_path(service), verb, **values)


def mint_uid() -> str:
    """Return a new UID.  Standard: PS3.5 B.2"""
    return f"2.25.{uuid.uuid4().int}"
