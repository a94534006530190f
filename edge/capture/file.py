"""A video file as the probe: any that PyAV opens, at its own times, looped or once."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av

from edge.capture.source import Description, Picture, SourceAbsent, calibrations
from edge.capture.video import lossy_method, pixels_of, usual_rate
from edge.config import Source

INTERVAL_S_MAX = 10
"""A longer hole between two times in the file is taken for a fault of its clock."""
FPS_FALLBACK = 25.0


class VideoFile:
    """A video file, opened; each lap reads it again from the start."""

    def __init__(self, settings: Source) -> None:
        """Open it.  Raises: SourceAbsent, in words."""
        self._path = Path(settings.path)
        self._is_looped = settings.loop
        self.reason = ""
        with self._open() as container:
            stream = container.streams.video[0]
            self._interval_s = Fraction(1) / Fraction(usual_rate(stream, FPS_FALLBACK)).limit_denominator(100_000)
            if stream.average_rate:
                self._interval_s = 1 / Fraction(stream.average_rate)
            self._promised_count = stream.frames
            method = lossy_method(stream.codec_context.name)
            bits = stream.bit_rate or container.bit_rate or 0
            raw_bits = stream.width * stream.height * 24 / float(self._interval_s)
            self.description = Description(
                fps=float(1 / self._interval_s), manufacturer=settings.manufacturer, model=settings.model,
                regions=calibrations(settings), lossy_method=method,
                lossy_ratio=round(raw_bits / bits, 2) if method and bits else None,
            )  # fmt: skip

    def _open(self) -> av.container.InputContainer:
        if not self._path.is_file():
            raise SourceAbsent(f"The file {self._path.name} is not there.", next_step="Check `path` of this source.")
        try:
            container = av.open(str(self._path))
        except (av.error.FFmpegError, OSError) as error:
            raise SourceAbsent(
                f"The video {self._path.name} cannot be opened: it is damaged, cut short or not a video.",
                next_step="Copy the file again.",
            ) from error
        if not container.streams.video:
            container.close()
            raise SourceAbsent(f"The file {self._path.name} holds no video.", next_step="Choose another file.")
        return container

    def pictures(self) -> Iterator[Picture]:
        """Yield every picture that can be decoded, lap after lap.  Raises: SourceAbsent when none can."""
        start_s = Fraction(0)
        while True:
            end_s: Fraction | None = None
            for pixels_frame, at_s in self._lap():
                yield Picture(pixels_of(pixels_frame), round((start_s + at_s) * 1_000_000_000))
                end_s = start_s + at_s + self._interval_s
            if end_s is None:
                raise SourceAbsent(
                    f"Nothing of the video {self._path.name} can be shown: it is damaged.",
                    next_step="Copy the file again.",
                )
            if not self._is_looped:
                return
            start_s = end_s

    def _lap(self) -> Iterator[tuple[av.VideoFrame, Fraction]]:
        """Yield (frame, seconds since the first) once through the file; what is damaged is left out and said."""
        count = 0
        first_s = at_s = Fraction(0)
        is_damaged = False
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            frames = _Decoded(container, stream)
            for frame in frames:
                stamp_s = frame.pts * frame.time_base if frame.pts is not None and frame.time_base else None
                if count == 0:
                    first_s = stamp_s or Fraction(0)
                else:
                    at_s = self._next_time(at_s, None if stamp_s is None else stamp_s - first_s)
                count += 1
                yield frame, at_s
            is_damaged = frames.is_damaged
        self.reason = self._judge(count, is_damaged=is_damaged)

    def _next_time(self, last_s: Fraction, stamp_s: Fraction | None) -> Fraction:
        """Return the stamp, or one usual interval on where the stamp is missing or cannot be."""
        if stamp_s is None or not last_s < stamp_s <= last_s + INTERVAL_S_MAX:
            return last_s + self._interval_s
        return stamp_s

    def _judge(self, count: int, *, is_damaged: bool) -> str:
        if self._promised_count > count:
            return f"The video {self._path.name} is cut short: {count} of {self._promised_count} pictures can be read."
        if is_damaged:
            return f"The video {self._path.name} is damaged: {count} pictures can be read."
        return ""

    def close(self) -> None:
        """Nothing stays open between laps."""


class _Decoded:
    """Frames of one lap. A packet that cannot be decoded is passed over; a file that breaks off ends the lap."""

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        self._container = container
        self._stream = stream
        self.is_damaged = False

    def __iter__(self) -> Iterator[av.VideoFrame]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                self.is_damaged = True
                return
            try:
                yield from self._stream.decode(packet)
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self.is_damaged = True
