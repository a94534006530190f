"""Janus, an SFU written in C, with its video room: as an outside media server, and as one that sends to us.

Janus itself speaks JSON over HTTP; what stands here is the translation to WHIP, as its WHIP servers do it.
"""

import secrets
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.support.node import free_port
from tests.support.whip import SDP, ask

PLUGINS = Path("/usr/lib/x86_64-linux-gnu/janus")
UP_S = 15.0
EVENT_S = 10.0
ROOM = 1


@contextmanager
def janus() -> Iterator[str]:
    """Yield the address of a Janus of its own; the test is skipped, and says so, where there is none."""
    program = shutil.which("janus")
    if program is None:
        pytest.skip("janus absent (Debian package janus)")
    with tempfile.TemporaryDirectory(prefix="edge-janus-") as folder:
        port = _write_settings(Path(folder))
        log = (Path(folder) / "log").open("wb")
        server = subprocess.Popen([program, "-F", folder, "-d", "4"], stdout=log, stderr=log)
        try:
            _wait_for(f"http://127.0.0.1:{port}/janus/info", server)
            yield f"http://127.0.0.1:{port}/janus"
        finally:
            server.terminate()
            server.wait(20)
            log.close()


def _write_settings(folder: Path) -> int:
    port = free_port()
    off = ("audiobridge", "duktape", "echotest", "lua", "nosip", "recordplay", "sip", "streaming", "textroom",
           "videocall", "voicemail")  # fmt: skip
    (folder / "janus.jcfg").write_text(
        f'general: {{ configs_folder = "{folder}"\nplugins_folder = "{PLUGINS}/plugins"\n'
        f'transports_folder = "{PLUGINS}/transports"\nevents_folder = "{folder}"\nloggers_folder = "{folder}"\n'
        'interface = "127.0.0.1" }\n'
        f'plugins: {{ disable = "{",".join(f"libjanus_{name}.so" for name in off)}" }}\n'
        'transports: { disable = "libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,libjanus_rabbitmq.so,'
        'libjanus_websockets.so" }\n'
    )
    (folder / "janus.transport.http.jcfg").write_text(
        f'general: {{ json = "compact"\nbase_path = "/janus"\nhttp = true\nport = {port}\nip = "127.0.0.1" }}\n'
        "admin: { admin_http = false }\n"
    )
    (folder / "janus.plugin.videoroom.jcfg").write_text(
        f'room-{ROOM}: {{ description = "test"\npublishers = 4\nvideocodec = "h264"\naudiocodec = "opus"\n'
        "fir_freq = 0\nnotify_joining = false }\n"
    )
    return port


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + UP_S
    while time.monotonic() < deadline_s and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("Janus does not answer")


class Handle:
    """One session with the video room."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._root, self._http, self._session, self.url = url, http, "", ""

    async def open(self) -> "Handle":
        made = await self._post(self._root, janus="create")
        self._session = f"{self._root}/{made['data']['id']}"
        made = await self._post(self._session, janus="attach", plugin="janus.plugin.videoroom")
        self.url = f"{self._session}/{made['data']['id']}"
        return self

    async def say(self, body: dict[str, Any], jsep: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the room, and return what it answers: at once or as an event."""
        transaction = secrets.token_hex(6)
        more = {"jsep": jsep} if jsep else {}
        answer = await self._post(self.url, janus="message", transaction=transaction, body=body, **more)
        deadline_s = time.monotonic() + EVENT_S
        while answer.get("transaction") != transaction or "plugindata" not in answer:
            assert time.monotonic() < deadline_s, f"no answer to {body}: {answer}"
            async with self._http.get(self._session, params={"maxev": "1"}) as reply:
                answer = await reply.json(content_type=None)
        assert "error" not in answer["plugindata"]["data"], answer
        return answer

    async def _post(self, url: str, **message: Any) -> dict[str, Any]:
        message.setdefault("transaction", secrets.token_hex(6))
        async with self._http.post(url, json=message) as reply:
            answer: dict[str, Any] = await reply.json(content_type=None)
        assert answer["janus"] in ("success", "ack"), answer
        return answer


@asynccontextmanager
async def whip_door(url: str, token: str, port: int) -> AsyncIterator[list[str]]:
    """Open a WHIP address, /whip on this port, into the room of a Janus; yield what is asked of it."""
    asked: list[str] = []
    async with aiohttp.ClientSession() as http:

        async def take(request: web.Request) -> web.Response:
            asked.append("POST")
            if request.headers.get("Authorization") != f"Bearer {token}":
                return web.Response(status=401)
            handle = await Handle(url, http).open()
            body = {"request": "joinandconfigure", "room": ROOM, "ptype": "publisher", "id": 7}
            said = await handle.say(body, {"type": "offer", "sdp": await request.text()})
            return web.Response(
                status=201, text=said["jsep"]["sdp"], content_type=SDP, headers={"Location": "/session"}
            )

        async def leave(_: web.Request) -> web.Response:
            asked.append("DELETE")
            return web.Response()

        app = web.Application()
        app.router.add_post("/whip", take)
        app.router.add_delete("/session", leave)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield asked
        finally:
            await runner.cleanup()


async def send_on(url: str, whip_url: str, token: str, http: aiohttp.ClientSession) -> None:
    """Let Janus send what it got from publisher 7 to a WHIP address: its offer there, the answer back."""
    handle = await Handle(url, http).open()
    streams = [{"feed": 7}]
    offered = await handle.say({"request": "join", "room": ROOM, "ptype": "subscriber", "streams": streams})
    reply = await ask("POST", whip_url, token, offered["jsep"]["sdp"], Content_Type=SDP)
    assert reply.status == 201, reply.text
    await handle.say({"request": "start"}, {"type": "answer", "sdp": reply.text})
