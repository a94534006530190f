"""Several associations side by side to a peer that is far away and answers each object before it takes the next.

One association for as long as that fills the link (`edge.core.width`); then each has a thread of its own, objects go
out in their order, as many at once as there are associations, and the answers are given in that order too. What is
opened besides the first one is opened meanwhile: a peer that rejects it, or lets it hang, costs nothing, and is not
asked for more for some time.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from edge.core.width import Width
from edge.errors import EdgeError
from edge.net.parcel import Answer, Parcel
from edge.net.storage import Storage
from edge.runtime.clock import mono_s
from edge.runtime.log import event

log = logging.getLogger(__name__)
FLYING_MAX = 32
"""Objects that were begun and whose answers are not given yet: behind a huge one, small ones wait to be told of."""
LEAVE_S = 6.0
"""For the associations to be released, side by side."""
Call = Callable[[Callable[[Callable[[], None]], None]], Storage]
"""Opens an association; first it hands over what cuts it short from another thread.  Raises: EdgeError."""


@dataclass(slots=True)
class _Errand:
    """One object on its way."""

    parcel: Parcel
    size_bytes: int
    answer: Answer | None = None
    ended_s: float = 0.0
    failure: BaseException | None = None
    """Our own mistake, on its way to who asked."""

    @property
    def has_ended(self) -> bool:
        return self.answer is not None or self.failure is not None


@dataclass(slots=True)
class _Lane:
    """One association and its thread."""

    storage: Storage | None
    """None while it is being opened."""
    errand: _Errand | None = None
    is_over: bool = False
    cut: Callable[[], None] = field(default=lambda: None)
    thread: threading.Thread | None = None

    @property
    def is_free(self) -> bool:
        return self.storage is not None and self.storage.is_open and self.errand is None and not self.is_over


class Fan:
    """A way for objects, of the kind `edge.uplink.carrier.Way`; a context manager. Used by one thread."""

    def __init__(self, call: Call, width: Width, *, name: str = "", now: Callable[[], float] = mono_s) -> None:
        """Open the first association.  Raises: EdgeError."""
        self._call, self._width, self._name, self._now = call, width, name, now
        self._first = call(lambda cut: None)
        self._lanes: list[_Lane] = []
        """Empty while one association is enough; else the first one's is the first."""
        self._moved = threading.Condition()
        self._broke_s: float | None = None
        """When an association ended that the peer may have had one too many of."""
        width.begin(self._first.round_trip_s, now_s=now())

    def __enter__(self) -> "Fan":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        return self._first.is_open

    @property
    def is_batched(self) -> bool:
        return False

    def fits(self, parcel: Parcel) -> bool:
        """Tell whether the associations were opened for such an object."""
        return self._first.fits(parcel)

    def close(self) -> None:
        """Release every association; what is being opened, or has an object in hand, is left at once."""
        with self._moved:
            for lane in self._lanes:
                lane.is_over = True
                if lane.errand is not None or lane.storage is None:
                    lane.cut()
                    if lane.storage is not None:
                        lane.storage.abort()
            self._moved.notify_all()
        for lane in self._lanes:
            if lane.thread is not None:
                lane.thread.join(LEAVE_S)
        self._first.close()

    def send_each(self, parcels: Iterable[Parcel]) -> Iterator[Answer]:
        """Send these side by side and give the answers in their order; each is taken when one can go."""
        coming = iter(parcels)
        if self._first.operation_count_max > 1:  # The peer takes several at once on one association.
            yield from self._first.send_each(coming)
            return
        self._width.go_on(now_s=self._now())
        while self._width.wanted_count == 1 and not self._lanes:
            parcel = next(coming, None)
            if parcel is None:
                return
            errand = self._errand(parcel)
            errand.answer, errand.ended_s = self._first.send(parcel), self._now()
            yield self._settle(errand)
        yield from self._send_wide(coming)

    def _send_wide(self, coming: Iterator[Parcel]) -> Iterator[Answer]:
        flying: deque[_Errand] = deque()
        is_over = False
        while True:
            self._trim()
            while not is_over and len(flying) < FLYING_MAX and (lane := self._free_lane()) is not None:
                parcel = next(coming, None)
                if parcel is None:
                    is_over = True
                    break
                flying.append(self._errand(parcel))
                self._give(lane, flying[-1])
            if flying and flying[0].has_ended:
                yield self._settle(flying.popleft())
            elif flying:
                self._wait(flying[0], may_begin=not is_over and len(flying) < FLYING_MAX)
            elif is_over or not self.is_open:
                break
        yield from self._first.send_each(coming)  # The association is gone: that is said of each.

    def _wait(self, first: _Errand, *, may_begin: bool) -> None:
        """Wait until the next answer can be given, or the next object can go."""
        with self._moved:
            self._moved.wait_for(lambda: first.has_ended or (may_begin and self._free_lane() is not None))

    def _errand(self, parcel: Parcel) -> _Errand:
        try:
            size_bytes = parcel.path.stat().st_size
        except OSError:  # Sending it will say so.
            size_bytes = 0
        return _Errand(parcel, size_bytes)

    def _settle(self, errand: _Errand) -> Answer:
        """Learn from an answer, and return it."""
        if errand.failure is not None:
            raise errand.failure
        assert errand.answer is not None
        if errand.answer.is_link_fault:
            return errand.answer
        self._width.answered(errand.size_bytes, now_s=errand.ended_s)
        broke_s = self._broke_s
        if broke_s is not None and errand.ended_s > broke_s + self._width.round_trip_s / 2:
            # The link has held: it was the peer that did not take as many.
            taken_count = sum(lane.storage is not None and not lane.is_over for lane in self._lanes)
            self._width.refuse(taken_count, now_s=self._now())
            self._broke_s = None
            event(log, "associations.refused", peer=self._name, taken_count=taken_count)
        return errand.answer

    def _trim(self) -> None:
        """Have as many associations as are wanted: open one more, or leave one that has nothing in hand."""
        with self._moved:
            if not self._lanes:
                self._start(_Lane(self._first))
            self._lanes = [lane for lane in self._lanes if not lane.is_over or lane.errand is not None]
            count, is_opening = len(self._lanes), any(lane.storage is None for lane in self._lanes)
            if count < self._width.wanted_count and not is_opening and self._broke_s is None and self.is_open:
                self._start(_Lane(None))
            elif count > self._width.wanted_count:
                spare = next((lane for lane in reversed(self._lanes[1:]) if lane.is_free), None)
                if spare is not None:
                    spare.is_over = True
                    self._moved.notify_all()

    def _start(self, lane: _Lane) -> None:
        lane.thread = threading.Thread(target=self._run, args=[lane], name=f"fan-{self._name}", daemon=True)
        self._lanes.append(lane)
        lane.thread.start()

    def _free_lane(self) -> _Lane | None:
        return next((lane for lane in self._lanes if lane.is_free), None)

    def _give(self, lane: _Lane, errand: _Errand) -> None:
        with self._moved:
            lane.errand = errand
            self._moved.notify_all()

    def _run(self, lane: _Lane) -> None:
        """Be one association's thread."""
        storage = lane.storage or self._open(lane)
        if storage is None:
            return
        while True:
            with self._moved:
                self._moved.wait_for(lambda: lane.errand is not None or lane.is_over)
                errand = lane.errand
            if errand is None:
                break
            try:
                errand.answer = storage.send(errand.parcel)
            except BaseException as error:  # noqa: BLE001 - handed on to who asked, in whose thread it is raised
                errand.failure = error
            with self._moved:
                errand.ended_s, lane.errand = self._now(), None
                lane.is_over = lane.is_over or not storage.is_open
                if errand.answer is None or errand.answer.is_link_fault:
                    self._note_break()
                self._moved.notify_all()
        if storage is not self._first:
            storage.close()

    def _note_break(self) -> None:
        if self._broke_s is None:
            self._broke_s = self._now()

    def _open(self, lane: _Lane) -> Storage | None:
        """Open a further association; tell of it when it has failed."""

        def hold(cut: Callable[[], None]) -> None:
            lane.cut = cut

        try:
            storage = self._call(hold)
        except EdgeError as error:
            with self._moved:
                lane.is_over = True
                self._note_break()
                self._moved.notify_all()
            event(log, "association.not_opened", level=logging.DEBUG, peer=self._name, reason=error.message)
            return None
        with self._moved:
            if lane.is_over:
                storage.close()
                return None
            lane.storage = storage
            self._moved.notify_all()
        return storage
