"""One browser in a room: the picture to it, sound both ways, two data channels."""

import asyncio
import itertools
import json
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

from aiortc import RTCDataChannel, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from edge.config import Live
from edge.core.session import Role
from edge.core.turn import IceServer
from edge.errors import BadInputError, EdgeError
from edge.live.aiortc_seams import HubSender, negotiated_codec, replace_sender, separate_stream
from edge.live.arrivals import Arrival, Arrivals
from edge.live.budget import SECOND_BPS_MAX, Budget, FirstRate
from edge.live.estimate import Estimate, LossMeter, Misses
from edge.live.hub import Hub, Viewer
from edge.live.message import CONTROLS_PER_S, POINTERS_PER_S, Allowance, parse
from edge.live.mixer import Mixer
from edge.live.negotiation import prefer_codecs
from edge.live.offer import read_offer
from edge.live.path import UNREADABLE, Path, make_connection
from edge.live.picture import RTP_MODULUS
from edge.live.second import Second
from edge.live.track import PictureQueue
from edge.runtime.clock import mono_s, wall_s
from edge.runtime.log import event

JOIN_S_MAX = 20.0
"""From the answer to the connection."""
EARLY_MESSAGE_COUNT_MAX = 32
"""Messages kept until the control channel is open."""
CONTROL_BYTES_MAX = 1024 * 1024
"""Waiting in the control channel; a peer that takes nothing for so long is let go."""
POINTER_BYTES_MAX = 4096
"""Waiting in the pointer channel; beyond it a newer pointer replaces what was not sent."""
PACE_BPS_FIRST = 12_000_000
PACE_FACTOR = 2.5
PACE_FACTOR_MIN = 1.3
PACE_PART = 1.15
"""Of what the link carries: a little more, so that it never waits for us."""
RESEND_PART = 0.25
"""Of the estimate."""
RATE_S_MIN = 0.9
SILENT_PICTURES_MAX = 450
"""15 s at 30 a second; a browser reports at least once a second."""

log = logging.getLogger(__name__)
_numbers = itertools.count()


class PeerHost(Protocol):
    """What a peer tells its room; called in the event loop."""

    def peer_connected(self, peer: "Peer") -> None: ...

    def peer_ended(self, peer: "Peer", reason: str) -> None: ...

    def peer_said(self, peer: "Peer", channel: str, message: dict[str, Any]) -> None: ...


class Peer:
    """One RTCPeerConnection and what belongs to it."""

    def __init__(
        self, *, peer_id: str, role: Role, name: str, hub: Hub, mixer: Mixer, config: Live, host: PeerHost,
        ice_servers: Sequence[IceServer] = (),
    ) -> None:  # fmt: skip
        """Nothing is sent or opened before `answer`."""
        self.peer_id = peer_id
        self.role = role
        self.name = name
        self.joined_s = wall_s()
        self.is_connected = False
        self.is_ended = False
        self.codec: str | None = None
        self._key = f"{peer_id}#{next(_numbers)}"
        self._hub = hub
        self._mixer = mixer
        self._host = host
        self._estimate = Estimate(bitrate_bps_max=config.bitrate_bps_max)
        self._budget = Budget(self._estimate)
        self._second = Second(self._key, self._budget)
        self._queue = PictureQueue()
        self._viewer: Viewer | None = None
        self._is_shown = True
        self._sender: HubSender | None = None
        self._video: Any = None
        self._channels: dict[str, RTCDataChannel] = {}
        self._early: deque[str] = deque(maxlen=EARLY_MESSAGE_COUNT_MAX)
        self._allowances = {"ctl": Allowance(CONTROLS_PER_S), "ptr": Allowance(POINTERS_PER_S)}
        self._heard_at_count = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._absence: asyncio.TimerHandle | None = None
        self._loss = 0.0
        self._loss_meter = LossMeter()
        self._misses = Misses()
        self._arrivals = Arrivals()
        self._rtt_s: float | None = None
        self._counted = (mono_s(), 0, 0)
        self._rates = (0.0, 0)
        self.page_stats: dict[str, Any] = {}
        self._connection = make_connection(ice_servers)
        self.path = Path(self._connection, peer_id)

    async def answer(self, sdp: str) -> str:
        """Return the answer to an offer, with all our candidates in it.  Raises: BadInputError."""
        offer = read_offer(sdp)
        await self._hub.prepare()
        connection = self._connection
        self._open_media(video_count=offer.video_count, has_audio=offer.has_audio)
        try:
            await connection.setRemoteDescription(RTCSessionDescription(sdp=offer.sdp, type="offer"))
            await connection.setLocalDescription(await connection.createAnswer())
        except UNREADABLE as error:
            raise BadInputError(f"The offer cannot be answered: {error or type(error).__name__}.") from error
        self._await_media()
        return str(connection.localDescription.sdp)

    async def offer(self) -> str:
        """Return our own offer, for a media server that distributes the picture."""
        await self._hub.prepare()
        self._open_media(video_count=1, has_audio=True)
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return str(self._connection.localDescription.sdp)

    async def accept(self, sdp: str) -> None:
        """Take the answer to our offer.  Raises: BadInputError."""
        try:
            answer = RTCSessionDescription(sdp=read_offer(sdp).sdp, type="answer")
            await self._connection.setRemoteDescription(answer)
        except UNREADABLE as error:
            raise BadInputError(f"The answer cannot be read: {error or type(error).__name__}.") from error
        self._await_media()

    def _open_media(self, *, video_count: int, has_audio: bool) -> None:
        """Make room for what is sent: the ultrasound first, the second picture for who asks for one, the voices."""
        connection = self._connection
        connection.on("connectionstatechange", self._note_state)
        connection.on("track", self._take_track)
        connection.on("datachannel", self._take_channel)
        if video_count > 0:
            self._video = connection.addTransceiver("video", direction="sendonly")
            prefer_codecs(self._video)
            self._sender = replace_sender(self._video, self._queue, self)
        if video_count > 1:
            self._second.offer_to(connection.addTransceiver("video", direction="sendonly"))
            self._estimate.bitrate_bps_max += SECOND_BPS_MAX
        if has_audio:
            audio = connection.addTransceiver(self._mixer.listen(self._key), direction="sendrecv")
            separate_stream(audio.sender, self._key)

    def _await_media(self) -> None:
        if self._video is not None:
            self.codec = negotiated_codec(self._video)
        self._absence = asyncio.get_running_loop().call_later(JOIN_S_MAX, self._end_if_absent)

    async def close(self) -> None:
        """Leave; safe to call twice."""
        self.is_ended = True
        if self._absence is not None:
            # It would keep everything of this peer in memory until its time.
            self._absence.cancel()
        self._queue.close()
        self._mixer.leave(self._key)
        self.path.close()
        await self._second.close()
        await self._hub.leave(self._key)
        for task in self._tasks:
            task.cancel()
        await self._connection.close()

    # What the room asks for.

    async def show_picture(self, *, is_shown: bool) -> None:
        """Begin or end sending the picture; the connection stays."""
        if is_shown == self._is_shown:
            return
        self._is_shown = is_shown
        if self._viewer is None or self.is_ended:
            return
        if is_shown:
            self._hub.join(self._viewer)
        else:
            await self._hub.leave(self._key)

    def show_second(self, hub: Hub | None) -> None:
        """There is another second picture now, or none."""
        self._second.show(hub)

    def tell(self, message: dict[str, Any]) -> None:
        """Send on the control channel, now or as soon as it is open."""
        text = json.dumps({"v": 1, **message}, ensure_ascii=False)
        channel = self._channels.get("ctl")
        if channel is None or channel.readyState != "open":
            self._early.append(text)
        elif channel.bufferedAmount > CONTROL_BYTES_MAX:
            self._end("takes no messages")
        else:
            channel.send(text)

    def point(self, message: dict[str, Any]) -> None:
        """Send on the pointer channel, if it is open and has room."""
        channel = self._channels.get("ptr")
        if channel is not None and channel.readyState == "open" and channel.bufferedAmount < POINTER_BYTES_MAX:
            channel.send(json.dumps(message, ensure_ascii=False))

    def frame_index_at(self, rtp_timestamp: int) -> int | None:
        """Return the ring frame this peer's browser showed at an RTP timestamp; exact, or None."""
        return None if self._sender is None else self._hub.frame_map.find(rtp_timestamp - self._sender.rtp_offset)

    def translate(self, rtp_timestamp: int, other: "Peer") -> int | None:
        """Return what another peer's browser calls the picture this one calls `rtp_timestamp`."""
        if self._sender is None or other._sender is None:
            return None
        return (rtp_timestamp - self._sender.rtp_offset + other._sender.rtp_offset) % RTP_MODULUS

    def stats(self) -> dict[str, Any]:
        """Return one row for the people who watch over the call."""
        self._count()
        return {
            "peer_id": self.peer_id, "role": self.role, "name": self.name, "joined_s": self.joined_s,
            "state": "connected" if self.is_connected else "connecting",
            "rung": self._viewer.rung.name if self._viewer else None, "codec": self.codec,
            "bitrate_bps": self._rates[1], "estimate_bps": self._estimate.bitrate_bps,
            "fps": round(self._rates[0], 1),
            "rtt_ms": None if self._rtt_s is None else round(self._rtt_s * 1000, 1), "loss": round(self._loss, 4),
            "dropped_count": self._queue.dropped_count, "second_rung": self._second.rung_name, "page": self.page_stats,
        }  # fmt: skip

    def check(self) -> None:
        """Let a peer go that acknowledges nothing of what it is sent: its machine or network is gone."""
        if self._sender is not None and self._sender.sent_picture_count - self._heard_at_count > SILENT_PICTURES_MAX:
            self._end("not heard of")

    def _count(self) -> None:
        """Bring the rates up to date: those of the last `RATE_S_MIN` or more."""
        then_s, pictures, sent_bytes = self._counted
        elapsed_s = mono_s() - then_s
        if self._sender is not None and elapsed_s >= RATE_S_MIN:
            sender = self._sender
            total_bytes = sender.sent_bytes + self._second.sent_bytes
            self._rates = (
                (sender.sent_picture_count - pictures) / elapsed_s,
                int((total_bytes - sent_bytes) * 8 / elapsed_s),
            )  # fmt: skip
            self._counted = (then_s + elapsed_s, sender.sent_picture_count, total_bytes)

    # What the sender hears (see `Ears`).

    def hear_loss(self) -> None:
        self._hub.lose(self._key)

    def hear_nacks(self, missing_count: int, sent_count: int) -> None:
        now_s = mono_s()
        fraction = self._misses.take(missing_count, sent_count, now_s=now_s)
        if fraction is not None:
            self._estimate.take_nacks(fraction, now_s=now_s)
            self._plan()

    def hear_remb(self, bitrate_bps: int) -> None:
        self._estimate.take_remb(bitrate_bps, now_s=mono_s())
        self._plan()

    def hear_report(self, *, highest_sequence: int, lost_count: int, rtt_s: float | None) -> None:
        self._heard_at_count = self._sender.sent_picture_count if self._sender else 0
        self._rtt_s = rtt_s if rtt_s is not None else self._rtt_s
        now_s = mono_s()
        loss = self._loss_meter.take(highest_sequence=highest_sequence, lost_count=lost_count, now_s=now_s)
        if loss is not None:
            self._loss = loss
            self._count()
            self._estimate.take_report(loss=loss, sent_bps=self._rates[1], rtt_s=self._rtt_s, now_s=now_s)
            self._plan()

    def hear_arrivals(self, arrivals: Sequence[Arrival]) -> None:
        reading = self._arrivals.take(arrivals)
        if reading is not None:
            self._estimate.take_arrivals(reading, now_s=mono_s())
            self._plan()

    def _plan(self) -> None:
        self._second.plan()
        self._hub.plan()

    def resend_bps(self) -> int:
        return int(self._estimate.bitrate_bps * RESEND_PART)

    def resend_count(self) -> int:
        """A link that loses without being full loses what is sent again, too."""
        return 2 if self._loss > 0 and not self._estimate.is_queued else 1

    def pace_bps(self) -> int:
        """Before the first sign of congestion a keyframe leaves at once: a join on the LAN is quick. After it, pictures
        wait here rather than on the way, where a control or a voice would wait behind them."""
        bitrate_bps, capacity_bps = self._estimate.bitrate_bps, self._estimate.capacity_bps
        if self._estimate.is_probing and capacity_bps is not None:
            return int(bitrate_bps * PACE_FACTOR)
        if capacity_bps is None:
            return max(PACE_BPS_FIRST, int(bitrate_bps * PACE_FACTOR))
        return int(max(bitrate_bps * PACE_FACTOR_MIN, min(bitrate_bps * PACE_FACTOR, capacity_bps * PACE_PART)))

    # What the connection says.

    def _note_state(self) -> None:
        state = self._connection.connectionState
        if state == "connected" and not self.is_connected:
            self.is_connected = True
            if self._video is not None and self.codec in ("h264", "vp8"):
                self._viewer = Viewer(self._key, self.codec, self._queue, FirstRate(self._budget))  # type: ignore[arg-type]
                if self._is_shown:
                    self._hub.join(self._viewer)
            self._second.begin()
            self._host.peer_connected(self)
        elif state in ("failed", "closed"):
            self._end("connection lost" if state == "failed" else "left")

    def _end_if_absent(self) -> None:
        if not self.is_connected:
            self._end("never connected")

    def _end(self, reason: str) -> None:
        if not self.is_ended:
            self.is_ended = True
            self._host.peer_ended(self, reason)

    def _take_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":
            task = asyncio.create_task(self._listen(track))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _listen(self, track: MediaStreamTrack) -> None:
        """Hand this peer's voice to the mixer until the track ends."""
        voice = self._mixer.speak(self._key)
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            voice.feed_frame(frame)

    def _take_channel(self, channel: RTCDataChannel) -> None:
        if channel.label not in ("ctl", "ptr") or channel.label in self._channels:
            channel.close()
            return
        self._channels[channel.label] = channel
        channel.on("message", lambda data: self._take_message(channel.label, data))
        while channel.label == "ctl" and self._early:
            channel.send(self._early.popleft())

    def _take_message(self, label: str, data: str | bytes) -> None:
        if self.is_ended or not self._allowances[label].take(mono_s()):
            return
        try:
            message = parse(data)
            if message["type"] == "second.show":
                self._second.want(message.get("is_shown") is not False)
                return
            self._host.peer_said(self, label, message)
        except EdgeError as error:
            event(log, "message.refused", level=logging.DEBUG, peer_id=self.peer_id, reason=error.message)
            self.tell({"type": "error", "message": error.message, "next_step": error.advice})
