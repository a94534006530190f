"""Live first: narrows the gate of the uplink while somebody is in a call, and opens it when nobody is any more."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from pathlib import Path

from edge.core.yielding import Callers, Told, told_by
from edge.errors import EdgeError
from edge.runtime import rpc
from edge.runtime.clock import mono_s
from edge.runtime.gate import Gate
from edge.runtime.log import event

log = logging.getLogger(__name__)
LOOK_S = 0.5
"""Who has silently gone is noticed within this, after `edge.core.yielding.FORGET_S`."""
CALL_AGAIN_S = 2.0
"""The live service may not run, or start later."""


@dataclass
class Yielder:
    """Listens to the live service; a part of the uplink's service."""

    live_socket: Path
    gate: Gate
    rate_bytes_s: float
    """What the uplink may use during a call; 0: nothing; below: what the call leaves."""
    callers: Callers = field(default_factory=Callers)
    is_yielding: bool = False

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the calls until told to stop; the gate is open afterwards."""
        listening = asyncio.create_task(self._listen())
        try:
            while not stop.is_set():
                self._settle()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_S)
        finally:
            listening.cancel()
            self.gate.open()
            with contextlib.suppress(asyncio.CancelledError):
                await listening

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(EdgeError):
                async for name, values in rpc.events(self.live_socket):
                    self.callers.take(name, values, now_s=mono_s())
                    self._settle()
                    told = told_by(values) if name == "peer.stats" else None
                    if self.is_yielding and self.rate_bytes_s < 0 and told is not None:
                        self._hear(told)
            await asyncio.sleep(CALL_AGAIN_S)

    def _settle(self) -> None:
        is_calling = self.callers.is_calling(now_s=mono_s())
        if is_calling and self.is_yielding and self.rate_bytes_s < 0:
            self.gate.share(lambda share: share.look(now_s=mono_s()))
        if is_calling is self.is_yielding:
            return
        self.is_yielding = is_calling
        if not is_calling:
            self.gate.open()
        elif self.rate_bytes_s < 0:
            self.gate.share(lambda share: share)
        else:
            self.gate.narrow(self.rate_bytes_s)
        event(log, "uplink.yields" if is_calling else "uplink.resumes", rate_bytes_s=self.rate_bytes_s)

    def _hear(self, told: Told) -> None:
        """Let the call have what it says it needs."""
        self.gate.share(
            lambda share: share.tell(
                need_bytes_s=told.need_bytes_s, round_trip_s=told.round_trip_s, loss=told.loss, now_s=mono_s()
            )
        )
