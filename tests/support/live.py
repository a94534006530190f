"""The live service as a process of its own, a page that calls it, and what its events said."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil

from edge.config import Config, load
from edge.errors import EdgeError
from edge.runtime.rpc import call_blocking, events
from tests.support.link import Link

PAGE = Path(__file__).with_name("call.html")
_SERVE = (
    "import asyncio,sys,pathlib;from edge.config import load;from edge.runtime import log;"
    "from edge.services.live import serve;log.set_up('live');asyncio.run(serve(load(pathlib.Path(sys.argv[1]))))"
)


class LiveService:
    """`edge run live` with one source `probe`, one open room `exam`, and a page at `url`."""

    def __init__(self, *, live_keys: str = "", host: str = "127.0.0.1") -> None:
        """The page is served at `host`: another than loopback for a browser in a network of its own."""
        self.run_dir = Path(tempfile.mkdtemp(prefix="live-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
        config_path = self.run_dir / "edge.toml"
        config_path.write_text(
            f'[node]\nrun_dir = "{self.run_dir}"\ndata_dir = "{self.run_dir}/data"\n[live]\n{live_keys}\n'
            '[[source]]\nname = "probe"\nkind = "synthetic"\n'
        )
        self.config: Config = load(config_path)
        self.log_path = self.run_dir / "live.log"
        self.links: dict[str, Link] = {}
        """Peers that reach the node over a poor link."""
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._config_path = config_path
        self._web = ThreadingHTTPServer((host, 0), _handler(self))
        self.url = f"http://{host}:{self._web.server_address[1]}/"

    def __enter__(self) -> "LiveService":
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen([sys.executable, "-c", _SERVE, str(self._config_path)], stderr=log)
        self.wait_until(lambda: self.config.socket_path("live").exists(), "the socket is there")
        threading.Thread(target=self._web.serve_forever, daemon=True).start()
        self._listener = threading.Thread(target=lambda: asyncio.run(self._listen()), daemon=True)
        self._listener.start()
        self.ask("room.open", session_id="exam", source="probe")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._web.shutdown()
        self._web.server_close()
        self._process.terminate()
        self._process.wait(30)
        self._listener.join(5)
        log = self.log_path.read_text()
        shutil.rmtree(self.run_dir, ignore_errors=True)
        if error is not None:
            sys.stderr.write(f"--- live.log\n{log[-6000:]}\n")
        assert "Traceback" not in log, log

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self._process.pid)

    def ask(self, verb: str, **values: Any) -> Any:
        return call_blocking(self.config.socket_path("live"), verb, **values)

    def seen(self, name: str) -> list[dict[str, Any]]:
        """Return what every event of that name carried, so far."""
        return [values for event, values in list(self.events) if event == name]

    def wait_until(self, look: Any, what: str, *, timeout_s: float = 15.0) -> Any:
        deadline_s = time.monotonic() + timeout_s
        while not (found := look()):
            assert time.monotonic() < deadline_s, f"not within {timeout_s:g} s: {what}"
            time.sleep(0.02)
        return found

    async def _listen(self) -> None:
        async for name, values in events(self.config.socket_path("live")):
            self.events.append((name, values))


def _handler(service: LiveService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, PAGE.read_bytes(), "text/html")

        def do_POST(self) -> None:
            query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
            sdp = self.rfile.read(int(self.headers["Content-Length"])).decode()
            link = service.links.get(query["peer"])
            if link is not None:
                sdp = link.tidy_offer(sdp)
            try:
                answer = service.ask(
                    "peer.offer",
                    session_id="exam",
                    peer_id=query["peer"],
                    role=query["role"],
                    name=query["peer"],
                    sdp=sdp,
                )
            except EdgeError as error:
                self._answer(error.http_status, str(error).encode(), "text/plain")
                return
            sdp = answer["sdp"] if link is None else link.tidy_answer(answer["sdp"])
            self._answer(201, sdp.encode(), "application/sdp")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
