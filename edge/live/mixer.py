"""Everybody hears everybody else: a small mixer.

A thread takes one block of 20 ms from each speaker every 20 ms and sends each peer the sum without the peer's own
voice. Listeners without a microphone share one mix, encoded once. Nobody speaking, nothing is sent.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

RATE_HZ = 48_000
BLOCK_SAMPLES = 960
BLOCK_S = BLOCK_SAMPLES / RATE_HZ
INPUT_BLOCKS_MAX = 8
"""160 ms; more is delay that nobody wants, so the oldest goes."""
INPUT_BLOCKS_KEPT = 3
OUTPUT_PACKETS_MAX = 10
OPUS_BPS = 32_000
LATE_S_MAX = 0.2
"""A thread that was held up for longer goes on from now."""
STOP_TIMEOUT_S = 2.0

Block = NDArray[np.int16]
_TIME_BASE = Fraction(1, RATE_HZ)


def mix(blocks: Mapping[str, Block], listener: str) -> Block | None:
    """Return what a listener hears: the sum of the others, clipped; None when nobody else speaks."""
    others = [block for speaker, block in blocks.items() if speaker != listener]
    if not others:
        return None
    if len(others) == 1:
        return others[0]
    total = np.sum(others, axis=0, dtype=np.int32)
    return np.clip(total, -32768, 32767).astype(np.int16)


class Voice:
    """One speaker's blocks; fed by the event loop, drained by the mixer's thread."""

    def __init__(self) -> None:
        """Silent."""
        self._blocks: deque[Block] = deque(maxlen=INPUT_BLOCKS_MAX)
        self._rest: Block = np.zeros(0, np.int16)

    def feed(self, samples: Block) -> None:
        """Take mono samples at 48 kHz, any number."""
        self._rest = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        while len(self._rest) >= BLOCK_SAMPLES:
            self._blocks.append(self._rest[:BLOCK_SAMPLES])
            self._rest = self._rest[BLOCK_SAMPLES:]

    def feed_frame(self, frame: av.AudioFrame) -> None:
        """Take a decoded frame as aiortc gives it: 16 bits, interleaved, 48 kHz, one or two channels."""
        samples: Block = frame.to_ndarray().reshape(-1).astype(np.int16, copy=False)
        if len(frame.layout.channels) == 2:
            samples = ((samples[0::2].astype(np.int32) + samples[1::2]) >> 1).astype(np.int16)
        self.feed(samples)

    def take(self) -> Block | None:
        """Return the next block; when too many wait, the oldest are given up first."""
        if len(self._blocks) > INPUT_BLOCKS_KEPT + 2:
            while len(self._blocks) > INPUT_BLOCKS_KEPT:
                self._blocks.popleft()
        return self._blocks.popleft() if self._blocks else None


class MixTrack(MediaStreamTrack):  # type: ignore[misc]
    """What one peer hears, as Opus packets."""

    kind = "audio"

    def __init__(self) -> None:
        """Silent until the mixer speaks."""
        super().__init__()
        self._packets: deque[av.Packet[Any]] = deque(maxlen=OUTPUT_PACKETS_MAX)
        self._is_filled = asyncio.Event()

    def put(self, data: bytes, pts: int) -> None:
        """Take a packet; the oldest goes when the peer does not keep up."""
        packet = av.Packet(data)
        packet.pts = pts
        packet.time_base = _TIME_BASE
        self._packets.append(packet)
        self._is_filled.set()

    async def recv(self) -> "av.Packet[Any]":
        while not self._packets:
            if self.readyState != "live":
                raise MediaStreamError
            self._is_filled.clear()
            await self._is_filled.wait()
        return self._packets.popleft()

    def stop(self) -> None:
        super().stop()
        self._is_filled.set()


class Mixer:
    """The sound of one room."""

    def __init__(self) -> None:
        """No thread runs before somebody listens."""
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._voices: dict[str, Voice] = {}
        self._tracks: dict[str, MixTrack] = {}
        self._encoders: dict[str, AudioCodecContext] = {}
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def listen(self, peer_id: str) -> MixTrack:
        """Return the track that carries what this peer hears."""
        track = MixTrack()
        with self._lock:
            self._tracks[peer_id] = track
        if self._thread is None:
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._stop,), name="mixer", daemon=True)
            self._thread.start()
        return track

    def speak(self, peer_id: str) -> Voice:
        """Return where this peer's sound goes."""
        voice = Voice()
        with self._lock:
            self._voices[peer_id] = voice
        return voice

    def leave(self, peer_id: str) -> None:
        with self._lock:
            self._voices.pop(peer_id, None)
            track = self._tracks.pop(peer_id, None)
        if track is not None:
            track.stop()

    async def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            await asyncio.to_thread(thread.join, STOP_TIMEOUT_S)

    def _run(self, stop: threading.Event) -> None:
        due_s = time.monotonic()
        pts = 0
        while not stop.is_set():
            self._tick(pts)
            pts += BLOCK_SAMPLES
            due_s += BLOCK_S
            wait_s = due_s - time.monotonic()
            if wait_s > 0:
                stop.wait(wait_s)
            elif wait_s < -LATE_S_MAX:
                pts += int(-wait_s * RATE_HZ) // BLOCK_SAMPLES * BLOCK_SAMPLES
                due_s = time.monotonic()

    def _tick(self, pts: int) -> None:
        with self._lock:
            voices, tracks = dict(self._voices), dict(self._tracks)
        blocks = {speaker: block for speaker, voice in voices.items() if (block := voice.take()) is not None}
        packets: dict[str, bytes] = {}
        for listener, track in tracks.items():
            group = listener if listener in voices else ""
            if group not in packets:
                mixed = mix(blocks, group)
                packets[group] = b"" if mixed is None else self._encode(group, mixed, pts)
            if packets[group] and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(track.put, packets[group], pts)
        for gone in [group for group in self._encoders if group and group not in voices]:
            del self._encoders[gone]

    def _encode(self, group: str, block: Block, pts: int) -> bytes:
        encoder = self._encoders.get(group)
        if encoder is None:
            encoder = self._encoders[group] = _open_opus()
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        frame.time_base = _TIME_BASE
        frame.pts = pts
        return b"".join(bytes(packet) for packet in encoder.encode(frame))


def _open_opus() -> AudioCodecContext:
    """Speech with forward error correction: a lost packet is rebuilt from the next."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.format = "s16"
    encoder.layout = "mono"
    encoder.sample_rate = RATE_HZ
    encoder.bit_rate = OPUS_BPS
    encoder.time_base = _TIME_BASE
    encoder.options = {"application": "voip", "fec": "1", "packet_loss": "5"}
    return encoder
