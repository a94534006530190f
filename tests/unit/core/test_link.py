"""What is known of the way to a destination."""

from edge.core.link import IDLE_PROBE_S, PROBE_S_MAX, SLOW_BYTES_S, Link, LinkState


def test_an_unknown_link_is_asked_at_once() -> None:
    assert Link().is_probe_due(now_s=0.0)
    assert not Link().is_usable


def test_tries_come_ever_later_but_never_stop() -> None:
    link, waits = Link(), []
    now_s = 100.0
    for _ in range(40):
        link = link.failed("no answer", now_s=now_s)
        assert link.next_try_s is not None
        waits.append(link.next_try_s - now_s)
        assert not link.is_probe_due(now_s=link.next_try_s - 0.01)
        now_s = link.next_try_s
        assert link.is_probe_due(now_s=now_s)
    assert waits[:3] == [2.0, 4.0, 8.0]
    assert max(waits) == waits[-1] == PROBE_S_MAX


def test_the_time_of_a_state_is_when_it_was_entered_not_when_it_was_last_seen() -> None:
    link = Link().failed("a", now_s=10.0).failed("b", now_s=20.0)
    assert (link.since_s, link.seen_s, link.reason) == (10.0, 20.0, "b")
    up = link.answered(now_s=30.0)
    assert (up.state, up.since_s, up.reason, up.failure_count, up.next_try_s) == (LinkState.UP, 30.0, "", 0, None)


def test_a_link_in_use_is_not_asked_an_idle_one_is() -> None:
    link = Link().answered(now_s=0.0)
    assert not link.is_probe_due(now_s=IDLE_PROBE_S - 1)
    assert link.is_probe_due(now_s=IDLE_PROBE_S)
    assert not link.measured(10**6, 1.0, now_s=IDLE_PROBE_S).is_probe_due(now_s=IDLE_PROBE_S + 1)


def test_a_person_makes_it_try_now_but_not_without_pause() -> None:
    link = Link().failed("x", now_s=0.0).failed("x", now_s=2.0).failed("x", now_s=6.0)
    assert link.asked_by_person(now_s=6.5) == link
    assert link.asked_by_person(now_s=9.0).is_probe_due(now_s=9.0)


def test_the_rate_follows_what_is_measured_and_small_objects_say_nothing() -> None:
    link = Link().measured(10 * 2**20, 10.0, now_s=1.0)
    assert link.rate_bytes_s == 2**20
    assert link.measured(1000, 1.0, now_s=2.0).rate_bytes_s == 2**20
    slower = link.measured(10 * 2**20, 100.0, now_s=3.0)
    assert slower.rate_bytes_s < 2**18
    assert Link().measured(SLOW_BYTES_S * 10, 20.0, now_s=1.0).state is LinkState.SLOW


def test_a_clock_set_back_does_not_silence_the_link() -> None:
    assert Link().failed("x", now_s=1e9).is_probe_due(now_s=5.0)
