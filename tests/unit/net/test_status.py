"""What a status means for a delivery."""

import pytest

from edge.core.delivery import Outcome
from edge.net.status import judge_store


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (0x0000, Outcome.ACCEPTED), (0xB000, Outcome.ACCEPTED), (0xB007, Outcome.ACCEPTED), (0x0107, Outcome.ACCEPTED),
        (0x0111, Outcome.ACCEPTED), (0xA700, Outcome.FAILED), (0xA7FF, Outcome.FAILED), (0x0110, Outcome.FAILED),
        (0xFE00, Outcome.FAILED), (0x1234, Outcome.FAILED), (0xA900, Outcome.REFUSED), (0xA9FF, Outcome.REFUSED),
        (0xC000, Outcome.REFUSED), (0xCFFF, Outcome.REFUSED), (0x0122, Outcome.REFUSED), (0x0124, Outcome.REFUSED),
    ],
)  # fmt: skip
def test_statuses_are_sorted_as_the_standard_groups_them(status: int, outcome: Outcome) -> None:
    found, reason = judge_store(status)
    assert found is outcome
    assert (reason == "") == (status == 0)
    assert status == 0 or f"0x{status:04X}" in reason


def test_no_status_is_without_a_judgement() -> None:
    assert {judge_store(status)[0] for status in range(0x10000)} == set(Outcome)
