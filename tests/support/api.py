"""The api of a node for a test: the real application and the real store on a free port, neighbours by hand or real."""

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp import web

from edge.api import app
from edge.api.parts import Parts
from edge.api.ticker import Ticker
from edge.config import Config, Source
from edge.config import Node as NodeTable
from edge.core.access import UserRole
from edge.errors import NotFoundError
from edge.runtime import rpc
from edge.store import users
from edge.store.database import Database
from edge.store.instances import Instances

PASSWORD = "correct horse battery"
PATIENT = {"patient_id": "ZEBRA-4711", "name": "QUAGGA^ZORA", "birth_date": "20190402", "sex": "F"}
"""Invented, and found nowhere else: a log that holds any of it has leaked."""


class Neighbours:
    """Record, live and capture as seen over their sockets: they keep what they are told and answer plausibly."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.sessions: dict[str, dict[str, Any]] = {}
        self.peers: dict[str, dict[str, Any]] = {}
        self.servers: dict[str, rpc.Server] = {}

    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.asked]

    async def start(self, *services: str) -> None:
        answers = {"capture": self._capture(), "record": self._record(), "live": self._live()}
        for service in services:
            self.servers[service] = rpc.Server(self.run_dir / f"{service}.sock", answers[service])
            await self.servers[service].start()

    async def stop(self, *services: str) -> None:
        for service in services or tuple(self.servers):
            await self.servers.pop(service).stop()

    def _capture(self) -> dict[str, rpc.Answer]:
        async def sources() -> list[dict[str, Any]]:
            return [{"name": "probe", "kind": "synthetic", "state": "live", "reason": "", "fps": 30.0, "next_index": 7}]

        return {"sources": sources}

    def _record(self) -> dict[str, rpc.Answer]:
        async def begin(session: dict[str, Any]) -> dict[str, Any]:
            self._note("session.begin", session)
            self.sessions[session["session_id"]] = session
            return {}

        async def end(session_id: str) -> dict[str, Any]:
            self._note("session.end", {"session_id": session_id})
            self.sessions.pop(session_id, None)
            return {}

        async def state() -> list[dict[str, Any]]:
            return [{"session_id": one, "source": "probe", "is_recording": False} for one in self.sessions]

        async def still(session_id: str, frame_index: int | None) -> dict[str, Any]:
            self._note("still", {"session_id": session_id, "frame_index": frame_index})
            return {"still_id": "i1", "frame_index": frame_index or 7}

        async def start(session_id: str) -> dict[str, Any]:
            self._note("clip.start", {"session_id": session_id})
            return {"clip_id": "c1", "first_index": 7, "started_s": 1.0}

        async def stop(session_id: str) -> dict[str, Any]:
            self._note("clip.stop", {"session_id": session_id})
            return {"clip_id": "c1", "frame_count": 3}

        async def save_last(session_id: str, seconds: float) -> dict[str, Any]:
            self._note("clip.save_last", {"session_id": session_id, "seconds": seconds})
            return {"clip_id": "c2", "frame_count": 3}

        return {
            "session.begin": begin, "session.end": end, "state": state, "still": still, "clip.start": start,
            "clip.stop": stop, "clip.save_last": save_last,
        }  # fmt: skip

    def _live(self) -> dict[str, rpc.Answer]:
        async def room_open(session_id: str, source: str) -> dict[str, Any]:
            self._note("room.open", {"session_id": session_id, "source": source})
            return {}

        async def room_close(session_id: str) -> dict[str, Any]:
            self._note("room.close", {"session_id": session_id})
            return {}

        async def room_state(session_id: str) -> dict[str, Any]:
            if session_id == "nowhere":
                raise NotFoundError("There is no such room.")
            return {"peers": list(self.peers.values()), "source": "probe", "fps": 30.0}

        async def offer(session_id: str, peer_id: str, role: str, name: str, sdp: str) -> dict[str, Any]:
            self._note("peer.offer", {"session_id": session_id, "peer_id": peer_id, "role": role, "name": name})
            self.peers[peer_id] = {"peer_id": peer_id, "role": role, "name": name}
            return {"sdp": "v=0\r\nanswer", "tag": '"path"'}

        async def peer_close(session_id: str, peer_id: str, bye: str = "") -> dict[str, Any]:
            self._note("peer.close", {"session_id": session_id, "peer_id": peer_id})
            self.peers.pop(peer_id, None)
            return {}

        async def tell(session_id: str, message: dict[str, Any], peer_id: str | None) -> dict[str, Any]:
            self._note("room.tell", {"session_id": session_id, "message": message, "peer_id": peer_id})
            return {}

        return {
            "room.open": room_open, "room.close": room_close, "room.state": room_state, "peer.offer": offer,
            "peer.close": peer_close, "room.tell": tell,
        }  # fmt: skip

    def _note(self, verb: str, values: dict[str, Any]) -> None:
        self.asked.append((verb, values))


class ApiNode:
    """One api on a free port; `client` signs in, `local` is the Unix socket."""

    def __init__(self, folder: Path, *, config: Config | None = None) -> None:
        # The name of a Unix socket may have 107 bytes: pytest's folders are too long.
        self.run_dir = Path(tempfile.mkdtemp(prefix="edge-api-"))
        self.config = config or Config(source=[Source(name="probe", kind="synthetic")])
        self.config.node = NodeTable(name="clinic-7", data_dir=str(folder / "data"), run_dir=str(self.run_dir))
        self.neighbours = Neighbours(self.run_dir)
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "ApiNode":
        self.database = Database(self.config.database_path)
        destinations = [one.name for one in self.config.destination]
        self.instances = Instances(self.database, self.config.data_dir, destinations=destinations)
        self.parts = Parts(
            self.config, database=self.database, instances=self.instances, public_url="http://clinic.test"
        )
        self.runner = web.AppRunner(app.build(self.parts), access_log=None, shutdown_timeout=1.0)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        await web.UnixSite(self.runner, self.config.socket_path("api")).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, at: TracebackType | None) -> None:
        self._stop.set()
        self.parts.hub.close()
        await asyncio.gather(*self._tasks)
        await self.runner.cleanup()
        await self.neighbours.stop()
        self.database.close()
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def follow(self) -> None:
        """Run what the service runs beside HTTP."""
        ticker = Ticker(self.parts.hub, self.parts.outbox, self.parts.health, self.parts.database)
        self._tasks = [
            asyncio.create_task(self.parts.follower.run(self._stop)), asyncio.create_task(ticker.run(self._stop))
        ]  # fmt: skip

    async def add_person(self, name: str, role: str, *, password: str = PASSWORD) -> None:
        made = await self.parts.accounts.passwords.hash(password)
        users.add(self.database, name, UserRole(role), made, now_s=1.0)

    @contextlib.asynccontextmanager
    async def client(self, name: str = "", *, token: str = "") -> AsyncIterator["Client"]:
        """Somebody with a browser: signed in by name, by a token, or not at all."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.url, cookie_jar=jar, headers=headers) as http:
            client = Client(http)
            if name:
                answer = await client.ask("POST", "/api/v1/sign-in", {"name": name, "password": PASSWORD})
                assert answer.status == 200, answer.body
            yield client

    @contextlib.asynccontextmanager
    async def local(self) -> AsyncIterator["Client"]:
        """Whoever may open the Unix socket."""
        connector = aiohttp.UnixConnector(str(self.config.socket_path("api")))
        async with aiohttp.ClientSession("http://local", connector=connector) as http:
            yield Client(http)


class Reply:
    def __init__(self, status: int, headers: Any, data: bytes) -> None:
        self.status, self.headers, self.data = status, headers, data

    @property
    def body(self) -> Any:
        return json.loads(self.data)


class Client:
    """Asks as the pages do: JSON, and the header that another site cannot send."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        sent = {"X-Edge-Request": "1", **(headers or {})}
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self.http.request(method, path, data=data, headers=sent, allow_redirects=False) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str) -> Any:
        reply = await self.ask("GET", path)
        assert reply.status == 200, reply.data
        return reply.body

    async def events(self) -> AsyncIterator[tuple[str, Any]]:
        """Yield (name, value) of server-sent events."""
        async with self.http.get("/api/v1/events") as response:
            assert response.status == 200, await response.read()
            name = ""
            async for raw in response.content:
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))
