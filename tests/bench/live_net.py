"""A network of its own for a browser: a namespace on a cable, with a rate, a loss and a plug to pull.

The rate is the kernel's token bucket (tc tbf), the loss the firewall's (iptables-legacy, statistic); both towards the
browser, the rate both ways. Needs root.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

_numbers = itertools.count(1)
QUEUE_MS = 300
BURST_BYTES = 1600
"""One packet: a larger bucket would hide the rate for a moment."""


class MissingNetworkError(Exception):
    """Namespaces cannot be made here; says why."""


def _run(*words: object) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingNetworkError(f"{' '.join(map(str, words))}: {done.stderr.strip()}")


class Cable:
    """A namespace and the cable to it."""

    def __init__(self, *, rate_bps: int | None = None, loss: float = 0.0) -> None:
        """Made on entering the block."""
        number = next(_numbers)
        self._name = f"edge{os.getpid()}x{number}"
        self._here, self._there = f"eb{os.getpid() % 100000}h{number}", f"eb{os.getpid() % 100000}t{number}"
        # Another for every process: two benchmarks at once do not meet.
        network = f"10.{200 + os.getpid() // 250 % 50}.{os.getpid() % 250}"
        self.host, self._guest = f"{network}.{4 * number + 1}", f"{network}.{4 * number + 2}"
        self._rate_bps = rate_bps
        self._loss = loss
        self._folder = Path(tempfile.mkdtemp(prefix="edge-net-"))

    def __enter__(self) -> Cable:
        if os.geteuid() or shutil.which("ip") is None or shutil.which("tc") is None:
            raise MissingNetworkError("a network namespace needs root, ip and tc (Debian: iproute2)")
        _run("ip", "netns", "add", self._name)
        try:
            _run("ip", "link", "add", self._here, "type", "veth", "peer", "name", self._there, "netns", self._name)
            _run("ip", "addr", "add", f"{self.host}/30", "dev", self._here)
            _run("ip", "link", "set", self._here, "up")
            self._inside("ip", "addr", "add", f"{self._guest}/30", "dev", self._there)
            self._inside("ip", "link", "set", self._there, "up")
            self._inside("ip", "link", "set", "lo", "up")
            # No giant packets: bucket and loss act on what a real wire would carry.
            for words in ((), ("ip", "netns", "exec", self._name)):
                _run(*words, "ip", "link", "set", self._there if words else self._here, "gso_max_segs", "1")
            if self._rate_bps:
                self.set_rate(self._rate_bps)
            if self._loss:
                self._inside("iptables-legacy", "-A", "INPUT", "-i", self._there, "-p", "udp", "-m", "statistic",
                             "--mode", "random", "--probability", self._loss, "-j", "DROP")  # fmt: skip
        except MissingNetworkError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        subprocess.run(["ip", "netns", "del", self._name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", self._here], capture_output=True, check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def set_rate(self, rate_bps: int) -> None:
        bucket = ("root", "tbf", "rate", f"{rate_bps}bit", "burst", BURST_BYTES, "latency", f"{QUEUE_MS}ms")
        _run("tc", "qdisc", "replace", "dev", self._here, *bucket)
        self._inside("tc", "qdisc", "replace", "dev", self._there, *bucket)

    def pull(self) -> None:
        """Let nothing through, without either end being told, as a radio link does it."""
        for chain, way in (("INPUT", "-i"), ("OUTPUT", "-o")):
            self._inside("iptables-legacy", "-I", chain, way, self._there, "-j", "DROP")

    def plug(self) -> None:
        for chain, way in (("INPUT", "-i"), ("OUTPUT", "-o")):
            self._inside("iptables-legacy", "-D", chain, way, self._there, "-j", "DROP")

    def passed_bytes(self) -> int:
        """Return how much has gone towards the browser."""
        return int(Path(f"/sys/class/net/{self._here}/statistics/tx_bytes").read_text())

    def wrap(self, program: str) -> str:
        """Return a program that runs `program` in the namespace."""
        script = self._folder / Path(program).name
        script.write_text(f'#!/bin/sh\nexec ip netns exec {self._name} {program} "$@"\n')
        script.chmod(0o755)
        return str(script)

    def _inside(self, *words: object) -> None:
        _run("ip", "netns", "exec", self._name, *words)
