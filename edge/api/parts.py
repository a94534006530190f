"""What the routes work with: built once by the service, handed to every answer."""

import asyncio
from collections import OrderedDict
from functools import partial
from typing import Any

import msgspec

from edge.api.accounts import Accounts
from edge.api.audit import AuditProof
from edge.api.controls import Controls
from edge.api.desk import Desk
from edge.api.follower import Follower
from edge.api.guard import Guard
from edge.api.guides import Guides
from edge.api.health import Health
from edge.api.hub import Hub
from edge.api.invitations import Invitations
from edge.api.metrics import Metrics
from edge.api.outbox import Outbox
from edge.api.recall import Recall
from edge.api.scans import Scans
from edge.api.situation import Situation
from edge.api.slides import SlideShelf
from edge.api.uploads import UploadDesk
from edge.api.waiting import WaitingRoom
from edge.config import Config
from edge.core.access import Principal
from edge.errors import EdgeError
from edge.runtime import clock, rpc
from edge.store import audit_log, session_marks
from edge.store.database import Database
from edge.store.instances import Instances

READ_AUDIT_S = 600.0
"""Reading the same study again within this time is one reading in the audit."""
READ_AUDIT_COUNT_MAX = 4096


class Parts:
    """One a process."""

    def __init__(self, config: Config, *, database: Database, instances: Instances, public_url: str) -> None:
        self.config = config
        self.database = database
        self.instances = instances
        self.public_url = public_url
        self.metrics = Metrics()
        self.hub = Hub()
        self.situation = Situation()
        self.accounts = Accounts(database, config.hub.node)
        self.guard = Guard(self.accounts)
        self.audit_proof = AuditProof(database)
        self.invitations = Invitations(database, public_url=public_url)
        self.uploads = UploadDesk(config, database, instances)
        self.scans = Scans(database)
        self.recall = Recall(database, config.data_dir, config.run_dir / "bells" / "uplink")
        self.shelf = SlideShelf(database, instances, self.scans)
        self.outbox = Outbox(config, database, self.recall)
        self.health = Health(config, database, self.situation, self.outbox)
        self.desk = Desk(config, database, self.situation, self.hub, public_url=public_url)
        self.guides = Guides(clock.mono_s, partial(session_marks.save, database))
        marks = session_marks.load(database)
        self.guides.restore(marks)
        self.guides.on_change = self.desk.publish
        self.desk.guides = self.guides
        self.waiting = WaitingRoom(clock.wall_s)
        self.waiting.restore({session_id: one.knocks for session_id, one in marks.items()})
        self.waiting.on_change = self.desk.publish
        self.waiting.on_keep = self.guides.remember
        self.guides.knocks = self.waiting.knocks
        self.desk.waiting = self.waiting
        self.controls = Controls(self.desk, self.audit, self.guides)
        self.follower = Follower(config, self.situation, self.hub, self.desk, self.controls)
        self._read: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    async def rpc(self, service: str, verb: str, **values: Any) -> Any:
        """Ask another service.  Raises: UnreachableError, RemoteError."""
        return await rpc.call(self.config.socket_path(service), verb, **values)

    async def audit(self, principal: Principal, action: str, target: str, **detail: Any) -> None:
        """Write who did what; details hold identifiers of things, never of patients."""
        await asyncio.to_thread(
            audit_log.add, self.database, actor=principal.name, action=action, object=target, detail=detail,
            at_s=clock.wall_s(),
        )  # fmt: skip

    async def audit_read(self, principal: Principal, target: str, action: str = "study.read") -> None:
        """Write that somebody looked at a patient's data: once a while, not once a picture."""
        key, now_s = (principal.name, action, target), clock.wall_s()
        if now_s - self._read.get(key, 0.0) < READ_AUDIT_S:
            return
        self._read[key] = now_s
        self._read.move_to_end(key)
        while len(self._read) > READ_AUDIT_COUNT_MAX:
            self._read.popitem(last=False)
        await self.audit(principal, action, target)

    async def send_away(self, session_id: str, token_id: str, *, words: str) -> None:
        """Close the peers of one invitation and tell their pages why; without a room there are none."""
        try:
            state = await self.rpc("live", "room.state", session_id=session_id)
        except EdgeError:
            return
        for peer in state["peers"]:
            if str(peer["peer_id"]).startswith(f"{token_id}."):
                await self.rpc("live", "peer.close", session_id=session_id, peer_id=peer["peer_id"], bye=words)

    @staticmethod
    def encode(value: Any) -> bytes:
        """Return JSON."""
        return msgspec.json.encode(value)
