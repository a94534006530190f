"""Offers a session to a media server.  Standard: RFC 9725"""

import asyncio
from urllib.parse import urljoin

import aiohttp

from edge.errors import RefusedError, UnreachableError

ANSWER_S = 10.0
ANSWER_BYTES_MAX = 128 * 1024
SDP = "application/sdp"


class WhipClient:
    """One media server."""

    def __init__(self, url: str, token: str) -> None:
        """Nothing is asked yet."""
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def offer(self, sdp: str) -> tuple[str, str]:
        """Return where the session is kept there, and the answer.  Raises: UnreachableError, RefusedError."""
        headers = {**self._headers, "Content-Type": SDP, "Accept": SDP}
        try:
            async with (
                self._session() as session,
                session.post(self._url, data=sdp.encode(), headers=headers) as reply,
            ):
                body = (await reply.content.read(ANSWER_BYTES_MAX)).decode("utf-8", "replace")
                if reply.status != 201 or not body.startswith("v=0"):
                    self._refuse(reply.status)
                return urljoin(str(reply.url), reply.headers.get("Location", "")), body
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            words = str(error) or type(error).__name__
            raise UnreachableError(f"The media server ({self._url}) does not answer: {words}.") from error

    async def leave(self, place: str) -> None:
        """Say goodbye; a server that does not hear it notices by itself."""
        try:
            async with self._session() as session, session.delete(place, headers=self._headers):
                return
        except (aiohttp.ClientError, OSError, TimeoutError, asyncio.CancelledError, ValueError):
            return

    def _refuse(self, status: int) -> None:
        if status in (401, 403):
            raise RefusedError(
                "The media server does not accept our token.", next_step="Correct live.publish_token."
            )  # fmt: skip
        raise UnreachableError(f"The media server ({self._url}) answered {status}, not 201 with a description.")

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S))
