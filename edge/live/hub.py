"""One source, encoded once a rung, for all its viewers.

A thread reads the ring and encodes (both release the interpreter's lock); the event loop only hands pictures on. The
loop tells the thread what is wanted by replacing one tuple; the thread tells the loop by `call_soon_threadsafe`.
"""

import asyncio
import itertools
import logging
import statistics
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import av

from edge.live.encoder import CodecName, Encoder
from edge.live.feed import Feed, PictureState, peek_size_px
from edge.live.frame_map import FrameMap
from edge.live.keyframe import KeyframeGate
from edge.live.picture import RTP_CLOCK_HZ, Picture, ticks_after, ticks_of
from edge.live.rungs import RUNGS, TOP, Rate, Rung, ladder_for, plan_rungs
from edge.live.track import PictureQueue
from edge.ring import Frame
from edge.runtime.clock import mono_s
from edge.runtime.doorbell import Doorbell
from edge.runtime.log import event

WAIT_S = 0.05
"""How long a join may wait when the source gives nothing."""
REPEAT_S = 0.1
"""A keyframe owed for so long is made of the last frame again."""
FPS_FIRST = 30.0
FPS_WINDOW_FRAMES = 32
FAILURE_COUNT_MAX = 10
STOP_TIMEOUT_S = 5.0

log = logging.getLogger(__name__)
_bell_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Stream:
    """What a viewer receives; viewers of equal streams share one encoder."""

    codec: CodecName
    rung: Rung


@dataclass(slots=True)
class Viewer:
    """One receiving peer, as the hub sees it. Belongs to the event loop."""

    viewer_id: str
    codec: CodecName
    queue: PictureQueue
    estimate: Rate
    rung: Rung = TOP


@dataclass(slots=True)
class _Encoding:
    encoder: Encoder
    gate: KeyframeGate = field(default_factory=KeyframeGate)
    last_ticks: int | None = None
    owed_s: float | None = None


class Hub:
    """The live picture of one source."""

    def __init__(
        self,
        ring_path: Path,
        bells: Path,
        *,
        bitrate_bps_max: int,
        on_state: Callable[[PictureState], None],
        on_failure: Callable[[BaseException], None],
        rungs: tuple[Rung, ...] = RUNGS,
    ) -> None:
        """The callbacks run in the event loop this is made in."""
        self._ring_path = ring_path
        self._bells = bells
        self._bitrate_bps_max = bitrate_bps_max
        self._on_state = on_state
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._viewers: dict[str, Viewer] = {}
        self.frame_map = FrameMap()
        self.state: PictureState | None = None
        """None while nobody watches."""
        self.fps = 0.0
        self._restart_count = 0
        self._size_px: tuple[int, int] | None = None
        self._rungs = self._ladder = rungs
        self._wanted: dict[Stream, int] = {}
        self._asked: deque[tuple[Stream, bool]] = deque(maxlen=256)
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        """Of the present thread; each has its own, so that an old one ends whatever comes after it."""

    # The event loop's side.

    async def prepare(self) -> None:
        """Learn the size of the picture before somebody joins, so that the first rung is the right one."""
        size_px = await asyncio.to_thread(peek_size_px, self._ring_path)
        if size_px is not None:
            self._take_size(size_px)

    def join(self, viewer: Viewer) -> None:
        """Begin sending to a viewer; its first picture is a keyframe."""
        self._viewers[viewer.viewer_id] = viewer
        self.plan()
        self._asked.append((Stream(viewer.codec, viewer.rung), True))
        if self._thread is None:
            self.frame_map.clear()
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._stop,), name=f"hub-{self._ring_path.name}", daemon=True
            )
            self._thread.start()

    async def leave(self, viewer_id: str) -> None:
        """Stop sending to a viewer; the last one stops the encoder."""
        if self._viewers.pop(viewer_id, None) is not None:
            self.plan()
            if not self._viewers:
                await self.stop()

    def lose(self, viewer_id: str) -> None:
        """A viewer lost the picture and needs a keyframe."""
        viewer = self._viewers.get(viewer_id)
        if viewer is not None:
            self._asked.append((Stream(viewer.codec, viewer.rung), False))

    def plan(self) -> None:
        """Decide anew who gets what; call when an estimate changed."""
        viewers = self._viewers
        plan = plan_rungs(
            {name: viewer.estimate.bitrate_bps for name, viewer in viewers.items()},
            {name: viewer.rung for name, viewer in viewers.items()},
            bitrate_bps_max=self._bitrate_bps_max,
            ladder=self._ladder,
        )
        for name, viewer in viewers.items():
            if plan.rung_of[name] != viewer.rung:
                viewer.rung = plan.rung_of[name]
                viewer.queue.await_keyframe()
                self._asked.append((Stream(viewer.codec, viewer.rung), True))
        self._wanted = {
            Stream(viewer.codec, viewer.rung): plan.bitrate_bps_of[viewer.rung] for viewer in viewers.values()
        }

    async def stop(self) -> None:
        thread, self._thread = self._thread, None
        self.state = None
        if thread is not None:
            self._stop.set()
            await asyncio.to_thread(thread.join, STOP_TIMEOUT_S)

    def _deliver(self, stream: Stream, picture: Picture, restart_count: int) -> None:
        if restart_count != self._restart_count:
            self._restart_count = restart_count
            self.frame_map.clear()
        self.frame_map.add(picture.ticks, picture.frame_index)
        for viewer in self._viewers.values():
            if viewer.codec == stream.codec and viewer.rung == stream.rung and not viewer.queue.offer(picture):
                self._asked.append((stream, False))

    def _take_size(self, size_px: tuple[int, int]) -> None:
        if size_px != self._size_px:
            self._size_px = size_px
            self._ladder = ladder_for(*size_px, self._rungs)
            self.plan()

    def _take_state(self, state: PictureState) -> None:
        if self._thread is None:
            return
        self.state = state
        self._on_state(state)

    # The thread's side.

    def _run(self, stop: threading.Event) -> None:
        try:
            _Work(self).run(stop)
        except BaseException as error:
            self._tell(self._on_failure, error)
            raise

    def _tell(self, act: Callable[..., None], *values: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act, *values)


class _Work:
    """What the hub's thread does between start and stop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._feed = Feed(hub._ring_path)
        self._encodings: dict[Stream, _Encoding] = {}
        self._last: Frame | None = None
        self._last_ticks: int | None = None
        self._intervals_s: deque[float] = deque(maxlen=FPS_WINDOW_FRAMES)
        self._state: PictureState | None = None
        self._failure_count = 0

    def run(self, stop: threading.Event) -> None:
        bell = Doorbell(self._hub._bells, f"live-{next(_bell_numbers)}")
        try:
            while not stop.is_set():
                self._step(bell)
        finally:
            bell.close()
            self._feed.close()

    def _step(self, bell: Doorbell) -> None:
        now_s = mono_s()
        frame = self._feed.take(now_s)
        self._sync(now_s)
        if frame is not None:
            self._note_interval(frame)
            if self._last is None or frame.pixels.shape != self._last.pixels.shape:
                self._hub._tell(self._hub._take_size, (frame.info.width_px, frame.info.height_px))
            self._last = frame
            self._last_ticks = ticks_after(ticks_of(frame.info.mono_ns), self._last_ticks)
            self._encode_all(frame, self._last_ticks, self._encodings, now_s)
        else:
            self._repeat(now_s)
        state = self._feed.state(now_s)
        if state is not self._state:
            self._state = state
            self._hub._tell(self._hub._take_state, state)
        if frame is None:
            bell.wait(WAIT_S)

    def _sync(self, now_s: float) -> None:
        """Open and close encoders as the loop wants, and note who asked for a keyframe."""
        wanted = self._hub._wanted
        for stream in [stream for stream in self._encodings if stream not in wanted]:
            self._encodings.pop(stream).encoder.close()
        for stream in wanted:
            if stream not in self._encodings:
                # Its first picture is a keyframe anyway; owing it makes a source that stands still give one, too.
                self._encodings[stream] = made = _Encoding(Encoder(stream.codec, stream.rung), owed_s=now_s)
                made.gate.join()
        while self._hub._asked:
            stream, is_join = self._hub._asked.popleft()
            encoding = self._encodings.get(stream)
            if encoding is not None:
                encoding.gate.join() if is_join else encoding.gate.lose()
                encoding.owed_s = encoding.owed_s or now_s

    def _note_interval(self, frame: Frame) -> None:
        if self._last is not None:
            step = frame.info.index - self._last.info.index
            elapsed_s = (frame.info.mono_ns - self._last.info.mono_ns) / 1e9
            if step > 0 and elapsed_s > 0:
                self._intervals_s.append(elapsed_s / step)
                self._hub.fps = 1 / statistics.median(self._intervals_s)

    def _repeat(self, now_s: float) -> None:
        """Serve those who wait for a keyframe while the source gives nothing new."""
        late = {
            stream: encoding
            for stream, encoding in self._encodings.items()
            if encoding.gate.is_owed(now_s) and now_s - (encoding.owed_s or now_s) >= REPEAT_S
        }
        if late and self._last is not None:
            self._last_ticks = ticks_after(ticks_of(int(now_s * 1e9)), self._last_ticks)
            self._encode_all(self._last, self._last_ticks, late, now_s)

    def _encode_all(self, frame: Frame, ticks: int, encodings: dict[Stream, _Encoding], now_s: float) -> None:
        """Encode a frame for every stream, largest first, so that the smaller ones are scaled from less."""
        image = av.VideoFrame.from_numpy_buffer(frame.pixels, "gray" if frame.pixels.ndim == 2 else "rgb24")
        for stream in sorted(encodings, key=lambda stream: -stream.rung.width_px_max):
            encoding = encodings[stream]
            is_owed = encoding.gate.is_owed(now_s)
            if not is_owed and not is_due(ticks, encoding.last_ticks, stream.rung.fps_max):
                continue
            try:
                image = encoding.encoder.convert(image)
                self._encode(stream, encoding, frame, image, ticks, is_owed, now_s)
                self._failure_count = 0
            except av.FFmpegError as error:
                self._fail(stream, encoding, error)

    def _encode(
        self, stream: Stream, encoding: _Encoding, frame: Frame, image: av.VideoFrame, ticks: int, is_owed: bool,
        now_s: float,
    ) -> None:  # fmt: skip
        encoded = encoding.encoder.encode(
            image, ticks=ticks, fps=min(self._hub.fps or FPS_FIRST, stream.rung.fps_max),
            bitrate_bps=self._hub._wanted.get(stream, stream.rung.bitrate_bps_min), is_keyframe_owed=is_owed,
        )  # fmt: skip
        encoding.last_ticks = ticks
        if encoded.is_keyframe:
            encoding.gate.give(now_s)
            encoding.owed_s = None
        if encoded.payloads:
            picture = Picture(
                payloads=encoded.payloads, ticks=ticks, frame_index=frame.info.index, mono_ns=frame.info.mono_ns,
                is_keyframe=encoded.is_keyframe,
            )  # fmt: skip
            self._hub._tell(self._hub._deliver, stream, picture, self._feed.restart_count)

    def _fail(self, stream: Stream, encoding: _Encoding, error: av.FFmpegError) -> None:
        """Begin with a new encoder; one that never works ends the service, which is then started again."""
        self._failure_count += 1
        event(log, "encoder.failed", level=logging.ERROR, codec=stream.codec, rung=stream.rung.name, error=str(error))
        if self._failure_count >= FAILURE_COUNT_MAX:
            raise error
        encoding.encoder.close()


def is_due(ticks: int, last_ticks: int | None, fps_max: float) -> bool:
    """Tell whether a rung's frame rate allows another picture now."""
    return last_ticks is None or ticks - last_ticks >= 0.9 * RTP_CLOCK_HZ / fps_max
