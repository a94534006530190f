"""A service: stops in order, and dies whole when a part dies."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from edge.runtime.service import run_parts


async def test_a_part_that_dies_ends_the_others_and_the_process() -> None:
    ended = []

    async def steady(stop: asyncio.Event) -> None:
        await stop.wait()
        ended.append("steady")

    async def broken(stop: asyncio.Event) -> None:
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        await run_parts([steady, broken])
    assert ended == ["steady"]


async def test_sigterm_lets_the_attempt_in_hand_finish() -> None:
    finished = []

    async def part(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        await asyncio.sleep(0.01)
        finished.append("attempt")

    await run_parts([part])
    assert finished == ["attempt"]


async def test_systemd_hears_ready_and_stopping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(1)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        async def part(stop: asyncio.Event) -> None:
            await asyncio.sleep(0.01)

        await run_parts([part])
        assert [systemd.recv(64), systemd.recv(64)] == [b"READY=1", b"STOPPING=1"]
