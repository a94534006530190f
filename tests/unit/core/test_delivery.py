"""The life of one delivery."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.delivery import RETRY_S_MAX, Delivery, Outcome, State, WrongState, retry_delay_s


def waiting() -> Delivery:
    return Delivery(sop_instance_uid="1.2.3", destination="vna")


def test_accepted_is_sent_and_not_yet_safe() -> None:
    assert waiting().start().finish(Outcome.ACCEPTED, now_s=0).state is State.SENT


def test_a_failure_waits_and_keeps_its_reason() -> None:
    failed = waiting().start().finish(Outcome.FAILED, now_s=100, reason="out of reach", jitter=0.5)
    assert (failed.state, failed.reason, failed.due_s) == (State.WAITING, "out of reach", 102.0)


def test_a_refusal_is_held_until_somebody_retries() -> None:
    held = waiting().start().finish(Outcome.REFUSED, now_s=0, reason="A900")
    assert held.state is State.HELD
    assert held.retry(now_s=5).state is State.WAITING


def test_what_was_being_sent_at_a_crash_is_sent_again() -> None:
    assert waiting().start().recover(now_s=9).state is State.WAITING


def test_what_is_not_committed_is_sent_again() -> None:
    sent = waiting().start().finish(Outcome.ACCEPTED, now_s=0)
    again = sent.commit(is_committed=False, now_s=7, reason="not kept there")
    assert (again.state, again.due_s, again.reason) == (State.WAITING, 7, "not kept there")


def test_a_late_report_does_not_move_what_is_safe() -> None:
    safe = Delivery(sop_instance_uid="1.2.3", destination="vna", state=State.SAFE)
    assert safe.commit(is_committed=False, now_s=0) is safe


def test_two_attempts_at_once_are_our_mistake() -> None:
    with pytest.raises(WrongState):
        waiting().start().start()


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_retries_never_stop_and_never_wait_longer_than_the_limit(attempt_count: int, jitter: float) -> None:
    assert 0 < retry_delay_s(attempt_count, jitter=jitter) <= RETRY_S_MAX * 1.25


def test_what_is_doubted_stays_where_it_is_and_is_looked_at_later() -> None:
    sent = waiting().start().finish(Outcome.ACCEPTED, now_s=0)
    doubted = sent.doubt(due_s=60.0, reason="it cannot give it back")
    assert (doubted.state, doubted.due_s, doubted.reason) == (State.SENT, 60.0, "it cannot give it back")
    assert waiting().doubt(due_s=60.0, reason="x") == waiting()


def test_what_is_never_the_same_there_is_held_and_a_person_lets_it_go_again() -> None:
    held = waiting().start().finish(Outcome.ACCEPTED, now_s=0).hold_unproven(reason="cut there")
    assert (held.state, held.reason) == (State.HELD, "cut there")
    assert held.retry(now_s=5).state is State.WAITING


def test_what_is_safe_is_neither_doubted_nor_held() -> None:
    safe = waiting().start().finish(Outcome.ACCEPTED, now_s=0).prove(reason="set right there: PatientID")
    assert safe.state is State.SAFE and "PatientID" in safe.reason
    assert safe.doubt(due_s=1, reason="x") is safe and safe.hold_unproven(reason="x") is safe
