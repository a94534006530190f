"""What the sources that PyAV opens have in common: pixels out of a decoded picture, and its history of loss."""

import av
import numpy as np

from edge.capture.source import Pixels

# Standard: PS3.3 C.7.6.1.1.5.1, the defined terms of Lossy Image Compression Method.
_LOSSY_METHODS = {
    "h264": "ISO_14496_10",
    "hevc": "ISO_23008_2",
    "mpeg2video": "ISO_13818_2",
    "mpeg1video": "ISO_11172_2",
    "mjpeg": "ISO_10918_1",
    "mpeg4": "ISO_14496_2",
    "jpeg2000": "ISO_15444_1",
}
_LOSSLESS_CODECS = frozenset(
    {"rawvideo", "ffv1", "huffyuv", "ffvhuff", "utvideo", "png", "apng", "bmp", "tiff", "qtrle", "zmbv", "gif"}
)
RATE_MAX = 1000.0


def pixels_of(frame: av.VideoFrame) -> Pixels:
    """Return the picture as grey or RGB, without padding."""
    form = "gray" if frame.format.name == "gray" else "rgb24"
    return np.ascontiguousarray(frame.to_ndarray(format=form), dtype=np.uint8)


def lossy_method(codec_name: str) -> str:
    """Return the defined term for a codec that loses something, the codec's own name if there is none, else empty."""
    if codec_name in _LOSSLESS_CODECS:
        return ""
    return _LOSSY_METHODS.get(codec_name, codec_name.upper()[:16])


def usual_rate(stream: av.VideoStream, fallback: float) -> float:
    """Return the stream's frames a second; containers that do not know say nonsense."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate is not None and 0 < float(rate) <= RATE_MAX:
            return float(rate)
    return fallback
