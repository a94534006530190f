"""How forwarding stands, in words."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from edge.core.sync_words import Progress, eta_s, percent_done, say, say_duration, say_size

NOON_S = datetime(2026, 3, 4, 12, 0, tzinfo=UTC).timestamp()


def test_an_empty_outbox_is_up_to_date() -> None:
    assert say(Progress(link_state="up", arrived_count=1), now_s=NOON_S) == "Up to date"


def test_a_new_destination_claims_nothing() -> None:
    assert say(Progress(link_state="unknown"), now_s=NOON_S) == "Nothing to send yet"


def test_what_is_on_its_way_has_percent_rate_and_time_left() -> None:
    progress = Progress(
        link_state="up", rate_bytes_s=2.1e6, bytes_left=1_480_000_000, bytes_done=1_120_000_000, waiting_count=9
    )
    assert say(progress, now_s=NOON_S) == "Syncing 43 %, 2.1 MB/s, 12 min left"


def test_without_a_rate_no_time_is_promised() -> None:
    progress = Progress(link_state="up", bytes_left=100, bytes_done=0, waiting_count=3)
    assert say(progress, now_s=NOON_S) == "Syncing 0 %, 3 objects waiting"


def test_out_of_reach_says_since_when_and_the_next_try_in_local_time() -> None:
    progress = Progress(link_state="down", since_s=NOON_S + 120, next_try_s=NOON_S + 420, bytes_left=5, waiting_count=1)
    zone = timezone(timedelta(hours=2))
    assert say(progress, now_s=NOON_S + 200, zone=zone) == "Out of reach since 14:02, next try 14:07"


def test_a_try_that_is_due_is_now_and_not_in_the_past() -> None:
    progress = Progress(link_state="down", since_s=NOON_S - 60, next_try_s=NOON_S - 1, waiting_count=1)
    assert say(progress, now_s=NOON_S) == "Out of reach since 11:59, trying now"


def test_another_day_is_named() -> None:
    progress = Progress(link_state="down", since_s=NOON_S - 86400)
    assert say(progress, now_s=NOON_S) == "Out of reach since 2026-03-03 12:00"


def test_held_objects_are_never_hidden_behind_up_to_date() -> None:
    assert say(Progress(link_state="up", held_count=1), now_s=NOON_S) == "Everything else has arrived; 1 object held"
    syncing = Progress(link_state="slow", held_count=2, bytes_left=1, waiting_count=1)
    assert say(syncing, now_s=NOON_S).endswith("; 2 objects held")


def test_unfinished_work_is_never_a_hundred_percent() -> None:
    assert percent_done(Progress(link_state="up", bytes_done=10**9, bytes_left=1, waiting_count=1)) == 99
    assert percent_done(Progress(link_state="up")) == 0


def test_nobody_knows_the_end_while_the_link_is_down() -> None:
    assert eta_s(Progress(link_state="down", rate_bytes_s=5e6, bytes_left=5, waiting_count=1)) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "less than 1 min"), (61, "2 min"), (7199, "120 min"), (7201, "3 h"), (3 * 86400, "3 days")],
)
def test_durations_are_rounded_up(seconds: float, words: str) -> None:
    assert say_duration(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 B"), (999, "999 B"), (2100, "2.1 kB"), (12_345_678, "12 MB"), (3e9, "3.0 GB")]
)
def test_sizes_are_read_at_a_glance(size: float, words: str) -> None:
    assert say_size(size) == words


def test_a_pause_for_a_call_is_named_and_promises_no_time() -> None:
    paused = Progress(link_state="up", rate_bytes_s=1e6, bytes_left=10**7, waiting_count=3, paused="paused for a call")
    assert say(paused, now_s=0) == "Paused for a call, 3 objects waiting"
    assert eta_s(paused) is None


def test_what_has_arrived_and_is_not_proven_yet_is_said() -> None:
    assert say(Progress(link_state="up", arrived_count=4, unproven_count=1), now_s=0) == (
        "Up to date, 1 object not yet proven there"
    )
