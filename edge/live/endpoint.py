"""The live service's door: rooms and peers by request, events to whoever listens."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from edge.config import Config, split_address
from edge.errors import BusyError, ConflictError, NotFoundError
from edge.live.aiortc_seams import allow_loopback, allow_rsa
from edge.live.feed import PictureState
from edge.live.hub import Hub
from edge.live.room import Room
from edge.runtime.rpc import Answer, Server

ROOM_COUNT_MAX = 16
STATS_S = 1.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Endpoint:
    """All rooms of this node."""

    def __init__(self, config: Config) -> None:
        """Nothing listens yet; see `run`."""
        self._config = config
        self._rooms: dict[str, Room] = {}
        self._hubs: dict[str, Hub] = {}
        self._server = Server(config.socket_path("live"), self.answers())
        self._failure: BaseException | None = None

    def answers(self) -> Mapping[str, Answer]:
        return {
            "room.open": self.open_room, "room.close": self.close_room, "room.tell": self.tell_room,
            "room.state": self.room_state, "room.show": self.show_picture,
            "peer.offer": self.answer_offer, "peer.close": self.close_peer,
        }  # fmt: skip

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until told to stop; an encoder thread that dies ends this with its error."""
        allow_loopback(split_address(self._config.api.listen)[0] in _LOOPBACK)
        allow_rsa()
        await self._server.start()
        try:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), STATS_S)
                if self._failure is not None:
                    raise self._failure
                for room in self._rooms.values():
                    room.share_stats()
        finally:
            await self._close_all()

    async def open_room(self, session_id: str, source: str) -> dict[str, Any]:
        room = self._rooms.get(session_id)
        if room is not None:
            if room.source != source:
                raise ConflictError(f"The session {session_id} is open with the source {room.source}.")
            return {}
        if self._config.find_source(source) is None:
            raise NotFoundError(f"There is no source {source!r}.", next_step="Name one of the configuration's.")
        if len(self._rooms) >= ROOM_COUNT_MAX:
            raise BusyError(f"{ROOM_COUNT_MAX} sessions are live already.", next_step="Close one of them first.")
        self._rooms[session_id] = Room(
            session_id, source, self._hub(source), config=self._config.live, tell=self._server.tell
        )
        return {}

    async def close_room(self, session_id: str) -> dict[str, Any]:
        await self._close_room(session_id, is_over=True)
        return {}

    async def _close_room(self, session_id: str, *, is_over: bool) -> None:
        room = self._rooms.pop(session_id, None)
        if room is not None:
            await room.close(is_over=is_over)
            if all(other.source != room.source for other in self._rooms.values()):
                await self._hubs.pop(room.source).stop()

    async def answer_offer(self, session_id: str, peer_id: str, role: str, name: str, sdp: str) -> dict[str, Any]:
        room = self._find(session_id)
        return {"sdp": await room.admit(peer_id=peer_id, role=role, name=name, sdp=sdp)}

    async def close_peer(self, session_id: str, peer_id: str, bye: str = "") -> dict[str, Any]:
        """Let a peer go; with words for its page, the page does not try to come back."""
        with contextlib.suppress(NotFoundError):
            room = self._find(session_id)
            if bye:
                await room.say_goodbye(bye, peer_id)
            await room.dismiss(peer_id)
        return {}

    async def tell_room(self, session_id: str, message: dict[str, Any], peer_id: str | None = None) -> dict[str, Any]:
        self._find(session_id).say(message, peer_id)
        return {}

    async def show_picture(self, session_id: str, is_shown: bool) -> dict[str, Any]:
        await self._find(session_id).show_picture(is_shown=is_shown)
        return {}

    async def room_state(self, session_id: str) -> dict[str, Any]:
        return self._find(session_id).state()

    def _find(self, session_id: str) -> Room:
        room = self._rooms.get(session_id)
        if room is None:
            raise NotFoundError(f"The session {session_id} is not live.", next_step="Open the session first.")
        return room

    def _hub(self, source: str) -> Hub:
        if source not in self._hubs:
            self._hubs[source] = Hub(
                self._config.ring_path(source), self._config.run_dir / "bells" / f"ring-{source}",
                bitrate_bps_max=self._config.live.bitrate_bps_max,
                on_state=lambda state: self._picture_changed(source, state), on_failure=self._fail,
            )  # fmt: skip
        return self._hubs[source]

    def _picture_changed(self, source: str, state: PictureState) -> None:
        for room in self._rooms.values():
            if room.source == source:
                room.picture_changed(state)

    def _fail(self, error: BaseException) -> None:
        self._failure = error

    async def _close_all(self) -> None:
        for session_id in list(self._rooms):
            await self._close_room(session_id, is_over=False)
        await self._server.stop()
