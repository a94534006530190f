"""Drawings and measurements on exact frames: the frame becomes a still, the drawing an object that refers to it.

What is to be written stands in a file beside the spools before anybody is told that it is saved; one thread at low
priority makes the objects once the stills they refer to are kept. A crash in between costs nothing: the UIDs are in
the file, and what is kept already is not written again.
"""

import contextlib
import logging
import queue
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pydicom
from pydicom import Dataset

from edge.core.annotation import Author, Graphic, MeasurementKind, Wish, check_drawing
from edge.core.measure import Canvas, Measured, measure
from edge.core.session import Session
from edge.dicom.identity import new_uid
from edge.errors import BusyError, EdgeError, NotFoundError
from edge.record.finish import SOURCE, Store, regions_of
from edge.record.holds import Hold, Holds
from edge.record.packed import PackedFrame
from edge.record.recorder import ThreadDied
from edge.record.spool import SpoolHeader
from edge.record.warm_up import warm_up
from edge.runtime import clock
from edge.runtime.log import event
from edge.runtime.priority import go_last
from edge.store.durable import full_disk_explained, sync_file, sync_folder
from edge.store.instances import Instance, Kept

log = logging.getLogger(__name__)
SUFFIX = ".annotation"
JOB_COUNT_MAX = 1000
LOOK_S = 0.1
"""How often a drawing looks whether its still is kept."""
RETRY_S = 30.0
STOP_TIMEOUT_S = 5.0
_UNWRITABLE = (ValueError, TypeError, KeyError, AttributeError, OverflowError)
"""What highdicom and pydicom raise for values they cannot take."""
Tell = Callable[[str, dict[str, Any]], None]


class Frames(Protocol):
    """What is needed of `edge.record.recorder.Recorder`."""

    def frame(self, session_id: str, frame_index: int | None) -> PackedFrame: ...
    def session(self, session_id: str) -> Session: ...
    def source_row(self, session_id: str) -> dict[str, Any]: ...
    def still_of(self, session_id: str, frame: PackedFrame) -> SpoolHeader: ...


class Archive(Store, Protocol):
    """What is needed of `edge.store.instances.Instances`."""

    def path_of(self, instance: Instance) -> Path: ...
    def recall(self, study_instance_uid: str) -> None: ...


class AnnotationFault(EdgeError):
    """The objects cannot be written: a fault of ours, or words that DICOM cannot hold."""

    code = "record.annotation"
    next_step = "The drawing waits in the spool; keep it for support."


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One drawing on its way into the store."""

    annotation_id: str
    session: Session
    still_uid: str
    earlier_uids: tuple[str, ...]
    """Stills of the first frames of heart rates, in the order of the measurements."""
    frame_index: int
    graphics: tuple[Graphic, ...]
    measured: tuple[Measured, ...]
    author: Author
    presentation_uid: str
    report_uid: str
    """Empty when no measurement has a value."""
    made_s: float


class Annotations:
    """Takes drawings, keeps them. Methods may block on the disk; safe from any thread."""

    def __init__(
        self, folder: Path, frames: Frames, store: Archive, *, station: str, institution: str, tell: Tell
    ) -> None:
        """`folder` is the spool's; `tell` is called from the thread."""
        self._folder = folder
        self._frames = frames
        self._store = store
        self._station, self._institution = station, institution
        self._tell = tell
        self._holds = Holds()
        self._queue: queue.Queue[tuple[Path, Job]] = queue.Queue(JOB_COUNT_MAX)
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        self._thread = threading.Thread(target=self._run, name="annotate", daemon=True)

    def start(self) -> None:
        """Go on with what an earlier process left, too."""
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                self._queue.put_nowait((path, msgspec.json.decode(path.read_bytes(), type=Job)))
            except msgspec.MsgspecError as error:
                event(log, "annotation.unreadable", level=logging.ERROR, file=path.name, why=type(error).__name__)
        self._thread.start()

    def check(self) -> None:
        """Raise what cannot be: the thread has died."""
        if not self._thread.is_alive():
            raise ThreadDied("The thread that keeps drawings has died.")

    def stop(self) -> None:
        """Stop; what is not kept yet waits for the next start."""
        self._stopping.set()
        self._thread.join(STOP_TIMEOUT_S)

    def prepare(self) -> None:
        """An exam begins: load what drawings are written with while nobody waits for an answer yet."""
        self._wanted.set()

    def hold(self, session_id: str, frame_index: int | None) -> dict[str, Any]:
        """Keep a frame at hand while somebody draws on it; say how it is calibrated.  Raises: NotFoundError."""
        hold = self._holds.add(session_id, self._frames.frame(session_id, frame_index))
        canvas = self._canvas(session_id, hold)
        return {
            "hold_id": hold.hold_id, "frame_index": hold.frame.info.index, "at_s": hold.frame.info.wall_ns / 1e9,
            "width_px": canvas.width_px, "height_px": canvas.height_px,
            "regions": [asdict(region) for region in canvas.regions],
        }  # fmt: skip

    def drop(self, session_id: str) -> None:
        """The session is over: nobody draws any more."""
        self._holds.drop(session_id)

    def measure(self, session_id: str, hold_id: str, wishes: tuple[Wish, ...]) -> list[Measured]:
        """Work out figures without keeping anything.  Raises: NotFoundError, BadInputError."""
        check_drawing((), wishes)
        return self._measure(session_id, self._holds.find(session_id, hold_id), wishes)

    def annotate(
        self, session_id: str, *, hold_id: str, frame_index: int | None, graphics: tuple[Graphic, ...],
        wishes: tuple[Wish, ...], author: Author,
    ) -> dict[str, Any]:  # fmt: skip
        """Keep a drawing; once this returns it survives a power cut.

        Raises: BadInputError, NotFoundError when the frame is gone, StorageFullError, BusyError.
        """
        check_drawing(graphics, wishes)
        if not hold_id and frame_index is None:
            raise NotFoundError("It is not known which picture was drawn on.", next_step="Freeze it and draw again.")
        if hold_id:
            hold = self._holds.find(session_id, hold_id)
        else:
            hold = self._holds.add(session_id, self._frames.frame(session_id, frame_index))
        measured = self._measure(session_id, hold, wishes)
        earlier = [
            self._frames.still_of(session_id, self._holds.find(session_id, part.wish.from_hold_id).frame)
            for part in measured
            if part.values and part.wish.kind is MeasurementKind.HEART_RATE
        ]
        still = self._frames.still_of(session_id, hold.frame)
        job = Job(
            annotation_id=uuid.uuid4().hex, session=self._frames.session(session_id), still_uid=still.sop_instance_uid,
            earlier_uids=tuple(header.sop_instance_uid for header in earlier), frame_index=hold.frame.info.index,
            graphics=graphics, measured=tuple(measured), author=author, presentation_uid=new_uid(),
            report_uid=new_uid() if any(part.values for part in measured) else "", made_s=clock.wall_s(),
        )  # fmt: skip
        self._put(job)
        return _told(job)

    def _measure(self, session_id: str, hold: Hold, wishes: Sequence[Wish]) -> list[Measured]:
        canvas = self._canvas(session_id, hold)
        return [measure(wish, canvas, interval_s=self._interval_s(session_id, hold, wish)) for wish in wishes]

    def _interval_s(self, session_id: str, hold: Hold, wish: Wish) -> float | None:
        if wish.kind is not MeasurementKind.HEART_RATE:
            return None
        earlier = self._holds.find(session_id, wish.from_hold_id)
        return (hold.frame.info.mono_ns - earlier.frame.info.mono_ns) / 1e9

    def _canvas(self, session_id: str, hold: Hold) -> Canvas:
        info = hold.frame.info
        regions = regions_of(self._frames.source_row(session_id), info.width_px, info.height_px)
        return Canvas(width_px=info.width_px, height_px=info.height_px, regions=regions)

    def _put(self, job: Job) -> None:
        """Write the file for good, then queue it.  Raises: StorageFullError, BusyError."""
        if self._queue.full():
            raise BusyError(f"{JOB_COUNT_MAX} drawings wait to be kept.", next_step="Try again in a minute.")
        path = self._folder / f"{job.annotation_id}{SUFFIX}"
        temporary = path.with_suffix(".new")
        with full_disk_explained(path):
            temporary.write_bytes(msgspec.json.encode(asdict(job)))
            sync_file(temporary)
        temporary.replace(path)
        sync_folder(self._folder)
        self._queue.put_nowait((path, job))

    def _run(self) -> None:
        go_last()
        waiting: list[tuple[Path, Job]] = []
        while not self._stopping.is_set():
            if self._wanted.is_set():
                self._wanted.clear()
                warm_up()
            with contextlib.suppress(queue.Empty):
                waiting.append(self._queue.get(timeout=LOOK_S))
            waiting = [part for part in waiting if not self._finish(*part)]

    def _finish(self, path: Path, job: Job) -> bool:
        """Keep the objects if their stills are; tell whether nothing is left to do."""
        try:
            headers = self._headers(job)
            if headers is None:
                return False
            self._keep(job, headers)
        except EdgeError as error:
            event(log, "annotation.failed", level=logging.ERROR, session=job.session.session_id, code=error.code,
                  why=error.message)  # fmt: skip
            self._tell("record.failed", {
                "session_id": job.session.session_id, "clip_id": job.annotation_id, "code": error.code,
                "message": error.message, "next_step": error.advice,
            })  # fmt: skip
            self._stopping.wait(RETRY_S if error.is_temporary else 0)
            # What no retry can mend stays on the disk for support.
            return not error.is_temporary
        path.unlink(missing_ok=True)
        sync_folder(self._folder)
        event(log, "annotation.saved", session=job.session.session_id, sop_instance_uid=job.presentation_uid,
              still=job.still_uid, report=job.report_uid)  # fmt: skip
        self._tell("object.saved", _told(job))
        return True

    def _headers(self, job: Job) -> dict[str, Dataset] | None:
        """Return the headers of all stills; None while one is not kept yet, or is being fetched back."""
        headers = {}
        for uid in (job.still_uid, *job.earlier_uids):
            instance = self._store.find(uid)
            if instance is None:
                return None
            if instance.evicted_s is not None:
                self._store.recall(instance.study_instance_uid)
                return None
            try:
                headers[uid] = pydicom.dcmread(self._store.path_of(instance), stop_before_pixels=True)
            except FileNotFoundError:  # It has left this moment.
                return None
        return headers

    def _keep(self, job: Job, headers: dict[str, Dataset]) -> None:
        from edge.dicom import measurement_report, presentation_state

        still = headers[job.still_uid]
        try:
            if self._store.find(job.presentation_uid) is None:
                identity = self._identity(job, job.presentation_uid, job.session.presentation_series_uid)
                self._write(presentation_state.build(still, identity, job.graphics, job.measured))
            if job.report_uid and self._store.find(job.report_uid) is None:
                identity = self._identity(job, job.report_uid, job.session.report_series_uid)
                valued = [part for part in job.measured if part.values]
                earlier = [headers[uid] for uid in job.earlier_uids]
                self._write(measurement_report.build(still, identity, valued, earlier=earlier))
        except _UNWRITABLE as error:
            raise AnnotationFault(f"A drawing cannot be written ({type(error).__name__}).") from error

    def _identity(self, job: Job, uid: str, series_uid: str) -> Any:
        from edge.dicom.presentation_state import Identity

        return Identity(
            sop_instance_uid=uid, series_instance_uid=series_uid,
            instance_number=len(self._store.in_series(series_uid)) + 1, made_s=job.made_s, author=job.author,
            station=self._station, institution=self._institution,
        )  # fmt: skip

    def _write(self, ds: Dataset) -> Kept:
        temp = self._store.new_temp()
        try:
            with full_disk_explained(temp):
                ds.save_as(temp, enforce_file_format=True)
                return self._store.keep(temp, source=SOURCE)
        finally:
            temp.unlink(missing_ok=True)


def _told(job: Job) -> dict[str, Any]:
    """Return what pages are told of a drawing."""
    return {
        "session_id": job.session.session_id, "clip_id": job.annotation_id, "kind": "annotation",
        "sop_instance_uid": job.presentation_uid, "study_instance_uid": job.session.study_instance_uid,
        "series_instance_uid": job.session.presentation_series_uid, "frame_count": 1, "gap_count": 0,
        "is_recovered": False, "still_sop_instance_uid": job.still_uid, "report_sop_instance_uid": job.report_uid,
        "frame_index": job.frame_index, "graphics": [asdict(graphic) for graphic in job.graphics],
        "measurements": [_figures(part) for part in job.measured], "author": asdict(job.author),
    }  # fmt: skip


def _figures(part: Measured) -> dict[str, Any]:
    return {
        "kind": part.wish.kind, "points": part.wish.points, "reason": part.reason, "words": part.words,
        "values": [asdict(value) for value in part.values],
    }  # fmt: skip


def show_figures(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """Return measurements as pages read them."""
    return [_figures(part) for part in measured]
