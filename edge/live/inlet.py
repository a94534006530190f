"""A picture sent to us: the camera of the bedside tablet, or any WHIP client, into a small ring of its own.

From there it goes the way of every picture: encoded once, for whoever looks at it. It is shown, never recorded.
Standard: RFC 9725
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
from aiortc import RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from edge.core.turn import IceServer
from edge.errors import BadInputError
from edge.live.mixer import Mixer
from edge.live.offer import read_offer, without_arrivals
from edge.live.path import UNREADABLE, make_connection
from edge.live.path import Path as NetworkPath
from edge.ring import Pixels, Ring
from edge.runtime import doorbell
from edge.runtime.clock import wall_s
from edge.runtime.log import event

RING_FRAMES = 8
SIDE_PX_MAX = 1920
JOIN_S_MAX = 20.0
SILENT_S_MAX = 15.0
"""A sender of which nothing comes for so long has gone."""
_NO_DIGEST = bytes(32)
log = logging.getLogger(__name__)
_numbers = itertools.count()


class Inlet:
    """One sender. Belongs to the event loop; pictures are converted in threads."""

    def __init__(
        self, peer_id: str, name: str, *, ring_path: Path, bells: Path, mixer: Mixer, ice_servers: Sequence[IceServer],
        on_ready: Callable[["Inlet"], None], on_end: Callable[["Inlet", str], None],
    ) -> None:  # fmt: skip
        """`on_ready` is told of the first picture, `on_end` once of the end."""
        self.peer_id = peer_id
        self.name = name
        self.ring_path = ring_path
        self.bells = bells
        self.joined_s = wall_s()
        self._mixer = mixer
        self._on_ready = on_ready
        self._on_end = on_end
        self._key = f"{peer_id}#in{next(_numbers)}"
        self._ring: Ring | None = None
        self._index = time.time_ns() // 1_000_000
        """Above every index an earlier sender used."""
        self._is_ended = False
        self._silence: asyncio.TimerHandle | None = None
        self.is_ready = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._connection = make_connection(ice_servers)
        self.path = NetworkPath(self._connection, peer_id)

    async def answer(self, sdp: str) -> str:
        """Return the answer to an offer.  Raises: BadInputError."""
        offer = read_offer(sdp)
        if not offer.has_video:
            raise BadInputError("The offer has no picture.", next_step="Offer a video track that is sent.")
        connection = self._connection
        connection.on("track", self._take_track)
        connection.on("connectionstatechange", self._note_state)
        try:
            await connection.setRemoteDescription(RTCSessionDescription(sdp=without_arrivals(offer.sdp), type="offer"))
            await connection.setLocalDescription(await connection.createAnswer())
        except UNREADABLE as error:
            raise BadInputError(f"The offer cannot be answered: {error or type(error).__name__}.") from error
        self._silence = asyncio.get_running_loop().call_later(JOIN_S_MAX, self._end_if_silent)
        return str(connection.localDescription.sdp)

    async def close(self) -> None:
        """End; safe to call twice. The ring goes."""
        self._is_ended = True
        if self._silence is not None:
            self._silence.cancel()
        self.path.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._mixer.leave(self._key)
        await self._connection.close()
        if self._ring is not None:
            self._ring.close(remove=True)
            self._ring = None

    def _take_track(self, track: MediaStreamTrack) -> None:
        task = asyncio.create_task(self._show(track) if track.kind == "video" else self._listen(track))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _show(self, track: MediaStreamTrack) -> None:
        """Put every picture into the ring until the track ends."""
        try:
            while True:
                frame = await asyncio.wait_for(track.recv(), SILENT_S_MAX)
                pixels = await asyncio.to_thread(to_rgb, frame)
                self._put(pixels)
        except (MediaStreamError, TimeoutError):
            self._end("sends nothing")

    def _put(self, pixels: Pixels) -> None:
        if self._is_ended:
            return
        if self._ring is None or not self._ring.fits(pixels.nbytes):
            old = self._ring
            self._ring = Ring(
                self.ring_path, slot_bytes=pixels.nbytes, slot_count=RING_FRAMES, first_index=self._index
            )  # fmt: skip
            if old is not None:
                old.close()
        self._ring.next_index = self._index
        self._ring.put(pixels, mono_ns=time.monotonic_ns(), wall_ns=time.time_ns(), digest=_NO_DIGEST)
        self._index += 1
        doorbell.ring(self.bells)
        if not self.is_ready:
            self.is_ready = True
            self._on_ready(self)

    async def _listen(self, track: MediaStreamTrack) -> None:
        """Hand this sender's voice to everybody in the room."""
        voice = self._mixer.speak(self._key)
        while True:
            try:
                voice.feed_frame(await track.recv())
            except MediaStreamError:
                return

    def _note_state(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            event(log, "camera.connected", peer_id=self.peer_id)
        elif state in ("failed", "closed"):
            self._end("connection lost" if state == "failed" else "left")

    def _end_if_silent(self) -> None:
        if not self.is_ready:
            self._end("never sent a picture")

    def _end(self, reason: str) -> None:
        if not self._is_ended:
            self._is_ended = True
            self._on_end(self, reason)


def to_rgb(frame: av.VideoFrame) -> Pixels:
    """Return a decoded picture as the ring takes it; a very large one is made smaller."""
    scale = min(1.0, SIDE_PX_MAX / max(frame.width, frame.height))
    width_px, height_px = (max(2, round(side * scale) // 2 * 2) for side in (frame.width, frame.height))
    return np.ascontiguousarray(frame.to_ndarray(format="rgb24", width=width_px, height=height_px))
