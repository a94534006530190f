"""What is known of the way to each destination, and what went over it. Written by `uplink`, read by `api`."""

from dataclasses import dataclass
from typing import Literal

from edge.store.database import Database

HISTORY_S = 48 * 3600
MINUTE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """One destination's link, as last seen."""

    destination: str
    state: Literal["up", "slow", "down", "unknown"]
    rate_bytes_s: float
    """Of the objects sent lately; 0 when nothing was."""
    since_s: float
    """When the state was entered."""
    next_try_s: float | None
    """When it will be asked again, if it is down."""
    reason: str
    """In words; empty when up."""
    changed_s: float


def save_link(database: Database, link: LinkRow) -> None:
    """Write one destination's link."""

    with database.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO links (destination, state, rate_bytes_s, since_s, next_try_s, reason, changed_s)"
            " VALUES (?,?,?,?,?,?,?)",
            (link.destination, link.state, link.rate_bytes_s, link.since_s, link.next_try_s, link.reason,
             link.changed_s),
        )  # fmt: skip


def links(database: Database) -> list[LinkRow]:
    """Return every link that was ever looked at, by destination."""
    with database.read() as connection:
        return [LinkRow(**row) for row in connection.execute("SELECT * FROM links ORDER BY destination")]


def add_traffic(database: Database, destination: str, sent_bytes: int, *, now_s: float) -> None:
    """Count bytes into the minute they went in; minutes older than HISTORY_S are forgotten."""
    minute_s = int(now_s // MINUTE_S) * MINUTE_S
    with database.write() as connection:
        connection.execute(
            "INSERT INTO traffic (destination, minute_s, sent_bytes) VALUES (?,?,?)"
            " ON CONFLICT DO UPDATE SET sent_bytes = sent_bytes + excluded.sent_bytes",
            (destination, minute_s, sent_bytes),
        )
        connection.execute(
            "DELETE FROM traffic WHERE destination = ? AND minute_s < ?", (destination, minute_s - HISTORY_S)
        )


def history(database: Database, destination: str, *, since_s: float) -> list[tuple[int, float]]:
    """Return (start of the minute, bytes a second) for each minute in which something was sent."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT minute_s, sent_bytes FROM traffic WHERE destination = ? AND minute_s >= ? ORDER BY minute_s",
            (destination, since_s),
        )
        return [(row["minute_s"], row["sent_bytes"] / MINUTE_S) for row in found]
