"""A small node whose objects are safe at a destination, ready to be evicted."""

from pathlib import Path

from edge.core.delivery import Outcome, State
from edge.core.retention import Limits
from edge.core.routing import Routing, to_all
from edge.net.parcel import Parcel
from edge.net.readback import NotThereError
from edge.runtime.clock import wall_s
from edge.runtime.doorbell import Doorbell
from edge.store import deliveries, evictions
from edge.store.database import Database
from edge.store.instances import Instances
from edge.uplink.fetcher import Fetcher
from edge.uplink.janitor import Janitor
from tests.support.objects import make_dataset

ALL = 10**12
"""More free bytes than any disk has: everything that may leave does."""


class Node:
    """A store in a folder, with one required destination whose copies lie in `far`."""

    def __init__(self, folder: Path, *, routing: Routing | None = None, required: tuple[str, ...] = ("vna",)) -> None:
        self.folder = folder
        self.far = folder / "far"
        self.far.mkdir(parents=True, exist_ok=True)
        self.routing = routing or to_all(["vna"])
        self.required = required
        self.database = Database(folder / "edge.db")
        self.store = Instances(self.database, folder, destinations=self.routing)

    def keep(self, **values: object) -> str:
        """Keep an object and return its UID."""
        temp = self.store.new_temp()
        make_dataset(**values).save_as(temp, enforce_file_format=True)
        return self.store.keep(temp, source="test").instance.sop_instance_uid

    def deliver(self, uid: str, destination: str = "vna", *, state: State = State.SAFE) -> None:
        """Let a destination have an object, as far as `state` says."""
        (self.far / uid).write_bytes(self.path(uid).read_bytes())
        found = deliveries.find(self.database, uid, destination)
        assert found is not None
        moved = found.start().finish(Outcome.ACCEPTED, now_s=wall_s())
        if state in (State.COMMITTED, State.SAFE):
            moved = moved.commit(is_committed=True, now_s=wall_s())
        if state is State.SAFE:
            moved = moved.prove()
        assert deliveries.save(self.database, moved, was=State.WAITING, now_s=wall_s())

    def safe(self, count: int = 1, **values: object) -> list[str]:
        """Keep objects and let the destination have them, proven."""
        uids = [self.keep(pixel_seed=number, rows=64 + number, **values) for number in range(count)]
        for uid in uids:
            self.deliver(uid)
        return uids

    def path(self, uid: str) -> Path:
        return self.store.path_of(self.store.require(uid))

    def is_away(self, uid: str) -> bool:
        """Tell whether the index says so; the file has to agree."""
        says = self.store.require(uid).evicted_s is not None
        assert says is not self.path(uid).exists()
        return says

    def janitor(self, *, limits: Limits | None = None, keep_s: float = 0.0, free_bytes: int = 0) -> Janitor:
        return Janitor(
            self.database, self.store, self.routing, self.required, limits or Limits(free_bytes=ALL), keep_s,
            lambda: free_bytes,
        )  # fmt: skip

    def fetcher(self) -> Fetcher:
        return Fetcher(self.database, self.store, {"vna": self.give}, Doorbell(self.folder / "bells", "fetcher"))

    def give(self, parcel: Parcel, target: Path) -> None:
        """Be the destination that gives an object back."""
        copy = self.far / parcel.sop_instance_uid
        if not copy.exists():
            raise NotThereError(f"vna does not have {parcel.sop_instance_uid}.")
        target.write_bytes(copy.read_bytes())

    def evicted(self, count: int = 1) -> list[str]:
        """Objects that are away."""
        uids = self.safe(count)
        self.janitor().step()
        assert all(map(self.is_away, uids)) and evictions.away(self.database)[0] == count
        return uids
