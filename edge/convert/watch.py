"""Look into the inbox, again and again."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from edge.convert.inbox import Scan, Settling, look
from edge.runtime import clock
from edge.runtime.log import event

LOOK_INTERVAL_S = 0.5
LOOK_SHARE = 20.0
"""Looking at a folder of thousands takes a twentieth of the time at most."""
See = Callable[[list[Scan], list[Scan]], None]
log = logging.getLogger(__name__)


async def watch(inbox: Path, settle_s: float, see: See, stop: asyncio.Event) -> None:
    """Tell `see` what is whole and what is still being copied, until told to stop."""
    settling = Settling(settle_s)
    was_there = True
    while not stop.is_set():
        began_s = clock.mono_s()
        is_there = inbox.is_dir()
        if is_there:
            whole, growing = settling.take(await asyncio.to_thread(look, inbox), now_s=began_s)
            see(whole, growing)
        elif was_there:  # A network drive that is away: said once, and nothing is taken for gone.
            event(log, "inbox.missing", level=logging.WARNING)
        was_there = is_there
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(LOOK_INTERVAL_S, (clock.mono_s() - began_s) * LOOK_SHARE))
