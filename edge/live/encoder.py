"""One encoder, whose pictures go to every viewer of a rung.

x264 takes a new bit rate without a keyframe as long as it was opened with its ceiling for both the rate and the
maximum: with a maximum above the rate it goes on spending as before. The buffer cannot change, so it is made for the
smallest rate that an opened encoder serves; below that, it is opened again.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from edge.live.packing import pack_h264, pack_vp8
from edge.live.picture import RTP_CLOCK_HZ
from edge.live.rungs import Rung

CodecName = Literal["h264", "vp8"]

VBV_S = 0.25
"""At the smallest rate an opened encoder serves; less at any other."""
SERVED_FALL = 0.6
"""An opened encoder serves rates down to this part of its first one."""
LIVE_CHANGE_MIN = 0.05
"""Smaller changes of rate are not worth telling the encoder."""
RETUNE = 1.3
"""When a keyframe is owed anyway, an encoder this far from its first rate is opened again: its buffer is too small."""
VP8_HEADROOM = 1.3
"""libvpx takes no new rate from here: it is opened again for a growth of so much."""
GOP_PICTURES_MAX = 100_000
"""Keyframes come only when somebody needs one."""
THREAD_COUNT = 1
"""More would cut the picture into slices and cost more in total."""

_TIME_BASE = Fraction(1, RTP_CLOCK_HZ)
_H264 = {
    "preset": "superfast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1", "sc_threshold": "0",
    "colorspace": "smpte170m", "color_primaries": "smpte170m", "color_trc": "smpte170m", "color_range": "tv",
}  # fmt: skip
_VP8 = {
    # Real time, and no temporal denoiser: it would filter speckle, which is the picture.
    "deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "noise-sensitivity": "0", "error-resilient": "0",
    "static-thresh": "0", "undershoot-pct": "95", "overshoot-pct": "15",
}  # fmt: skip


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
        self._first_bps = 0
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
        context = self._context_for(image, fps, bitrate_bps, is_keyframe_owed)
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

    def _context_for(
        self, image: av.VideoFrame, fps: float, bitrate_bps: int, is_keyframe_owed: bool
    ) -> VideoCodecContext:
        context = self._context
        is_same_size = context is not None and (context.width, context.height) == (image.width, image.height)
        if context is None or not is_same_size or not self._serves(bitrate_bps, is_keyframe_owed):
            return self._open(image, fps, bitrate_bps)
        if self._codec == "h264" and abs(bitrate_bps - self._set_bps) > LIVE_CHANGE_MIN * self._set_bps:
            context.bit_rate = self._set_bps = bitrate_bps
        return context

    def _serves(self, bitrate_bps: int, is_keyframe_owed: bool) -> bool:
        growth = bitrate_bps / self._first_bps
        if self._codec == "vp8":
            return SERVED_FALL <= growth <= VP8_HEADROOM
        return growth >= SERVED_FALL and not (is_keyframe_owed and growth > RETUNE)

    def _open(self, image: av.VideoFrame, fps: float, bitrate_bps: int) -> VideoCodecContext:
        is_h264 = self._codec == "h264"
        ceiling_bps = max(bitrate_bps, self._rung.bitrate_bps_max) if is_h264 else bitrate_bps
        context = av.CodecContext.create("libx264" if is_h264 else "libvpx", "w")
        context.width, context.height = image.width, image.height
        context.pix_fmt = "yuv420p"
        context.time_base = _TIME_BASE
        context.framerate = Fraction(fps).limit_denominator(1001)
        context.bit_rate = ceiling_bps
        context.gop_size = GOP_PICTURES_MAX
        context.thread_count = THREAD_COUNT
        buffer_bits = int(bitrate_bps * VBV_S * SERVED_FALL)
        options = _H264 if is_h264 else _VP8
        context.options = {**options, "maxrate": str(ceiling_bps), "bufsize": str(buffer_bits)}
        context.open()
        if is_h264:
            context.bit_rate = bitrate_bps
        self._context, self._first_bps, self._set_bps = context, bitrate_bps, bitrate_bps
        return context
