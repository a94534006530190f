"""When does the uplink yield? While somebody watches or guides from elsewhere. Pure: time is handed in.

The bedside page is on the node's own network and needs nothing of the link.
"""

from dataclasses import dataclass, field
from typing import Any

from edge.core.session import Role

FORGET_S = 5.0
"""The live service tells each second who is there; who is not named for so long has gone."""


@dataclass
class Callers:
    """Who is in a call, as far as is known."""

    seen_s: dict[tuple[str, str], float] = field(default_factory=dict)
    """(session, peer) -> when it was last named."""

    def take(self, name: str, values: dict[str, Any], *, now_s: float) -> None:
        """Take an event of the live service."""
        session_id = str(values.get("session_id", ""))
        if name == "peer.joined" and _is_remote(values):
            self.seen_s[session_id, str(values.get("peer_id"))] = now_s
        elif name == "peer.left":
            self.seen_s.pop((session_id, str(values.get("peer_id"))), None)
        elif name == "peer.stats":
            gone = [key for key in self.seen_s if key[0] == session_id]
            for key in gone:
                del self.seen_s[key]
            for peer in values.get("peers") or []:
                if _is_remote(peer):
                    self.seen_s[session_id, str(peer.get("peer_id"))] = now_s

    def is_calling(self, *, now_s: float) -> bool:
        """Tell whether anybody is in a call now."""
        self.seen_s = {key: seen_s for key, seen_s in self.seen_s.items() if now_s - seen_s < FORGET_S}
        return bool(self.seen_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a call says of itself, each second."""

    need_bytes_s: float
    round_trip_s: float
    """The longest of its peers; 0: not known yet."""
    loss: float
    """The worst of its peers, as a part."""


def told_by(values: dict[str, Any]) -> Told | None:
    """Read the numbers of the live service; None when nobody is there who needs the link."""
    peers = [peer for peer in values.get("peers") or [] if _is_remote(peer)]
    if not peers:
        return None

    def numbers(name: str) -> list[float]:
        return [float(peer[name]) for peer in peers if isinstance(peer.get(name), int | float)]

    return Told(
        need_bytes_s=sum(numbers("bitrate_bps")) / 8, round_trip_s=max(numbers("rtt_ms"), default=0.0) / 1000,
        loss=max(numbers("loss"), default=0.0),
    )  # fmt: skip


def _is_remote(peer: dict[str, Any]) -> bool:
    return peer.get("role") != Role.BEDSIDE
