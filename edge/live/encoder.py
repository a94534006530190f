"""One encoder, whose pictures go to every viewer of a rung.

x264 is opened with a rate and a buffer of 250 ms, so that a new bit rate takes effect without a keyframe. That holds
downwards to half of what it was opened with; beyond, it is opened again, which costs one.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, cast

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from edge.live.packing import pack_h264, pack_vp8
from edge.live.picture import RTP_CLOCK_HZ
from edge.live.rungs import Rung

CodecName = Literal["h264", "vp8"]

VBV_S = 0.25
LIVE_CHANGE_MIN = 0.05
"""Smaller changes of rate are not worth telling the encoder."""
REOPEN_BELOW = 0.5
HEADROOM = 1.5
"""The encoder is opened for this much more than asked, so that growth needs no keyframe."""
GOP_PICTURES_MAX = 100_000
"""Keyframes come only when somebody needs one."""
THREAD_COUNT = 1
"""More would cut the picture into slices and cost more in total."""

_TIME_BASE = Fraction(1, RTP_CLOCK_HZ)


@dataclass(frozen=True, slots=True)
class Encoded:
    """The packed picture and whether it stands alone."""

    payloads: tuple[bytes, ...]
    is_keyframe: bool


class Encoder:
    """Frames in, packed pictures out; used by one thread."""

    def __init__(self, codec: CodecName, rung: Rung) -> None:
        """Nothing is opened before the first frame tells the size."""
        self._codec = codec
        self._rung = rung
        self._context: VideoCodecContext | None = None
        self._opened_bps = 0
        self._set_bps = 0
        self._reformatter = VideoReformatter()
        self._picture_id = 0

    def convert(self, image: av.VideoFrame) -> av.VideoFrame:
        """Return the image in the rung's size as YUV 4:2:0, BT.601, limited range; the only colour conversion."""
        width_px, height_px = self._rung.fit(image.width, image.height)
        return self._reformatter.reformat(
            image, width_px, height_px, "yuv420p", dst_colorspace=Colorspace.ITU601,
            interpolation=Interpolation.FAST_BILINEAR if image.width == width_px else Interpolation.BILINEAR,
        )  # fmt: skip

    def encode(
        self, image: av.VideoFrame, *, ticks: int, fps: float, bitrate_bps: int, is_keyframe_owed: bool
    ) -> Encoded:
        """Encode what `convert` returned.  Raises: av.FFmpegError."""
        context = self._context_for(image, fps, bitrate_bps)
        image.pts = ticks
        image.time_base = _TIME_BASE
        image.pict_type = PictureType.I if is_keyframe_owed else PictureType.NONE
        packets = context.encode(image)
        stream = b"".join(bytes(packet) for packet in packets)
        return Encoded(self._pack(stream), any(packet.is_keyframe for packet in packets))

    def close(self) -> None:
        self._context = None

    def _pack(self, stream: bytes) -> tuple[bytes, ...]:
        if self._codec == "h264":
            return pack_h264(stream)
        self._picture_id = (self._picture_id + 1) & 0x7FFF
        return pack_vp8(stream, picture_id=self._picture_id)

    def _context_for(self, image: av.VideoFrame, fps: float, bitrate_bps: int) -> VideoCodecContext:
        context = self._context
        is_same_size = context is not None and (context.width, context.height) == (image.width, image.height)
        is_in_range = REOPEN_BELOW * self._opened_bps <= bitrate_bps <= self._opened_bps
        if context is None or not is_same_size or not is_in_range:
            return self._open(image, fps, bitrate_bps)
        if self._codec == "h264" and abs(bitrate_bps - self._set_bps) > LIVE_CHANGE_MIN * self._set_bps:
            context.bit_rate = self._set_bps = bitrate_bps
        return context

    def _open(self, image: av.VideoFrame, fps: float, bitrate_bps: int) -> VideoCodecContext:
        self._set_bps = bitrate_bps
        self._opened_bps = min(int(bitrate_bps * HEADROOM), max(self._rung.bitrate_bps_max, bitrate_bps))
        name = "libx264" if self._codec == "h264" else "libvpx"
        context = cast(VideoCodecContext, av.CodecContext.create(name, "w"))
        context.width, context.height = image.width, image.height
        context.pix_fmt = "yuv420p"
        context.time_base = _TIME_BASE
        context.framerate = Fraction(fps).limit_denominator(1001)
        context.bit_rate = bitrate_bps
        context.gop_size = GOP_PICTURES_MAX
        context.thread_count = THREAD_COUNT
        context.options = _h264_options(self._opened_bps) if self._codec == "h264" else _vp8_options(self._opened_bps)
        self._context = context
        return context


def _h264_options(bitrate_bps: int) -> dict[str, str]:
    return {
        "preset": "superfast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1", "sc_threshold": "0",
        "maxrate": str(bitrate_bps), "bufsize": str(int(bitrate_bps * VBV_S)),
        "colorspace": "smpte170m", "color_primaries": "smpte170m", "color_trc": "smpte170m", "color_range": "tv",
    }  # fmt: skip


def _vp8_options(bitrate_bps: int) -> dict[str, str]:
    """Real time, and no temporal denoiser: it would filter speckle, which is the picture."""
    return {
        "deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "noise-sensitivity": "0",
        "error-resilient": "0", "maxrate": str(bitrate_bps), "bufsize": str(int(bitrate_bps * VBV_S)),
        "static-thresh": "0", "undershoot-pct": "95", "overshoot-pct": "15",
    }  # fmt: skip
