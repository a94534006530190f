"""A study is complete when nothing of it has come for a while, and never while something is on its way."""

from edge.core.quiet import Quiet


def look(quiet: Quiet, now_s: float, *under_way: str, is_unknown: bool = False, kept_s: float = 100.0) -> list[str]:
    return quiet.look({"1.1": kept_s}, under_way, is_unknown_under_way=is_unknown, now_s=now_s)


def test_it_is_complete_when_it_was_quiet_long_enough() -> None:
    quiet = Quiet(30.0)
    assert look(quiet, 129.9) == []
    assert look(quiet, 130.0) == ["1.1"]


def test_bytes_under_way_begin_the_quiet_time_anew() -> None:
    quiet = Quiet(30.0)
    assert look(quiet, 129.0, "1.1") == []
    assert look(quiet, 131.0) == [] and look(quiet, 158.9) == []
    assert look(quiet, 159.0) == ["1.1"]


def test_an_object_that_takes_hours_keeps_its_study_open() -> None:
    quiet = Quiet(30.0)
    assert all(look(quiet, now_s, "1.1") == [] for now_s in range(100, 10_000, 10))


def test_an_object_whose_study_is_not_known_yet_may_be_of_any() -> None:
    quiet = Quiet(30.0)
    assert look(quiet, 500.0, is_unknown=True) == []
    assert look(quiet, 501.0) == ["1.1"]


def test_another_study_under_way_changes_nothing() -> None:
    assert look(Quiet(30.0), 130.0, "1.2") == ["1.1"]


def test_a_clock_that_was_set_back_does_not_keep_a_study_open_for_ever() -> None:
    assert look(Quiet(30.0), 100.0, kept_s=90_000.0) == ["1.1"]
