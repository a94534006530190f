"""What browsers may send over the data channels.  Pure."""

import json
from dataclasses import dataclass, field
from typing import Any

from edge.errors import BadInputError

MESSAGE_BYTES_MAX = 16 * 1024
VERSION = 1
POINTERS_PER_S = 120
CONTROLS_PER_S = 20
"""Fewer than pointers: they go to the other services, whose queues are for everybody."""
BURST_S = 2
TYPE_CHARS_MAX = 64


def parse(data: str | bytes) -> dict[str, Any]:
    """Return the message.  Raises: BadInputError when it is too long, not JSON, or without version and type."""
    size = len(data) if isinstance(data, bytes) else len(data.encode("utf-8", "surrogatepass"))
    if size > MESSAGE_BYTES_MAX:
        raise BadInputError(f"The message has {size} bytes; {MESSAGE_BYTES_MAX} are allowed.")
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInputError("The message is not JSON.") from error
    if not isinstance(message, dict) or message.get("v") != VERSION:
        raise BadInputError(f"The message is not an object with v = {VERSION}.")
    kind = message.get("type")
    if not isinstance(kind, str) or not 0 < len(kind) <= TYPE_CHARS_MAX:
        raise BadInputError("The message has no type.")
    return message


def rtp_timestamp_of(message: dict[str, Any]) -> int | None:
    """Return the RTP timestamp a message refers to, or None.  Raises: BadInputError when it is none."""
    value = message.get("rtp_timestamp")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 32:
        raise BadInputError("rtp_timestamp is not a number of 32 bits.")
    return value


def pointer_of(message: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a pointer that are passed on.  Raises: BadInputError outside the picture."""
    return {
        "v": VERSION, "type": "pointer", "x": _unit(message.get("x")), "y": _unit(message.get("y")),
        "visible": message.get("visible") is not False,
    }  # fmt: skip


def _unit(value: object) -> float:
    # Not a number compares false, too.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BadInputError("A pointer needs x and y from 0 to 1.")
    return value


@dataclass(slots=True)
class Allowance:
    """How many messages a peer may still send: a bucket that refills."""

    per_s: int
    left: float = field(init=False)
    _filled_s: float | None = None

    def __post_init__(self) -> None:
        self.left = self.per_s * BURST_S

    def take(self, now_s: float) -> bool:
        """Use one; False when there is none left."""
        if self._filled_s is not None:
            self.left = min(self.per_s * BURST_S, self.left + (now_s - self._filled_s) * self.per_s)
        self._filled_s = now_s
        if self.left < 1:
            return False
        self.left -= 1
        return True
