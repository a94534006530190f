"""Small videos made for a test, whose frames say which they are."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from edge.capture.synthetic import Synthetic
from edge.config import Source


def synthetic(width_px: int = 320, height_px: int = 64, fps: float = 25.0, model: str = "grey") -> Synthetic:
    return Synthetic(Source(name="s", kind="synthetic", width_px=width_px, height_px=height_px, fps=fps, model=model))


def make_video(path: Path, times_ms: list[int], *, codec: str = "mpeg4") -> Path:
    """Write a video with a frame at each time, its number in its barcode; the index comes first in the file."""
    phantom = synthetic()
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 64, "yuv420p"
        stream.bit_rate = 2_000_000
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, at_ms in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(phantom.draw(number)), format="gray")
            frame.pts, frame.time_base = at_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
