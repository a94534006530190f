"""People who sign in and guests who were invited: from a token to a principal."""

import asyncio
import hashlib
from collections.abc import Sequence

from edge.api.attempts import Attempts
from edge.api.passwords import Passwords
from edge.config import HubNode
from edge.core.access import Principal, UserRole
from edge.errors import NotSignedInError
from edge.runtime import clock
from edge.store import index, sessions, shares, users
from edge.store.database import Database

GUESS_WINDOW_S = 300.0
FAILURES_PER_NAME_MAX = 5
FAILURES_PER_ADDRESS_MAX = 20


class NoUsersError(NotSignedInError):
    """A new node: nobody can sign in yet."""

    code = "access.no_users"
    next_step = "On the node, run `edge user add NAME --role admin`, then sign in."


class WrongPasswordError(NotSignedInError):
    """Name and password do not fit; which of the two is not said."""

    code = "access.wrong_password"
    next_step = "Check both, or ask an administrator for a new password."


class Accounts:
    """Signs in, recognises, signs out."""

    def __init__(self, database: Database, nodes: Sequence[HubNode] = ()) -> None:
        """`nodes`: those that may send their objects here."""
        self._database = database
        self._nodes = {_digest(node.token): node.name for node in nodes}
        self.passwords = Passwords()
        self._by_name = Attempts(count_max=FAILURES_PER_NAME_MAX, window_s=GUESS_WINDOW_S)
        self._by_address = Attempts(count_max=FAILURES_PER_ADDRESS_MAX, window_s=GUESS_WINDOW_S)

    async def sign_in(self, name: str, password: str, *, address: str) -> tuple[Principal, str]:
        """Return who it is and a login token.  Raises: WrongPasswordError, NoUsersError, TooManyAttemptsError."""
        now_s = clock.wall_s()
        # Name and address together: a stranger who guesses cannot lock the person out elsewhere.
        key = f"{name.casefold()}@{address}"
        self._by_name.check(key, now_s=now_s)
        self._by_address.check(address, now_s=now_s)
        # Counted before the slow check, so that many guesses at once do not all slip through.
        self._by_name.fail(key, now_s=now_s)
        known = await asyncio.to_thread(users.password_hash, self._database, name)
        user = await asyncio.to_thread(users.find, self._database, name)
        if not await self.passwords.check(password, known) or user is None:
            # Success does not forgive the address: an account of one's own is no licence to guess others.
            self._by_address.fail(address, now_s=now_s)
            raise await self._explain_failure()
        self._by_name.forgive(key)
        token = await asyncio.to_thread(users.sign_in, self._database, name, now_s=now_s)
        return Principal(name=user.name, role=user.role), token

    async def sign_out(self, token: str) -> None:
        """End one login."""
        await asyncio.to_thread(users.sign_out, self._database, token)

    async def find(self, token: str) -> Principal | None:
        """Return who holds a bearer token: a node, a program with a login, a guest with an invitation or a link."""
        node = self._nodes.get(_digest(token))
        if node is not None:
            return Principal(name=node, role=UserRole.NODE)
        return await self.find_login(token) or await self.find_guest(token) or await self.find_share(token)

    async def find_login(self, token: str) -> Principal | None:
        """Return who is signed in with this token now."""
        user = await asyncio.to_thread(users.check, self._database, token, now_s=clock.wall_s())
        return Principal(name=user.name, role=user.role) if user is not None else None

    async def find_guest(self, token: str) -> Principal | None:
        """Return the guest behind an invitation that is good now."""
        invite = await asyncio.to_thread(sessions.check, self._database, token, now_s=clock.wall_s())
        return guest(invite) if invite is not None else None

    async def find_share(self, token: str) -> Principal | None:
        """Return who came by a link to one study that is good now."""
        share = await asyncio.to_thread(shares.check, self._database, token, now_s=clock.wall_s())
        return reader(share) if share is not None else None

    async def study_of_series(self, series: str) -> str | None:
        """Return the only study that a series is in; None for an unknown one, or one that claims to be in several."""
        found = await asyncio.to_thread(
            index.search_series, self._database, {"SeriesInstanceUID": series}, limit=2, with_scans=True
        )
        return str(found.rows[0]["StudyInstanceUID"]) if len(found.rows) == 1 else None

    async def is_own_series(self, principal: Principal, study: str, series: str | None) -> bool:
        """Tell whether a guest asks for objects of the very series its session makes."""
        session = await asyncio.to_thread(sessions.find, self._database, principal.session_id or "")
        return session is not None and session.study_instance_uid == study and series in session.series_uids

    async def explain_nobody(self) -> NotSignedInError:
        """Return why nobody is signed in: a new node says how to begin."""
        if not await asyncio.to_thread(users.list_users, self._database):
            return NoUsersError("Nobody can sign in yet: this node has no users.")
        return NotSignedInError("Nobody is signed in.")

    async def _explain_failure(self) -> NotSignedInError:
        reason = await self.explain_nobody()
        return reason if isinstance(reason, NoUsersError) else WrongPasswordError("The name or the password is wrong.")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def guest(invite: sessions.Invite) -> Principal:
    """Return who an invitation lets in."""
    return Principal(
        name=f"guest {invite.token_id[:6]}", role=UserRole.GUEST, session_id=invite.session_id,
        session_role=invite.role, token_id=invite.token_id,
    )  # fmt: skip


def reader(share: shares.Share) -> Principal:
    """Return who a shared link lets in."""
    return Principal(
        name=f"link {share.share_id[:6]}", role=UserRole.GUEST, token_id=share.share_id,
        study_instance_uid=share.study_instance_uid,
    )  # fmt: skip
