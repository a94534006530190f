"""The two peers of the live benchmarks, on the same source: stock aiortc with a MediaRelay, and Janus.

`python -m tests.bench.live_peers relay RING PORT BITRATE` answers offers as the live service's page does.
`python -m tests.bench.live_peers encoder RING PORT BITRATE` encodes as the live service does and sends plain RTP,
which is what a Janus mountpoint takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil

from tests.support.node import free_port

PAGE = Path(__file__).parents[1] / "support" / "call.html"
START_S_MAX = 20.0
POLL_S = 0.002
PLUGINS = Path("/usr/lib/x86_64-linux-gnu/janus")
KEYFRAME_PICTURES = 300


class MissingPeerError(Exception):
    """A peer is not installed; says which package brings it."""


def _start(kind: str, ring: Path, port: int, bitrate_bps: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", __spec__.name, kind, str(ring), str(port), str(bitrate_bps)]
    return subprocess.Popen(command)


def _end(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def media_relay(ring: Path, *, bitrate_bps: int) -> Iterator[tuple[str, list[psutil.Process]]]:
    """Yield the URL of the stock server and its process."""
    port = free_port()
    process = _start("relay", ring, port, bitrate_bps)
    try:
        _wait_for(f"http://127.0.0.1:{port}/")
        yield f"http://127.0.0.1:{port}/", [psutil.Process(process.pid)]
    finally:
        _end(process)


@contextmanager
def janus(ring: Path, *, bitrate_bps: int) -> Iterator[tuple[str, list[psutil.Process]]]:
    """Yield the URL of Janus, and its process and the encoder's.  Raises: MissingPeerError"""
    program = shutil.which("janus")
    if program is None:
        raise MissingPeerError("Janus is not installed (Debian: janus)")
    port, media_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="edge-janus-") as folder:
        _configure(Path(folder), port, media_port)
        command = [program, "-F", folder, "-P", str(PLUGINS / "plugins"), "-N", "-d", "2"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        encoder = _start("encoder", ring, media_port, bitrate_bps)
        try:
            _wait_for(f"http://127.0.0.1:{port}/janus/info")
            yield f"http://127.0.0.1:{port}/janus", [psutil.Process(server.pid), psutil.Process(encoder.pid)]
        finally:
            _end(encoder, server)


def _configure(folder: Path, port: int, media_port: int) -> None:
    (folder / "janus.jcfg").write_text(
        f'general: {{ configs_folder = "{folder}"\n plugins_folder = "{PLUGINS}/plugins"\n'
        f' transports_folder = "{PLUGINS}/transports"\n events_folder = "{PLUGINS}/events"\n'
        f' loggers_folder = "{PLUGINS}/loggers"\n debug_level = 2 }}\n'
        'plugins: { disable = "libjanus_audiobridge.so,libjanus_echotest.so,libjanus_recordplay.so,libjanus_sip.so,'
        "libjanus_nosip.so,libjanus_textroom.so,libjanus_videocall.so,libjanus_videoroom.so,libjanus_voicemail.so,"
        'libjanus_lua.so,libjanus_duktape.so" }\n'
        'transports: { disable = "libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,libjanus_rabbitmq.so,'
        'libjanus_websockets.so" }\nmedia: { }\nnat: { ice_lite = false }\n'
    )
    (folder / "janus.transport.http.jcfg").write_text(
        f'general: {{ json = "compact"\n base_path = "/janus"\n http = true\n port = {port}\n ip = "127.0.0.1"\n'
        " https = false }\nadmin: { admin_http = false }\n"
    )
    (folder / "janus.plugin.streaming.jcfg").write_text(
        'probe: { type = "rtp"\n id = 1\n media = ( { type = "video"\n mid = "v"\n label = "v"\n'
        f' port = {media_port}\n pt = 96\n codec = "h264"\n'
        ' fmtp = "profile-level-id=42e01f;packetization-mode=1" } ) }\n'
    )


def _wait_for(url: str) -> None:
    until_s = time.monotonic() + START_S_MAX
    while True:
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url, timeout=2):
            return
        assert time.monotonic() < until_s, f"{url} did not start"
        time.sleep(0.05)


async def _relay(ring: Path, port: int, bitrate_bps: int) -> None:
    import av
    from aiohttp import web
    from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
    from aiortc.codecs import h264
    from aiortc.contrib.media import MediaRelay

    from edge.live.feed import Feed

    # Only what is compared is made the same: the bit rate.
    h264.DEFAULT_BITRATE = h264.MAX_BITRATE = bitrate_bps

    class Picture(MediaStreamTrack):  # type: ignore[misc]
        kind = "video"

        def __init__(self) -> None:
            super().__init__()
            self._feed = Feed(ring)

        async def recv(self) -> Any:
            while (frame := self._feed.take(time.monotonic())) is None:
                await asyncio.sleep(POLL_S)
            # Converted once, here: with several viewers the stock encoders would each do it, on one frame at a time
            # that is not made for that, and the process crashes.
            image = av.VideoFrame.from_ndarray(frame.pixels, "rgb24").reformat(format="yuv420p")
            image.pts, image.time_base = frame.info.mono_ns * 9 // 100_000, Fraction(1, 90_000)
            return image

    relay, source, connections = MediaRelay(), Picture(), set()

    async def page(request: web.Request) -> web.Response:
        return web.Response(body=PAGE.read_bytes(), content_type="text/html")

    async def offer(request: web.Request) -> web.Response:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        connections.add(connection)
        connection.addTrack(relay.subscribe(source, buffered=False))
        await connection.setRemoteDescription(RTCSessionDescription(sdp=await request.text(), type="offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return web.Response(status=201, text=connection.localDescription.sdp)

    app = web.Application()
    app.add_routes([web.get("/", page), web.post("/offer", offer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def _encode(ring: Path, port: int, bitrate_bps: int) -> None:
    import struct

    import av

    from edge.live.encoder import Encoder
    from edge.live.feed import Feed
    from edge.live.rungs import TOP

    feed, encoder = Feed(ring), Encoder("h264", TOP)
    target = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    target.connect(("127.0.0.1", port))
    sequence = count = 0
    while True:
        frame = feed.take(time.monotonic())
        if frame is None:
            time.sleep(POLL_S)
            continue
        ticks = frame.info.mono_ns * 9 // 100_000
        image = encoder.convert(av.VideoFrame.from_numpy_buffer(frame.pixels, "rgb24"))
        is_owed = count % KEYFRAME_PICTURES == 0
        encoded = encoder.encode(image, ticks=ticks, fps=30.0, bitrate_bps=bitrate_bps, is_keyframe_owed=is_owed)
        count += 1
        last = len(encoded.payloads) - 1
        for number, payload in enumerate(encoded.payloads):
            kind = 96 | (0x80 if number == last else 0)
            with contextlib.suppress(ConnectionRefusedError):
                target.send(struct.pack("!BBHII", 0x80, kind, sequence, ticks % (1 << 32), 1) + payload)
            sequence = (sequence + 1) & 0xFFFF


if __name__ == "__main__":
    if sys.argv[1] == "relay":
        asyncio.run(_relay(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
    else:
        _encode(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
