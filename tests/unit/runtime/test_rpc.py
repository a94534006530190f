"""Messages between our processes: answers, refusals, events, and limits."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from edge.errors import NotFoundError, UnreachableError
from edge.runtime.rpc import LISTENER_QUEUE_MAX, RemoteError, Server, call, call_blocking, events


async def add(*, left: int, right: int) -> int:
    return left + right


async def refuse() -> None:
    raise NotFoundError("There is no clip 7.")


@pytest.fixture
async def server(tmp_path: Path) -> Any:
    made = Server(tmp_path / "service.sock", {"add": add, "refuse": refuse})
    await made.start()
    yield made
    await made.stop()


async def test_an_answer_comes_back(server: Server, tmp_path: Path) -> None:
    assert await call(tmp_path / "service.sock", "add", left=2, right=3) == 5


async def test_the_blocking_call_answers_the_same(server: Server, tmp_path: Path) -> None:
    assert await asyncio.to_thread(call_blocking, tmp_path / "service.sock", "add", left=2, right=3) == 5


async def test_a_refusal_keeps_code_status_and_advice(server: Server, tmp_path: Path) -> None:
    with pytest.raises(RemoteError) as caught:
        await call(tmp_path / "service.sock", "refuse")
    error = caught.value
    assert (error.code, error.http_status, error.exit_code) == ("thing.unknown", 404, 4)
    assert error.advice == NotFoundError.next_step


async def test_an_unknown_request_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="no request 'jump'"):
        await call(tmp_path / "service.sock", "jump")


async def test_wrong_fields_are_refused_and_the_service_lives(server: Server, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="wrong fields"):
        await call(tmp_path / "service.sock", "add", left=1, middle=2)
    assert await call(tmp_path / "service.sock", "add", left=1, right=1) == 2


@pytest.mark.parametrize("line", [b"\xff\xfe nonsense\n", b"[1,2]\n", b'{"do":3}\n', b'{"do":"add","with":[]}\n'])
async def test_bytes_that_are_no_message_end_only_that_connection(server: Server, tmp_path: Path, line: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(tmp_path / "service.sock")
    writer.write(line)
    assert await reader.read() == b""
    writer.close()
    assert await call(tmp_path / "service.sock", "add", left=1, right=1) == 2


async def test_an_absent_service_is_said_to_be_unreachable(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="capture service does not answer"):
        await call(tmp_path / "capture.sock", "sources")


async def test_events_reach_every_listener_in_order(server: Server, tmp_path: Path) -> None:
    async def listen() -> list[tuple[str, dict[str, Any]]]:
        heard = []
        async for name, values in events(tmp_path / "service.sock"):
            heard.append((name, values))
            if len(heard) == 3:
                break
        return heard

    listeners = [asyncio.create_task(listen()) for _ in range(2)]
    await asyncio.sleep(0.02)
    for number in range(3):
        server.tell("tick", number=number)
    for listener in listeners:
        assert await listener == [("tick", {"number": number}) for number in range(3)]


async def test_a_listener_that_does_not_read_is_dropped(server: Server, tmp_path: Path) -> None:
    _, writer = await asyncio.open_unix_connection(tmp_path / "service.sock")
    writer.write(b'{"do":"events"}\n')
    await asyncio.sleep(0.02)
    assert len(server._listeners) == 1
    for _ in range(LISTENER_QUEUE_MAX + 1):
        server.tell("flood", text="x" * 10_000)
    assert len(server._listeners) == 0
    writer.close()


async def test_a_socket_left_by_a_killed_process_is_replaced(tmp_path: Path) -> None:
    import socket

    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "service.sock"))
    left.close()
    again = Server(tmp_path / "service.sock", {"add": add})
    await again.start()
    assert await call(tmp_path / "service.sock", "add", left=1, right=1) == 2
    await again.stop()
