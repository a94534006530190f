"""What the other services said last: probes, recordings, who is in the room. Only memory; asked anew at start."""

from typing import Any

SERVICES = ("capture", "record", "live", "convert")


class Situation:
    """The newest word of each service. A service that is away leaves no stale word behind."""

    def __init__(self) -> None:
        self.sources: dict[str, dict[str, Any]] = {}
        self.recordings: dict[str, dict[str, Any]] = {}
        """By session."""
        self.peers: dict[str, list[dict[str, Any]]] = {}
        """By session."""
        self.publishing: dict[str, dict[str, Any]] = {}
        """By session: how it stands with the media server outside."""
        self.is_up: dict[str, bool] = dict.fromkeys(SERVICES, False)

    def take_sources(self, rows: list[dict[str, Any]]) -> None:
        self.sources = {str(row["name"]): row for row in rows}

    def take_recordings(self, rows: list[dict[str, Any]]) -> None:
        self.recordings = {str(row["session_id"]): row for row in rows}

    def followed_ids(self) -> set[str]:
        """Return the sessions that record follows; it also speaks of ended ones until all of theirs is kept."""
        return {session_id for session_id, row in self.recordings.items() if row.get("is_followed", True)}

    def lose(self, service: str) -> None:
        """Forget what a service said: it is gone."""
        self.is_up[service] = False
        match service:
            case "capture":
                self.sources = {
                    name: {**row, "state": "waiting", "reason": "The capture service does not answer."}
                    for name, row in self.sources.items()
                }
            case "record":
                self.recordings.clear()
            case "live":
                self.peers.clear()
                self.publishing.clear()
