"""When an object may leave this disk."""

import pytest

from edge.core.delivery import Delivery, State
from edge.core.retention import judge


def delivery(destination: str, state: State) -> Delivery:
    return Delivery(sop_instance_uid="1.2", destination=destination, state=state)


def test_an_object_safe_at_every_required_destination_may_leave() -> None:
    rows = [delivery("vna", State.SAFE), delivery("share", State.SAFE), delivery("extra", State.WAITING)]
    assert judge(rows, required={"vna", "share"}).may_leave


@pytest.mark.parametrize("state", [state for state in State if state is not State.SAFE])
def test_any_other_state_at_one_required_destination_keeps_it(state: State) -> None:
    verdict = judge([delivery("vna", State.SAFE), delivery("share", state)], required={"vna", "share"})
    assert not verdict.may_leave and "share" in verdict.reason


def test_a_destination_that_was_never_asked_keeps_it() -> None:
    assert not judge([delivery("vna", State.SAFE)], required={"vna", "late"}).may_leave


def test_without_a_required_destination_nothing_leaves() -> None:
    assert not judge([delivery("vna", State.SAFE)], required=set()).may_leave
