import pytest

from edge.core.lease import KEPT_S, Lease, NotGuidingError, Person

ANN, BEN = Person(key="a", name="Ann"), Person(key="b", name="Ben")


def test_who_is_let_in_while_nobody_guides_guides_and_the_next_one_does_not() -> None:
    lease = Lease().joined(ANN).joined(BEN)
    assert lease.holder == ANN
    lease.require("a")
    with pytest.raises(NotGuidingError, match="Ann guides"):
        lease.require("b")


def test_while_nobody_guides_nobody_is_held_up() -> None:
    Lease().require("b")


def test_a_guide_who_reconnects_within_a_minute_still_guides_and_after_it_nobody_does() -> None:
    lease = Lease().joined(ANN).left("a", now_s=100.0)
    assert lease.expired(now_s=100.0 + KEPT_S - 0.1).holder == ANN
    assert lease.joined(ANN).expired(now_s=1000.0).holder == ANN
    assert lease.expired(now_s=100.0 + KEPT_S).holder is None


def test_a_reconnect_that_overtakes_the_end_of_the_old_connection_keeps_the_lease() -> None:
    lease = Lease().joined(ANN).joined(ANN).left("a", now_s=100.0)
    assert lease.gone_s is None
    assert lease.expired(now_s=1000.0).holder == ANN


def test_asking_is_shown_once_and_ends_with_the_answer_or_with_leaving() -> None:
    lease = Lease().joined(ANN).joined(BEN).asked(BEN).asked(BEN).asked(ANN)
    assert lease.asking == (BEN,)
    assert lease.granted(BEN).holder == BEN
    assert lease.granted(BEN).asking == ()
    assert lease.refused("b").asking == ()
    assert lease.left("b", now_s=1.0).asking == ()
    assert lease.left("b", now_s=1.0).holder == ANN


def test_a_lease_handed_to_somebody_present_does_not_inherit_the_others_absence() -> None:
    lease = Lease().joined(ANN).joined(BEN).left("a", now_s=100.0).granted(BEN)
    assert lease.expired(now_s=1000.0).holder == BEN
