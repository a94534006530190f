"""How large a part of an upload is: it grows while the link holds, and shrinks when a connection breaks. Pure.

A large part spares the pause between two parts; a small one is confirmed sooner.
"""

PART_BYTES_FIRST = 1024 * 1024
PART_BYTES_MIN = 64 * 1024
PART_BYTES_MAX = 64 * 1024 * 1024
PART_S = 4.0
"""A part is to take about so long; or so many pauses, where these are long."""
PAUSES_MIN = 20.0


def grown(part_bytes: int, taken_s: float, pause_s: float) -> int:
    """Return the next part after one that was confirmed; `pause_s`: of it, from its last byte to the answer."""
    goal_s = max(PART_S, PAUSES_MIN * pause_s)
    wanted = part_bytes * goal_s / max(taken_s, 0.001)
    return _within(int(min(wanted, 2.0 * part_bytes)))


def shrunk(part_bytes: int) -> int:
    """Return the next part after a connection that broke."""
    return _within(part_bytes // 2)


def _within(part_bytes: int) -> int:
    return max(PART_BYTES_MIN, min(PART_BYTES_MAX, part_bytes))
