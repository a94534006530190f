"""Fetches objects back from where they were sent: evicted ones that somebody opens, and ones whose bytes rotted here.

Whoever wants one asks `edge.store.fetches` and rings the bell of uplink. What comes back takes its place only when it
is the very file that was kept, by its SHA-256: an archive that wrote the header anew gives the coded pixels, and both
ends of the file stayed here.
"""

import logging
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.config import Config, Destination
from edge.core.delivery import ARRIVED_STATES, Delivery, State, retry_delay_s
from edge.errors import BadInputError, EdgeError, StorageFullError, UnreachableError
from edge.net.fetching import Fetch, NotThereError
from edge.net.parcel import Parcel
from edge.runtime.clock import wall_s
from edge.runtime.doorbell import Doorbell
from edge.runtime.gate import OPEN, Gate
from edge.runtime.log import event
from edge.store import deliveries, evictions, fetches
from edge.store.database import Database
from edge.store.evictions import Remains
from edge.store.fetches import Wanted
from edge.store.instances import Instance, Instances
from edge.uplink.carrier import Carrier, carrier_for, fetch_from

log = logging.getLogger(__name__)
POLL_S = 5.0
LIST_MAX = 16
"""Taken at once; then the order is made anew: somebody may have opened another study."""
_RANKS = {State.SAFE: 0, State.COMMITTED: 1, State.SENT: 2}


@dataclass
class Fetcher:
    """The worker that fetches back. `run` blocks until `stop`."""

    database: Database
    instances: Instances
    sources: Mapping[str, Fetch]
    """By destination."""
    bell: Doorbell
    carriers: tuple[Carrier, ...] = ()
    gate: Gate = OPEN
    """While it is closed, during a call, nothing is fetched."""
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Fetch until stopped."""
        while not self.stop.is_set():
            if not self.step() and not self.stop.is_set():
                self.bell.wait(POLL_S)

    def hurry(self) -> None:
        """Break off what is being fetched: it is fetched again after the next start."""
        for carrier in self.carriers:
            carrier.abort()

    def abort(self) -> None:
        """As `hurry`."""
        self.hurry()

    def step(self) -> bool:
        """Fetch the next few; tell whether any came back."""
        count = 0
        for wanted in fetches.due(self.database, now_s=wall_s(), limit=LIST_MAX):
            if self.stop.is_set() or self.gate.is_closed:
                break
            try:
                count += self._bring(wanted)
            except EdgeError as error:
                if not error.is_temporary:
                    raise
                self._postpone(wanted, error.message)
        return count > 0

    def _bring(self, wanted: Wanted) -> bool:
        """Bring one object back; tell whether it is here now."""
        instance = self.instances.find(wanted.sop_instance_uid)
        if instance is None or (instance.evicted_s is None and wanted.why != "damaged"):
            fetches.forget(self.database, wanted.sop_instance_uid)
            return False
        self.instances.require_room()
        reasons = []
        for destination in self._holders(instance):
            reason = self._try(destination, instance, wanted)
            if not reason:
                return True
            reasons.append(f"{destination}: {reason}")
        self._postpone(wanted, "; ".join(reasons) or "no destination that has it gives objects back")
        return False

    def _holders(self, instance: Instance) -> list[str]:
        """Return who has the object, the surest first."""

        def rank(delivery: Delivery) -> tuple[int, bool, str]:
            return _RANKS[delivery.state], delivery.is_other_form, delivery.destination

        found = deliveries.of_instance(self.database, instance.sop_instance_uid)
        having = [one for one in found if one.state in ARRIVED_STATES and one.destination in self.sources]
        return [one.destination for one in sorted(having, key=rank)]

    def _try(self, destination: str, instance: Instance, wanted: Wanted) -> str:
        """Fetch from one destination; return why it failed, empty when the object is here.  Raises: StorageFullError"""
        back, final = self.instances.new_temp(), self.instances.path_of(instance)
        fetches.begin(self.database, wanted, temp=back.name)
        parcel = Parcel(
            path=final, sop_class_uid=instance.sop_class_uid, sop_instance_uid=instance.sop_instance_uid,
            transfer_syntax_uid=instance.transfer_syntax_uid, study_instance_uid=instance.study_instance_uid,
            series_instance_uid=instance.series_instance_uid, size_bytes=instance.size_bytes,
        )  # fmt: skip
        try:
            self.sources[destination](parcel, back)
            ends = _ends_of(final) if instance.evicted_s is None else None
            if not evictions.complete(self.database, instance, back, self.instances.new_temp(), ends=ends):
                event(log, "fetch.changed", level=logging.ERROR, destination=destination,
                      sop_instance_uid=instance.sop_instance_uid)  # fmt: skip
                return "what comes back is not what was sent"
            evictions.restore(self.database, instance, back, final, came_from=destination, now_s=wall_s())
        except NotThereError:
            event(log, "fetch.lost", level=logging.ERROR, destination=destination,
                  sop_instance_uid=instance.sop_instance_uid)  # fmt: skip
            return "it is not there any more"
        except StorageFullError:
            raise
        except (EdgeError, OSError) as error:
            return error.message if isinstance(error, EdgeError) else str(error.strerror)
        finally:
            back.unlink(missing_ok=True)
        return ""

    def _postpone(self, wanted: Wanted, reason: str) -> None:
        wait_s = retry_delay_s(wanted.attempt_count + 1)
        fetches.postpone(self.database, wanted, due_s=wall_s() + wait_s, reason=reason)
        event(
            log, "fetch.waits", level=logging.WARNING, sop_instance_uid=wanted.sop_instance_uid,
            attempt=wanted.attempt_count + 1, reason=reason,
        )  # fmt: skip


def _ends_of(damaged: Path) -> Remains | None:
    """Return the ends of a file whose middle may have rotted; the digest of the whole decides whether they had not."""
    try:
        return evictions.take_remains(damaged)
    except (BadInputError, OSError):
        return None


def sources_of(config: Config, gate: Gate) -> tuple[dict[str, Fetch], tuple[Carrier, ...]]:
    """Return what fetches from each destination, and the carriers to break it off with: connections of its own."""
    sources: dict[str, Fetch] = {}
    carriers = []
    for destination in config.destination:
        carrier = carrier_for(destination, own_ae_title=config.node.ae_title, gate=gate, errand="fetch")
        fetch = by_folder(destination) if destination.kind == "folder" else fetch_from(
            destination, carrier, own_ae_title=config.node.ae_title
        )  # fmt: skip
        if fetch is not None:
            sources[destination.name] = fetch
            carriers.append(carrier)
    return sources, tuple(carriers)


def by_folder(destination: Destination) -> Fetch:
    """Return what copies from a folder, laid out as `FolderCarrier` does."""
    root = Path(destination.path)

    def fetch(parcel: Parcel, target: Path) -> None:
        if not root.is_dir():
            raise UnreachableError(f"{destination.name}: {root} is not there.", next_step="Mount it.")
        path = root / parcel.study_instance_uid / parcel.series_instance_uid / f"{parcel.sop_instance_uid}.dcm"
        try:
            shutil.copyfile(path, target)
        except FileNotFoundError as error:
            raise NotThereError(f"{destination.name} does not have {parcel.sop_instance_uid}.") from error

    return fetch
