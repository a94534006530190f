"""Who guides each exam and what the bedside has decided in it: told to every page, kept over a restart."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from edge.core.lease import KEPT_S, Lease, Person
from edge.core.session import Knock, Marks, Role
from edge.errors import ConflictError, NotFoundError

SESSION_COUNT_MAX = 64
EXPIRY_SLACK_S = 0.05

Changed = Callable[[str], Awaitable[None]]
"""Told of the session whose lease has changed."""
Keep = Callable[[str, Marks], None]
"""Keeps what is decided in a session, durably."""


class PictureStoppedError(ConflictError):
    """Guests see nothing now, and take nothing either."""

    code = "live.stopped"
    next_step = "Wait until the bedside shows it again."


def key_of(peer_id: str) -> str:
    """Return who is behind a peer: the invitation or account it came by, the same after a reconnect."""
    return peer_id.rpartition(".")[0] or peer_id


class Guides:
    """One a node. What is decided is kept before anybody is told; who asked to guide asks again after a restart."""

    def __init__(self, now_s: Callable[[], float], keep: Keep | None = None) -> None:
        """`now_s` is a monotonic clock; `keep` is called in a thread."""
        self._now_s = now_s
        self._keep = keep
        self._leases: dict[str, Lease] = {}
        self._peers: dict[str, dict[str, str]] = {}
        self._timers: set[asyncio.Task[None]] = set()
        self._restored_ids: set[str] = set()
        self.on_change: Changed | None = None
        self.knocks: Callable[[str], tuple[Knock, ...]] = lambda session_id: ()
        """Who waits at the door, to be kept with the rest."""
        self.stopped_ids: set[str] = set()
        """Exams whose picture the bedside shows to nobody."""
        self.published_ids: set[str] = set()
        """Exams that are to be shown through the media server outside."""
        self.consents_s: dict[str, float] = {}
        """When the bedside said that the patient agrees."""

    def restore(self, marks: Mapping[str, Marks]) -> None:
        """Take what was decided before a restart; a guide has a minute to be seen again."""
        for session_id, one in marks.items():
            if one.guide_key:
                holder = Person(key=one.guide_key, name=one.guide_name)
                self._leases[session_id] = Lease(holder=holder, gone_s=self._now_s())
                self._restored_ids.add(session_id)
            if one.is_stopped:
                self.stopped_ids.add(session_id)
            if one.is_published:
                self.published_ids.add(session_id)
            if one.consent_s is not None:
                self.consents_s[session_id] = one.consent_s

    async def stop_picture(self, session_id: str, *, is_stopped: bool) -> None:
        """Show the guests nothing, or the picture again."""
        (self.stopped_ids.add if is_stopped else self.stopped_ids.discard)(session_id)
        await self.remember(session_id)

    async def publish(self, session_id: str, *, is_on: bool) -> None:
        """Show an exam outside, or end that."""
        (self.published_ids.add if is_on else self.published_ids.discard)(session_id)
        await self.remember(session_id)

    async def consent(self, session_id: str, at_s: float) -> None:
        """The patient agrees."""
        self.consents_s[session_id] = at_s
        await self.remember(session_id)

    async def remember(self, session_id: str) -> None:
        """Keep how an exam stands now."""
        if self._keep is None:
            return
        holder = self._leases.get(session_id, Lease()).holder
        marks = Marks(
            guide_key=holder.key if holder else "", guide_name=holder.name if holder else "",
            is_stopped=session_id in self.stopped_ids, is_published=session_id in self.published_ids,
            consent_s=self.consents_s.get(session_id), knocks=self.knocks(session_id),
        )  # fmt: skip
        await asyncio.to_thread(self._keep, session_id, marks)

    def lease(self, session_id: str) -> Lease:
        """Return how it stands now."""
        return self._leases.get(session_id, Lease()).expired(now_s=self._now_s())

    def require(self, session_id: str, key: str) -> None:
        """Let pass who may change something.  Raises: NotGuidingError, PictureStoppedError."""
        if session_id in self.stopped_ids:
            raise PictureStoppedError("The bedside has stopped the live picture.")
        self.lease(session_id).require(key)

    def show(self, session_id: str) -> dict[str, Any]:
        """Return what pages see: keys are the beginnings of peers' identifiers."""
        lease = self.lease(session_id)
        holder = lease.holder
        return {
            "key": holder.key if holder else None, "name": holder.name if holder else "",
            "is_away": lease.gone_s is not None,
            "asking": [{"key": person.key, "name": person.name} for person in lease.asking],
        }  # fmt: skip

    async def follow(self, session_id: str, peers: list[dict[str, Any]]) -> None:
        """Take who is in the call now; what has changed since the last time is worked out here."""
        now = {str(peer["peer_id"]): str(peer.get("name", "")) for peer in peers if peer.get("role") == Role.SPECIALIST}
        before = self._peers.get(session_id, {})
        lease = old = self.lease(session_id)
        for peer_id in sorted(now.keys() - before.keys()):
            lease = lease.joined(Person(key=key_of(peer_id), name=now[peer_id]))
        for peer_id in sorted(before.keys() - now.keys()):
            lease = lease.left(key_of(peer_id), now_s=self._now_s())
        self._peers[session_id] = now
        await self._put(session_id, old, lease)
        if lease.gone_s is not None and (old.gone_s is None or session_id in self._restored_ids):
            self._expire_later(session_id)
        self._restored_ids.discard(session_id)

    def forget(self, session_id: str) -> None:
        """The exam is over."""
        self._leases.pop(session_id, None)
        self._peers.pop(session_id, None)
        self.stopped_ids.discard(session_id)
        self.published_ids.discard(session_id)
        self.consents_s.pop(session_id, None)

    async def ask(self, session_id: str, person: Person) -> None:
        lease = self.lease(session_id)
        # While nobody guides, whoever is in the call was let in to guide.
        await self._put(session_id, lease, lease.asked(person) if lease.holder else lease.granted(person))

    async def grant(self, session_id: str, key: str) -> Person:
        """Give the lease to somebody who asked.  Raises: NotFoundError."""
        lease = self.lease(session_id)
        person = lease.who_asked(key)
        await self._put(session_id, lease, lease.granted(person))
        return person

    async def hand_over(self, session_id: str, key: str) -> Person:
        """Give the lease to any specialist in the call.  Raises: NotFoundError."""
        names = {key_of(peer_id): name for peer_id, name in self._peers.get(session_id, {}).items()}
        if key not in names:
            raise NotFoundError("That person is not in the call.")
        lease = self.lease(session_id)
        person = Person(key=key, name=names[key])
        await self._put(session_id, lease, lease.granted(person))
        return person

    async def refuse(self, session_id: str, key: str) -> None:
        lease = self.lease(session_id)
        await self._put(session_id, lease, lease.refused(key))

    async def release(self, session_id: str) -> None:
        lease = self.lease(session_id)
        await self._put(session_id, lease, lease.released())

    async def _put(self, session_id: str, old: Lease, new: Lease) -> None:
        self._leases[session_id] = new
        while len(self._leases) > SESSION_COUNT_MAX:
            self._leases.pop(next(iter(self._leases)))
        if old.holder != new.holder:
            await self.remember(session_id)
        if (old.holder, old.gone_s, old.asking) != (new.holder, new.gone_s, new.asking) and self.on_change:
            await self.on_change(session_id)

    def _expire_later(self, session_id: str) -> None:
        async def look() -> None:
            await asyncio.sleep(KEPT_S + EXPIRY_SLACK_S)
            stored = self._leases.get(session_id, Lease())
            await self._put(session_id, stored, self.lease(session_id))

        task = asyncio.create_task(look())
        self._timers.add(task)
        task.add_done_callback(self._timers.discard)
