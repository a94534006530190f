"""Large objects in parts, where a destination takes them: each part is an object there, sent and answered for alone.

What a connection that breaks costs is one part, not the object. Which parts have arrived is in the index, so neither a
cut nor a restart sends one of them again. How an object is cut is for another layer to know: a `Cutter` is handed in.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from edge.core.delivery import Outcome
from edge.errors import EdgeError
from edge.net.parcel import Answer, Parcel
from edge.runtime.clock import mono_s
from edge.runtime.gate import OPEN, Gate
from edge.store import parts
from edge.store.database import Database
from edge.store.parts import PartRow, PartState
from edge.uplink.carrier import Carrier, Way

TURN_S = 20.0
"""An object in hand for so long goes on at its next turn: something more urgent may wait."""
PART_COUNT_MAX = 400
"""Of one object: the largest have larger parts."""
BARREN_COUNT_MAX = 3
"""So many connections in a row over which no part arrived: the link is down."""


class Cut(Protocol):
    """One object and the parts it is cut into; the same cut again gives the same parts, to the byte."""

    @property
    def uids(self) -> list[str]:
        """The SOP instance UIDs of the parts, in order."""

    @property
    def firsts(self) -> list[int]:
        """The index in the whole, from 0, of each part's first frame."""

    def write(self, number: int, target: Path) -> None:
        """Write one part, from 1.  Raises: EdgeError, OSError."""


Cutter = Callable[[Path, int], Cut | None]
"""(file, largest part in bytes) -> its cut; None for what goes whole."""


def never(path: Path, part_bytes_max: int) -> Cut | None:
    """Cut nothing."""
    return None


@dataclass(frozen=True, slots=True)
class Cutting:
    """An object in parts, and how far each is."""

    cut: Cut
    rows: list[PartRow]


@dataclass
class Parts:
    """What is in parts at one destination. Used by one thread."""

    database: Database
    destination: str
    cutter: Cutter
    part_bytes_max: int
    new_temp: Callable[[], Path]
    """Gives a path for one part at a time."""
    _last: tuple[str, Cut] | None = field(default=None, repr=False)

    def of(self, parcel: Parcel, *, has_begun: bool = False) -> Cutting | None:
        """Return how an object is cut; None for one that goes whole. `has_begun`: only one that was cut before."""
        uid = parcel.sop_instance_uid
        rows = parts.of_object(self.database, self.destination, uid)
        if not rows and (has_begun or parcel.path.stat().st_size <= self.part_bytes_max):
            return None
        size = parcel.path.stat().st_size
        part_bytes_max = rows[0].part_bytes_max if rows else max(self.part_bytes_max, -(-size // PART_COUNT_MAX))
        cut = self._cut(parcel, part_bytes_max)
        if cut is None:
            return None
        if not rows:
            rows = parts.begin(self.database, self.destination, uid, cut.uids, part_bytes_max=part_bytes_max)
        return Cutting(cut, rows) if [row.part_uid for row in rows] == cut.uids else None

    def again(self, parcel: Parcel) -> list[PartRow]:
        """Have every part of an object go again, and return them."""
        parts.again(self.database, self.destination, parcel.sop_instance_uid)
        return parts.of_object(self.database, self.destination, parcel.sop_instance_uid)

    def move(self, parcel: Parcel, row: PartRow, state: PartState) -> None:
        """Write down how far a part is."""
        parts.move(self.database, self.destination, parcel.sop_instance_uid, row.number, state)

    def _cut(self, parcel: Parcel, part_bytes_max: int) -> Cut | None:
        last = self._last
        if last is not None and last[0] == parcel.sop_instance_uid:
            return last[1]
        cut = self.cutter(parcel.path, part_bytes_max)
        self._last = (parcel.sop_instance_uid, cut) if cut is not None else None
        return cut


class PartsCarrier:
    """Sends what is large in parts, and everything else as the carrier inside does."""

    def __init__(self, inner: Carrier, in_parts: Parts, gate: Gate = OPEN) -> None:
        self.inner = inner
        self.parts = in_parts
        self._gate = gate
        self._is_aborted = False

    def check(self) -> None:
        self.inner.check()

    def open(self, parcels: Sequence[Parcel]) -> AbstractContextManager[Way]:
        self._is_aborted = False
        return PartsWay(self.inner, self.parts, parcels, is_over=lambda: self._is_aborted or self._gate.is_closed)

    def abort(self) -> None:
        self._is_aborted = True
        self.inner.abort()


class PartsWay:
    """A way over which a large object goes in parts; it is opened again by itself while parts arrive."""

    def __init__(
        self, carrier: Carrier, in_parts: Parts, parcels: Sequence[Parcel], *, is_over: Callable[[], bool]
    ) -> None:
        """Open it for these objects.  Raises: UnreachableError."""
        self._carrier = carrier
        self._parts = in_parts
        self._is_over = is_over
        self._stack = ExitStack()
        self._way: Way = self._stack.enter_context(carrier.open(parcels))

    def __enter__(self) -> "PartsWay":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def is_open(self) -> bool:
        return self._way.is_open

    @property
    def is_batched(self) -> bool:
        return self._way.is_batched

    def fits(self, parcel: Parcel) -> bool:
        return self._way.fits(parcel)

    def send_each(self, parcels: Iterable[Parcel]) -> Iterator[Answer]:
        """Send these in their order; what is small goes together, as the way does it."""
        coming, is_broken = iter(parcels), False
        large: list[tuple[Parcel, Cutting]] = []
        """What ended a run of small ones: it goes when they have been answered."""

        def run() -> Iterator[Parcel]:
            for parcel in coming:
                cutting = self._parts.of(parcel)
                if cutting is not None:
                    large.append((parcel, cutting))
                    return
                yield parcel

        while True:
            for answer in self._way.send_each(run()):
                is_broken = is_broken or answer.is_link_fault
                yield answer
            if not large:
                return
            parcel, cutting = large.pop()
            if is_broken or self._is_over():
                yield Answer(outcome=Outcome.FAILED, is_unfinished=True, sent_bytes=0)
            else:
                yield self._send_parts(parcel, cutting)

    def _send_parts(self, parcel: Parcel, cutting: Cutting) -> Answer:
        until_s, sent_bytes, barren_count = mono_s() + TURN_S, 0, 0
        rows = cutting.rows
        if all(row.state is PartState.SAFE for row in rows):  # It was proven, and somebody wants it sent all the same.
            rows = self._parts.again(parcel)
        left = [row for row in rows if row.state is PartState.WAITING]
        total = len(cutting.rows)
        while left:
            answer, part_bytes = self._send_part(parcel, cutting, left[0])
            if answer.outcome is Outcome.ACCEPTED:
                self._parts.move(parcel, left.pop(0), PartState.SENT)
                sent_bytes, barren_count = sent_bytes + part_bytes, 0
            elif answer.is_link_fault:
                barren_count += 1
            if left and (self._is_over() or mono_s() > until_s):
                words = f"{total - len(left)} of {total} parts are there"
                return Answer(outcome=Outcome.FAILED, reason=words, is_unfinished=True, sent_bytes=sent_bytes)
            is_lost = answer.is_link_fault and barren_count >= BARREN_COUNT_MAX
            if is_lost or (answer.outcome is not Outcome.ACCEPTED and not answer.is_link_fault):
                words = f"part {left[0].number} of {total}: {answer.reason}"
                return replace(answer, reason=words, sent_bytes=sent_bytes)
        return Answer(outcome=Outcome.ACCEPTED, sent_bytes=sent_bytes)

    def _send_part(self, parcel: Parcel, cutting: Cutting, row: PartRow) -> tuple[Answer, int]:
        """Write one part, send it, and forget the file; return its size too."""
        temp = self._parts.new_temp()
        part = replace(parcel, path=temp, sop_instance_uid=row.part_uid)
        try:
            cutting.cut.write(row.number, temp)
            if not self._way.is_open:
                self._stack.close()
                self._way = self._stack.enter_context(self._carrier.open([part]))
            return next(iter(self._way.send_each([part]))), temp.stat().st_size
        except (EdgeError, OSError) as error:
            words = error.message.rstrip(".") if isinstance(error, EdgeError) else str(error)
            is_ours = isinstance(error, OSError) or not error.is_temporary
            return Answer(outcome=Outcome.FAILED, reason=words, is_link_fault=not is_ours), 0
        finally:
            temp.unlink(missing_ok=True)
