"""STOW-RS: objects taken in as they arrive, each answered for on its own.  Standard: PS3.18 10.5"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from edge.api.dicomweb_objects import ROOT, Objects, address_of
from edge.api.dicomweb_query import DICOM_JSON
from edge.api.multipart import Part, PartReader, boundary_of
from edge.errors import BadInputError, EdgeError, StorageFullError
from edge.store import header
from edge.store.instances import Instances

CHUNK_BYTES = 256 * 1024
PART_COUNT_MAX = 100_000
ROOM_CHECK_BYTES = 64 * 1024 * 1024
_OUT_OF_RESOURCES, _CANNOT_UNDERSTAND, _WRONG_STUDY, _DUPLICATE = 0xA700, 0xC000, 0xA900, 0x0111


class NotDicomError(BadInputError):
    """The body is not what STOW-RS takes."""

    code = "input.type"
    http_status = 415
    next_step = 'Send multipart/related; type="application/dicom".'


class Outcome:
    """What became of each object of a request."""

    def __init__(self) -> None:
        self.stored: list[dict[str, Any]] = []
        self.failed: list[dict[str, Any]] = []
        self.unnamed: list[dict[str, Any]] = []
        """Parts that failed before anybody knew which object they are."""

    def keep(self, sop_class_uid: str, sop_instance_uid: str, address: str) -> None:
        self.stored.append({**_reference(sop_class_uid, sop_instance_uid), "00081190": _ur(address)})

    def fail(self, sop_class_uid: str, sop_instance_uid: str, reason: int) -> None:
        failure = {"00081197": {"vr": "US", "Value": [reason]}}
        if not sop_instance_uid:
            self.unnamed.append(failure)
            return
        self.failed.append({**_reference(sop_class_uid, sop_instance_uid), **failure})

    def answer(self, study: str | None) -> web.Response:
        """200: all are stored; 202: some; 409: none.  Standard: PS3.18 10.5.3, I.2"""
        body: dict[str, Any] = {"00081190": _ur(f"{ROOT}/studies/{study}" if study else f"{ROOT}/studies")}
        if self.failed:
            body["00081198"] = {"vr": "SQ", "Value": self.failed}
        if self.stored:
            body["00081199"] = {"vr": "SQ", "Value": self.stored}
        if self.unnamed:
            body["0008119A"] = {"vr": "SQ", "Value": self.unnamed}
        status = 200 if not self.failed and not self.unnamed else 202 if self.stored else 409
        return web.Response(body=msgspec.json.encode(body), status=status, content_type=DICOM_JSON)


class Store:
    """Takes objects in."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._instances: Instances = objects.instances

    async def answer(self, request: web.Request) -> web.Response:
        """POST …/studies and …/studies/S.  Raises: NotDicomError, BadInputError, StorageFullError."""
        if request.content_type == "application/dicom":
            outcome = Outcome()
            await self._take(request.content.iter_chunked(CHUNK_BYTES), request.match_info.get("study"), outcome)
            return outcome.answer(request.match_info.get("study"))
        if request.content_type != "multipart/related":
            raise NotDicomError("The body is not multipart/related.")
        await self._objects.readers.run(self._instances.require_room)
        outcome = Outcome()
        reader = PartReader(request.content, boundary_of(request.headers["Content-Type"]))
        for _ in range(PART_COUNT_MAX):
            part = await reader.next()
            if part is None:
                break
            await self._take_part(part, request.match_info.get("study"), outcome)
        else:
            raise BadInputError(f"More than {PART_COUNT_MAX} objects came in one request.")
        if not outcome.stored and not outcome.failed and not outcome.unnamed:
            raise BadInputError("The body holds no object.")
        return outcome.answer(request.match_info.get("study"))

    async def _take_part(self, part: Part, study: str | None, outcome: Outcome) -> None:
        if part.media_type not in ("", "application/dicom"):
            outcome.fail("", "", _CANNOT_UNDERSTAND)
            return
        await self._take(part.chunks(), study, outcome)

    async def _take(self, chunks: Any, study: str | None, outcome: Outcome) -> None:
        run = self._objects.readers.run
        temp = self._instances.new_temp()
        try:
            try:
                digest = await self._write(chunks, temp)
            except StorageFullError:
                outcome.fail("", "", _OUT_OF_RESOURCES)
                async for _ in chunks:  # The parts behind it may still be answered for.
                    pass
                return
            try:
                parsed = await run(header.read, temp)
            except BadInputError:
                outcome.fail("", "", _CANNOT_UNDERSTAND)
                return
            if study is not None and parsed.study_instance_uid != study:
                outcome.fail(parsed.sop_class_uid, parsed.sop_instance_uid, _WRONG_STUDY)
                return
            try:
                kept = await run(_keep, self._instances, temp, digest)
            except EdgeError as error:
                full = isinstance(error, StorageFullError)
                reason = _OUT_OF_RESOURCES if full else _CANNOT_UNDERSTAND
                outcome.fail(parsed.sop_class_uid, parsed.sop_instance_uid, reason)
                return
            if kept.outcome == "conflict":
                outcome.fail(parsed.sop_class_uid, parsed.sop_instance_uid, _DUPLICATE)
            else:
                instance = kept.instance
                outcome.keep(instance.sop_class_uid, instance.sop_instance_uid, address_of(instance))
        finally:
            temp.unlink(missing_ok=True)

    async def _write(self, chunks: Any, temp: Path) -> bytes:
        """Write an object as it arrives, in flat memory; return its digest.  Raises: StorageFullError."""
        digest = hashlib.sha256()
        run = self._objects.readers.run
        since_check_bytes = 0
        with await run(open, temp, "wb", 0) as file:
            async for chunk in chunks:
                await run(_append, file, digest, [chunk])
                since_check_bytes += len(chunk)
                if since_check_bytes > ROOM_CHECK_BYTES:
                    since_check_bytes = 0
                    await run(self._instances.require_room)
        return digest.digest()


def _keep(instances: Instances, temp: Path, digest: bytes) -> Any:
    return instances.keep(temp, digest=digest, source="stow")


def _append(file: Any, digest: Any, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        digest.update(chunk)
        view = memoryview(chunk)
        try:
            while view:
                view = view[file.write(view) :]
        except OSError as error:
            raise StorageFullError("The disk has no room for what is being sent.") from error


def _reference(sop_class_uid: str, sop_instance_uid: str) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [sop_class_uid]} if sop_class_uid else {"vr": "UI"},
        "00081155": {"vr": "UI", "Value": [sop_instance_uid]} if sop_instance_uid else {"vr": "UI"},
    }


def _ur(address: str) -> dict[str, Any]:
    return {"vr": "UR", "Value": [address]}
