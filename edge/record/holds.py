"""Frames that somebody looks at while drawing: held exactly as captured until the drawing is saved."""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from edge.errors import NotFoundError
from edge.record.packed import PackedFrame

HOLD_COUNT_MAX = 64
"""Of all sessions together; the one that was held longest goes first."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One frame, named so that it is the same frame even after the source began anew."""

    hold_id: str
    session_id: str
    frame: PackedFrame


class Holds:
    """Safe from any thread."""

    def __init__(self) -> None:
        """Empty."""
        self._lock = threading.Lock()
        self._holds: OrderedDict[str, Hold] = OrderedDict()

    def add(self, session_id: str, frame: PackedFrame) -> Hold:
        """Hold a frame; the same one twice is one hold."""
        with self._lock:
            for known in self._holds.values():
                if known.session_id == session_id and known.frame.info == frame.info:
                    self._holds.move_to_end(known.hold_id)
                    return known
            hold = Hold(secrets.token_hex(8), session_id, frame)
            self._holds[hold.hold_id] = hold
            while len(self._holds) > HOLD_COUNT_MAX:
                self._holds.popitem(last=False)
            return hold

    def find(self, session_id: str, hold_id: str) -> Hold:
        """Raises: NotFoundError."""
        with self._lock:
            hold = self._holds.get(hold_id)
        if hold is None or hold.session_id != session_id:
            raise NotFoundError("That picture is no longer held.", next_step="Freeze a newer one and draw again.")
        return hold

    def drop(self, session_id: str) -> None:
        """Let a session's frames go."""
        with self._lock:
            for hold_id in [hold.hold_id for hold in self._holds.values() if hold.session_id == session_id]:
                del self._holds[hold_id]
