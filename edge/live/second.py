"""The second picture of a room, as one peer gets it: encoded once like the first, sent with what the link has left."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Literal

from aiortc import RTCRtpTransceiver

from edge.live.aiortc_seams import HubSender, negotiated_codec, replace_sender
from edge.live.arrivals import Arrival
from edge.live.budget import Budget, SecondRate
from edge.live.hub import Hub, Viewer
from edge.live.negotiation import prefer_codecs
from edge.live.track import PictureQueue

PACE_BPS_MIN = 500_000
PACE_FACTOR = 2.5
RESEND_PART = 0.25


class Second:
    """Belongs to the event loop; the listener of its own sender."""

    def __init__(self, key: str, budget: Budget) -> None:
        """Sends nothing before `begin`."""
        self._key = key
        self._budget = budget
        self._numbers = itertools.count()
        self._codec: Literal["h264", "vp8"] | None = None
        self._queue = PictureQueue()
        self._sender: HubSender | None = None
        self._transceiver: RTCRtpTransceiver | None = None
        self._viewer: Viewer | None = None
        self._hub: Hub | None = None
        self._joined: Hub | None = None
        self._is_wanted = True
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def sent_bytes(self) -> int:
        return self._sender.sent_bytes if self._sender else 0

    @property
    def rung_name(self) -> str | None:
        return self._viewer.rung.name if self._viewer is not None else None

    def offer_to(self, transceiver: RTCRtpTransceiver) -> None:
        """Send through this one; before any description is set."""
        prefer_codecs(transceiver)
        self._transceiver = transceiver
        self._sender = replace_sender(transceiver, self._queue, self)

    def begin(self) -> None:
        """The connection stands."""
        codec = negotiated_codec(self._transceiver) if self._transceiver is not None else ""
        self._codec = "h264" if codec == "h264" else "vp8" if codec == "vp8" else None
        self.plan()

    def show(self, hub: Hub | None) -> None:
        """There is another second picture now, or none."""
        self._hub = hub
        self.plan()

    def want(self, is_wanted: bool) -> None:
        """The page shows it, or has put it away."""
        self._is_wanted = is_wanted
        self.plan()

    def plan(self) -> None:
        """Join or leave as the link and the page have it; call when the estimate changed."""
        self._budget.want_second(self._codec is not None and self._hub is not None and self._is_wanted)
        wanted = self._hub if self._budget.is_second_on() else None
        if wanted is self._joined:
            if wanted is not None:
                wanted.plan()
            return
        if self._joined is not None:
            self._leave(self._joined)
        self._joined = wanted
        if wanted is not None and self._codec is not None:
            self._queue.await_keyframe()
            # A name of its own each time: who leaves late must not take this one along.
            key = f"{self._key}/2.{next(self._numbers)}"
            self._viewer = Viewer(key, self._codec, self._queue, SecondRate(self._budget))
            wanted.join(self._viewer)

    async def close(self) -> None:
        self._queue.close()
        self._codec = None
        if self._joined is not None:
            self._leave(self._joined)
            self._joined = None
        if self._leaving:
            await asyncio.wait(self._leaving)

    def _leave(self, hub: Hub) -> None:
        viewer, self._viewer = self._viewer, None
        if viewer is not None:
            task = asyncio.create_task(hub.leave(viewer.viewer_id))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    # What the sender hears.

    def hear_loss(self) -> None:
        if self._joined is not None and self._viewer is not None:
            self._joined.lose(self._viewer.viewer_id)

    def hear_nacks(self, missing_count: int, sent_count: int) -> None:
        """The first picture's speak for the link."""

    def hear_remb(self, bitrate_bps: int) -> None:
        """The first picture's sender hears the same: it is of the whole link."""

    def hear_report(self, *, highest_sequence: int, lost_count: int, rtt_s: float | None) -> None:
        """The first picture's speak for the link."""

    def hear_arrivals(self, arrivals: Sequence[Arrival]) -> None:
        """The first picture's sender hears of all packets."""

    def resend_count(self) -> int:
        return 1

    def pace_bps(self) -> int:
        return max(PACE_BPS_MIN, int(self._budget.second_bps * PACE_FACTOR))

    def resend_bps(self) -> int:
        return int(self._budget.second_bps * RESEND_PART)
