"""The live service's door: rooms and peers by request, events to whoever listens."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edge.config import Config, split_address
from edge.errors import BusyError, ConflictError, NotFoundError
from edge.live.aiortc_seams import allow_loopback, allow_rsa, hurry_relays
from edge.live.budget import SECOND_BPS_MAX
from edge.live.feed import PictureState
from edge.live.hub import Hub
from edge.live.negotiation import extend_negotiation
from edge.live.room import Room
from edge.live.rungs import SECOND_RUNGS
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
        self._second: Hub | None = None
        self._server = Server(config.socket_path("live"), self.answers())
        self._failure: BaseException | None = None

    def answers(self) -> Mapping[str, Answer]:
        return {
            "room.open": self.open_room, "room.close": self.close_room, "room.tell": self.tell_room,
            "room.state": self.room_state, "room.show": self.show_picture,
            "peer.offer": self.answer_offer, "peer.close": self.close_peer, "peer.path": self.change_path,
            "camera.offer": self.take_picture, "room.publish": self.publish_room,
        }  # fmt: skip

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until told to stop; an encoder thread that dies ends this with its error."""
        allow_loopback(split_address(self._config.api.listen)[0] in _LOOPBACK)
        hurry_relays()
        allow_rsa()
        extend_negotiation()
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
        live = self._config.live
        self._rooms[session_id] = Room(
            session_id, source, self._hub(source), config=live, tell=self._server.tell, run_dir=self._config.run_dir,
            make_hub=self._make_second, second_hub=self._second_hub(live.second_source) if live.second_source else None,
        )  # fmt: skip
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
            if not self._rooms and self._second is not None:
                second, self._second = self._second, None
                await second.stop()

    async def answer_offer(self, session_id: str, peer_id: str, role: str, name: str, sdp: str) -> dict[str, Any]:
        room = self._find(session_id)
        answer = await room.admit(peer_id=peer_id, role=role, name=name, sdp=sdp)
        return {"sdp": answer, "tag": room.tag_of(peer_id)}

    async def take_picture(self, session_id: str, peer_id: str, name: str, sdp: str) -> dict[str, Any]:
        """Take a second picture from whoever sends one by WHIP."""
        room = self._find(session_id)
        answer = await room.take_picture(peer_id=peer_id, name=name, sdp=sdp)
        return {"sdp": answer, "tag": room.tag_of(peer_id)}

    async def change_path(self, session_id: str, peer_id: str, fragment: str, if_match: str) -> dict[str, Any]:
        """Take candidates that came after the offer, or an ICE restart."""
        return dict(await self._find(session_id).change_path(peer_id, fragment, if_match))

    async def publish_room(self, session_id: str, is_on: bool) -> dict[str, Any]:
        await self._find(session_id).publish(is_on=is_on)
        return {}

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

    def _second_hub(self, source: str) -> Hub:
        """The configured camera's hub: one for all rooms."""
        if self._second is None:
            bells = self._config.run_dir / "bells" / f"ring-{source}"
            self._second = self._make_second(self._config.ring_path(source), bells, self._second_changed)
        return self._second

    def _make_second(self, ring_path: Path, bells: Path, on_state: Callable[[PictureState], None]) -> Hub:
        return Hub(
            ring_path, bells, bitrate_bps_max=SECOND_BPS_MAX, on_state=on_state, on_failure=self._fail,
            rungs=SECOND_RUNGS,
        )  # fmt: skip

    def _second_changed(self, state: PictureState) -> None:
        for room in self._rooms.values():
            if room.camera.hub is self._second:
                room.camera.note_state(state)

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
