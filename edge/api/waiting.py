"""The waiting room: who came by six digits is let in, or refused, by the bedside; before that no token leaves the node.

Only memory: after a restart nobody waits any more, and nobody was let in by it.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from edge.api import shapes
from edge.errors import BusyError, NotFoundError, NotSignedInError

WAIT_S_MAX = 900.0
SILENT_S_MAX = 20.0
"""A page that has not asked for so long is closed."""
WAITING_COUNT_MAX = 8
"""Of one exam."""
POLL_S = 2.0
"""How often a page is to ask."""

Changed = Callable[[str], Awaitable[None]]


class NotLetInError(NotSignedInError):
    """The bedside said no, or nobody answered."""

    code = "access.not_let_in"
    next_step = "Call the clinic, and ask for new digits."


@dataclass(slots=True, kw_only=True)
class _Guest:
    key: str
    session_id: str
    name: str
    joined: shapes.Joined
    """With the token; handed out only when let in."""
    token_id: str
    since_s: float
    seen_s: float
    is_let_in: bool = False


class WaitingRoom:
    """One a node."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        """`now_s` is the wall clock."""
        self._now_s = now_s
        self._guests: dict[str, _Guest] = {}
        self._timers: set[asyncio.Task[None]] = set()
        self.on_change: Changed | None = None

    async def add(self, joined: shapes.Joined, *, name: str, token_id: str) -> shapes.Joined:
        """Let somebody wait; return what the page learns: a ticket, and nothing that opens anything.

        Raises: BusyError.
        """
        self._tidy()
        if len(self.show(joined.session_id)) >= WAITING_COUNT_MAX:
            raise BusyError("Too many people wait for this exam.", next_step="Try again in a minute.")
        ticket, now_s = secrets.token_urlsafe(32), self._now_s()
        self._guests[ticket] = _Guest(
            key=secrets.token_hex(6), session_id=joined.session_id, name=name, joined=joined, token_id=token_id,
            since_s=now_s, seen_s=now_s,
        )  # fmt: skip
        await self._tell(joined.session_id)
        self._look_later(joined.session_id)
        return shapes.Joined(
            token="", bearer="", session_id=joined.session_id, role=joined.role, is_waiting=True, ticket=ticket
        )

    async def ask(self, ticket: str) -> shapes.Joined:
        """Return how it stands with a ticket; with the token, once, when let in.  Raises: NotLetInError."""
        self._tidy()
        guest = self._guests.get(ticket)
        if guest is None:
            raise NotLetInError("The bedside has not let you in.")
        guest.seen_s = self._now_s()
        if guest.is_let_in:
            del self._guests[ticket]
            return guest.joined
        return shapes.Joined(
            token="", bearer="", session_id=guest.session_id, role=guest.joined.role, is_waiting=True, ticket=ticket
        )

    async def answer(self, session_id: str, key: str, *, is_let_in: bool) -> str:
        """Let in or refuse; return the invitation's identifier.  Raises: NotFoundError when that one has gone."""
        self._tidy()
        for ticket, guest in self._guests.items():
            if (guest.session_id, guest.key) == (session_id, key) and not guest.is_let_in:
                guest.is_let_in = is_let_in
                if not is_let_in:
                    del self._guests[ticket]
                await self._tell(session_id)
                return guest.token_id
        raise NotFoundError("Nobody waits there any more.")

    def show(self, session_id: str) -> list[dict[str, Any]]:
        """Return who waits, without anything that opens anything."""
        return [
            {"key": guest.key, "name": guest.name, "role": guest.joined.role, "since_s": guest.since_s}
            for guest in self._guests.values()
            if guest.session_id == session_id and not guest.is_let_in and self._is_here(guest)
        ]

    def forget(self, session_id: str) -> None:
        """The exam is over."""
        for ticket in [ticket for ticket, guest in self._guests.items() if guest.session_id == session_id]:
            del self._guests[ticket]

    def _is_here(self, guest: _Guest) -> bool:
        now_s = self._now_s()
        return now_s - guest.seen_s < SILENT_S_MAX and now_s - guest.since_s < WAIT_S_MAX

    def _tidy(self) -> None:
        for ticket in [ticket for ticket, guest in self._guests.items() if not self._is_here(guest)]:
            del self._guests[ticket]

    async def _tell(self, session_id: str) -> None:
        if self.on_change is not None:
            await self.on_change(session_id)

    def _look_later(self, session_id: str) -> None:
        """Take the card of a page that was closed off the bedside's screen."""

        async def look() -> None:
            while any(guest.session_id == session_id for guest in self._guests.values()):
                await asyncio.sleep(SILENT_S_MAX / 2)
                count = len(self._guests)
                self._tidy()
                if len(self._guests) != count:
                    await self._tell(session_id)

        task = asyncio.create_task(look())
        self._timers.add(task)
        task.add_done_callback(self._timers.discard)
