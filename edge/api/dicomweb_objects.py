"""The objects of the store as DICOMweb needs them: found, opened, indexed, described, and kept for the next request."""

import asyncio
import os
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydicom.dataset import Dataset

from edge.api.dicomweb_sending import file_chunks
from edge.api.recall import Recall
from edge.api.scans import ScanFrames, Scans
from edge.dicom.dicom_json import encode_dataset
from edge.dicom.frame_index import FrameCache, OpenFrames
from edge.dicom.pixel_layout import Opened, open_object
from edge.dicom.presentation import Presentation, read_presentation
from edge.errors import BusyError, NotFoundError
from edge.store.instances import Instance, Instances

ROOT = "/dicom-web"
INSTANCE_COUNT_MAX = 4096
INSTANCE_KEPT_S = 10.0
"""How long a removed object may still be served from memory."""
SCANNED_KEPT_S = 0.5
"""The same for one that is known from its scan only, or is away: soon its file takes over."""
PRESENTATION_COUNT_MAX = 128
METADATA_BYTES_MAX = 32 * 1024 * 1024
READ_THREAD_COUNT = 8
DECODE_THREAD_COUNT = max(2, (os.cpu_count() or 2) - 2)
WAITING_COUNT_MAX = 256

AnyFrames = OpenFrames | ScanFrames
Answer = TypeVar("Answer")
Value = TypeVar("Value")


class Bounded(Generic[Value]):
    """A cache that never weighs more than its limit; the least used goes first. Safe between threads."""

    def __init__(self, weight_max: int, weigh: Callable[[Value], int] = lambda _: 1) -> None:
        self._weight_max = weight_max
        self._weigh = weigh
        self._weight = 0
        self._values: OrderedDict[str, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Value | None:
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: str, value: Value) -> Value:
        with self._lock:
            if key in self._values:
                self._weight -= self._weigh(self._values.pop(key))
            self._values[key] = value
            self._weight += self._weigh(value)
            while self._weight > self._weight_max and len(self._values) > 1:
                self._weight -= self._weigh(self._values.popitem(last=False)[1])
        return value


class Workers:
    """Threads for what would hold up the event loop, with a limit on what waits for them."""

    def __init__(self, thread_count: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(thread_count, thread_name_prefix=name)
        self._waiting_count = 0

    async def run(self, work: Callable[..., Answer], *arguments: Any) -> Answer:
        """Run in a thread.  Raises: BusyError, and whatever the work raises."""
        if self._waiting_count >= WAITING_COUNT_MAX:
            raise BusyError("Too many pictures are being prepared at once.")
        self._waiting_count += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._waiting_count -= 1


class Objects:
    """Every object that DICOMweb serves passes through here."""

    def __init__(self, instances: Instances, scans: Scans, recall: Recall) -> None:
        self.instances = instances
        self.scans = scans
        self.recall = recall
        self.readers = Workers(READ_THREAD_COUNT, "dicomweb-read")
        self.decoders = Workers(DECODE_THREAD_COUNT, "dicomweb-decode")
        self._frames = FrameCache(items_of=self._items_of)
        self._found: Bounded[tuple[float, Instance]] = Bounded(INSTANCE_COUNT_MAX)
        self._presentations: Bounded[Presentation] = Bounded(PRESENTATION_COUNT_MAX)
        self._metadata: Bounded[bytes] = Bounded(METADATA_BYTES_MAX, len)

    def _items_of(self, digest: str) -> bytes | None:
        return self.instances.items_of(digest)

    async def find(self, study: str, series: str, sop: str, *, or_away: bool = False) -> Instance:
        """Return an object that lies where the address says.

        Raises: NotFoundError; AwayError while its file is fetched back, unless the caller can do without (`or_away`).
        """
        instance = await self._find(study, series, sop)
        if instance.evicted_s is not None and not or_away:
            raise await self.recall.refuse(instance.study_instance_uid)
        return instance

    async def _find(self, study: str, series: str, sop: str) -> Instance:
        kept = self._found.get(sop)
        if kept is None or kept[0] < time.monotonic():
            found = await self.readers.run(partial(self.instances.find, with_scans=True), sop)
            if found is None:
                raise NotFoundError(f"There is no object {sop}.")
            is_lasting = found.scan_id is None and found.evicted_s is None
            kept_s = INSTANCE_KEPT_S if is_lasting else SCANNED_KEPT_S
            kept = self._found.put(sop, (time.monotonic() + kept_s, found))
        instance = kept[1]
        if instance.series_instance_uid != series or instance.study_instance_uid != study:
            raise NotFoundError(f"There is no object {sop} in this series.")
        return instance

    async def list(self, study: str, series: str | None = None, *, or_away: bool = False) -> list[Instance]:
        """Return the objects of a study or series, in their order.

        Raises: NotFoundError when there are none; AwayError while any is fetched back, unless `or_away`.
        """
        if series is None:
            found = await self.readers.run(partial(self.instances.in_study, with_scans=True), study)
        else:
            found = await self.readers.run(partial(self.instances.in_series, with_scans=True), series)
            found = [instance for instance in found if instance.study_instance_uid == study]
        if not found:
            raise NotFoundError(
                "There is no such study." if series is None else "There is no such series in the study."
            )
        if not or_away and any(instance.evicted_s is not None for instance in found):
            raise await self.recall.refuse(study)
        return found

    def path_of(self, instance: Instance) -> Path:
        """Return the file of a kept object."""
        assert instance.scan_id is None, "there is no file yet"
        return self.instances.path_of(instance)

    async def chunks(self, instance: Instance) -> AsyncIterator[bytes]:
        """Yield the whole object.  Raises: NotFoundError, ConflictError while its frames are still to be made."""
        if instance.scan_id is None:
            async for chunk in file_chunks(self.path_of(instance)):
                yield chunk
            return
        pieces = self.scans.file_bytes(instance)
        while (piece := await self.readers.run(next, pieces, None)) is not None:
            yield piece

    async def open_frames(self, instance: Instance) -> AnyFrames:
        """Return an object's frames.  Raises: NotFoundError (no pixels), BadInputError (broken)."""
        if instance.scan_id is not None:
            ready = self.scans.frames_if_open(instance)
            return ready if ready is not None else await self.readers.run(self.scans.frames, instance)
        opened = self._frames.find(instance.digest)
        if opened is not None:
            return opened
        return await self.readers.run(self._frames.open, self.path_of(instance), instance.digest)

    async def read_frame(self, frames: AnyFrames, number: int) -> bytes:
        """Return one frame as stored: at once when it is in memory, else from a thread.  Raises: NotFoundError."""
        data = frames.read_if_cached(number)
        return data if data is not None else await self.readers.run(frames.read, number)

    async def presentation(self, instance: Instance, frames: AnyFrames) -> Presentation:
        """Return how an object is shown."""
        kept = self._presentations.get(instance.digest)
        if kept is not None:
            return kept
        opened = await self.readers.run(self.open_header, instance)
        return self._presentations.put(instance.digest, read_presentation(opened.dataset, frames.index.layout))

    def open_header(self, instance: Instance) -> Opened:
        """Read an object's header; blocking.  Raises: NotFoundError, BadInputError."""
        if instance.scan_id is not None:
            return self.scans.header(instance)
        try:
            with open(self.path_of(instance), "rb") as file:
                return open_object(file)
        except FileNotFoundError as error:
            raise NotFoundError("The object's file is gone from the disk.", next_step="Run `edge doctor`.") from error

    def metadata(self, instance: Instance) -> bytes:
        """Return an object's DICOM JSON; blocking.  Raises: NotFoundError, BadInputError."""
        kept = self._metadata.get(instance.digest)
        if kept is not None:
            return kept
        opened = self.open_header(instance)
        dataset: Dataset = opened.dataset
        encoded = encode_dataset(
            dataset,
            lambda path: f"{address_of(instance)}/bulkdata/{path}",
            has_pixels_at=opened.pixels.tag if opened.pixels is not None else None,
            syntax_uid=instance.transfer_syntax_uid,
            uids={
                "00080016": instance.sop_class_uid,
                "00080018": instance.sop_instance_uid,
                "0020000D": instance.study_instance_uid,
                "0020000E": instance.series_instance_uid,
            },
        )
        return self._metadata.put(instance.digest, encoded)


def address_of(instance: Instance) -> str:
    """Return an object's server-relative address: right behind every proxy and name."""
    return (
        f"{ROOT}/studies/{instance.study_instance_uid}/series/{instance.series_instance_uid}"
        f"/instances/{instance.sop_instance_uid}"
    )
