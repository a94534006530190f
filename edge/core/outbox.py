"""Which delivery goes next: priority first, then fair between studies, the small before the huge, nothing starves.

Each study is charged for the bytes it sends, and what has the smallest bill goes first. So a still of a live exam
passes a slide's gigabytes, two slides share the link, and within a study the small go before the large. Waiting raises
a priority by one each `AGING_S`, but never into the next level: what is urgent stays urgent after weeks without a link.
What has waited longer than `PATIENCE_S` has every `OLDEST_EVERY`-th turn besides, the longest first: however much comes
in that is smaller or more urgent, the oldest moves.

Pure: the caller passes the time in. `edge.store.turns` says the same in SQL, for outboxes of any length.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

FIRST = 100
"""A person said so."""
STAT = 50
ROUTINE = 0
LOW = -50
LEVELS = {"stat": STAT, "routine": ROUTINE, "low": LOW}
AGING_S = 6 * 3600.0
AGED_MAX = 9
"""Waiting raises a priority by no more than this: the levels are farther apart."""
PATIENCE_S = 24 * 3600.0
OLDEST_EVERY = 8
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(Generic[Key]):
    """A delivery that may go now."""

    key: Key
    study_instance_uid: str
    size_bytes: int
    priority: int
    made_s: float

    def priority_at(self, now_s: float) -> int:
        """Return the priority, raised by waiting."""
        return self.priority + min(AGED_MAX, int(max(0.0, now_s - self.made_s) // AGING_S))


def order(
    candidates: Sequence[Candidate[Key]], *, now_s: float, charged_bytes: Mapping[str, int] | None = None
) -> list[Candidate[Key]]:
    """Return all candidates by priority and fairness; `charged_bytes` is what each study has sent lately."""
    bills = dict(charged_bytes or {})
    turns: list[tuple[int, int, float, int]] = []
    by_size = sorted(
        range(len(candidates)),
        key=lambda index: (
            -candidates[index].priority_at(now_s), candidates[index].size_bytes, candidates[index].made_s
        ),
    )  # fmt: skip
    for index in by_size:
        candidate = candidates[index]
        bill = bills.get(candidate.study_instance_uid, 0) + candidate.size_bytes
        bills[candidate.study_instance_uid] = bill
        turns.append((-candidate.priority_at(now_s), bill, candidate.made_s, index))
    return [candidates[index] for *_, index in sorted(turns)]


def give_turns(ordered: Sequence[Key], oldest: Sequence[Key]) -> list[Key]:
    """Return `ordered` with every `OLDEST_EVERY`-th place given to the next of `oldest`; each key once."""
    taken: set[Key] = set()
    turns: list[Key] = []
    queues = iter(ordered), iter(oldest)
    while True:
        first, second = queues if (len(turns) + 1) % OLDEST_EVERY else queues[::-1]
        found = next((key for queue in (first, second) for key in queue if key not in taken), None)
        if found is None:
            return turns
        taken.add(found)
        turns.append(found)
