"""Sending objects from disk: as they are stored if the peer takes that, else decompressed without loss, else not.

Standard: PS3.4 B (Storage), PS3.7 9.1.1
"""

import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edge.core.delivery import UNSURE, Outcome
from edge.errors import EdgeError
from edge.net.calling import IMPLICIT, Calling
from edge.net.command import VERIFICATION
from edge.net.fetching import NotGivenError, NotThereError
from edge.net.fragmenting import Extent, dataset_of
from edge.net.parcel import Answer, Parcel
from edge.net.peer import CONTEXT_MAX, NotAcceptedError, Peer
from edge.net.status import judge_store
from edge.net.stream import BrokenError
from edge.runtime.clock import mono_s
from edge.runtime.gate import OPEN, Gate

PLAIN = ("1.2.840.10008.1.2.1", IMPLICIT)
DOUBT_COUNT_MAX = 4096
ASK_COUNT_MAX = 5
__all__ = ["Answer", "Doubts", "Parcel", "Storage", "fitting"]


class CannotSend(ValueError):
    """The peer does not take this object in any form that we can give it without loss; says why."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is sent, and in which context."""

    context_id: int
    extent: Extent


@dataclass(slots=True)
class _Flying:
    """An object that is on its way, or ended before it began."""

    parcel: Parcel
    message_id: int = 0
    size_bytes: int = 0
    answer: Answer | None = None


class Doubts:
    """Objects that were sent whole and never answered: whether they have arrived is looked at before they go again.

    Of one destination; safe from any thread.
    """

    def __init__(self, has_already: Callable[[Parcel], bool] | None = None) -> None:
        """`has_already` asks the destination; it raises an EdgeError when that cannot be known."""
        self.has_already = has_already
        self._lock = threading.RLock()
        self._uids: dict[str, int] = {}
        """With how often each was asked for in vain."""

    def add(self, parcel: Parcel) -> None:
        """It has gone, or may have: its answer is not here."""
        with self._lock:
            if len(self._uids) >= DOUBT_COUNT_MAX:
                self._uids.pop(next(iter(self._uids)))
            self._uids.setdefault(parcel.sop_instance_uid, 0)

    def settle(self, parcel: Parcel) -> None:
        """It has been answered."""
        with self._lock:
            self._uids.pop(parcel.sop_instance_uid, None)

    def is_there(self, parcel: Parcel) -> bool:
        """Tell whether it need not be sent: it is there, the same.

        Raises: BrokenError when that cannot be asked now; asked in vain `ASK_COUNT_MAX` times, it is sent again.
        """
        if self.has_already is None or not (parcel.is_doubtful or parcel.sop_instance_uid in self._uids):
            return False
        with self._lock:  # One after the other: whoever looks is used by one thread.
            return self._look(parcel, self.has_already)

    def _look(self, parcel: Parcel, has_already: Callable[[Parcel], bool]) -> bool:
        uid = parcel.sop_instance_uid
        try:
            is_there = has_already(parcel)
        except (NotAcceptedError, NotGivenError, NotThereError):
            is_there = False
        except (EdgeError, OSError) as error:
            self.add(parcel)
            self._uids[uid] += 1
            if self._uids[uid] < ASK_COUNT_MAX:
                raise BrokenError(f"it was asked whether it has the object ({error}); {UNSURE}") from error
            is_there = False
        self.settle(parcel)
        return is_there


class Storage:
    """An association for sending; a context manager."""

    def __init__(
        self, peer: Peer, kinds: Iterable[tuple[str, str]], *, originator: tuple[str, int] | None = None,
        gate: Gate = OPEN, doubts: Doubts | None = None, now: Callable[[], float] = mono_s,
        hold: Callable[[Callable[[], None]], None] = lambda cut: None,
    ) -> None:  # fmt: skip
        """Open it for these (SOP class, transfer syntax) pairs; see `fits`. `hold` is first given what cuts it short.

        Raises: UnreachableError.
        """
        self.kinds = fitting(kinds)
        # Echo is always among them: the association opens also when the peer takes none of these kinds, and each
        # object is then refused with its own reason.
        pairs: list[tuple[str, list[str]]] = [(VERIFICATION, [IMPLICIT])]
        pairs += [(sop_class, [syntax]) for sop_class, syntax in sorted(self.kinds)]
        for sop_class in sorted({sop_class for sop_class, _ in self.kinds}):
            pairs += [(sop_class, [syntax]) for syntax in PLAIN if (sop_class, syntax) not in self.kinds]
        self._calling = Calling(peer, pairs, gate=gate, now=now, hold=hold)
        self._originator = originator
        self._doubts = doubts or Doubts()

    def __enter__(self) -> "Storage":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        return self._calling.is_open

    @property
    def is_batched(self) -> bool:
        return False

    @property
    def operation_count_max(self) -> int:
        """As many objects may be in flight before the first is answered: the peer grants that."""
        return self._calling.operation_count_max

    @property
    def round_trip_s(self) -> float:
        """How long the peer took to answer that it opens the association."""
        return self._calling.round_trip_s

    def close(self) -> None:
        self._calling.close()

    def abort(self) -> None:
        """Leave at once; from any thread."""
        self._calling.cut()

    def fits(self, parcel: Parcel) -> bool:
        """Tell whether the association was opened for such an object."""
        return (parcel.sop_class_uid, parcel.transfer_syntax_uid) in self.kinds

    def send(self, parcel: Parcel) -> Answer:
        """Send one object and wait for the answer. Its outcome is the peer's word, or that it could not be asked."""
        return next(self.send_each([parcel]))

    def send_each(self, parcels: Iterable[Parcel]) -> Iterator[Answer]:
        """Send one after the other and give the answers in their order; as many are in flight as the peer grants."""
        flying: deque[_Flying] = deque()
        for parcel in parcels:
            flying.append(self._begin(parcel))
            while len(flying) >= self._calling.operation_count_max or (flying and flying[0].answer is not None):
                yield self._end(flying)
        while flying:
            yield self._end(flying)

    def _begin(self, parcel: Parcel) -> _Flying:
        """Send one object; it has its answer at once if it was not, or need not be, sent."""
        try:
            if self._doubts.is_there(parcel):
                return _Flying(parcel, answer=Answer(outcome=Outcome.ACCEPTED, is_proven=True))
            with self._content(parcel) as content:
                return self._send(parcel, content)
        except CannotSend as error:
            return _Flying(parcel, answer=Answer(outcome=Outcome.REFUSED, reason=str(error)))
        except BrokenError as error:
            return _Flying(parcel, answer=_fault(error.message))
        except OSError as error:
            # Where the file ended the peer does not know: `send` has left the association.
            return _Flying(parcel, answer=Answer(outcome=Outcome.REFUSED, reason=f"it cannot be sent: {error}"))

    def _send(self, parcel: Parcel, content: Content) -> _Flying:
        if not self.is_open:
            raise BrokenError("the association is closed")
        message_id = self._calling.send(
            content.context_id, parcel.sop_class_uid, parcel.sop_instance_uid, content.extent,
            originator=self._originator,
        )  # fmt: skip
        self._doubts.add(parcel)
        return _Flying(parcel, message_id=message_id, size_bytes=content.extent.size_bytes)

    def _end(self, flying: deque[_Flying]) -> Answer:
        """Return the answer to the first that is in flight."""
        first = flying[0]
        size_bytes = sum(one.size_bytes for one in flying)
        try:
            while first.answer is None:
                response = self._calling.answer(size_bytes)
                found = next((one for one in flying if one.message_id == response.message_id), None)
                if found is None or found.answer is not None or response.status is None:
                    self._calling.abort()
                    raise BrokenError("it answered what nobody asked")
                found.answer = _judge(response.status, response.comment)
                self._doubts.settle(found.parcel)
        except BrokenError as error:
            first.answer = _fault(f"{error.message}; {UNSURE}")
        flying.popleft()
        return first.answer

    @contextmanager
    def _content(self, parcel: Parcel) -> Iterator[Content]:
        """Open what to send: the dataset in the file, or a plain form of it.  Raises: CannotSend, OSError."""
        context_id = self._calling.context_of(parcel.sop_class_uid, parcel.transfer_syntax_uid)
        if context_id is not None:
            with parcel.path.open("rb", buffering=0) as file:
                yield Content(context_id, dataset_of(file.fileno()))
            return
        from edge.net import recoding  # The DICOM library and the codecs are loaded for what needs them.

        plain = ((syntax, self._calling.context_of(parcel.sop_class_uid, syntax)) for syntax in PLAIN)
        syntax, context_id = next(((uid, found) for uid, found in plain if found is not None), ("", None))
        if context_id is None:
            raise CannotSend(recoding.why_not(parcel, self._calling.contexts))
        with tempfile.TemporaryFile(dir=parcel.path.parent) as made:
            try:
                is_made = recoding.recode(parcel, syntax, made)
            except recoding.UNREADABLE as error:
                raise CannotSend(f"it cannot be unpacked here: {error}") from error
            if not is_made:
                raise CannotSend(recoding.why_not(parcel, self._calling.contexts))
            made.flush()
            yield Content(context_id, dataset_of(made.fileno()))


def fitting(kinds: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Return as many of the kinds as one association has room for, plain forms of each SOP class included."""
    fitted: set[tuple[str, str]] = set()
    for kind in dict.fromkeys(kinds):
        classes = {sop_class for sop_class, _ in {*fitted, kind}}
        if len(fitted) + 2 + 2 * len(classes) <= CONTEXT_MAX:
            fitted.add(kind)
    return frozenset(fitted)


def _judge(status: int, comment: str) -> Answer:
    outcome, reason = judge_store(status)
    return Answer(outcome=outcome, reason=f"{reason} ({comment})" if reason and comment else reason)


def _fault(reason: str) -> Answer:
    return Answer(outcome=Outcome.FAILED, reason=reason, is_link_fault=True)
