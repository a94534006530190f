"""FFmpeg's own WHIP muxer, as PyAV brings it along.

    python -m tests.support.ffmpeg_whip URL TOKEN CERTIFICATE KEY     sends until it is ended

Its GnuTLS makes certificates on a curve of 224 bits, which OpenSSL no longer speaks: it is given one of 256.
"""

import sys
import time
from fractions import Fraction

import av
import numpy as np

FPS = 30
SECONDS_MAX = 60


def main(url: str, token: str, certificate: str, key: str) -> None:
    options = {"authorization": token, "cert_file": certificate, "key_file": key}
    with av.open(url, "w", format="whip", options=options) as out:
        encoding = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "g": "30", "bf": "0"}
        stream = out.add_stream("libx264", rate=FPS, options=encoding)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        began_s = time.monotonic()
        bright = np.full((360, 640, 3), (230, 180, 150), np.uint8)
        for index in range(FPS * SECONDS_MAX):
            frame = av.VideoFrame.from_ndarray(bright, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            for packet in stream.encode(frame):
                out.mux(packet)
            time.sleep(max(0.0, began_s + index / FPS - time.monotonic()))


if __name__ == "__main__":
    main(*sys.argv[1:5])
