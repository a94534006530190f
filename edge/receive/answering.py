"""What answers queries, retrievals and requests for commitment: loaded when the first of them comes."""

from collections.abc import Callable

from edge.core.callers import Callers
from edge.net.offers import Offers
from edge.net.peer import Peer
from edge.net.vouching import CLASS_INSTANCE_CONFLICT, NO_SUCH_OBJECT, PROCESSING_FAILURE, WAITING_MAX, Request, Voucher
from edge.receive.query import Catalogue, Shelf
from edge.receive.schedule import Schedule
from edge.runtime.clock import wall_s
from edge.store import scrub, vouchings
from edge.store.database import Database
from edge.store.instances import Instances


class Book:
    """Open requests for commitment, written down in the index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, request: Request) -> None:
        """Note a request; durable."""
        vouchings.add(self._database, request.caller, request.transaction_uid, request.references, now_s=wall_s())

    def drop(self, request: Request) -> None:
        """It is reported, or given up."""
        vouchings.drop(self._database, request.caller, request.transaction_uid)

    def note_attempt(self, request: Request, attempt: int) -> None:
        """Note which attempt is next."""
        vouchings.note_attempt(self._database, request.caller, request.transaction_uid, attempt)

    def open(self) -> list[tuple[Request, int]]:
        """Return what is open."""
        return [
            (Request(transaction_uid=one.transaction_uid, references=one.objects, caller=one.caller), one.attempt)
            for one in vouchings.list_open(self._database, limit=WAITING_MAX)
        ]


def offers(
    database: Database, instances: Instances, callers: Callers, ae_title: str,
    find_destination: Callable[[str], Peer | None],
) -> Offers:  # fmt: skip
    """Build them; the voucher is the caller's to start and to stop."""

    def check(sop_class_uid: str, sop_instance_uid: str) -> int:
        """Open the object and read it all: what was kept once may have rotted since.  Standard: PS3.4 J.3.2.1"""
        instance = instances.find(sop_instance_uid)
        if instance is None:
            return NO_SUCH_OBJECT
        if instance.sop_class_uid != sop_class_uid:
            return CLASS_INSTANCE_CONFLICT
        if instance.evicted_s is not None:  # Proven elsewhere, and fetched back when it is asked for: still ours.
            return 0
        return 0 if scrub.examine(database, instances, instance) else PROCESSING_FAILURE

    return Offers(
        find=Catalogue(database, ae_title).search, schedule=Schedule(database).search,
        select=Shelf(database, instances, callers).select, find_destination=find_destination,
        voucher=Voucher(ae_title, check, find_destination, Book(database)),
    )  # fmt: skip
