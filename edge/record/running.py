"""A clip while it runs: frames into its spool, synced twice a second by a thread of its own."""

import threading
from dataclasses import dataclass, replace

from edge.core.clip import EndReason, end_reason
from edge.errors import EdgeError
from edge.record.packed import PackedFrame
from edge.record.spool import SpoolHeader, SpoolWriter
from edge.store.durable import free_bytes

SYNC_INTERVAL_S = 0.5
SYNC_STOP_TIMEOUT_S = 30.0
OBJECT_PER_SPOOL_MAX = 3
"""How much larger than its spool an object may be: JPEG-LS codes three nearly equal channels three times."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a clip that ran."""

    clip_id: str
    frame_count: int
    gap_count: int
    reason: EndReason


class RunningClip:
    """One spool being written. `append` and `end` in one thread."""

    def __init__(
        self, writer: SpoolWriter, header: SpoolHeader, shape: tuple[int, int, int] | None, *, reserve_bytes: int
    ) -> None:
        """Take over a writer just made."""
        self.header = header
        self.shape = shape
        self.frame_count = 0
        self.gap_count = 0
        self._writer = writer
        self._reserve_bytes = reserve_bytes
        self._room: tuple[int, int] | None = None
        """What was free when it was last looked at, and how large the spool was before that; bytes."""
        self._first_ns = 0
        self._last_index: int | None = None
        self._sync_error: OSError | None = None
        self._stopping = threading.Event()
        self._syncer = threading.Thread(target=self._sync, name="spool-sync", daemon=True)
        self._syncer.start()

    def append(self, frame: PackedFrame, *, duration_s_max: float) -> EndReason | None:
        """Add a frame; return why the clip must end now, if it must.  Raises: StorageFullError, OSError."""
        if self._sync_error is not None:
            raise self._sync_error
        self._writer.append(frame)
        if self.frame_count == 0:
            self._first_ns = frame.info.mono_ns
            self.shape = frame.shape
        elif self._last_index is not None and frame.info.index != self._last_index + 1:
            self.gap_count += 1
        self._last_index = frame.info.index
        self.frame_count += 1
        return end_reason(
            frame_count=self.frame_count, duration_s=(frame.info.mono_ns - self._first_ns) / 1e9,
            duration_s_max=duration_s_max, is_room_left=self._is_room_left(),
        )  # fmt: skip

    def end(self, reason: EndReason) -> Ended:
        """Write the end, or remove the file when no frame came."""
        self._stopping.set()
        self._syncer.join(SYNC_STOP_TIMEOUT_S)
        if self.frame_count == 0:
            self._writer.abandon()
        else:
            try:
                self._writer.finish(reason)
            except (EdgeError, OSError):
                # No room even for the end: the frames are there, and the clip will say that it was broken off.
                reason = EndReason.DISK_FULL
        return Ended(self.header.clip_id, self.frame_count, self.gap_count, reason)

    def _is_room_left(self) -> bool:
        """Tell whether the object made of this clip finds its place beside the spool, whenever was last looked."""
        room = self._room
        if room is None:
            return True
        free_then_bytes, size_then_bytes = room
        size_bytes = self._writer.size_bytes
        left_bytes = free_then_bytes - (size_bytes - size_then_bytes)
        return left_bytes > self._reserve_bytes + OBJECT_PER_SPOOL_MAX * size_bytes

    def _sync(self) -> None:
        try:
            self._look()
            while not self._stopping.wait(SYNC_INTERVAL_S):
                self._writer.sync()
                self._look()
        except OSError as error:
            self._sync_error = error

    def _look(self) -> None:
        size_bytes = self._writer.size_bytes
        self._room = (free_bytes(self._writer.path.parent), size_bytes)


def header_for_part(header: SpoolHeader, clip_id: str, part: int) -> SpoolHeader:
    """Return the header of a further part of a clip: another picture size needs another object."""
    return replace(header, clip_id=f"{clip_id}.{part}")
