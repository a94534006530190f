"""A call's packets, without its pictures: HOST PORT SECONDS RATE_BPS → JSON, and the far end: `echo PORT`.

Thirty frames a second, each a burst of packets that a sender spreads over a third of the frame's time, every tenth a
larger one, as a video encoder makes them. The far end sends each packet's head back; a frame is lost when one of its
packets is.
"""

import json
import socket
import struct
import sys
import threading
import time

FRAMES_S = 30
PACKET_BYTES = 1150
SPREAD = 1 / 3
LARGE_EVERY = 10
LARGE_FACTOR = 2.0


def echo(port: int) -> None:
    """Send heads back until killed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("", port))
        while True:
            data, sender = end.recvfrom(2048)
            end.sendto(data[:16], sender)


def call(host: str, port: int, seconds: float, rate_bps: float) -> None:
    """Send, and say what came back; a line of numbers each second to stderr, as the live service tells them."""
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.connect((host, port))
    sent: dict[int, tuple[int, float]] = {}
    trips: dict[int, float] = {}

    def listen() -> None:
        while True:
            try:
                data = end.recv(2048)
            except OSError:
                continue
            number, sent_s = struct.unpack("!Qd", data[:16])
            if sent_s == 0:
                continue
            trips[number] = time.perf_counter() - sent_s

    end.settimeout(0.1)
    while True:  # The far end may still be starting.
        try:
            end.send(bytes(16))
            end.recv(2048)
            break
        except OSError:
            time.sleep(0.05)
    end.settimeout(None)
    threading.Thread(target=listen, daemon=True).start()
    mean_bytes = rate_bps / 8 / FRAMES_S / (1 + (LARGE_FACTOR - 1) / LARGE_EVERY)
    begun_s, number, told = time.perf_counter(), 0, 0
    for frame in range(int(seconds * FRAMES_S)):
        size = mean_bytes * (LARGE_FACTOR if frame % LARGE_EVERY == 0 else 1)
        count = max(1, round(size / PACKET_BYTES))
        for index in range(count):
            due_s = begun_s + (frame + SPREAD * index / count) / FRAMES_S
            time.sleep(max(0.0, due_s - time.perf_counter()))
            sent[number] = (frame, time.perf_counter())
            end.send(struct.pack("!Qd", number, sent[number][1]).ljust(PACKET_BYTES, b"x"))
            number += 1
        if frame % FRAMES_S == FRAMES_S - 1:
            lately = [trips[one] for one in range(told, number) if one in trips]
            old = [one for one in range(told, max(told, number - 20)) if one not in trips]
            told_now = {
                "bitrate_bps": rate_bps, "rtt_ms": 1000 * sum(lately) / max(1, len(lately)),
                "loss": len(old) / max(1, number - told),
            }  # fmt: skip
            sys.stderr.write(json.dumps(told_now) + "\n")
            sys.stderr.flush()
            told = number
    time.sleep(1.0)
    lost = {frame for one, (frame, _) in sent.items() if one not in trips}
    ordered = sorted(trips.values())
    print(
        json.dumps(
            {
                "lost_frames": len(lost), "packets": number, "p50_ms": 1000 * ordered[len(ordered) // 2],
                "p95_ms": 1000 * ordered[int(len(ordered) * 0.95)], "max_ms": 1000 * ordered[-1],
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1] == "echo":
        echo(int(sys.argv[2]))
    else:
        call(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
