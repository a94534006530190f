"""Requests to a DICOMweb peer, made by a thread that waits for them.

One loop a client, private to the thread that asks; `abort` may come from any thread. A stall is judged by bytes the
peer acknowledges, never by how long a request takes; the timer for the answer starts after the last byte has gone.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from edge.errors import ConfigError, EdgeError, UnreachableError

CONNECT_S = 10.0
ANSWER_S = 120.0
"""Without a byte of the answer, once all is sent."""
STALL_S = 60.0
"""Bytes that were sent and not acknowledged for so long end the connection."""
UNSENT_BYTES_MAX = 128 * 1024
"""What the kernel may hold back unsent: what is paused stops soon."""
_JSON = {"Accept": "application/dicom+json"}
Answer = TypeVar("Answer")
Work = Callable[[aiohttp.ClientSession], Coroutine[Any, Any, Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPeer:
    """Whom to ask, and how we show who we are."""

    name: str
    """For messages."""
    url: str
    """The root of its DICOMweb services, without a slash at the end."""
    username: str = ""
    password: str = ""
    token: str = ""
    """Bearer token; instead of a name and a password."""
    tls_ca: str = ""
    """PEM file of who signs its certificate; empty: the system's authorities."""

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"WebPeer({self.name!r}, {self.url!r})"

    def of_instance(self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str) -> str:
        """Return the address of one object.  Standard: PS3.18 10.4"""
        return f"{self.url}/studies/{study_instance_uid}/series/{series_instance_uid}/instances/{sop_instance_uid}"


class NotLetInError(EdgeError):
    """The peer does not accept our credentials."""

    code = "peer.not_let_in"
    http_status = 502
    exit_code = 6
    next_step = "Correct the destination's username, password or token in the configuration."


class WebClient:
    """Asks one peer. Used by one thread; a context manager that closes its connections."""

    def __init__(self, peer: WebPeer) -> None:
        """Nothing is opened yet.  Raises: ConfigError for an unreadable authority."""
        self.peer = peer
        self._tls = _tls_context(peer)
        self._runner = asyncio.Runner()
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[Any] | None = None

    def __enter__(self) -> "WebClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, work: Work[Answer]) -> Answer:
        """Do this with a session, and return what it returns.  Raises: UnreachableError, and what the work raises."""
        try:
            return self._runner.run(self._work(work))
        except asyncio.CancelledError as error:
            raise UnreachableError(f"{self.peer.name}: the request was broken off.") from error
        except TimeoutError as error:
            raise UnreachableError(f"{self.peer.name} ({self.peer.url}) did not answer in time.") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            words = str(error) or type(error).__name__
            raise UnreachableError(f"{self.peer.name} ({self.peer.url}) does not answer: {words}.") from error
        finally:
            self._task = None

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            self._runner.run(session.close())

    def abort(self) -> None:
        """Break off what is asked; from any thread."""
        task = self._task
        if task is not None:
            task.get_loop().call_soon_threadsafe(task.cancel)

    def require_let_in(self, status: int) -> None:
        """Tell wrong credentials from everything else.  Raises: NotLetInError."""
        if status in (401, 403, 407):
            raise NotLetInError(f"{self.peer.name} ({self.peer.url}) does not let us in (HTTP {status}).")

    async def _work(self, work: Work[Answer]) -> Answer:
        self._task = asyncio.current_task()
        if self._session is None:
            self._session = self._make_session()
        return await work(self._session)

    def _make_session(self) -> aiohttp.ClientSession:
        peer, headers = self.peer, {}
        if peer.token:
            headers["Authorization"] = f"Bearer {peer.token}"
        elif peer.username:
            headers["Authorization"] = aiohttp.encode_basic_auth(peer.username, peer.password)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls or True, socket_factory=_make_socket),
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S, sock_connect=CONNECT_S, sock_read=ANSWER_S),
            headers=headers,
        )


def look(client: WebClient) -> None:
    """See whether somebody is there, who lets us in.  Raises: UnreachableError, NotLetInError."""

    async def work(session: aiohttp.ClientSession) -> int:
        address = f"{client.peer.url}/studies"
        async with session.get(address, params={"limit": "1"}, headers=_JSON, allow_redirects=False) as answer:
            return answer.status

    status = client.ask(work)
    client.require_let_in(status)
    if status == 404 or status >= 502:  # What cannot be searched may take objects all the same.
        raise UnreachableError(f"{client.peer.name}: nobody answers for DICOMweb at {client.peer.url} (HTTP {status}).")


def _tls_context(peer: WebPeer) -> ssl.SSLContext | None:
    if not peer.tls_ca:
        return None
    try:
        context = ssl.create_default_context(cafile=peer.tls_ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{peer.name}: the authority {peer.tls_ca} cannot be read: {error}.") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _make_socket(address: Any) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALL_S * 1000))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)
    return made
