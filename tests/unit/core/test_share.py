"""What the uplink may send while a call runs."""

from edge.core.share import (
    DELAY_S_AIM,
    HURT_COUNT_MAX,
    QUEUE_S_MAX,
    RATE_BYTES_S_FIRST,
    RATE_BYTES_S_MIN,
    REST_S,
    SILENT_S,
    Share,
)

NEED = {"need_bytes_s": 200_000.0, "round_trip_s": 0.02, "loss": 0.0}


def begun() -> Share:
    return Share(begun_s=0.0, link_bytes_s=500_000.0).tell(**NEED, now_s=1.0)


def test_nothing_passes_before_the_call_has_said_what_it_needs() -> None:
    share = Share(begun_s=0.0, link_bytes_s=500_000.0)
    assert share.rate_bytes_s == 0
    assert share.look(now_s=SILENT_S - 0.1).rate_bytes_s == 0
    assert 0 < begun().rate_bytes_s < 300_000


def test_a_call_that_says_nothing_does_not_stop_the_uplink_for_ever() -> None:
    assert Share(begun_s=0.0).look(now_s=SILENT_S).rate_bytes_s == RATE_BYTES_S_FIRST


def told(share: Share, round_trip_s: float, now_s: float) -> Share:
    return share.tell(need_bytes_s=200_000.0, round_trip_s=round_trip_s, loss=0.0, now_s=now_s)


def test_the_share_grows_while_the_call_does_not_wait_and_shrinks_while_it_does() -> None:
    share = begun()
    assert told(share, 0.02, 2.0).rate_bytes_s > share.rate_bytes_s
    assert told(share, 0.02 + DELAY_S_AIM, 2.0).rate_bytes_s == share.rate_bytes_s
    assert told(share, 0.02 + 2 * DELAY_S_AIM, 2.0).rate_bytes_s < share.rate_bytes_s


def test_a_share_begun_without_a_word_of_the_call_makes_room_at_the_first_word() -> None:
    share = Share(begun_s=0.0, link_bytes_s=500_000.0).look(now_s=SILENT_S)
    assert told(share, 0.02, 2.0).rate_bytes_s <= 300_000
    assert told(told(share, 0.02, 2.0), 0.02, 3.0).rate_bytes_s > told(share, 0.02, 2.0).rate_bytes_s


def test_a_queue_of_our_own_shrinks_the_share_before_the_call_says_a_word() -> None:
    share = begun()
    assert share.feel(QUEUE_S_MAX / 2, 1.0, now_s=1.1).rate_bytes_s == share.rate_bytes_s
    assert share.feel(QUEUE_S_MAX * 2, 1.0, now_s=1.1).rate_bytes_s < share.rate_bytes_s


def test_a_share_that_is_not_used_does_not_grow() -> None:
    share = begun().feel(0.0, begun().rate_bytes_s / 3, now_s=1.1)
    assert told(share, 0.02, 2.0).rate_bytes_s == share.rate_bytes_s


def test_a_call_that_knows_no_round_trip_leaves_the_share_as_it_is() -> None:
    share = Share(begun_s=0.0).tell(need_bytes_s=0.0, round_trip_s=0.0, loss=0.0, now_s=1.0)
    assert told(share, 0.0, 2.0).rate_bytes_s == share.rate_bytes_s


def test_a_call_that_suffers_halves_the_share_then_closes_it_and_gets_it_back_later() -> None:
    share = begun()
    for number in range(HURT_COUNT_MAX):
        before = share.rate_bytes_s
        share = share.tell(need_bytes_s=200_000.0, round_trip_s=0.02, loss=0.1, now_s=2.0 + number)
        assert share.rate_bytes_s < before
    assert share.rate_bytes_s == 0
    assert share.tell(**NEED, now_s=5.0).rate_bytes_s == 0
    assert share.look(now_s=60.0).rate_bytes_s == 0
    assert share.tell(**NEED, now_s=4.0 + REST_S).rate_bytes_s > 0


def test_a_longer_way_alone_is_no_suffering_but_a_growing_one_is() -> None:
    far = Share(begun_s=0.0).tell(need_bytes_s=0.0, round_trip_s=0.6, loss=0.0, now_s=1.0)
    assert far.tell(need_bytes_s=0.0, round_trip_s=0.605, loss=0.0, now_s=2.0).rate_bytes_s > far.rate_bytes_s
    assert far.tell(need_bytes_s=0.0, round_trip_s=0.7, loss=0.0, now_s=2.0).rate_bytes_s < far.rate_bytes_s


def test_a_share_never_shrinks_to_nothing_by_what_is_felt() -> None:
    share = begun()
    for tenth in range(200):
        share = share.feel(1.0, share.rate_bytes_s, now_s=1.1 + tenth / 10)
    assert share.rate_bytes_s == RATE_BYTES_S_MIN
