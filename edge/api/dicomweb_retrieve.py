"""WADO-RS: whole objects, their metadata and their large values.  Standard: PS3.18 10.4"""

from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from edge.api.dicomweb_accept import MEDIA_TYPES, OCTETS, ObjectChoice, choose_object_form, parse_accept
from edge.api.dicomweb_objects import AnyFrames, Objects, address_of
from edge.api.dicomweb_query import DICOM_JSON, DICOM_XML, wants_xml
from edge.api.dicomweb_sending import (
    Parts,
    file_chunks,
    headers_for,
    is_fresh,
    not_modified,
    send_bytes,
    send_file_span,
    underway,
)  # fmt: skip
from edge.dicom import dicom_xml
from edge.dicom.dicom_json import find_value
from edge.dicom.frame_index import ITEM_HEADER_BYTES, VIDEO_SYNTAXES, OpenFrames
from edge.dicom.pixel_layout import PIXEL_TAGS
from edge.dicom.transcode import Transcoding, chunks, plan
from edge.errors import ConflictError, NotFoundError
from edge.store.instances import Instance

_DOCUMENT_TYPES = frozenset({"application/pdf", "model/stl", "model/obj", "model/mtl"})
_ENCAPSULATED_DOCUMENT = "00420011"


class Retrieve:
    """Answers with objects, or with what they say."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def answer_objects(self, request: web.Request) -> web.StreamResponse:
        """GET …/studies/S, …/series/E, …/instances/I.  Raises: NotFoundError, NotAcceptableError, RangeError."""
        found = await self._find(request)
        accept = request.query.get("accept") or request.headers.get("Accept", "")
        choices = [choose_object_form(accept, instance.transfer_syntax_uid) for instance in found]
        if len(found) == 1 and not choices[0].is_multipart:
            return await self._send_alone(request, found[0], choices[0])
        bodies = [self._body(instance, choice) for instance, choice in zip(found, choices, strict=True)]
        first = await anext(bodies[0], b"")  # What cannot be sent is said before the status.
        parts = Parts(request, "application/dicom", None)
        await parts.start()
        with underway():
            for instance, choice, body in zip(found, choices, bodies, strict=True):
                content_type = f"application/dicom; transfer-syntax={choice.transfer_syntax}"
                await parts.write(parts.head(content_type, address_of(instance)))
                if body is bodies[0]:
                    await parts.write(first)
                async for chunk in body:
                    await parts.write(chunk)
        return await parts.finish()

    async def _body(self, instance: Instance, choice: ObjectChoice) -> AsyncIterator[bytes]:
        """Yield an object as it was chosen to be sent.  Raises: NotFoundError, NotDecodableError, ConflictError."""
        if not choice.is_transcoded:
            async for chunk in self._objects.chunks(instance):
                yield chunk
            return
        transcoding, frames = await self._plan(instance)
        pieces = chunks(transcoding, frames)
        while (piece := await self._objects.decoders.run(next, pieces, None)) is not None:
            yield piece

    async def _plan(self, instance: Instance) -> tuple[Transcoding, OpenFrames | None]:
        """Work out an uncompressed form.  Raises: NotDecodableError."""
        if instance.scan_id is not None:
            raise ConflictError("The object is still being written.", next_step="Ask again when it is converted.")
        opened = await self._objects.readers.run(self._objects.open_header, instance)
        frames = await self._objects.open_frames(instance) if opened.pixels is not None else None
        assert frames is None or isinstance(frames, OpenFrames), "a kept object is a file"
        planned = await self._objects.readers.run(plan, opened, frames, self._objects.path_of(instance))
        if frames is not None:  # One frame is decoded before anything is promised.
            await self._objects.decoders.run(planned.make, await self._objects.read_frame(frames, 1))
        return planned, frames

    async def _send_alone(self, request: web.Request, instance: Instance, choice: ObjectChoice) -> web.StreamResponse:
        etag = f'"{instance.digest[:32]}{"-uncompressed" if choice.is_transcoded else ""}"'
        if is_fresh(request, etag):
            return not_modified(etag)
        content_type = f"application/dicom; transfer-syntax={choice.transfer_syntax}"
        if choice.is_transcoded:
            return await self._send_transcoded(request, instance, content_type, etag)
        if instance.scan_id is not None:
            return await self._send_from_scan(request, instance, content_type, etag)
        path = self._objects.path_of(instance)
        return await send_file_span(request, path, 0, instance.size_bytes, content_type, etag)

    async def _send_transcoded(
        self, request: web.Request, instance: Instance, content_type: str, etag: str
    ) -> web.StreamResponse:
        """Answer with the object uncompressed; its length is known before its first byte."""
        transcoding, frames = await self._plan(instance)
        headers = {**headers_for(etag), "Content-Type": content_type, "Content-Length": str(transcoding.size_bytes)}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        pieces = chunks(transcoding, frames)
        with underway():
            while (piece := await self._objects.decoders.run(next, pieces, None)) is not None:
                await response.write(piece)
        await response.write_eof()
        return response

    async def _send_from_scan(
        self, request: web.Request, instance: Instance, content_type: str, etag: str
    ) -> web.StreamResponse:
        """Answer with the file to be; its length is known before its first byte."""
        headers = {**headers_for(etag), "Content-Type": content_type}
        chunks = self._objects.chunks(instance)
        first = await anext(chunks, b"")  # What cannot be sent yet is said before the status.
        if instance.size_bytes:
            headers["Content-Length"] = str(instance.size_bytes)
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        with underway():
            await response.write(first)
            async for chunk in chunks:
                await response.write(chunk)
        await response.write_eof()
        return response

    async def answer_metadata(self, request: web.Request) -> web.StreamResponse:
        """GET …/metadata of a study, series or instance.  Raises: NotFoundError, BadInputError, NotAcceptableError."""
        is_xml = wants_xml(request)
        found = await self._find(request)
        if is_xml:
            return await self._send_xml(request, found)
        if len(found) == 1:
            etag = f'"{found[0].digest[:32]}-metadata"'
            if is_fresh(request, etag):
                return not_modified(etag)
            data = await self._objects.readers.run(self._objects.metadata, found[0])
            # Another object may join the series, and another version of this program may say more.
            headers = {**headers_for(etag), "Content-Type": DICOM_JSON, "Cache-Control": "private, no-cache"}
            return web.Response(body=b"[" + data + b"]", headers=headers)
        first = await self._objects.readers.run(self._objects.metadata, found[0])
        response = web.StreamResponse(headers={"Content-Type": DICOM_JSON, "Cache-Control": "private, no-cache"})
        await response.prepare(request)
        await response.write(b"[" + first)
        with underway():
            for instance in found[1:]:
                await response.write(b"," + await self._objects.readers.run(self._objects.metadata, instance))
        await response.write(b"]")
        await response.write_eof()
        return response

    async def _send_xml(self, request: web.Request, found: list[Instance]) -> web.StreamResponse:
        """Answer with one document an object, in parts."""

        def make(instance: Instance) -> bytes:
            return dicom_xml.encode(msgspec.json.decode(self._objects.metadata(instance)))

        first = await self._objects.readers.run(make, found[0])
        parts = Parts(request, DICOM_XML, None)
        await parts.start()
        await parts.write(parts.head(DICOM_XML) + first)
        with underway():
            for instance in found[1:]:
                await parts.write(parts.head(DICOM_XML) + await self._objects.readers.run(make, instance))
        return await parts.finish()

    async def _find(self, request: web.Request) -> list[Instance]:
        place = request.match_info
        if "instance" in place:
            return [await self._objects.find(place["study"], place["series"], place["instance"])]
        return await self._objects.list(place["study"], place.get("series"))

    async def answer_bulk_data(self, request: web.Request) -> web.StreamResponse:
        """GET …/bulkdata/PATH, where PATH is tags and item numbers.  Raises: NotFoundError, BadInputError."""
        place = request.match_info
        instance = await self._objects.find(place["study"], place["series"], place["instance"])
        path = place["path"].upper()
        etag = f'"{instance.digest[:32]}-{path[:64]}"'
        if is_fresh(request, etag):
            return not_modified(etag)
        if path in {f"{tag:08X}" for tag in PIXEL_TAGS}:
            return await self._send_pixels(request, instance, etag)
        opened = await self._objects.readers.run(self._objects.open_header, instance)
        element = find_value(opened.dataset, path)
        if element is None or not isinstance(element.value, bytes):
            raise NotFoundError("The object has no such large value.")
        content_type = OCTETS
        if path == _ENCAPSULATED_DOCUMENT:
            said = str(opened.dataset.get("MIMETypeOfEncapsulatedDocument", "")).lower()
            content_type = said if said in _DOCUMENT_TYPES else OCTETS
        if _wants_parts(request):
            return Parts(request, content_type, etag).join([element.value], content_type)
        return send_bytes(request, element.value, content_type, etag)

    async def _send_pixels(self, request: web.Request, instance: Instance, etag: str) -> web.StreamResponse:
        """Native pixels and video in one piece, with ranges; other encapsulated pixels a part a frame."""
        frames = await self._objects.open_frames(instance)
        index, syntax = frames.index, instance.transfer_syntax_uid
        start, end = index.body
        media_type = MEDIA_TYPES.get(syntax, (OCTETS,))[0]
        content_type = f"{media_type}; transfer-syntax={syntax}"
        if isinstance(frames, OpenFrames) and index.is_encapsulated and syntax in VIDEO_SYNTAXES:
            start, extent = index.extent(1)
            head = index.read_at(frames.fileno(), start, ITEM_HEADER_BYTES)
            if int.from_bytes(head[4:8], "little") + ITEM_HEADER_BYTES == extent and not _wants_parts(request):
                size = extent - ITEM_HEADER_BYTES
                return await send_file_span(
                    request, frames.path, start + ITEM_HEADER_BYTES, size, media_type, etag
                )  # fmt: skip
        is_plain = not index.is_encapsulated and index.inflated is None and not index.layout.is_big_endian
        if isinstance(frames, OpenFrames) and is_plain:
            if not _wants_parts(request):
                return await send_file_span(request, frames.path, start, end - start, OCTETS, etag)
            return await self._stream(request, OCTETS, OCTETS, etag, [file_chunks(frames.path, start, end - start)])
        for number in {1, index.frame_count}:  # a file that was cut is noticed before the status has been sent
            await self._objects.read_frame(frames, number)
        pieces = [self._frame(frames, number) for number in range(1, index.frame_count + 1)]
        return await self._stream(request, media_type, content_type, etag, pieces)

    async def _frame(self, frames: AnyFrames, number: int) -> AsyncIterator[bytes]:
        yield await self._objects.read_frame(frames, number)

    async def _stream(
        self, request: web.Request, media_type: str, content_type: str, etag: str, pieces: list[AsyncIterator[bytes]]
    ) -> web.StreamResponse:
        parts = Parts(request, media_type, etag)
        await parts.start()
        with underway():
            for piece in pieces:
                await parts.write(parts.head(content_type))
                async for chunk in piece:
                    await parts.write(chunk)
        return await parts.finish()


def _wants_parts(request: web.Request) -> bool:
    """Tell whether the best the client accepts is multipart; a client that accepts anything gets one piece."""
    header = request.query.get("accept", "") or request.headers.get("Accept", "")
    return bool(header.strip()) and parse_accept(header)[0].is_multipart
