"""Storage commitment over HTTP: is this node responsible for these objects?  Standard: PS3.18 13, PS3.4 J

Every object is read and its digest compared before the answer is yes. What takes longer than a moment is answered
with 202, and the result waits under the same address.
"""

import asyncio
import re
from collections import OrderedDict
from typing import Any

import msgspec
from aiohttp import web

from edge.api.dicomweb_objects import Objects, address_of
from edge.api.dicomweb_query import DICOM_JSON, require_json
from edge.errors import BadInputError, BusyError, NotFoundError
from edge.store import durable
from edge.store.instances import Instances

BODY_BYTES_MAX = 16 * 1024 * 1024
REFERENCE_COUNT_MAX = 20_000
RESULT_COUNT_MAX = 256
UNDERWAY_COUNT_MAX = 8
ANSWER_AT_ONCE_S = 2.0
PROCESSING_FAILURE, NO_SUCH_OBJECT, CLASS_CONFLICT = 0x0110, 0x0112, 0x0119
_UID = re.compile(r"[0-9.]{1,64}")
Reference = tuple[str, str]
"""SOP class and SOP instance."""


class Commitments:
    """Looks at objects for whoever asks, and keeps the results for a while."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._instances: Instances = objects.instances
        self._results: OrderedDict[str, asyncio.Task[bytes]] = OrderedDict()

    async def ask(self, request: web.Request) -> web.Response:
        """POST …/commitment-requests/T.  Raises: BadInputError, BusyError, NotAcceptableError."""
        require_json(request)
        transaction = request.match_info["transaction"]
        if not _UID.fullmatch(transaction):
            raise BadInputError("A transaction is named by a UID.")
        references = _read(await _body(request))
        task = self._results.get(transaction)
        if task is None:
            if sum(not known.done() for known in self._results.values()) >= UNDERWAY_COUNT_MAX:
                raise BusyError("Too many requests for commitment are being looked at.")
            task = asyncio.create_task(self._look(references))
            self._results[transaction] = task
            while len(self._results) > RESULT_COUNT_MAX:
                self._results.popitem(last=False)[1].cancel()
        await asyncio.wait([task], timeout=ANSWER_AT_ONCE_S)
        return self._answer(transaction, task)

    async def look_up(self, request: web.Request) -> web.Response:
        """GET …/commitment-requests/T.  Raises: NotFoundError, NotAcceptableError."""
        require_json(request)
        transaction = request.match_info["transaction"]
        task = self._results.get(transaction)
        if task is None:
            raise NotFoundError("No such request for commitment is known.", next_step="Ask again, with POST.")
        return self._answer(transaction, task)

    def _answer(self, transaction: str, task: "asyncio.Task[bytes]") -> web.Response:
        headers = {"Cache-Control": "no-store"}
        if not task.done():
            return web.Response(status=202, headers={**headers, "Retry-After": "5"})
        if task.cancelled() or task.exception() is not None:
            del self._results[transaction]
            raise BusyError("The objects could not be looked at.")
        return web.Response(body=task.result(), content_type=DICOM_JSON, headers=headers)

    async def _look(self, references: list[Reference]) -> bytes:
        kept: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for sop_class, sop in references:
            reason, address = await self._objects.readers.run(self._check, sop_class, sop)
            reference = {"00081150": _ui(sop_class), "00081155": _ui(sop)}
            if reason:
                failed.append({**reference, "00081197": {"vr": "US", "Value": [reason]}})
            else:
                kept.append({**reference, "00081190": {"vr": "UR", "Value": [address]}})
        body: dict[str, Any] = {}
        if failed:
            body["00081198"] = {"vr": "SQ", "Value": failed}
        if kept:
            body["00081199"] = {"vr": "SQ", "Value": kept}
        return msgspec.json.encode(body)

    def _check(self, sop_class: str, sop: str) -> tuple[int, str]:
        """Return why we are not responsible (0: we are) and the object's address; reads the whole file."""
        instance = self._instances.find(sop)
        if instance is None:
            return NO_SUCH_OBJECT, ""
        if sop_class != instance.sop_class_uid:
            return CLASS_CONFLICT, ""
        if instance.evicted_s is not None:  # Proven elsewhere, and fetched back when it is asked for.
            return 0, address_of(instance)
        try:
            is_whole = durable.digest_of(self._instances.path_of(instance)).hex() == instance.digest
        except OSError:
            is_whole = False
        return (0, address_of(instance)) if is_whole else (PROCESSING_FAILURE, "")


async def _body(request: web.Request) -> bytes:
    """Read what was sent, up to a limit.  Raises: BadInputError."""
    data = bytearray()
    async for chunk in request.content.iter_chunked(256 * 1024):
        data += chunk
        if len(data) > BODY_BYTES_MAX:
            raise BadInputError("The request for commitment is too large.", next_step="Ask for fewer objects at once.")
    return bytes(data)


def _read(data: bytes) -> list[Reference]:
    """Read a Storage Commitment Request, a dataset alone or in a list.  Raises: BadInputError.  Standard: PS3.18 J.1"""
    try:
        said = msgspec.json.decode(data)
        dataset = said[0] if isinstance(said, list) and len(said) == 1 else said
        items = dataset["00081199"]["Value"]
        references = [(str(item["00081150"]["Value"][0]), str(item["00081155"]["Value"][0])) for item in items]
    except (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError) as error:
        raise BadInputError(
            "This is no request for commitment in DICOM JSON.",
            next_step="Send ReferencedSOPSequence (00081199) with SOP class and instance of each object.",
        ) from error
    if not 0 < len(references) <= REFERENCE_COUNT_MAX:
        raise BadInputError(f"A request for commitment names 1 to {REFERENCE_COUNT_MAX} objects.")
    if not all(_UID.fullmatch(uid) for reference in references for uid in reference):
        raise BadInputError("The request for commitment names something that is no UID.")
    return references


def _ui(uid: str) -> dict[str, Any]:
    return {"vr": "UI", "Value": [uid]}
