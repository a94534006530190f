"""When a keyframe is owed."""

from edge.live.keyframe import KEYFRAME_S_MIN, KeyframeGate


def test_many_losses_of_one_moment_cost_one_keyframe() -> None:
    gate = KeyframeGate()
    gate.give(0.0)
    for _ in range(5):
        gate.lose()
    assert not gate.is_owed(0.1)
    assert gate.is_owed(KEYFRAME_S_MIN)
    gate.give(KEYFRAME_S_MIN)
    assert not gate.is_owed(10.0)


def test_a_join_is_served_at_once() -> None:
    gate = KeyframeGate()
    gate.give(0.0)
    gate.join()
    assert gate.is_owed(0.001)


def test_the_first_loss_is_answered_at_once() -> None:
    gate = KeyframeGate()
    gate.lose()
    assert gate.is_owed(0.0)
