"""The last seconds of a source, compressed, in memory: for `save the last N seconds`. Bounded in time and in bytes."""

from collections import deque

from edge.core.clip import start_of_last
from edge.record.packed import PackedFrame


class PreRoll:
    """Frames of one size, oldest first. Not thread-safe: its owner locks."""

    def __init__(self, *, seconds_max: float, bytes_max: int) -> None:
        """Both limits hold at any time; whichever is reached first."""
        self._ns_max = round(seconds_max * 1e9)
        self._bytes_max = bytes_max
        self._frames: deque[PackedFrame] = deque()
        self.size_bytes = 0

    def add(self, frame: PackedFrame) -> None:
        """Add the newest frame; what no longer fits goes. A change of size begins anew."""
        if self._frames and self._frames[-1].shape != frame.shape:
            self._frames.clear()
            self.size_bytes = 0
        self._frames.append(frame)
        self.size_bytes += len(frame.data)
        newest_ns = frame.info.mono_ns
        while len(self._frames) > 1 and (
            self.size_bytes > self._bytes_max or newest_ns - self._frames[0].info.mono_ns > self._ns_max
        ):
            self.size_bytes -= len(self._frames.popleft().data)

    def last(self, seconds: float) -> list[PackedFrame]:
        """Return the frames of the last `seconds`, or as many as there are."""
        frames = list(self._frames)
        return frames[start_of_last([frame.moment for frame in frames], seconds) :]

    def find(self, index: int) -> PackedFrame | None:
        """Return the frame with that index, if it is still here."""
        return next((frame for frame in reversed(self._frames) if frame.info.index == index), None)

    @property
    def newest(self) -> PackedFrame | None:
        return self._frames[-1] if self._frames else None
