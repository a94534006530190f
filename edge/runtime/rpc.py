"""Short messages between our own processes: JSON lines on a Unix socket.

    caller:  {"do": "clip.start", "with": {…}}
    service: {"ok": …}   or   {"error": {"code": …, "message": …, "next_step": …, "http_status": …}}

A caller that sends {"do": "events"} keeps the connection and is sent every event from then on, one line each:
{"event": "clip.saved", "with": {…}}. A listener that does not read loses its connection, never our memory.
"""

import asyncio
import contextlib
import inspect
import logging
import socket as socket_module
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from edge.errors import BadInputError, EdgeError, UnreachableError
from edge.runtime.log import event

LINE_BYTES_MAX = 1024 * 1024
CALL_TIMEOUT_S = 10.0
LISTENER_COUNT_MAX = 32
LISTENER_QUEUE_MAX = 256

Answer = Callable[..., Awaitable[Any]]
log = logging.getLogger(__name__)


class Message(msgspec.Struct):
    """What a caller sends."""

    do: str
    fields: dict[str, Any] = msgspec.field(name="with", default_factory=dict)


_DECODER = msgspec.json.Decoder(Message)


class RemoteError(EdgeError):
    """Another of our services refused; it keeps that service's code, status and advice."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        """Rebuild what the other side sent."""
        super().__init__(str(error.get("message", "")), next_step=str(error.get("next_step", "")))
        self.code = str(error.get("code", "edge.fault"))  # type: ignore[misc]
        self.http_status = int(error.get("http_status", 500))  # type: ignore[misc]
        self.exit_code = int(error.get("exit_code", 1))  # type: ignore[misc]
        self.is_temporary = bool(error.get("is_temporary", False))  # type: ignore[misc]


def describe(error: EdgeError) -> dict[str, Any]:
    """Return the form in which an error crosses a socket or HTTP."""
    return {
        "code": error.code, "message": error.message, "next_step": error.advice, "http_status": error.http_status,
        "exit_code": error.exit_code, "is_temporary": error.is_temporary,
    }  # fmt: skip


class Server:
    """The answering side. `answers` maps a verb to an async function that takes the message's fields as keywords."""

    def __init__(self, path: Path, answers: Mapping[str, Answer]) -> None:
        """Nothing is opened yet; see `start`."""
        self._path = path
        self._answers = answers
        self._listeners: set[asyncio.Queue[bytes]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; a socket left by a process that was killed is replaced."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=LINE_BYTES_MAX)
        self._path.chmod(0o660)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for listener in list(self._listeners):
                _offer(listener, b"")
            self._path.unlink(missing_ok=True)

    def tell(self, name: str, /, **values: Any) -> None:
        """Send an event to every listener; from the event loop's thread only."""
        line = msgspec.json.encode({"event": name, "with": values}) + b"\n"
        for listener in list(self._listeners):
            if not _offer(listener, line):
                self._listeners.discard(listener)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                message = _DECODER.decode(line)
                if message.do == "events":
                    await self._stream(writer)
                    return
                writer.write(msgspec.json.encode(await self._answer(message)) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, msgspec.DecodeError):
            pass
        finally:
            writer.close()

    async def _answer(self, message: Message) -> dict[str, Any]:
        try:
            return {"ok": await self._find(message)(**message.fields)}
        except EdgeError as error:
            event(log, "request.refused", level=logging.WARNING, verb=message.do, code=error.code)
            return {"error": describe(error)}

    def _find(self, message: Message) -> Answer:
        answer = self._answers.get(message.do)
        if answer is None:
            raise BadInputError(f"There is no request {message.do!r} here.")
        try:
            inspect.signature(answer).bind(**message.fields)
        except TypeError as error:
            raise BadInputError(f"The request {message.do!r} has wrong fields: {error}.") from error
        return answer

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        if len(self._listeners) >= LISTENER_COUNT_MAX:
            return
        queue: asyncio.Queue[bytes] = asyncio.Queue(LISTENER_QUEUE_MAX)
        self._listeners.add(queue)
        try:
            while queue in self._listeners and (line := await queue.get()):
                writer.write(line)
                await writer.drain()
        finally:
            self._listeners.discard(queue)


def _offer(queue: asyncio.Queue[bytes], line: bytes) -> bool:
    try:
        queue.put_nowait(line)
    except asyncio.QueueFull:
        return False
    return True


async def call(path: Path, verb: str, *, timeout_s: float = CALL_TIMEOUT_S, **values: Any) -> Any:
    """Ask a service and return its answer.  Raises: RemoteError, UnreachableError."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(path, limit=LINE_BYTES_MAX)
            try:
                writer.write(msgspec.json.encode({"do": verb, "with": values}) + b"\n")
                await writer.drain()
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError) as error:
        raise _unreachable(path) from error
    return _unpack(line, path)


def call_blocking(path: Path, verb: str, *, timeout_s: float = CALL_TIMEOUT_S, **values: Any) -> Any:
    """The same for code without an event loop."""
    try:
        with socket_module.socket(socket_module.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            connection.sendall(msgspec.json.encode({"do": verb, "with": values}) + b"\n")
            with connection.makefile("rb") as file:
                line = file.readline(LINE_BYTES_MAX)
    except OSError as error:
        raise _unreachable(path) from error
    return _unpack(line, path)


async def events(path: Path) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield (name, values) of a service's events until it goes away.  Raises: UnreachableError."""
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=LINE_BYTES_MAX)
    except OSError as error:
        raise _unreachable(path) from error
    try:
        writer.write(b'{"do":"events"}\n')
        with contextlib.suppress(ConnectionError, ValueError):
            while line := await reader.readline():
                message = msgspec.json.decode(line)
                yield message["event"], message["with"]
    finally:
        writer.close()


def _unreachable(path: Path) -> UnreachableError:
    return UnreachableError(
        f"The {path.stem} service does not answer.", next_step=f"Look at `edge status`, or start edge-{path.stem}."
    )


def _unpack(line: bytes, path: Path) -> Any:
    if not line:
        raise _unreachable(path)
    message = msgspec.json.decode(line)
    if "error" in message:
        raise RemoteError(message["error"])
    return message["ok"]
