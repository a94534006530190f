"""Viewers that cost little: they join, decrypt, report and count, but decode nothing.

`python -m tests.bench.live_clients edge|relay|janus URL COUNT` joins and prints one JSON line a second: how many
pictures and bytes each has received. A line on its standard input ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, rtcrtpreceiver

JOIN_S_MAX = 30.0
JANUS_MOUNT = 1


class Counts:
    """What one viewer has received."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.picture_count = 0
        self.byte_count = 0
        self.first_s: float | None = None


def _count_pictures(loop: Any, pictures: queue.Queue[Any], output: Any, failed: threading.Event) -> None:
    """Stand in for the decoder's thread."""
    while (task := pictures.get()) is not None:
        counts = _COUNTS_OF[id(pictures)]
        counts.picture_count += 1
        counts.byte_count += len(task[1].data)
        counts.first_s = counts.first_s or time.monotonic()


_COUNTS_OF: dict[int, Counts] = {}


class Client:
    """One viewer."""

    def __init__(self) -> None:
        """Not joined yet."""
        self.counts = Counts()
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    def listen(self) -> None:
        """Count what the video receiver gets; before any description is set or on the first track."""
        for transceiver in self.connection.getTransceivers():
            if transceiver.kind == "video":
                _COUNTS_OF[id(transceiver.receiver._RTCRtpReceiver__decoder_queue)] = self.counts

    async def join(self, url: str, name: str, http: aiohttp.ClientSession) -> None:
        """Offer to a server that answers as a WHEP endpoint does."""
        self.connection.addTransceiver("video", direction="recvonly")
        self.connection.createDataChannel("ctl")
        self.listen()
        await self.connection.setLocalDescription(await self.connection.createOffer())
        place = f"{url}offer?peer={name}&role=observer"
        async with http.post(place, data=_h264_only(self.connection.localDescription.sdp)) as answer:
            text = await answer.text()
            assert answer.status == 201, text
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=text, type="answer"))

    async def join_janus(self, url: str, http: aiohttp.ClientSession) -> None:
        """Watch the streaming plugin's mountpoint: Janus offers, we answer."""
        session = f"{url}/{(await _tell(http, url, janus='create'))['data']['id']}"
        handle = await _tell(http, session, janus="attach", plugin="janus.plugin.streaming")
        place = f"{session}/{handle['data']['id']}"
        await _tell(http, place, janus="message", body={"request": "watch", "id": JANUS_MOUNT})
        offer = await _event_with_offer(http, session)
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
        self.listen()
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        answer = {"type": "answer", "sdp": self.connection.localDescription.sdp}
        await _tell(http, place, janus="message", body={"request": "start"}, jsep=answer)
        self._poll = asyncio.create_task(_keep_alive(http, session))


async def _tell(http: aiohttp.ClientSession, place: str, **words: Any) -> Any:
    async with http.post(place, json={"transaction": "bench", **words}) as answer:
        said = await answer.json()
        assert said["janus"] in ("success", "ack"), said
        return said


async def _event_with_offer(http: aiohttp.ClientSession, session: str) -> str:
    until_s = time.monotonic() + JOIN_S_MAX
    while time.monotonic() < until_s:
        async with http.get(session) as answer:
            said = await answer.json()
            if "jsep" in said:
                return str(said["jsep"]["sdp"])
    raise AssertionError("Janus offers nothing")


async def _keep_alive(http: aiohttp.ClientSession, session: str) -> None:
    while True:
        async with http.get(session) as answer:
            await answer.read()


def _h264_only(sdp: str) -> str:
    """Put H.264 first, as browsers may be told to: the stock server takes the first it knows."""
    lines = sdp.split("\r\n")
    h264 = [line.split(":")[1].split(" ")[0] for line in lines if "H264/90000" in line]
    for number, line in enumerate(lines):
        if line.startswith("m=video"):
            words = line.split(" ")
            known = [word for word in words[3:] if word in h264]
            lines[number] = " ".join(words[:3] + known + [word for word in words[3:] if word not in known])
    return "\r\n".join(lines)


async def _serve(kind: str, url: str, count: int) -> None:
    rtcrtpreceiver.decoder_worker = _count_pictures
    clients = [Client() for _ in range(count)]
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    loop.add_reader(sys.stdin, end.set)
    async with aiohttp.ClientSession() as http:
        for number, client in enumerate(clients):
            if kind == "janus":
                await asyncio.wait_for(client.join_janus(url, http), JOIN_S_MAX)
            else:
                await asyncio.wait_for(client.join(url, f"c{number}", http), JOIN_S_MAX)
        while not end.is_set():
            rows = [(client.counts.picture_count, client.counts.byte_count) for client in clients]
            print(json.dumps({"at_s": time.monotonic(), "rows": rows}), flush=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(end.wait(), 1.0)
        await asyncio.gather(*(client.connection.close() for client in clients))


class Crowd:
    """The viewers, seen from outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Reads what they print in a thread."""
        self._process = process
        self.lines: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(json.loads(line))

    def wait_for_pictures(self) -> None:
        until_s = time.monotonic() + JOIN_S_MAX
        while not (self.lines and all(row[0] > 0 for row in self.lines[-1]["rows"])):
            assert self._process.poll() is None and time.monotonic() < until_s, "not every viewer gets pictures"
            time.sleep(0.1)

    def rates(self, window_s: float) -> tuple[float, float]:
        """Return pictures and bits a second of the average viewer over the last seconds."""
        newest = self.lines[-1]
        oldest = next(line for line in self.lines if newest["at_s"] - line["at_s"] <= window_s + 0.5)
        elapsed_s = newest["at_s"] - oldest["at_s"]
        pictures, size = (
            sum(new[column] - old[column] for new, old in zip(newest["rows"], oldest["rows"], strict=True))
            for column in (0, 1)
        )
        return pictures / elapsed_s / len(newest["rows"]), size * 8 / elapsed_s / len(newest["rows"])


@contextmanager
def crowd(kind: str, url: str, count: int) -> Iterator[Crowd]:
    """Let so many watch until the end of the block."""
    command = [sys.executable, "-m", __spec__.name, kind, url, str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Crowd(process)
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.communicate("end\n", timeout=20)
        process.kill()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
