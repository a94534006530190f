"""A plain WHIP and WHEP client: HTTP as the standards have it, aiortc for the media."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, VideoStreamTrack

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"


@dataclass
class Reply:
    """What came back over HTTP."""

    status: int
    headers: Any
    text: str

    @property
    def links(self) -> list[str]:
        return list(self.headers.getall("Link", []))


async def ask(method: str, url: str, token: str = "", body: str = "", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        named["Authorization"] = f"Bearer {token}"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, data=body.encode() if body else None, headers=named) as reply,
    ):
        return Reply(reply.status, reply.headers, await reply.text())


@dataclass
class Picture:
    """What arrives on one video track."""

    frames: list[tuple[float, av.VideoFrame]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.frames)


class Watcher:
    """Watches a session by WHEP."""

    def __init__(
        self, url: str, token: str, *, video_count: int = 1, connection: RTCPeerConnection | None = None
    ) -> None:
        self.url, self.token = url, token
        self.connection = connection or RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for _ in range(video_count):
            self.connection.addTransceiver("video", direction="recvonly")
        self.pictures: list[Picture] = []
        self.reply: Reply | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.connection.on("track", self._take)

    async def __aenter__(self) -> "Watcher":
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await self.connection.close()

    async def join(self, *, change_offer: Any = None) -> Reply:
        """Offer and take the answer; `change_offer` edits what is sent."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        sdp = self.connection.localDescription.sdp
        self.reply = await ask(
            "POST", self.url, self.token, change_offer(sdp) if change_offer else sdp, Content_Type=SDP
        )
        assert self.reply.status == 201, self.reply.text
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=self.reply.text, type="answer"))
        return self.reply

    async def see(self, count: int, *, track: int = 0, timeout_s: float = 20.0) -> Picture:
        """Wait until so many frames have arrived."""
        deadline_s = time.monotonic() + timeout_s
        while len(self.pictures) <= track or self.pictures[track].count < count:
            assert time.monotonic() < deadline_s, f"{[one.count for one in self.pictures]} of {count} frames"
            await asyncio.sleep(0.01)
        return self.pictures[track]

    def _take(self, track: Any) -> None:
        if track.kind == "video":
            picture = Picture()
            self.pictures.append(picture)
            self._tasks.append(asyncio.create_task(self._follow(track, picture)))

    @staticmethod
    async def _follow(track: Any, picture: Picture) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            picture.frames.append((time.monotonic(), frame))


class Card(VideoStreamTrack):  # type: ignore[misc]
    """A camera that shows one bright colour."""

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame(640, 360, "yuv420p")
        for plane, value in zip(frame.planes, (180, 90, 200), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts, frame.time_base = pts, time_base
        return frame


class Sender:
    """Sends a camera's picture by WHIP."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTransceiver(Card(), direction="sendonly")
        self.place = ""

    async def __aenter__(self) -> "Sender":
        await self.connection.setLocalDescription(await self.connection.createOffer())
        sdp = self.connection.localDescription.sdp
        reply = await ask("POST", self.url, self.token, sdp, Content_Type=SDP)
        assert reply.status == 201, reply.text
        self.place = reply.headers["Location"]
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=reply.text, type="answer"))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()
