"""Links, QR codes and six digits that let a guest into one session."""

import asyncio

import segno

from edge.api import shapes
from edge.api.accounts import guest
from edge.api.attempts import Attempts
from edge.core.access import Principal
from edge.core.session import Role, Session
from edge.errors import BadInputError, NotSignedInError
from edge.runtime import clock
from edge.store import sessions
from edge.store.database import Database

INVITE_S = 12 * 3600.0
GUESS_WINDOW_S = 600.0
GUESSES_PER_ADDRESS_MAX = 8
GUESSES_MAX = 60
"""From everywhere together: with a million codes and a few of them good, guessing is hopeless."""


class Invitations:
    """Makes them, and takes them."""

    def __init__(self, database: Database, *, public_url: str) -> None:
        self._database = database
        self._public_url = public_url
        self._by_address = Attempts(count_max=GUESSES_PER_ADDRESS_MAX, window_s=GUESS_WINDOW_S)
        self._everywhere = Attempts(count_max=GUESSES_MAX, window_s=GUESS_WINDOW_S)

    async def invite(self, session: Session, role: Role) -> shapes.Invite:
        """Make a way in.  Raises: ConflictError."""
        now_s = clock.wall_s()
        minted = await asyncio.to_thread(
            sessions.mint, self._database, session.session_id, role, expires_s=now_s + INVITE_S, now_s=now_s
        )
        # In the fragment: a browser never sends it, so it never reaches a log.
        link = f"{self._public_url}/live/{session.session_id}#token={minted.token}"
        return shapes.Invite(
            token_id=minted.invite.token_id,
            token=minted.token,
            role=role.value,
            specialist_url=link,
            whep_url=f"{self._public_url}/whep/{session.session_id}",
            whip_url=f"{self._public_url}/whip/{session.session_id}",
            code=minted.code,
            code_expires_s=minted.code_expires_s,
            qr_svg=segno.make(link, error="m").svg_inline(scale=4, border=2),
            expires_s=minted.invite.expires_s,
        )

    async def join(self, wish: shapes.Join, *, address: str) -> tuple[shapes.Joined, Principal]:
        """Let a guest in.  Raises: NotSignedInError, TooManyAttemptsError, BadInputError."""
        if bool(wish.token) == bool(wish.code):
            raise BadInputError("Give either the token of the link or the six digits.")
        now_s = clock.wall_s()
        for attempts, key in ((self._by_address, address), (self._everywhere, "")):
            attempts.check(key, now_s=now_s)
        try:
            token, invite = await asyncio.to_thread(self._redeem, wish, now_s)
        except NotSignedInError:
            self._by_address.fail(address, now_s=now_s)
            self._everywhere.fail("", now_s=now_s)
            raise
        joined = shapes.Joined(token=token, bearer=token, session_id=invite.session_id, role=invite.role.value)
        return joined, guest(invite)

    def _redeem(self, wish: shapes.Join, now_s: float) -> tuple[str, sessions.Invite]:
        if wish.code:
            digits = "".join(character for character in wish.code if character.isdigit())
            minted = sessions.redeem(self._database, digits, now_s=now_s)
            return minted.token, minted.invite
        invite = sessions.check(self._database, wish.token, now_s=now_s)
        if invite is None:
            raise NotSignedInError(
                "This link is not known, or it has ended.", next_step="Ask the clinic for a new one."
            )
        return wish.token, invite

    async def revoke(self, session_id: str, token_id: str) -> list[str]:
        """End one invitation, and who came with its code; return the token_id of each."""
        return await asyncio.to_thread(sessions.revoke, self._database, session_id, token_id, now_s=clock.wall_s())
