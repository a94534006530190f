"""A whole node for a test: `edge up` on free ports, asked as its command line asks it, killed where it hurts."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import psutil

from edge.config import Config, load
from edge.errors import EdgeError
from edge.net.local_api import ask

T = TypeVar("T")
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 40.0


def free_port() -> int:
    """Return a TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(look: Callable[[], T], *, timeout_s: float, what: str, pause_s: float = 0.1) -> T:
    """Look again and again until the answer is true; fail with what was waited for and what was last seen."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline_s:
            raise AssertionError(f"not within {timeout_s:g} s: {what} (last seen: {seen!r})")
        time.sleep(pause_s)


class Node:
    """One node with its own data, sockets and ports."""

    def __init__(self, folder: Path, *, sections: str = "", node_keys: str = "") -> None:
        """Write the configuration: `sections` is TOML for sources, destinations and so on."""
        self.folder = folder
        self.web_port = free_port()
        self.dimse_port = free_port()
        # The name of a Unix socket may have 107 bytes: pytest's folders are too long.
        self.run_dir = Path(
            tempfile.mkdtemp(prefix="edge-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        )
        self.config_path = folder / "edge.toml"
        folder.mkdir(parents=True, exist_ok=True)
        self.config_path.write_text(
            f'[node]\nname = "test-node"\nae_title = "TESTNODE"\ndata_dir = "{folder / "data"}"\n'
            f'run_dir = "{self.run_dir}"\n{node_keys}\n'
            f'[api]\nlisten = "127.0.0.1:{self.web_port}"\n'
            f'[receive]\nlisten = "127.0.0.1:{self.dimse_port}"\n{sections}\n',
            encoding="utf-8",
        )
        self.config: Config = load(self.config_path)
        self.log_path = folder / "node.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def __enter__(self) -> "Node":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self.run_dir, ignore_errors=True)
        if error is not None:
            sys.stderr.write(f"--- end of {self.log_path}\n{self.log_text()[-6000:]}\n")

    def start(self) -> None:
        with self.log_path.open("ab") as file:
            command = [sys.executable, "-m", "edge", "up", "--config", str(self.config_path)]
            self._process = subprocess.Popen(command, stderr=file, stdout=file, start_new_session=True)
        self.wait_ready()

    def wait_ready(self) -> None:
        wait_until(self.is_ready, timeout_s=READY_TIMEOUT_S, what="the node is ready")

    def is_ready(self) -> bool:
        with contextlib.suppress(EdgeError):
            self.ask("GET", "/readyz")
            return True
        return False

    def stop(self) -> None:
        if self._process is None:
            return
        services = list(self._services())
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        finally:
            for process in services:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process = None

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask as the local administrator, over the Unix socket."""
        return ask(self.config, method, path, body)

    def kill(self, service: str) -> int:
        """SIGKILL one service; the supervisor starts it again. Returns the old process id."""
        process = next(found for found in self._services() if found.cmdline()[4] == service)
        process.send_signal(signal.SIGKILL)
        return int(process.pid)

    def is_running(self, service: str) -> int | None:
        """Return the process id of a service, if it runs."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return next((int(found.pid) for found in self._services() if found.cmdline()[4] == service), None)
        return None

    def _services(self) -> Iterator[psutil.Process]:
        if self._process is None or self._process.poll() is not None:
            return
        for process in psutil.Process(self._process.pid).children(recursive=False):
            with contextlib.suppress(psutil.NoSuchProcess):
                line = process.cmdline()
                if len(line) > 4 and line[2:4] == ["edge", "run"]:
                    yield process

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Read the index directly, as a test may."""
        import sqlite3

        with contextlib.closing(sqlite3.connect(self.config.database_path, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return list(connection.execute(query, values))
