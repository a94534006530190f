"""A network probe: a small RTSP server (TCP, interleaved) that plays a video as fast as it was filmed."""

import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

WAIT_S = 10.0


class RtspProbe:
    """One viewer at a time; `stop()` pulls the plug, `RtspProbe(…, port=…)` puts it in again."""

    def __init__(self, video: Path, folder: Path, *, port: int = 0) -> None:
        self._video = video
        self._sdp = folder / "probe.sdp"
        self._server = socket.create_server(("127.0.0.1", port))
        self.port = self._server.getsockname()[1]
        self._stopping = threading.Event()
        self._connection: socket.socket | None = None
        self._rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rtp.bind(("127.0.0.1", 0))
        self._rtp.settimeout(0.1)
        target = f"rtp://127.0.0.1:{self._rtp.getsockname()[1]}?rtcpport=9"
        self._player = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", str(video), "-an", "-c:v", "libx264",
             "-preset", "ultrafast", "-tune", "zerolatency", "-g", "10", "-bf", "0", "-x264-params",
             "repeat-headers=1", "-f", "rtp", "-sdp_file", str(self._sdp), target],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/probe"

    def stop(self) -> None:
        self._stopping.set()
        self._server.close()
        if self._connection is not None:
            self._connection.close()
        self._player.kill()
        self._player.wait()
        self._thread.join(WAIT_S)
        self._rtp.close()

    def _description(self) -> bytes:
        until_s = time.monotonic() + WAIT_S
        while time.monotonic() < until_s and not (self._sdp.exists() and "m=video" in self._sdp.read_text()):
            time.sleep(0.02)
        lines = [line for line in self._sdp.read_text().splitlines() if not line.startswith("SDP:")]
        text = "\r\n".join(["m=video 0 RTP/AVP 96" if line.startswith("m=video") else line for line in lines])
        return (text + "\r\na=control:track1\r\n").encode()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                self._connection, _ = self._server.accept()
            except OSError:
                return
            try:
                self._talk(self._connection)
            except OSError:
                continue

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            while True:
                head = lines.readline().decode()
                if not head:
                    return
                fields = {}
                while (line := lines.readline().decode().strip()) and ":" in line:
                    name, _, value = line.partition(":")
                    fields[name.lower()] = value.strip()
                verb = head.split()[0]
                extra, body = b"", b""
                if verb == "OPTIONS":
                    extra = b"Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
                elif verb == "DESCRIBE":
                    body = self._description()
                    extra = f"Content-Type: application/sdp\r\nContent-Base: {self.url}/\r\n".encode()
                elif verb == "SETUP":
                    extra = b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                connection.sendall(
                    f"RTSP/1.0 200 OK\r\nCSeq: {fields.get('cseq', '0')}\r\nSession: 1\r\n".encode() + extra
                    + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
                )  # fmt: skip
                if verb == "PLAY":
                    self._play(connection)
                    return

    def _play(self, connection: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                packet = self._rtp.recv(65_536)
            except TimeoutError:
                continue
            connection.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)
