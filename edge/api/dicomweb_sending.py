"""How bytes leave: alone or in parts, whole or a range, with tags that never lie because objects never change."""

import asyncio
import logging
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from edge.errors import EdgeError, NotFoundError
from edge.runtime.log import event

CACHE_FOREVER = "private, max-age=31536000, immutable"
CHUNK_BYTES = 256 * 1024
JOINED_BYTES_MAX = 2 * 1024 * 1024
log = logging.getLogger(__name__)
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class RangeError(EdgeError):
    """The range lies outside of what there is."""

    code = "range.outside"
    http_status = 416
    exit_code = 4
    next_step = "Ask for bytes within the size."


def is_fresh(request: web.Request, etag: str) -> bool:
    """Tell whether the client has this already."""
    wanted = request.headers.get("If-None-Match")
    if wanted is None:
        return False
    return wanted.strip() == "*" or etag in (part.strip().removeprefix("W/") for part in wanted.split(","))


def headers_for(etag: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": CACHE_FOREVER, "Vary": "Accept, Cookie, Authorization"}


def not_modified(etag: str) -> web.Response:
    return web.Response(status=304, headers=headers_for(etag))


def send_bytes(request: web.Request, data: bytes, content_type: str, etag: str) -> web.Response:
    """Answer with one body, or the range of it that was asked for.  Raises: RangeError."""
    headers = headers_for(etag)
    headers["Content-Type"] = content_type
    headers["Accept-Ranges"] = "bytes"
    asked = request.headers.get("Range")
    span = parse_range(asked, len(data)) if asked is not None and _range_applies(request, etag) else None
    if span is None:
        return web.Response(body=data, headers=headers)
    start, end = span
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
    return web.Response(body=data[start:end], status=206, headers=headers)


def _range_applies(request: web.Request, etag: str) -> bool:
    condition = request.headers.get("If-Range")
    return condition is None or condition.strip() == etag


def parse_range(text: str, size: int) -> tuple[int, int] | None:
    """Return start and end of a single range; None when the header is of a kind we answer in full.

    Raises: RangeError.
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None or match[1] == match[2] == "":
        return None
    start = int(match[1]) if match[1] else max(0, size - int(match[2]))
    end = min(size, int(match[2]) + 1) if match[1] and match[2] else size
    if start >= size or start >= end:
        raise RangeError(f"The range {text[:40]} lies outside of {size} bytes.")
    return start, end


@contextmanager
def underway() -> Iterator[None]:
    """Break the connection when an answer fails after its status was sent: half an answer must not look whole."""
    try:
        yield
    except EdgeError as error:
        event(log, "response.broken", level=logging.WARNING, code=error.code)
        raise ConnectionAbortedError("the answer could not be finished") from error


class Parts:
    """A multipart/related answer, sent part by part."""

    def __init__(self, request: web.Request, media_type: str, etag: str | None) -> None:
        """Nothing is sent before `start`."""
        self._request = request
        self._boundary = f"edge-{secrets.token_hex(16)}"
        self.content_type = f'multipart/related; type="{media_type}"; boundary={self._boundary}'
        self._headers = {"Content-Type": self.content_type, **(headers_for(etag) if etag else {})}
        self._response: web.StreamResponse | None = None
        self._is_first = True

    def head(self, content_type: str, location: str = "") -> bytes:
        """Return what stands before a part's bytes."""
        start = "" if self._is_first else "\r\n"
        self._is_first = False
        place = f"Content-Location: {location}\r\n" if location else ""
        return f"{start}--{self._boundary}\r\nContent-Type: {content_type}\r\n{place}\r\n".encode()

    def tail(self) -> bytes:
        return f"\r\n--{self._boundary}--\r\n".encode()

    def join(self, parts: list[bytes], content_type: str) -> web.Response:
        """Answer with all parts at once."""
        pieces = [piece for part in parts for piece in (self.head(content_type), part)]
        return web.Response(body=b"".join([*pieces, self.tail()]), headers=self._headers)

    async def start(self) -> None:
        self._response = web.StreamResponse(headers=self._headers)
        await self._response.prepare(self._request)

    async def write(self, data: bytes) -> None:
        assert self._response is not None, "start() comes first"
        await self._response.write(data)

    async def finish(self) -> web.StreamResponse:
        assert self._response is not None, "start() comes first"
        await self._response.write(self.tail())
        await self._response.write_eof()
        return self._response


async def send_file_span(
    request: web.Request, path: Path, offset: int, size: int, content_type: str, etag: str
) -> web.StreamResponse:
    """Answer with a piece of a file, or a range of that piece, in flat memory.  Raises: RangeError, NotFoundError."""
    headers = {**headers_for(etag), "Content-Type": content_type, "Accept-Ranges": "bytes"}
    asked = request.headers.get("Range")
    span = parse_range(asked, size) if asked is not None and _range_applies(request, etag) else None
    start, end = span or (0, size)
    headers["Content-Length"] = str(end - start)
    if span is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    response = web.StreamResponse(status=206 if span else 200, headers=headers)
    chunks = file_chunks(path, offset + start, end - start)
    first = await anext(chunks, b"")  # A file that is gone is noticed before the status has been sent.
    await response.prepare(request)
    with underway():
        if first:
            await response.write(first)
        async for chunk in chunks:
            await response.write(chunk)
    await response.write_eof()
    return response


async def file_chunks(path: Path, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
    """Yield a file's bytes, read in threads.  Raises: NotFoundError."""
    try:
        file = await asyncio.to_thread(open, path, "rb", 0)
    except FileNotFoundError as error:
        raise NotFoundError("The object's file is gone from the disk.", next_step="Run `edge doctor`.") from error
    with file:
        left = os.fstat(file.fileno()).st_size - offset if length is None else length
        read: Callable[[int, int, int], bytes] = os.pread
        while left > 0 and (chunk := await asyncio.to_thread(read, file.fileno(), min(left, CHUNK_BYTES), offset)):
            offset += len(chunk)
            left -= len(chunk)
            yield chunk
