"""RTP packets of one sender, with their header extensions.  Pure: the caller passes the time in.

Standard: RFC 3550 5.1, RFC 8285
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from edge.live.arrivals import SentPackets

EXTENSION_MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
EXTENSION_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
EXTENSION_PLAYOUT = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
EXTENSION_WIDE = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
WIRE_BYTES = 72
"""Around a payload: RTP, extension, SRTP tag, UDP, IP."""
MID_BYTES_MAX = 16

_HEADER = struct.Struct("!BBHII")


@dataclass(frozen=True, slots=True)
class Head:
    """What the packets of one moment have in common."""

    extensions: bytes
    wide_id: int | None
    """The number of the extension that numbers packets, where the receiver tells when they arrived."""
    wide: SentPackets | None

    def packet(
        self, marked_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, *, now_s: float
    ) -> bytes:
        body = self.extensions
        if self.wide_id is not None and self.wide is not None:
            number = self.wide.number(len(payload) + WIRE_BYTES, now_s=now_s)
            body += struct.pack("!BH", self.wide_id << 4 | 1, number)
        if not body:
            return _HEADER.pack(0x80, marked_type, sequence, timestamp, ssrc) + payload
        body += bytes(-len(body) % 4)
        start = _HEADER.pack(0x90, marked_type, sequence, timestamp, ssrc)
        return b"".join((start, struct.pack("!HH", 0xBEDE, len(body) // 4), body, payload))


def head_of(ids: Mapping[str, int], *, mid: bytes, ntp_time: int, wide: SentPackets | None) -> Head:
    """Build what was negotiated: media id, sending time, and that a picture is to be shown when it is there."""
    mid_id, time_id, playout_id = map(ids.get, (EXTENSION_MID, EXTENSION_SEND_TIME, EXTENSION_PLAYOUT))
    body = b""
    if mid_id and 0 < len(mid) <= MID_BYTES_MAX:
        body += bytes([mid_id << 4 | len(mid) - 1]) + mid
    if time_id:
        body += bytes([time_id << 4 | 2]) + (ntp_time >> 14 & 0xFFFFFF).to_bytes(3, "big")
    if playout_id:
        # From 0 to 0: a guide needs the newest picture more than an even gait.
        body += bytes([playout_id << 4 | 2, 0, 0, 0])
    return Head(body, ids.get(EXTENSION_WIDE) if wide is not None else None, wide)
