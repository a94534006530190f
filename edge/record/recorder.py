"""What `record` can be asked: sessions, clips, stills. One follower a session, one finaliser for all."""

import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from edge.core.clip import EndReason
from edge.core.session import Session
from edge.dicom.identity import check_session, new_uid
from edge.errors import BadInputError, BusyError, EdgeError, NotFoundError
from edge.record.finaliser import Finaliser, Task
from edge.record.finish import Store
from edge.record.follower import Follower, Tell
from edge.record.packed import PackedFrame
from edge.record.preroll import PreRoll
from edge.record.running import Ended, RunningClip, header_for_part
from edge.record.spool import SUFFIX, SpoolDamaged, SpoolHeader, SpoolWriter, read_spool
from edge.runtime.log import event
from edge.store.durable import sync_file, sync_folder

log = logging.getLogger(__name__)
SESSION_COUNT_MAX = 16
SESSION_SUFFIX = ".session"
STILLS_KNOWN_MAX = 256
"""Of one session: a drawing on a frame that is a still already makes no second one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things are, and the limits."""

    spool: Path
    run_dir: Path
    clip_s_max: float
    keep_last_s_max: float
    keep_last_bytes_max: int
    reserve_bytes: int


@dataclass(slots=True)
class _Followed:
    """A session that is followed."""

    session: Session
    follower: Follower
    instance_number: int
    stills: "OrderedDict[tuple[int, bytes], SpoolHeader]" = field(default_factory=OrderedDict)
    """By index and digest of the frame."""


class Recorder:
    """The answers of the record service. Every method may block on the disk; safe from any thread."""

    def __init__(
        self, settings: Settings, store: Store, finaliser: Finaliser, *,
        source_row: Callable[[str], dict[str, Any]], tell: Callable[[str, dict[str, Any]], None],
    ) -> None:  # fmt: skip
        """`source_row` gives what `capture` says of a source now; `tell` takes events from any thread."""
        self._settings = settings
        self._store = store
        self._finaliser = finaliser
        self._source_row = source_row
        self._tell = tell
        self._lock = threading.Lock()
        self._followed: dict[str, _Followed] = {}
        settings.spool.mkdir(parents=True, exist_ok=True)

    def recover(self) -> int:
        """Finish every spool that an earlier process left, follow its sessions again; return how many spools."""
        count = 0
        for path in sorted(self._settings.spool.glob(f"*{SUFFIX}")):
            try:
                spool = read_spool(path)
            except SpoolDamaged as error:
                event(log, "spool.damaged", level=logging.ERROR, spool=path.name, why=error.message)
                continue
            header = spool.header
            event(log, "spool.found", spool=path.name, frame_count=len(spool.entries), is_whole=spool.end is not None)
            self._finaliser.add(
                Task(path=path, session_id=header.session.session_id, clip_id=header.clip_id, kind=header.kind,
                     frame_count=len(spool.entries))
            )  # fmt: skip
            count += 1
        for path in sorted(self._settings.spool.glob(f"*{SESSION_SUFFIX}")):
            try:
                self._follow(msgspec.json.decode(path.read_bytes(), type=Session))
            except (msgspec.MsgspecError, EdgeError) as error:
                event(log, "session.unreadable", level=logging.ERROR, file=path.name, why=str(error))
        return count

    def begin(self, session: Session) -> None:
        """Follow a session's source from now on; a second time changes only what is written of it."""
        check_session(session)
        path = self._session_path(session.session_id)
        temporary = path.with_suffix(f".{uuid.uuid4().hex}.new")
        temporary.write_bytes(msgspec.json.encode(asdict(session)))
        sync_file(temporary)
        temporary.replace(path)
        sync_folder(path.parent)
        self._follow(session)

    def end(self, session_id: str) -> None:
        """Stop a running clip, then following.  Raises: NotFoundError."""
        followed = self._find(session_id)
        self._end_clip(followed, EndReason.SESSION_CLOSED)
        followed.follower.stop()
        with self._lock:
            self._followed.pop(session_id, None)
        self._session_path(session_id).unlink(missing_ok=True)

    def start_clip(self, session_id: str) -> dict[str, Any]:
        """Record from the next frame on.  Raises: ConflictError, StorageFullError."""
        followed = self._find(session_id)
        self._store.require_room()
        header = self._new_header(followed, "clip")

        def make() -> RunningClip:
            return self._run_clip(header)

        clip, first_index = followed.follower.begin_clip(make)
        started = {"clip_id": clip.header.clip_id, "started_s": header.started_s}
        self._tell("clip.started", {"session_id": session_id, **started})
        return {**started, "first_index": first_index}

    def stop_clip(self, session_id: str) -> dict[str, Any]:
        """End the running clip; its object follows.  Raises: NotFoundError when none runs."""
        ended = self._end_clip(self._find(session_id), EndReason.STOPPED)
        if ended is None:
            raise NotFoundError("No clip is being recorded.", next_step="Start one first.")
        return {"clip_id": ended.clip_id, "frame_count": ended.frame_count}

    def save_last(self, session_id: str, seconds: float) -> dict[str, Any]:
        """Make a clip of what has just been seen.  Raises: BadInputError, SourceSilent, StorageFullError."""
        if not 0 < seconds <= self._settings.keep_last_s_max:
            raise BadInputError(f"Ask for 1 to {self._settings.keep_last_s_max:g} seconds.")
        followed = self._find(session_id)
        self._store.require_room()
        frames = followed.follower.last(seconds)
        header = self._new_header(followed, "clip")
        self._save(header, frames)
        return {"clip_id": header.clip_id, "frame_count": len(frames)}

    def still(self, session_id: str, frame_index: int | None) -> dict[str, Any]:
        """Keep one frame.  Raises: NotFoundError when that frame is gone, SourceSilent, StorageFullError."""
        frame = self.frame(session_id, frame_index)
        header = self._keep_still(self._find(session_id), frame)
        return {"still_id": header.clip_id, "frame_index": frame.info.index}

    def frame(self, session_id: str, frame_index: int | None) -> PackedFrame:
        """Return one frame as captured.  Raises: NotFoundError when it is gone, SourceSilent."""
        return self._find(session_id).follower.frame(frame_index)

    def session(self, session_id: str) -> Session:
        """Return a session that is followed.  Raises: NotFoundError."""
        return self._find(session_id).session

    def source_row(self, session_id: str) -> dict[str, Any]:
        """Return what `capture` says of a session's source.  Raises: NotFoundError."""
        return self._source_row(self._find(session_id).session.source)

    def still_of(self, session_id: str, frame: PackedFrame) -> SpoolHeader:
        """Return the still of that very frame, kept now when it is not one yet.  Raises: StorageFullError."""
        followed = self._find(session_id)
        with self._lock:
            known = followed.stills.get((frame.info.index, frame.info.digest))
        return known or self._keep_still(followed, frame)

    def _keep_still(self, followed: _Followed, frame: PackedFrame) -> SpoolHeader:
        self._store.require_room()
        header = self._new_header(followed, "still")
        self._save(header, [frame])
        with self._lock:
            followed.stills[frame.info.index, frame.info.digest] = header
            while len(followed.stills) > STILLS_KNOWN_MAX:
                followed.stills.popitem(last=False)
        return header

    def state(self) -> list[dict[str, Any]]:
        """Return a row for every session that is followed, and for every ended one not all of which is kept."""
        with self._lock:
            followed = dict(self._followed)
        ended = self._finaliser.session_ids() - followed.keys()
        rows = [self._row(part) for part in followed.values()]
        return [*rows, *(self._row_of_ended(session_id) for session_id in sorted(ended))]

    def check(self) -> None:
        """Raise what cannot be: a thread of ours has died."""
        with self._lock:
            followers = [followed.follower for followed in self._followed.values()]
        if not self._finaliser.is_alive or not all(follower.is_alive for follower in followers):
            raise ThreadDied("A thread of the record service has died.")

    def stop(self) -> None:
        """End every clip and thread; sessions and spools stay for the next start."""
        with self._lock:
            followed = list(self._followed.values())
        for part in followed:
            self._end_clip(part, EndReason.STOPPED)
            part.follower.stop()
        self._finaliser.stop()

    def _row(self, followed: _Followed) -> dict[str, Any]:
        clip = followed.follower.clip
        return {
            "session_id": followed.session.session_id, "source": followed.session.source, "is_followed": True,
            "is_recording": clip is not None, "clip_id": clip.header.clip_id if clip else None,
            "started_s": clip.header.started_s if clip else None, "frame_count": clip.frame_count if clip else 0,
            "gap_count": clip.gap_count if clip else 0,
            "pending": self._finaliser.pending(followed.session.session_id),
        }  # fmt: skip

    def _row_of_ended(self, session_id: str) -> dict[str, Any]:
        return {
            "session_id": session_id, "source": "", "is_followed": False, "is_recording": False, "clip_id": None,
            "started_s": None, "frame_count": 0, "gap_count": 0, "pending": self._finaliser.pending(session_id),
        }  # fmt: skip

    def _find(self, session_id: str) -> _Followed:
        with self._lock:
            followed = self._followed.get(session_id)
        if followed is None:
            raise NotFoundError(f"Session {session_id} is not being followed.", next_step="Open the session first.")
        return followed

    def _follow(self, session: Session) -> None:
        session_id = session.session_id
        with self._lock:
            if session_id in self._followed:
                self._followed[session_id].session = session
                return
            if len(self._followed) >= SESSION_COUNT_MAX:
                raise BusyError(f"{SESSION_COUNT_MAX} sessions are open already.", next_step="Close one first.")
            follower = self._new_follower(session)
            known_count = len(self._store.in_series(session.series_instance_uid))
            self._followed[session_id] = _Followed(
                session, follower, known_count + self._finaliser.pending_count(session_id)
            )
        follower.start()
        event(log, "session.followed", session=session_id, source=session.source)

    def _new_follower(self, session: Session) -> Follower:
        session_id = session.session_id

        def tell(name: str, values: dict[str, Any]) -> None:
            self._tell(name, {"session_id": session_id, **values})

        def on_end(clip: RunningClip, ended: Ended, error: EdgeError | None) -> RunningClip | None:
            return self._ended_by_itself(clip, ended, error, tell)

        return Follower(
            session_id,
            ring_path=self._settings.run_dir / f"ring-{session.source}",
            bells=self._settings.run_dir / "bells" / f"ring-{session.source}",
            bell_name=f"record-{uuid.uuid4().hex[:8]}",
            pre_roll=PreRoll(
                seconds_max=self._settings.keep_last_s_max, bytes_max=self._settings.keep_last_bytes_max
            ),
            clip_s_max=self._settings.clip_s_max, tell=tell, on_end=on_end,
        )  # fmt: skip

    def _new_header(self, followed: _Followed, kind: str) -> SpoolHeader:
        row = self._source_row(followed.session.source)
        with self._lock:
            followed.instance_number += 1
            number = followed.instance_number
        return SpoolHeader(
            clip_id=uuid.uuid4().hex, kind=kind, sop_instance_uid=new_uid(), instance_number=number,
            session=followed.session, source=row, started_s=time.time(),
        )  # fmt: skip

    def _run_clip(self, header: SpoolHeader) -> RunningClip:
        writer = SpoolWriter(self._settings.spool, header)
        return RunningClip(writer, header, None, reserve_bytes=self._settings.reserve_bytes)

    def _save(self, header: SpoolHeader, frames: list[PackedFrame]) -> None:
        """Put frames on the disk for good, then in the queue.  Raises: StorageFullError; then nothing is left."""
        writer = SpoolWriter(self._settings.spool, header)
        try:
            for frame in frames:
                writer.append(frame)
        except (EdgeError, OSError):
            writer.abandon()
            raise
        writer.finish(EndReason.SAVED)
        self._queue(header, len(frames), None)

    def _end_clip(self, followed: _Followed, reason: EndReason) -> Ended | None:
        found = followed.follower.end_clip(reason)
        if found is None:
            return None
        self._after_clip(*found)
        return found[1]

    def _after_clip(self, clip: RunningClip, ended: Ended) -> None:
        self._tell("clip.stopped", {
            "session_id": clip.header.session.session_id, "clip_id": ended.clip_id,
            "frame_count": ended.frame_count, "gap_count": ended.gap_count, "reason": ended.reason.value,
        })  # fmt: skip
        if ended.frame_count:
            self._queue(clip.header, ended.frame_count, ended.reason)

    def _ended_by_itself(
        self, clip: RunningClip, ended: Ended, error: EdgeError | None, tell: Tell
    ) -> RunningClip | None:
        """A limit, a full disk or another picture size ended a clip; only the last goes on in a further part."""
        self._after_clip(clip, ended)
        if error is not None:
            event(log, "record.failed", level=logging.ERROR, session=clip.header.session.session_id, code=error.code)
            tell("record.failed", {"clip_id": ended.clip_id, "code": error.code, "message": error.message,
                                   "next_step": error.advice})  # fmt: skip
        if ended.reason is not EndReason.SIZE_CHANGED:
            return None
        base, _, part = clip.header.clip_id.partition(".")
        followed = self._find(clip.header.session.session_id)
        header = header_for_part(self._new_header(followed, "clip"), base, int(part or 1) + 1)
        return self._run_clip(header)

    def _queue(self, header: SpoolHeader, frame_count: int, ended: EndReason | None) -> None:
        self._finaliser.add(
            Task(path=self._settings.spool / f"{header.clip_id}{SUFFIX}", session_id=header.session.session_id,
                 clip_id=header.clip_id, kind=header.kind, frame_count=frame_count, ended=ended)
        )  # fmt: skip

    def _session_path(self, session_id: str) -> Path:
        if not session_id or not all(character.isalnum() or character in "-_" for character in session_id):
            raise BadInputError("A session's identifier holds only letters, digits, - and _.")
        return self._settings.spool / f"{session_id}{SESSION_SUFFIX}"


class ThreadDied(EdgeError):
    """The process is to be restarted whole."""

    code = "record.died"
