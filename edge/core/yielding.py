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


def _is_remote(peer: dict[str, Any]) -> bool:
    return peer.get("role") != Role.BEDSIDE
