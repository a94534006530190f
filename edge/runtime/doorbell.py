"""Wake another process without telling it anything: one empty datagram.

A bell is a datagram socket in a folder of bells; `ring()` rings them all. A bell nobody answers is taken down,
a full one is already ringing. Whoever waits also looks by itself now and then, so a lost ring costs only that.
"""

import os
import socket
from pathlib import Path


class Doorbell:
    """The side that is woken. Add `fileno()` to an event loop, or call `wait()`."""

    def __init__(self, folder: Path, name: str) -> None:
        """Hang up a bell called `name` in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{name}-{os.getpid()}.bell"
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(self._path))

    def fileno(self) -> int:
        return self._socket.fileno()

    def clear(self) -> None:
        """Forget every ring so far."""
        try:
            while True:
                self._socket.recv(1)
        except BlockingIOError:
            return

    def wait(self, timeout_s: float) -> bool:
        """Block until rung or until the time is over; tell which."""
        self._socket.settimeout(timeout_s)
        try:
            self._socket.recv(1)
            is_rung = True
        except TimeoutError:
            is_rung = False
        finally:
            self._socket.setblocking(False)
        self.clear()
        return is_rung

    def close(self) -> None:
        self._socket.close()
        self._path.unlink(missing_ok=True)


def ring(folder: Path) -> None:
    """Ring every bell in the folder; never waits."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        try:
            bells = [entry.path for entry in os.scandir(folder) if entry.name.endswith(".bell")]
        except FileNotFoundError:
            return
        for bell in bells:
            try:
                sender.sendto(b"", bell)
            except BlockingIOError:
                continue
            except (ConnectionRefusedError, FileNotFoundError):
                Path(bell).unlink(missing_ok=True)
