"""When an encoder owes a keyframe.  Pure: the caller passes the time in.

A picture-loss indication is answered at most once in `KEYFRAME_S_MIN`: several viewers that lost the same packet ask at
the same moment, and keyframes are what a poor link can bear least. A join is served at once.
"""

from dataclasses import dataclass

KEYFRAME_S_MIN = 0.5


@dataclass(slots=True)
class KeyframeGate:
    """Requests in, at most one keyframe out for all of them."""

    _is_join: bool = False
    _is_loss: bool = False
    _given_s: float | None = None

    def join(self) -> None:
        """Somebody came who has nothing yet."""
        self._is_join = True

    def lose(self) -> None:
        """Somebody lost the picture."""
        self._is_loss = True

    def is_owed(self, now_s: float) -> bool:
        is_rested = self._given_s is None or now_s - self._given_s >= KEYFRAME_S_MIN
        return self._is_join or (self._is_loss and is_rested)

    def give(self, now_s: float) -> None:
        """A keyframe was made, asked for or not."""
        self._is_join = self._is_loss = False
        self._given_s = now_s
