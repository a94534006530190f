"""A session's peers: who is there, who hears and sees what from whom."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.config import Live
from edge.core.session import Role
from edge.core.turn import IceServer, ice_servers
from edge.errors import BadInputError, BusyError, ConflictError, NotFoundError
from edge.live.camera import Camera, MakeHub
from edge.live.feed import PictureState
from edge.live.hub import Hub
from edge.live.message import pointer_of, rtp_timestamp_of
from edge.live.mixer import Mixer
from edge.live.outlet import Outlet
from edge.live.peer import Peer
from edge.net.whip import WhipClient
from edge.runtime.clock import wall_s
from edge.runtime.log import event

NAME_CHARS_MAX = 128
BYE_S = 0.1
"""For the last word to leave before the connection does."""
log = logging.getLogger(__name__)

Tell = Callable[..., None]
"""tell(name, **values): an event for the other services."""
PUBLISH_ID = "outside"
"""The media server's place among the peers."""


class Room:
    """One session's live side."""

    def __init__(
        self, session_id: str, source: str, hub: Hub, *, config: Live, tell: Tell, run_dir: Path,
        make_hub: MakeHub, second_hub: Hub | None = None,
    ) -> None:  # fmt: skip
        """An empty room; the hub is shared with other rooms of the same source, and so is `second_hub`."""
        self.session_id = session_id
        self.source = source
        self._hub = hub
        self._config = config
        self._tell = tell
        self._mixer = Mixer()
        self._is_shown = True
        self._peers: dict[str, Peer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.camera = Camera(
            session_id, run_dir, self._mixer, fixed=second_hub, make_hub=make_hub, on_change=self._second_changed
        )
        self._outlet: Outlet | None = None

    async def admit(self, *, peer_id: str, role: str, name: str, sdp: str) -> str:
        """Answer a peer's offer; a peer of the same id is coming back and replaces what was left of it.

        Raises: BadInputError for a wrong offer or role, BusyError when the room is full.
        """
        if role not in list(Role):
            raise BadInputError(f"There is no role {role!r}.", next_step=f"Known: {', '.join(Role)}.")
        await self.dismiss(peer_id)
        if len(self._peers) >= self._config.viewer_count_max:
            raise BusyError(f"The session {self.session_id} already has {len(self._peers)} participants.")
        peer = await self._make_peer(peer_id, Role(role), name)
        try:
            return await peer.answer(sdp)
        except BaseException:
            self._peers.pop(peer_id, None)
            await peer.close()
            raise

    async def _make_peer(self, peer_id: str, role: Role, name: str) -> Peer:
        peer = Peer(
            peer_id=peer_id, role=role, name=name[:NAME_CHARS_MAX], hub=self._hub, mixer=self._mixer,
            config=self._config, host=self, ice_servers=self._ice_servers(),
        )  # fmt: skip
        await peer.show_picture(is_shown=self._is_shown or peer.role is Role.BEDSIDE)
        self._peers[peer_id] = peer
        return peer

    def _ice_servers(self) -> tuple[IceServer, ...]:
        live = self._config
        return ice_servers(
            live.ice_servers, live.relays, secret=live.relay_secret, name="node", lasts_s=live.relay_s, now_s=wall_s()
        )

    async def change_path(self, peer_id: str, fragment: str, if_match: str) -> dict[str, str]:
        """Take candidates or an ICE restart of a peer or a sender.  Raises: NotFoundError, BadInputError."""
        peer = self._peers.get(peer_id)
        path = peer.path if peer is not None else self.camera.find(peer_id).path
        return {"fragment": await path.change(fragment, if_match), "tag": path.tag}

    def tag_of(self, peer_id: str) -> str:
        """Return the entity tag of a peer's or a sender's network path.  Raises: NotFoundError."""
        peer = self._peers.get(peer_id)
        return (peer.path if peer is not None else self.camera.find(peer_id).path).tag

    async def take_picture(self, *, peer_id: str, name: str, sdp: str) -> str:
        """Answer somebody who sends a second picture.  Raises: BadInputError."""
        return await self.camera.take(peer_id, name[:NAME_CHARS_MAX], sdp, self._ice_servers())

    async def publish(self, *, is_on: bool) -> None:
        """Show the session through the media server of the configuration, or end that.  Raises: ConflictError."""
        outlet = self._outlet
        if is_on and not self._config.publish_url:
            raise ConflictError(
                "No media server is configured.", next_step="Set live.publish_url in the configuration."
            )  # fmt: skip
        if is_on and outlet is None:
            client = WhipClient(self._config.publish_url, self._config.publish_token)
            self._outlet = Outlet(client, self._make_outside_peer, on_change=self._outlet_changed)
        elif not is_on and outlet is not None:
            self._outlet = None
            await outlet.close()
            self._outlet_changed()

    async def _make_outside_peer(self) -> Peer:
        return await self._make_peer(PUBLISH_ID, Role.OBSERVER, "")

    async def dismiss(self, peer_id: str, *, reason: str = "left") -> None:
        """Let a peer go; nothing happens when it is not here."""
        peer = self._peers.pop(peer_id, None)
        if peer is not None:
            await self._see_off(peer, reason)
        await self.camera.dismiss(peer_id)

    async def close(self, *, is_over: bool) -> None:
        """Let everybody go. When the session is over they are told, so that no page tries to come back."""
        if is_over and self._peers:
            await self.say_goodbye("The session is closed.", None)
        if self._outlet is not None:
            await self._outlet.close()
        for peer_id in list(self._peers):
            await self.dismiss(peer_id, reason="session closed")
        await self.camera.close()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._mixer.stop()

    async def show_picture(self, *, is_shown: bool) -> None:
        """Send the picture to everybody, or to the bedside alone; voices and messages go on."""
        self._is_shown = is_shown
        self._show_second()
        event(log, "room.shown" if is_shown else "room.hidden", session_id=self.session_id)
        for peer in list(self._peers.values()):
            if peer.role is not Role.BEDSIDE:
                await peer.show_picture(is_shown=is_shown)

    async def say_goodbye(self, words: str, peer_id: str | None) -> None:
        """Tell one peer, or all, why the call ends, and leave the words time to go out.  Raises: NotFoundError."""
        self.say({"type": "bye", "message": words, "next_step": ""}, peer_id)
        await asyncio.sleep(BYE_S)

    def say(self, message: dict[str, Any], peer_id: str | None) -> None:
        """Send a control message to one peer or to all.  Raises: NotFoundError."""
        if peer_id is not None and peer_id not in self._peers:
            raise NotFoundError(f"There is no peer {peer_id} in the session {self.session_id}.")
        for peer in list(self._peers.values()):
            if peer_id in (None, peer.peer_id):
                peer.tell(message)

    def picture_changed(self, state: PictureState) -> None:
        """Tell every screen whether what it shows is live: a frozen picture that looks live is dangerous."""
        self.say({"type": "picture", "state": state}, None)
        self._tell("picture.state", session_id=self.session_id, source=self.source, state=state)

    def state(self) -> dict[str, Any]:
        return {
            "peers": self.stats(), "source": self.source, "fps": round(self._hub.fps, 2), "picture": self._hub.state,
            "second": self.camera.show(), "publish": self._publish_state(),
        }  # fmt: skip

    def _publish_state(self) -> dict[str, str] | None:
        state = self._outlet.state if self._outlet is not None else None
        return None if state is None else {"state": state.state, "reason": state.reason}

    def _second_changed(self) -> None:
        """Give everybody the second picture there is now, and tell their screens of it."""
        self._show_second()
        self.say(self.camera.show(), None)

    def _show_second(self) -> None:
        for peer in list(self._peers.values()):
            peer.show_second(self.camera.hub if self._is_shown or peer.role is Role.BEDSIDE else None)

    def _outlet_changed(self) -> None:
        self._tell("publish.state", session_id=self.session_id, publish=self._publish_state())

    def stats(self) -> list[dict[str, Any]]:
        return [peer.stats() for peer in self._peers.values()]

    def share_stats(self) -> None:
        """Tell the other services how every peer is served."""
        for peer in list(self._peers.values()):
            peer.check()
        if self._peers:
            self._tell("peer.stats", session_id=self.session_id, peers=self.stats(), fps=round(self._hub.fps, 2))

    # What peers say (see `PeerHost`).

    def peer_connected(self, peer: Peer) -> None:
        event(log, "peer.joined", session_id=self.session_id, peer_id=peer.peer_id, role=peer.role, codec=peer.codec)
        self._tell("peer.joined", session_id=self.session_id, **_who(peer), joined_s=peer.joined_s)
        if self._hub.state is not None:
            peer.tell({"type": "picture", "state": self._hub.state})
        self._show_second()
        peer.tell(self.camera.show())
        if peer.peer_id == PUBLISH_ID and self._outlet is not None:
            self._outlet.connected()
        self._share_peers()

    def peer_ended(self, peer: Peer, reason: str) -> None:
        if self._peers.get(peer.peer_id) is peer:
            del self._peers[peer.peer_id]
        if peer.peer_id == PUBLISH_ID and self._outlet is not None:
            self._outlet.lost()
        task = asyncio.create_task(self._see_off(peer, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def peer_said(self, peer: Peer, channel: str, message: dict[str, Any]) -> None:
        """Pass pointers on to the others and everything else to the other services."""
        rtp_timestamp = rtp_timestamp_of(message)
        frame_index = None if rtp_timestamp is None else peer.frame_index_at(rtp_timestamp)
        if message["type"] == "stats":
            peer.page_stats = message
        elif peer.role is Role.OBSERVER:
            raise BadInputError("Observers only watch.", next_step="Ask for a link as a specialist.")
        elif message["type"] == "pointer":
            self._relay_pointer(peer, pointer_of(message), rtp_timestamp, frame_index)
        elif channel == "ctl":
            self._tell("ctl", session_id=self.session_id, **_who(peer), message=message, frame_index=frame_index)

    def _relay_pointer(
        self, peer: Peer, pointer: dict[str, Any], rtp_timestamp: int | None, frame_index: int | None
    ) -> None:
        for other in self._peers.values():
            if other is not peer:
                theirs = None if rtp_timestamp is None else peer.translate(rtp_timestamp, other)
                other.point({**pointer, "from": _who(peer), "rtp_timestamp": theirs, "frame_index": frame_index})

    def _share_peers(self) -> None:
        present = [{**_who(peer), "joined_s": peer.joined_s} for peer in self._peers.values() if peer.is_connected]
        self.say({"type": "peers", "peers": present}, None)

    async def _see_off(self, peer: Peer, reason: str) -> None:
        was_connected = peer.is_connected
        await peer.close()
        if was_connected:
            event(log, "peer.left", session_id=self.session_id, peer_id=peer.peer_id, reason=reason)
            self._tell("peer.left", session_id=self.session_id, **_who(peer), reason=reason)
            self._share_peers()


def _who(peer: Peer) -> dict[str, Any]:
    return {"peer_id": peer.peer_id, "name": peer.name, "role": peer.role}
