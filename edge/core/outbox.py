"""Which delivery goes next: priority first, then fair between studies, the small before the huge, nothing starves.

Each study is charged for the bytes it sends, and what has the smallest bill goes first. So a still of a live exam
passes a slide's gigabytes, two slides share the link, and within a study the small go before the large. Waiting raises
a priority by one each `AGING_S`, so that even the largest object's turn comes.

Pure: the caller passes the time in.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

AGING_S = 6 * 3600.0
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
        return self.priority + int(max(0.0, now_s - self.made_s) // AGING_S)


def order(
    candidates: Sequence[Candidate[Key]], *, now_s: float, charged_bytes: Mapping[str, int] | None = None
) -> list[Candidate[Key]]:
    """Return all candidates in the order in which they go; `charged_bytes` is what each study has sent lately."""
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
