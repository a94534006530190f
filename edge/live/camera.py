"""A room's second picture: a camera of the configuration, or what somebody in the room sends instead of it."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge.core.turn import IceServer
from edge.errors import NotFoundError
from edge.live.feed import PictureState
from edge.live.hub import Hub
from edge.live.inlet import Inlet
from edge.live.mixer import Mixer

MakeHub = Callable[[Path, Path, Callable[[PictureState], None]], Hub]
"""Make the hub of a picture that somebody sends: its ring, the folder of its bells, whom to tell of its state."""


class Camera:
    """One a room. Belongs to the event loop."""

    def __init__(
        self, session_id: str, run_dir: Path, mixer: Mixer, *, fixed: Hub | None, make_hub: MakeHub,
        on_change: Callable[[], None],
    ) -> None:  # fmt: skip
        """`fixed` is the configured camera's, shared with other rooms; `on_change`: look at `hub` and `show` again."""
        self._ring_path = run_dir / f"second-{session_id}"
        self._bells = run_dir / "bells" / f"second-{session_id}"
        self._mixer = mixer
        self._fixed = fixed
        self._make_hub = make_hub
        self._on_change = on_change
        self._inlet: Inlet | None = None
        self._sent: Hub | None = None
        self._state: PictureState | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def hub(self) -> Hub | None:
        """What is shown now."""
        return self._sent or self._fixed

    @property
    def sender_id(self) -> str:
        return self._inlet.peer_id if self._inlet is not None else ""

    def show(self) -> dict[str, Any]:
        """Return what pages are told."""
        inlet = self._inlet if self._sent is not None else None
        return {
            "type": "second", "is_there": self.hub is not None, "name": inlet.name if inlet else "",
            "peer_id": inlet.peer_id if inlet else None, "state": self._state or PictureState.LIVE,
        }  # fmt: skip

    async def take(self, peer_id: str, name: str, sdp: str, ice_servers: Sequence[IceServer]) -> str:
        """Answer somebody who offers a picture; the newest one is shown.  Raises: BadInputError."""
        await self._drop()
        inlet = Inlet(
            peer_id, name, ring_path=self._ring_path, bells=self._bells, mixer=self._mixer, ice_servers=ice_servers,
            on_ready=self._ready, on_end=self._ended,
        )  # fmt: skip
        self._inlet = inlet
        try:
            return await inlet.answer(sdp)
        except BaseException:
            self._inlet = None
            await inlet.close()
            raise

    def find(self, peer_id: str) -> Inlet:
        """Raises: NotFoundError."""
        if self._inlet is None or self._inlet.peer_id != peer_id:
            raise NotFoundError("Nobody sends a picture by that name.", next_step="Send a new offer.")
        return self._inlet

    async def dismiss(self, peer_id: str) -> None:
        """Let a sender go; nothing happens when it is not here."""
        if self.sender_id == peer_id:
            await self._drop()

    def note_state(self, state: PictureState) -> None:
        """The picture lives, stands still, or is gone."""
        self._state = state
        self._on_change()

    async def close(self) -> None:
        await self._drop()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _ready(self, inlet: Inlet) -> None:
        if inlet is self._inlet:
            self._sent, self._state = self._make_hub(inlet.ring_path, inlet.bells, self.note_state), None
            task = asyncio.create_task(self._present(self._sent))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _present(self, hub: Hub) -> None:
        await hub.prepare()
        if hub is self._sent:
            self._on_change()

    def _ended(self, inlet: Inlet, reason: str) -> None:
        if inlet is self._inlet:
            task = asyncio.create_task(self._drop())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drop(self) -> None:
        """Show the configured camera again, or none."""
        inlet, sent, self._inlet, self._sent, self._state = self._inlet, self._sent, None, None, None
        if sent is not None:
            self._on_change()
            await sent.stop()
        if inlet is not None:
            await inlet.close()
