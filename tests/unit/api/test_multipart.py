"""The parts of a body, however its bytes arrive."""

import asyncio
from itertools import pairwise

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.api.multipart import MultipartError, PartReader, boundary_of

BOUNDARY = b"e0a5a85e-b8dd-4dad-8de7-186442859052-e0a5a85e-b8dd-4dad-8de7-186442859052"


def _body(parts: list[bytes], *, before: bytes = b"", after: bytes = b"") -> bytes:
    pieces = [b"--" + BOUNDARY + b"\r\nContent-Type: application/dicom; x=1\r\n\r\n" + part + b"\r\n" for part in parts]
    return before + b"".join(pieces) + b"--" + BOUNDARY + b"--" + after


async def _read(pieces: list[bytes]) -> list[tuple[str, bytes]]:
    stream = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16, loop=asyncio.get_running_loop())
    for piece in pieces:
        if piece:
            stream.feed_data(piece)
    stream.feed_eof()
    reader, found = PartReader(stream, BOUNDARY), []
    while (part := await reader.next()) is not None:
        found.append((part.media_type, b"".join([chunk async for chunk in part.chunks()])))
    return found


@given(
    parts=st.lists(
        st.binary(max_size=200) | st.sampled_from([b"\r\n", b"\r\n--", b"--" + BOUNDARY[:9], b""]), max_size=4
    ),
    cuts=st.lists(st.integers(0, 1200), max_size=8),
)
@settings(max_examples=150, deadline=None)
def test_parts_come_out_as_they_went_in_wherever_the_network_cuts(parts: list[bytes], cuts: list[int]) -> None:
    body = _body(parts)
    places = sorted({0, *[min(cut, len(body)) for cut in cuts], len(body)})
    pieces = [body[first:last] for first, last in pairwise(places)]
    assert asyncio.run(_read(pieces)) == [("application/dicom", part) for part in parts]


@pytest.mark.parametrize("before", [b"", b"\r\n", b"this is a preamble\r\n\r\n"])
def test_what_stands_before_the_first_boundary_and_behind_the_last_is_left(before: bytes) -> None:
    body = _body([b"one", b"two"], before=before, after=b"\r\nepilogue")
    assert [data for _, data in asyncio.run(_read([body]))] == [b"one", b"two"]


@pytest.mark.parametrize("end", [10, 120, 180, 230])
def test_a_body_that_ends_early_says_so(end: int) -> None:
    with pytest.raises(MultipartError):
        asyncio.run(_read([_body([b"x" * 60, b"y" * 60])[:end]]))


def test_a_part_nobody_reads_is_passed_over() -> None:
    async def second() -> bytes:
        stream = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16, loop=asyncio.get_running_loop())
        stream.feed_data(_body([b"one", b"two"]))
        stream.feed_eof()
        reader = PartReader(stream, BOUNDARY)
        await reader.next()
        part = await reader.next()
        assert part is not None
        return b"".join([chunk async for chunk in part.chunks()])

    assert asyncio.run(second()) == b"two"


def test_boundaries_are_read_from_the_content_type() -> None:
    assert boundary_of('multipart/related; type="application/dicom"; boundary="a b"') == b"a b"
    assert len(boundary_of(f"multipart/related; boundary={BOUNDARY.decode()}")) == 73
    for wrong in ("multipart/related", "multipart/related; boundary=", f"multipart/related; boundary={'x' * 300}"):
        with pytest.raises(MultipartError):
            boundary_of(wrong)
