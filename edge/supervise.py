"""All services as children of one process: for a developer or a demo. On an appliance systemd does this.

A child that dies is started again after a pause that grows while it keeps dying, so that one service in trouble
neither stops nor starves the others.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from edge.errors import EXIT_CONFIG
from edge.runtime.log import event

log = logging.getLogger(__name__)
RESTART_S_FIRST = 0.5
RESTART_S_MAX = 15.0
STEADY_S = 30.0
"""A child that lived so long has recovered: its next pause is the first again."""
STOP_TIMEOUT_S = 25.0
LOOK_S = 0.1


@dataclass
class _Child:
    name: str
    command: list[str]
    output: IO[bytes] | None = None
    """Where it writes; None: where we do."""
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    due_s: float = 0.0
    pause_s: float = RESTART_S_FIRST
    exit_statuses: list[int] = field(default_factory=list)

    def start(self, now_s: float) -> None:
        # A group of its own: Ctrl-C reaches us alone, and we stop the children in order.
        self.process = subprocess.Popen(self.command, stdout=self.output, stderr=self.output, start_new_session=True)
        self.started_s = now_s

    def look(self, now_s: float) -> None:
        """Start it when due; note a death and plan the next start."""
        if self.process is None:
            if now_s >= self.due_s:
                self.start(now_s)
            return
        status = self.process.poll()
        if status is None:
            return
        self.process = None
        self.exit_statuses = [*self.exit_statuses[-9:], status]
        self.pause_s = RESTART_S_FIRST if now_s - self.started_s > STEADY_S else min(RESTART_S_MAX, self.pause_s * 2)
        self.due_s = now_s + self.pause_s
        event(log, "service.died", level=logging.ERROR, name=self.name, status=status, again_in_s=self.pause_s)


class Supervisor:
    """Runs the named services until told to stop."""

    def __init__(
        self, names: Sequence[str], config_path: Path, *, is_verbose: bool = False, output: IO[bytes] | None = None
    ) -> None:
        """Nothing runs yet; see `run`. The services write to `output`, else where this process does."""
        flags = ["--verbose"] if is_verbose else []
        self._children = [
            _Child(name, [sys.executable, "-m", "edge", "run", name, "--config", str(config_path), *flags], output)
            for name in names
        ]
        self._is_stopping = False

    def pid(self, name: str) -> int | None:
        """Return the process of a service, for tests that kill it."""
        return next((child.process.pid for child in self._children if child.name == name and child.process), None)

    def run(self) -> int:
        """Keep all services running until SIGINT or SIGTERM; return the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        try:
            while not self._is_stopping:
                self.look()
                if status := self._hopeless():
                    return status
                time.sleep(LOOK_S)
        finally:
            self.stop()
        return 0

    def look(self) -> None:
        for child in self._children:
            child.look(time.monotonic())

    def _hopeless(self) -> int:
        """A wrong configuration does not become right by trying again."""
        return EXIT_CONFIG if any(EXIT_CONFIG in child.exit_statuses for child in self._children) else 0

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._is_stopping = True

    def stop(self) -> None:
        """Ask all to stop, wait, then insist."""
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        for process in running:
            try:
                process.wait(max(0.1, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
