"""The parts of a multipart body as they arrive, in flat memory.  Standard: RFC 2046 5.1.1, PS3.18 8.6.1.2

The server library's own reader refuses a boundary of more than 70 characters, which is what the RFC says and what
Orthanc does not keep to. Here only the length of what has to be held is limited.
"""

from collections.abc import AsyncIterator

from aiohttp import StreamReader
from aiohttp.helpers import parse_mimetype

from edge.errors import BadInputError

BOUNDARY_CHARS_MAX = 256
PREAMBLE_BYTES_MAX = 64 * 1024
HEADERS_BYTES_MAX = 16 * 1024
CHUNK_BYTES = 256 * 1024
_ADVICE = "Check its boundary, and that the whole of it was sent."


class MultipartError(BadInputError):
    """The parts of a body cannot be told apart."""

    code = "input.multipart"
    next_step = _ADVICE


def boundary_of(content_type: str) -> bytes:
    """Return what separates the parts.  Raises: MultipartError."""
    boundary = parse_mimetype(content_type).parameters.get("boundary", "")
    if not 0 < len(boundary) <= BOUNDARY_CHARS_MAX or not boundary.isascii():
        raise MultipartError("The content type names no boundary that can be used.")
    return boundary.encode()


class Part:
    """One part: its headers, lower case, and its bytes, which are read once, before the next part is asked for."""

    def __init__(self, headers: dict[str, str], reader: "PartReader") -> None:
        self.headers = headers
        self._reader = reader

    @property
    def media_type(self) -> str:
        """The content type without parameters; empty when it is not said."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the part's bytes.  Raises: MultipartError when the body ends before the part does."""
        return self._reader.body()


class PartReader:
    """Reads the parts of one body, one after the other."""

    def __init__(self, content: StreamReader, boundary: bytes) -> None:
        self._content = content
        self._delimiter = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")  # So that a body may begin with its boundary at once.
        self._has_begun = False
        self._is_in_part = False
        self._is_ended = False

    async def next(self) -> Part | None:
        """Return the next part; None after the last.  Raises: MultipartError."""
        if self._is_ended:
            return None
        if not self._has_begun:
            await self._skip_preamble()
            self._has_begun = True
        async for _ in self.body():  # Whoever did not want the last part is led behind it.
            pass
        while len(self._buffer) < 2:
            await self._more("behind a boundary")
        if self._buffer.startswith(b"--"):
            self._is_ended = True
            return None
        headers = await self._headers()
        self._is_in_part = True
        return Part(headers, self)

    async def body(self) -> AsyncIterator[bytes]:
        """Yield what is left of this part, up to its delimiter."""
        held = len(self._delimiter) - 1
        while self._is_in_part:
            end = self._buffer.find(self._delimiter)
            if end >= 0:
                self._is_in_part = False
                rest = bytes(self._buffer[:end])
                del self._buffer[: end + len(self._delimiter)]
                if rest:
                    yield rest
                return
            if len(self._buffer) > max(held, CHUNK_BYTES):
                ready = bytes(self._buffer[:-held])
                del self._buffer[:-held]
                yield ready
            await self._more("inside a part")

    async def _skip_preamble(self) -> None:
        while (at := self._buffer.find(self._delimiter)) < 0:
            if len(self._buffer) > PREAMBLE_BYTES_MAX:
                raise MultipartError("The boundary does not come.")
            await self._more("before its first boundary")
        del self._buffer[: at + len(self._delimiter)]

    async def _headers(self) -> dict[str, str]:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > HEADERS_BYTES_MAX:
                raise MultipartError("The headers of a part do not end.")
            await self._more("inside the headers of a part")
        lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        headers = {}
        for line in lines[1:]:  # The first is what may follow a boundary on its line: blanks.
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return headers

    async def _more(self, where: str) -> None:
        data = await self._content.readany()
        if not data:
            raise MultipartError(f"The body ends {where}.")
        self._buffer += data
