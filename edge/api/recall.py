"""Studies whose objects have left this disk: whoever opens one is told in words, and it is fetched back meanwhile."""

import asyncio
from collections import OrderedDict
from pathlib import Path

from edge.api import node_shapes
from edge.core import sync_words
from edge.errors import AwayError
from edge.runtime import clock, doorbell
from edge.store import fetches
from edge.store.database import Database
from edge.store.fetches import Away

ASK_EVERY_S = 10.0
"""What is wanted and not here is asked for again so often, while somebody waits for it."""
OPEN_EVERY_S = 300.0
STUDY_COUNT_MAX = 1024


class Recall:
    """Asks for what is away and tells how far it is."""

    def __init__(self, database: Database, data_dir: Path, bells: Path) -> None:
        """Fetching is done by uplink, which hears `bells`."""
        self._database = database
        self._incoming = data_dir / "incoming"
        self._bells = bells
        self._asked_s: OrderedDict[str, float] = OrderedDict()
        self._opened_s: OrderedDict[str, float] = OrderedDict()

    async def open(self, study_instance_uid: str) -> node_shapes.AwayView | None:
        """Somebody opens a study: want back what is not here, and tell how far that is; None: all of it is here."""
        if _is_time(self._opened_s, study_instance_uid, OPEN_EVERY_S):
            await asyncio.to_thread(
                fetches.open_study, self._database, study_instance_uid, now_s=clock.wall_s()
            )  # fmt: skip
        return await self.look(study_instance_uid, is_wanted=True)

    async def look(self, study_instance_uid: str, *, is_wanted: bool = False) -> node_shapes.AwayView | None:
        """Tell how far a study is on its way back; None when all of it is here."""
        found = await asyncio.to_thread(fetches.away, self._database, study_instance_uid)
        if found is None:
            return None
        if is_wanted and _is_time(self._asked_s, study_instance_uid, ASK_EVERY_S):
            await asyncio.to_thread(fetches.ask_study, self._database, study_instance_uid, now_s=clock.wall_s())
            doorbell.ring(self._bells)
        return self.show(found)

    async def refuse(self, study_instance_uid: str) -> AwayError:
        """Return what is said instead of an object that is away; it is wanted from now on."""
        view = await self.open(study_instance_uid)
        return AwayError(view.sentence if view is not None else "The object was away until this moment.")

    def show(self, away: Away) -> node_shapes.AwayView:
        """Return how far a study is, in numbers and words; looks at one file."""
        here_count = away.total_count - away.away_count
        here_bytes = away.total_bytes - away.away_bytes + self._coming_bytes(away)
        share = min(0.99, here_bytes / away.total_bytes) if away.total_bytes else 0.0
        reason = f" It takes longer: {away.reason}." if away.reason else ""
        sentence = (
            f"This study had left this node, safe at its destination, and is being fetched back: {here_count} of"
            f" {away.total_count} objects are here, {int(100 * share)} %,"
            f" {sync_words.say_size(away.total_bytes - here_bytes)} to come.{reason}"
        )
        return node_shapes.AwayView(
            away_count=away.away_count, total_count=away.total_count, bytes_left=away.total_bytes - here_bytes,
            bytes_total=away.total_bytes, share=share, reason=away.reason, next_try_s=away.next_try_s,
            sentence=sentence,
        )  # fmt: skip

    def _coming_bytes(self, away: Away) -> int:
        """Return what has come of the object that is being fetched."""
        if not away.temp:
            return 0
        try:
            return min((self._incoming / Path(away.temp).name).stat().st_size, away.away_bytes)
        except OSError:
            return 0


def _is_time(done_s: OrderedDict[str, float], key: str, every_s: float) -> bool:
    now_s = clock.mono_s()
    if now_s - done_s.get(key, float("-inf")) < every_s:
        return False
    done_s[key] = now_s
    done_s.move_to_end(key)
    while len(done_s) > STUDY_COUNT_MAX:
        done_s.popitem(last=False)
    return True
