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


def has_waiting(database: Database, destination: str) -> bool:
    """Tell whether anything waits for a destination."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT 1 FROM deliveries INDEXED BY deliveries_waiting WHERE destination = ? AND state = 'waiting'"
            " LIMIT 1",
            (destination,),
        )
        return found.fetchone() is not None


def add_traffic(
    database: Database, destination: str, sent_bytes: int, *, since_s: float, now_s: float, is_busy: bool, is_up: bool
) -> None:  # fmt: skip
    """Spread what was sent since then over its minutes; minutes older than HISTORY_S are forgotten."""
    rows = []
    length_s, at_s = now_s - since_s, since_s
    while True:
        minute_s = int(at_s // MINUTE_S) * MINUTE_S
        part_s = min(now_s, float(minute_s + MINUTE_S)) - at_s
        share = part_s / length_s if length_s > 0 else 1.0
        rows.append((destination, minute_s, sent_bytes * share, part_s * is_busy, part_s * is_up, part_s))
        at_s += part_s
        if at_s >= now_s or part_s <= 0:
            break
    with database.write() as connection:
        connection.executemany(
            "INSERT INTO traffic (destination, minute_s, sent_bytes, busy_s, up_s, seen_s)"
            " VALUES (?,?,CAST(? AS INTEGER),?,?,?) ON CONFLICT DO UPDATE SET"
            " sent_bytes = sent_bytes + excluded.sent_bytes, busy_s = busy_s + excluded.busy_s,"
            " up_s = up_s + excluded.up_s, seen_s = seen_s + excluded.seen_s",
            rows,
        )
        connection.execute(
            "DELETE FROM traffic WHERE destination = ? AND minute_s < ?", (destination, rows[-1][1] - HISTORY_S)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time of one link."""

    start_s: float
    sent_bytes: int
    busy_s: float
    """How long something waited to go."""
    up_s: float
    """How long the destination could be reached."""
    seen_s: float
    """How long the link was looked after at all."""


def spans(database: Database, destination: str, *, since_s: float, span_s: int) -> list[Span]:
    """Return what is known of a link since then, in stretches of `span_s`; those nothing is known of are left out."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT minute_s / ? * ? AS start_s, sum(sent_bytes) AS sent_bytes, sum(busy_s) AS busy_s,"
            " sum(up_s) AS up_s, sum(seen_s) AS seen_s FROM traffic WHERE destination = ? AND minute_s >= ?"
            " GROUP BY 1 ORDER BY 1",
            (span_s, span_s, destination, since_s),
        )
        return [Span(**row) for row in found]
