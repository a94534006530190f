"""The network path to one peer: candidates that come after the offer, and another path when the network changed."""

import asyncio
import logging
from collections.abc import Sequence

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer, RTCIceTransport, RTCPeerConnection
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError

from edge.core.turn import IceServer
from edge.errors import BadInputError, NotFoundError
from edge.live.aiortc_seams import IceRestart, add_candidate, local_credentials
from edge.live.fragment import Fragment, read_fragment, require_tag, write_fragment
from edge.runtime.log import event

UNREADABLE = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError,
    InternalError, InvalidAccessError, InvalidStateError, OperationError,
)  # fmt: skip
"""aiortc reads descriptions without checking them: these are its ways of saying that one is wrong."""
RESTART_S_MAX = 15.0
RESTART_COUNT_MAX = 100
"""Of one peer; whoever changes networks more often joins anew."""
log = logging.getLogger(__name__)


def make_connection(ice_servers: Sequence[IceServer]) -> RTCPeerConnection:
    """Make a connection that asks these servers and nobody else."""
    servers = [
        RTCIceServer(urls=server.url, username=server.username or None, credential=server.credential or None)
        for server in ice_servers
    ]
    return RTCPeerConnection(RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))


class Path:
    """Belongs to the event loop."""

    def __init__(self, connection: RTCPeerConnection, name: str) -> None:
        """`name` is the peer's, for the log."""
        self._connection = connection
        self._name = name
        self._restart: IceRestart | None = None
        self._remote_ufrag = ""
        self._running: asyncio.Task[None] | None = None
        self._restart_count = 0

    @property
    def tag(self) -> str:
        """The entity tag of the ICE session that is in use or being set up.  Standard: RFC 9725 4.3.1"""
        ufrag = self._restart.local[0] if self._restart else local_credentials(self._transport())[0]
        return f'"{ufrag}"'

    async def change(self, text: str, if_match: str) -> str:
        """Take a fragment; return ours when it was a restart, else nothing.

        Raises: BadInputError, IceMovedError, TagMissingError.
        """
        fragment = read_fragment(text)
        is_restart = fragment.ufrag not in ("", self._remote())
        require_tag(if_match, self.tag, is_restart=is_restart)
        try:
            if is_restart:
                return await self._begin(fragment)
            for mid, candidate in fragment.candidates:
                await self._add(mid, candidate)
        except ValueError as error:
            raise BadInputError(f"A candidate is not as it should be: {error}.") from error
        return ""

    def close(self) -> None:
        if self._running is not None:
            self._running.cancel()

    def _remote(self) -> str:
        return self._remote_ufrag or local_credentials(self._transport())[1]

    async def _add(self, mid: str, candidate: str) -> None:
        if self._restart is not None:
            await self._restart.add(candidate)
        else:
            await add_candidate(self._transport(mid), candidate)

    async def _begin(self, fragment: Fragment) -> str:
        self._restart_count += 1
        if self._restart_count > RESTART_COUNT_MAX:
            raise BadInputError("This peer has changed its network too often.", next_step="Send a new offer.")
        self.close()
        restart = IceRestart(self._transport(), ufrag=fragment.ufrag, password=fragment.password)
        candidates = await restart.gather()
        self._restart, self._remote_ufrag = restart, fragment.ufrag
        for _, candidate in fragment.candidates:
            await restart.add(candidate)
        self._running = asyncio.create_task(self._run(restart))
        return write_fragment(*restart.local, self._mids(), candidates)

    async def _run(self, restart: IceRestart) -> None:
        try:
            await asyncio.wait_for(restart.run(), RESTART_S_MAX)
        except (ConnectionError, TimeoutError):
            # What was in use is tried on; the page makes a new offer when that is gone, too.
            event(log, "ice.restart_failed", level=logging.WARNING, peer_id=self._name)
        else:
            event(log, "ice.restarted", peer_id=self._name)
        if self._restart is restart:
            self._restart, self._remote_ufrag = None, ""

    def _mids(self) -> list[str]:
        return [str(part.mid) for part in self._connection.getTransceivers() if part.mid is not None] or ["0"]

    def _transport(self, mid: str = "") -> RTCIceTransport:
        """Return the transport of one media id, the first for all that share it.  Raises: NotFoundError."""
        parts = self._connection.getTransceivers()
        for part in parts:
            if part.mid == mid:
                return part.receiver.transport.transport
        if parts:
            return parts[0].receiver.transport.transport
        if self._connection.sctp is not None:
            return self._connection.sctp.transport.transport
        raise NotFoundError("This peer has no media.")
