"""When a study is complete: nothing of it has come for a while, and nothing that may be of it is on its way.

    arriving ──quiet for `quiet_s`──▶ complete ──another object──▶ arriving

Pure: the caller tells what the index and the incoming folder hold, and the time.
"""

from collections.abc import Collection, Mapping


class Quiet:
    """Watches every study that is still arriving."""

    def __init__(self, quiet_s: float) -> None:
        self._quiet_s = quiet_s
        self._moved_s: dict[str, float] = {}
        """When something of a study was last seen on its way; only of those that are arriving."""

    def look(
        self, arriving: Mapping[str, float], under_way: Collection[str], *, is_unknown_under_way: bool, now_s: float
    ) -> list[str]:
        """Return the studies that are complete now.

        `arriving`: study -> when its last object was kept. `under_way`: studies of which bytes are coming in now. Of an
        object whose study is not known yet, any study may be: then none is complete.
        """
        self._moved_s = {uid: moved_s for uid, moved_s in self._moved_s.items() if uid in arriving}
        self._moved_s |= {uid: now_s for uid in under_way if uid in arriving}
        if is_unknown_under_way:
            return []
        return [
            uid
            for uid, kept_s in arriving.items()
            if uid not in under_way and not -self._quiet_s < now_s - self._last_s(uid, kept_s) < self._quiet_s
        ]

    def _last_s(self, uid: str, kept_s: float) -> float:
        return max(kept_s, self._moved_s.get(uid, kept_s))
