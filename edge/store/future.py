"""What was written down while the clock was ahead, and would keep objects waiting until that time comes."""

from edge.store.database import Database

WAIT_S_MAX = 3600.0
"""No delivery waits longer for its next attempt by itself."""
DOUBT_S_MAX = 8 * 24 * 3600.0
"""Nor for its next proof."""
VOID_S = 3600.0


def forget(database: Database, destination: str, *, now_s: float) -> int:
    """Let wait no longer what waits for a time that no wait of ours can mean; return how many rows were set right.

    A question about commitment that was asked in the future is void: it is asked again, and its answer still counts.
    """
    with database.write() as connection:
        count = connection.execute(
            "UPDATE deliveries SET due_s = ? WHERE destination = ? AND (state = 'waiting' AND due_s > ?"
            " OR state IN ('sent', 'committed') AND due_s > ?)",
            (now_s, destination, now_s + WAIT_S_MAX, now_s + DOUBT_S_MAX),
        ).rowcount
        count += connection.execute(
            "UPDATE commitments SET asked_s = ? WHERE destination = ? AND asked_s > ? AND answered_s IS NULL",
            (now_s - VOID_S, destination, now_s),
        ).rowcount
    return count
