"""The waiting room: who came by six digits is let in, or refused, by the bedside; before that no token leaves the node.

A restart forgets nobody: who waits stands beside what else is decided in the exam, the token sealed under the ticket
that only the guest's page has.
"""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from cryptography.fernet import Fernet

from edge.api import shapes
from edge.core.session import Knock
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
    session_id: str
    role: str
    knock: Knock
    seen_s: float


class WaitingRoom:
    """One a node."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        """`now_s` is the wall clock."""
        self._now_s = now_s
        self._guests: dict[str, _Guest] = {}
        """By the digest of the ticket."""
        self._timers: set[asyncio.Task[None]] = set()
        self.on_change: Changed | None = None
        self.on_keep: Changed | None = None
        """Told of the session whose `knocks` are to be kept."""

    def restore(self, knocks: Mapping[str, tuple[Knock, ...]]) -> None:
        """Take who waited before a restart; their pages ask again within seconds, or have gone."""
        for session_id, waiting in knocks.items():
            for knock in waiting:
                self._guests[knock.ticket_digest] = _Guest(
                    session_id=session_id, role=knock.role, knock=knock, seen_s=self._now_s()
                )
            if waiting:
                self._look_later(session_id)

    def knocks(self, session_id: str) -> tuple[Knock, ...]:
        """Return who waits, or has been let in and not come yet, as it is kept."""
        return tuple(guest.knock for guest in self._guests.values() if guest.session_id == session_id)

    async def add(self, joined: shapes.Joined, *, name: str, token_id: str) -> shapes.Joined:
        """Let somebody wait; return what the page learns: a ticket, and nothing that opens anything.

        Raises: BusyError.
        """
        self._tidy()
        if len(self.show(joined.session_id)) >= WAITING_COUNT_MAX:
            raise BusyError("Too many people wait for this exam.", next_step="Try again in a minute.")
        ticket, now_s = secrets.token_urlsafe(32), self._now_s()
        knock = Knock(
            key=secrets.token_hex(6), ticket_digest=_digest(ticket), sealed=_seal(joined, ticket), name=name,
            role=joined.role, token_id=token_id, since_s=now_s,
        )  # fmt: skip
        self._guests[knock.ticket_digest] = _Guest(
            session_id=joined.session_id, role=joined.role, knock=knock, seen_s=now_s
        )
        await self._tell(joined.session_id)
        self._look_later(joined.session_id)
        return _waiting(joined.session_id, joined.role, ticket)

    async def ask(self, ticket: str) -> shapes.Joined:
        """Return how it stands with a ticket; with the token, once, when let in.  Raises: NotLetInError."""
        self._tidy()
        guest = self._guests.get(_digest(ticket))
        if guest is None:
            raise NotLetInError("The bedside has not let you in.")
        guest.seen_s = self._now_s()
        if guest.knock.is_let_in:
            del self._guests[guest.knock.ticket_digest]
            await self._keep(guest.session_id)
            return _unseal(guest.knock, ticket)
        return _waiting(guest.session_id, guest.role, ticket)

    async def answer(self, session_id: str, key: str, *, is_let_in: bool) -> str:
        """Let in or refuse; return the invitation's identifier.  Raises: NotFoundError when that one has gone."""
        self._tidy()
        for digest, guest in self._guests.items():
            if (guest.session_id, guest.knock.key) == (session_id, key) and not guest.knock.is_let_in:
                guest.knock = replace(guest.knock, is_let_in=is_let_in)
                if not is_let_in:
                    del self._guests[digest]
                await self._tell(session_id)
                return guest.knock.token_id
        raise NotFoundError("Nobody waits there any more.")

    def show(self, session_id: str) -> list[dict[str, Any]]:
        """Return who waits, without anything that opens anything."""
        return [
            {"key": guest.knock.key, "name": guest.knock.name, "role": guest.role, "since_s": guest.knock.since_s}
            for guest in self._guests.values()
            if guest.session_id == session_id and not guest.knock.is_let_in and self._is_here(guest)
        ]

    def forget(self, session_id: str) -> None:
        """The exam is over."""
        for digest in [digest for digest, guest in self._guests.items() if guest.session_id == session_id]:
            del self._guests[digest]

    def _is_here(self, guest: _Guest) -> bool:
        now_s = self._now_s()
        return now_s - guest.seen_s < SILENT_S_MAX and now_s - guest.knock.since_s < WAIT_S_MAX

    def _tidy(self) -> None:
        for digest in [digest for digest, guest in self._guests.items() if not self._is_here(guest)]:
            del self._guests[digest]

    async def _tell(self, session_id: str) -> None:
        """Keep first: what people were told survives a restart."""
        await self._keep(session_id)
        if self.on_change is not None:
            await self.on_change(session_id)

    async def _keep(self, session_id: str) -> None:
        if self.on_keep is not None:
            await self.on_keep(session_id)

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


def _waiting(session_id: str, role: str, ticket: str) -> shapes.Joined:
    return shapes.Joined(token="", bearer="", session_id=session_id, role=role, is_waiting=True, ticket=ticket)


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()


def _seal(joined: shapes.Joined, ticket: str) -> str:
    return _box(ticket).encrypt(msgspec.json.encode(joined)).decode()


def _unseal(knock: Knock, ticket: str) -> shapes.Joined:
    return msgspec.json.decode(_box(ticket).decrypt(knock.sealed.encode()), type=shapes.Joined)


def _box(ticket: str) -> Fernet:
    # Another digest than the one that is kept: that one opens nothing.
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"waiting room " + ticket.encode()).digest()))
