"""Follows one session's source: every frame from the ring into the pre-roll and, while one runs, into a clip."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.core.clip import EndReason
from edge.errors import ConflictError, EdgeError, NotFoundError, StorageFullError
from edge.record.packed import PackedFrame, is_intact, is_whole, pack
from edge.record.preroll import PreRoll
from edge.record.running import Ended, RunningClip
from edge.ring import FrameGap, Reader, RingAbsent, reading
from edge.runtime.doorbell import Doorbell
from edge.runtime.log import event
from edge.runtime.priority import go_first

log = logging.getLogger(__name__)
WAIT_S = 0.1
ABSENT_WAIT_S = 0.2
CATCH_UP_S_MAX = 2.0
STOP_TIMEOUT_S = 10.0
SILENT_S_MAX = 3.0
"""Without a frame for so long the source counts as silent."""

Tell = Callable[[str, dict[str, Any]], None]
OnEnd = Callable[[RunningClip, Ended, EdgeError | None], RunningClip | None]
"""Told of a clip that ended by itself; may hand back the part that follows."""


class SourceSilent(ConflictError):
    """The source gives no pictures: there is nothing to record."""

    code = "record.silent"
    next_step = "Check the probe and its cable, then start again."


class Follower:
    """One thread; its clip and pre-roll are guarded by one lock."""

    def __init__(
        self, session_id: str, *, ring_path: Path, bells: Path, bell_name: str, pre_roll: PreRoll,
        clip_s_max: float, tell: Tell, on_end: OnEnd,
    ) -> None:  # fmt: skip
        """Nothing runs yet; see `start`."""
        self._session_id = session_id
        self._ring_path = ring_path
        self._bells, self._bell_name = bells, bell_name
        self._pre_roll = pre_roll
        self._clip_s_max = clip_s_max
        self._tell, self._on_end = tell, on_end
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._last_index: int | None = None
        self._last_frame_s = 0.0
        self.clip: RunningClip | None = None
        self._thread = threading.Thread(target=self._run, name=f"follow-{session_id[:8]}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """End the thread; a running clip must have been ended before."""
        self._stopping.set()
        self._thread.join(STOP_TIMEOUT_S)

    def begin_clip(self, make: Callable[[], RunningClip]) -> tuple[RunningClip, int]:
        """Start a clip with the next frame; return it and that frame's index.  Raises: ConflictError, SourceSilent."""
        self._catch_up()
        with self._lock:
            if self.clip is not None:
                raise ConflictError("A clip is being recorded already.", next_step="Stop it first.")
            if self._last_index is None or time.monotonic() - self._last_frame_s > SILENT_S_MAX:
                raise SourceSilent("The probe gives no picture now.")
            self.clip = make()
            return self.clip, self._last_index + 1

    def end_clip(self, reason: EndReason) -> tuple[RunningClip, Ended] | None:
        """End the running clip with the newest frame of this moment; None when none runs."""
        self._catch_up()
        with self._lock:
            clip, self.clip = self.clip, None
            return None if clip is None else (clip, clip.end(reason))

    def last(self, seconds: float) -> list[PackedFrame]:
        """Return the newest frames.  Raises: SourceSilent when there are none."""
        self._catch_up()
        with self._lock:
            frames = self._pre_roll.last(seconds)
        if not frames:
            raise SourceSilent("There are no pictures to save yet.")
        return frames

    def frame(self, index: int | None) -> PackedFrame:
        """Return a frame by its index, or the newest.  Raises: NotFoundError when it is gone, SourceSilent."""
        if index is None or self._last_index is None or index > self._last_index:
            self._catch_up()
        with self._lock:
            found = self._pre_roll.newest if index is None else self._pre_roll.find(index)
        if found is not None:
            return found
        if index is None:
            raise SourceSilent("There is no picture yet.")
        try:
            with reading(self._ring_path) as reader:
                frame = reader.after(index - 1)
        except (FrameGap, RingAbsent):
            frame = None
        if frame is None or not is_intact(frame):
            raise NotFoundError(f"Frame {index} is no longer there.", next_step="Take a newer one.")
        return pack(frame)

    def _catch_up(self) -> None:
        """Wait until what has been captured up to now is here."""
        try:
            with reading(self._ring_path) as reader:
                wanted = reader.next_index - 1
        except RingAbsent:
            return
        until_s = time.monotonic() + CATCH_UP_S_MAX
        while time.monotonic() < until_s and self.is_alive:
            if self._last_index is not None and self._last_index >= wanted:
                return
            time.sleep(0.002)

    def _run(self) -> None:
        go_first()
        bell = Doorbell(self._bells, self._bell_name)
        try:
            reader = self._open()
            while reader is not None and not self._stopping.is_set():
                if not self._take(reader):
                    bell.wait(WAIT_S)
            if reader is not None:
                reader.close()
        finally:
            bell.close()

    def _open(self) -> Reader | None:
        """Wait for the ring; follow it from its newest frame on."""
        while not self._stopping.is_set():
            try:
                reader = Reader(self._ring_path)
            except RingAbsent:
                self._stopping.wait(ABSENT_WAIT_S)
                continue
            self._last_index = max(reader.oldest_index, reader.next_index - 1) - 1
            return reader
        return None

    def _take(self, reader: Reader) -> bool:
        """Take the next frame or note that it is lost; False when there is none yet."""
        assert self._last_index is not None
        try:
            frame = reader.after(self._last_index)
            if frame is not None and not is_whole(frame):
                frame = reader.after(self._last_index)  # Overtaken while copying, at the worst.
                if frame is None or not is_whole(frame):
                    raise FrameGap(self._last_index + 1, self._last_index + 2)
        except FrameGap as gap:
            self._last_index = gap.next_index - 1
            event(log, "record.gap", level=logging.WARNING, session=self._session_id,
                  first_index=gap.first_index, next_index=gap.next_index)  # fmt: skip
            self._tell("record.gap", {"first_index": gap.first_index, "next_index": gap.next_index})
            return True
        if frame is None:
            return False
        packed = pack(frame)
        with self._lock:
            self._pre_roll.add(packed)
            self._record(packed)
            self._last_index = packed.info.index
            self._last_frame_s = time.monotonic()
        return True

    def _record(self, frame: PackedFrame) -> None:
        """Append to the running clip; end it when it must end."""
        if self.clip is not None and self.clip.shape not in (None, frame.shape):
            self._end_by_itself(EndReason.SIZE_CHANGED, None)
        if self.clip is None:
            return
        try:
            reason = self.clip.append(frame, duration_s_max=self._clip_s_max)
            error: EdgeError | None = None
            if reason is EndReason.DISK_FULL:
                error = StorageFullError("The disk is nearly full: the recording was ended and is kept.")
        except StorageFullError:
            reason, error = EndReason.DISK_FULL, StorageFullError("The disk is full: the recording was ended.")
        except OSError as fault:
            reason, error = EndReason.DISK_FULL, StorageFullError(f"The disk failed ({fault.strerror}).")
        if reason is not None:
            self._end_by_itself(reason, error)

    def _end_by_itself(self, reason: EndReason, error: EdgeError | None) -> None:
        clip = self.clip
        if clip is not None:
            self.clip = None
            self.clip = self._on_end(clip, clip.end(reason), error)
