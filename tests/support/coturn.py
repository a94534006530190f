"""A real relay: Debian's coturn, with a shared secret, on loopback."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.node import free_port

SECRET = "a secret of two"
UP_S = 15.0


@dataclass(frozen=True)
class Relay:
    """Where it is, and what it wrote."""

    port: int
    log_path: Path

    @property
    def url(self) -> str:
        return f"turn:127.0.0.1:{self.port}?transport=udp"

    @property
    def config(self) -> str:
        """Keys of `[live]`."""
        return f'relays = ["{self.url}"]\nrelay_secret = "{SECRET}"\n'

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace")


@contextlib.contextmanager
def coturn() -> Iterator[Relay]:
    """Yield a relay; the test is skipped, and says so, where coturn is absent."""
    program = shutil.which("turnserver")
    if program is None:
        pytest.skip("coturn absent (Debian package coturn)")
    with tempfile.TemporaryDirectory(prefix="edge-coturn-") as folder:
        relay = Relay(free_port(), Path(folder) / "log")
        with relay.log_path.open("wb") as log:
            process = subprocess.Popen(
                [program, "-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", f"--listening-port={relay.port}",
                 "--use-auth-secret", f"--static-auth-secret={SECRET}", "--realm=edge", "--no-tls", "--no-dtls",
                 "--allow-loopback-peers", "--no-cli", "--log-file=stdout", "--verbose", "--simple-log",
                 f"--pidfile={folder}/pid", f"--userdb={folder}/db"],
                stdout=log, stderr=log,
            )  # fmt: skip
        try:
            _wait_for(relay.port, process)
            yield relay
        finally:
            process.terminate()
            process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until it takes TCP connections: it opens both kinds of sockets together."""
    deadline_s = time.monotonic() + UP_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError("coturn does not answer")
