"""Live sources through PyAV: what a V4L2 device and a network stream share. Pictures come when they come."""

import time
from collections.abc import Iterator

import av

from edge.capture.source import Description, Picture, SourceAbsent, calibrations
from edge.capture.video import lossy_method, pixels_of, usual_rate
from edge.config import Source

DRIFT_NS_MAX = 250_000_000
"""A device's clock that is further off than this from ours is set again."""
BAD_COUNT_MAX = 100
"""So many undecodable packets in a row are a lost source."""


class LiveInput:
    """An opened live input."""

    def __init__(
        self, settings: Source, name: str, *, form: str, options: dict[str, str], timeout_s: tuple[float, float],
        absent: str, lost: str,
    ) -> None:  # fmt: skip
        """Open it.  `absent` and `lost` are the operator's sentences.  Raises: SourceAbsent."""
        self._lost = lost
        self.reason = ""
        try:
            self._container = av.open(name, format=form, options=options, timeout=timeout_s)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise SourceAbsent(absent) from error
        if not self._container.streams.video:
            self._container.close()
            raise SourceAbsent("The probe sends no picture.", next_step="Check the settings of the probe.")
        self._stream = self._container.streams.video[0]
        # A frame-threaded decoder holds pictures back: each thread one picture of delay.
        self._stream.thread_type = "SLICE"
        self.description = Description(
            fps=usual_rate(self._stream, settings.fps), manufacturer=settings.manufacturer, model=settings.model,
            regions=calibrations(settings), is_paced=False, lossy_method=lossy_method(self._stream.codec_context.name),
        )  # fmt: skip

    def pictures(self) -> Iterator[Picture]:
        """Yield pictures as they arrive.  Raises: SourceAbsent when the source has gone."""
        clock = DeviceClock()
        bad_count = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
                frames = self._stream.decode(packet)
            except StopIteration as error:
                raise SourceAbsent(self._lost) from error
            except av.error.InvalidDataError as error:
                bad_count += 1
                if bad_count > BAD_COUNT_MAX:
                    raise SourceAbsent(self._lost) from error
                continue
            except (av.error.FFmpegError, OSError) as error:
                raise SourceAbsent(self._lost) from error
            bad_count = 0
            now_ns = time.monotonic_ns()
            for frame in frames:
                stamp = frame.pts * frame.time_base if frame.pts is not None and frame.time_base else None
                stamp_ns = None if stamp is None else round(stamp * 1_000_000_000)
                yield Picture(pixels_of(frame), clock.monotonic_ns(stamp_ns, now_ns))

    def close(self) -> None:
        self._container.close()


class DeviceClock:
    """Puts the device's even stamps on our clock: the jitter of delivery is not the picture's."""

    def __init__(self) -> None:
        self._shift_ns: int | None = None
        self._last_ns = 0

    def monotonic_ns(self, stamp_ns: int | None, now_ns: int) -> int:
        """Return when the picture was taken; rises always."""
        at_ns = now_ns
        if stamp_ns is not None:
            if self._shift_ns is None or abs(stamp_ns + self._shift_ns - now_ns) > DRIFT_NS_MAX:
                self._shift_ns = now_ns - stamp_ns
            at_ns = stamp_ns + self._shift_ns
        self._last_ns = max(at_ns, self._last_ns + 1)
        return self._last_ns
