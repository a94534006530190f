"""`/api/v1/export`: a study as a zip of DICOM files, streamed."""

import asyncio
import contextlib
import logging
import zipfile
from collections.abc import Generator
from pathlib import Path

from aiohttp import web

from edge.api.route import Call, Route
from edge.core.access import Action
from edge.errors import BadInputError, NotFoundError
from edge.runtime.log import event

CHUNK_BYTES = 1024 * 1024
log = logging.getLogger(__name__)


def routes() -> list[Route]:
    return [
        Route(method="GET", path="/api/v1/export", name="export", gate=Action.READ_IMAGES, answer=export_study,
              summary="A study as a zip of DICOM files; ?study=UID")
    ]  # fmt: skip


async def export_study(call: Call) -> web.StreamResponse:
    """Stream the zip: nothing is written to the disk, and memory holds one chunk."""
    parts, study = call.parts, call.text("study")
    if not study:
        raise BadInputError("Name the study: ?study=UID.")
    found = await asyncio.to_thread(parts.instances.in_study, study)
    if not found:
        raise NotFoundError(f"The study {study} is not on this node.")
    if any(one.evicted_s is not None for one in found):
        raise await parts.recall.refuse(study)
    await parts.audit(call.principal, "study.export", study, object_count=len(found))
    files = [(f"DICOM/{number:05d}.dcm", parts.instances.path_of(one)) for number, one in enumerate(found, 1)]
    # The name holds no UID: it ends up in download folders.
    headers = {"Content-Type": "application/zip", "Content-Disposition": 'attachment; filename="study.zip"'}
    response = web.StreamResponse(headers=headers)
    await response.prepare(call.request)
    chunks = zip_chunks(files)
    with contextlib.closing(chunks):
        while (chunk := await asyncio.to_thread(next, chunks, b"")) != b"":
            await response.write(chunk)
    await response.write_eof()
    event(log, "study.exported", study=study, object_count=len(found))
    return response


def zip_chunks(files: list[tuple[str, Path]]) -> Generator[bytes, None, None]:
    """Yield a zip archive of files, stored: their pixels are compressed already.  Blocks on the disk."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, path in files:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as out:
                while data := file.read(CHUNK_BYTES):
                    out.write(data)
                    yield sink.take()
    yield sink.take()


class _Sink:
    """A file that only grows: what was written is handed on and forgotten."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        self._waiting += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing to close."""

    def take(self) -> bytes:
        data = bytes(self._waiting)
        self._waiting.clear()
        return data
