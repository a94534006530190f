"""Every private name of aioice, and of aiortc's transport above it, that we rely on, in one place.

Stock aiortc has no ICE restart, takes no further candidates of one transport for all, asks a public STUN server, offers
no loopback address and waits five seconds for a relay that does not answer. What stands here changes that.
`tests/contract/test_aiortc_seams.py` fails loudly when another version no longer has these names.
"""

import asyncio

import aioice.ice
from aiortc import RTCIceTransport

AIOICE_VERSION = "0.13.0"
GATHER_S_MAX = 2
"""A relay that does not answer must not hold up a join for longer."""
_stock_host_addresses = aioice.ice.get_host_addresses
_stock_component_candidates = aioice.ice.Connection.get_component_candidates


def allow_loopback(is_allowed: bool) -> None:
    """Offer loopback candidates too, for browsers on this machine; a machine with nothing else offers it anyway."""

    def host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        addresses: list[str] = _stock_host_addresses(use_ipv4, use_ipv6)
        if use_ipv4 and (is_allowed or not addresses):
            addresses = [*addresses, "127.0.0.1"]
        return addresses

    aioice.ice.get_host_addresses = host_addresses


def hurry_relays() -> None:
    """Give up on a relay that does not answer soon."""

    async def component_candidates(
        connection: aioice.ice.Connection, component: int, addresses: list[str], timeout: int = GATHER_S_MAX
    ) -> list[aioice.Candidate]:
        found: list[aioice.Candidate] = await _stock_component_candidates(connection, component, addresses, timeout)
        return found

    aioice.ice.Connection.get_component_candidates = component_candidates


class IceRestart:
    """A second way to the same peer, beside the one in use; once it stands, it takes its place.

    Keys and streams stay: only the addresses change. Stock aiortc has no ICE restart.  Standard: RFC 8445 2.4
    """

    def __init__(self, transport: RTCIceTransport, *, ufrag: str, password: str) -> None:
        """Sends nothing before `gather`."""
        old = transport._connection
        self._transport = transport
        self._new = aioice.Connection(
            ice_controlling=old.ice_controlling, stun_server=old.stun_server, turn_server=old.turn_server,
            turn_username=old.turn_username, turn_password=old.turn_password, turn_ssl=old.turn_ssl,
            turn_transport=old.turn_transport, transport_policy=old._transport_policy,
        )  # fmt: skip
        self._new.remote_username, self._new.remote_password = ufrag, password
        # What arrives on the new way before it is chosen belongs to the same streams.
        self._new._queue = old._queue

    @property
    def local(self) -> tuple[str, str]:
        """Our ufrag and password."""
        return self._new.local_username, self._new.local_password

    async def gather(self) -> list[str]:
        """Return our candidates as they stand in a description."""
        await self._new.gather_candidates()
        return [candidate.to_sdp() for candidate in self._new.local_candidates]

    async def add(self, candidate: str) -> None:
        await self._new.add_remote_candidate(aioice.Candidate.from_sdp(candidate))

    async def run(self) -> None:
        """Connect, then switch over.  Raises: ConnectionError; what was in use stays so."""
        try:
            await self._new.connect()
        except BaseException:
            await self._drop(self._new)
            raise
        transport, old = self._transport, self._transport._connection
        if transport.state == "closed":
            await self._drop(self._new)
            return
        transport.iceGatherer._connection = transport._connection = self._new
        transport._recv, transport._send = self._new.recv, self._new.send
        transport._RTCIceTransport__monitor_task.cancel()
        transport._RTCIceTransport__monitor_task = asyncio.ensure_future(transport._monitor())
        await self._drop(old)

    @staticmethod
    async def _drop(connection: aioice.Connection) -> None:
        """Close one way without a word to those who read from the common queue."""
        connection._queue = asyncio.Queue()
        await connection.close()


async def add_candidate(transport: RTCIceTransport, candidate: str) -> None:
    """Take one more address of a peer; after the end of candidates, or once connected, it comes too late."""
    connection = transport._connection
    if not connection._remote_candidates_end:
        await connection.add_remote_candidate(aioice.Candidate.from_sdp(candidate))


def local_credentials(transport: RTCIceTransport) -> tuple[str, str]:
    """Return our ufrag, which names the ICE session, and the peer's."""
    connection = transport._connection
    return connection.local_username, connection.remote_username or ""
