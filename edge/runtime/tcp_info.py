"""What the kernel knows of a TCP connection: what has arrived, what is under way, and how long the way is."""

import socket
import struct
from dataclasses import dataclass

_BYTES = 192
_UNACKED, _ROUND_TRIP, _ACKED, _UNSENT, _RATE = 24, 68, 120, 144, 160
_PACING = 47
"""SO_MAX_PACING_RATE."""
_UNPACED = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpInfo:
    """One look."""

    acked_bytes: int
    """What the peer has acknowledged since the connection began, and one."""
    is_drained: bool
    """Everything that was written has been acknowledged."""
    round_trip_s: float
    round_trip_s_min: float
    """Of the last minutes: the way without any queue on it."""
    rate_bytes_s: float
    """At which it delivered lately."""


def look(connection: socket.socket) -> TcpInfo:
    """Ask the kernel.  Raises: OSError for a socket that is closed or not TCP."""
    data = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES).ljust(_BYTES, b"\0")
    (unacked,) = struct.unpack_from("=I", data, _UNACKED)
    (round_trip_us,) = struct.unpack_from("=I", data, _ROUND_TRIP)
    (acked_bytes,) = struct.unpack_from("=Q", data, _ACKED)
    unsent, round_trip_us_min = struct.unpack_from("=II", data, _UNSENT)
    (rate_bytes_s,) = struct.unpack_from("=Q", data, _RATE)
    return TcpInfo(
        acked_bytes=acked_bytes, is_drained=unacked == 0 and unsent == 0, round_trip_s=round_trip_us / 1e6,
        round_trip_s_min=round_trip_us_min / 1e6, rate_bytes_s=float(rate_bytes_s),
    )  # fmt: skip


def pace(connection: socket.socket, rate_bytes_s: float | None) -> None:
    """Let the kernel spread what is written at this rate; None: as fast as it goes."""
    rate = _UNPACED if not rate_bytes_s else min(_UNPACED, max(1, int(rate_bytes_s)))
    connection.setsockopt(socket.SOL_SOCKET, _PACING, struct.pack("I", rate))


def hold_back(connection: socket.socket, unsent_bytes_max: int) -> None:
    """Let the kernel take no more than so much that it cannot send yet: what is paused stops soon."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, unsent_bytes_max)
