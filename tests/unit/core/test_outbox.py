"""The order in which deliveries go."""

from hypothesis import given
from hypothesis import strategies as st

from edge.core.outbox import AGING_S, Candidate, order


def candidate(key: str, study: str, size_bytes: int, *, priority: int = 0, made_s: float = 0.0) -> Candidate[str]:
    return Candidate(key=key, study_instance_uid=study, size_bytes=size_bytes, priority=priority, made_s=made_s)


def keys(*candidates: Candidate[str], now_s: float = 0.0, charged: dict[str, int] | None = None) -> list[str]:
    return [one.key for one in order(candidates, now_s=now_s, charged_bytes=charged)]


def test_a_higher_priority_goes_first_whatever_its_size() -> None:
    assert keys(candidate("a", "s", 1), candidate("b", "t", 10**9, priority=1)) == ["b", "a"]


def test_within_a_study_the_small_go_before_the_large() -> None:
    assert keys(candidate("big", "s", 1000), candidate("small", "s", 10), candidate("mid", "s", 100)) == [
        "small",
        "mid",
        "big",
    ]


def test_two_studies_share_the_link_by_bytes() -> None:
    slide = [candidate(f"slide{n}", "slide", 100, made_s=n) for n in range(4)]
    exam = [candidate(f"exam{n}", "exam", 50, made_s=10 + n) for n in range(4)]
    sent = keys(*slide, *exam)
    assert sent[:3] == ["exam0", "slide0", "exam1"]
    assert sorted(sent.index(f"exam{n}") for n in range(4))[-1] < 7


def test_a_study_that_has_sent_much_waits_for_one_that_has_not() -> None:
    assert keys(candidate("a", "s", 10), candidate("b", "t", 20), charged={"s": 1000}) == ["b", "a"]


def test_nothing_starves_even_the_largest_gets_its_turn() -> None:
    huge = candidate("huge", "s", 10**10, made_s=0)
    fresh = candidate("fresh", "t", 1, made_s=AGING_S)
    assert keys(huge, fresh, now_s=AGING_S - 1) == ["fresh", "huge"]
    assert keys(huge, fresh, now_s=AGING_S) == ["huge", "fresh"]


def test_a_clock_set_back_is_no_reason_to_fail() -> None:
    assert keys(candidate("a", "s", 1, made_s=10**9), now_s=0.0) == ["a"]


@given(
    st.lists(
        st.tuples(st.sampled_from("stu"), st.integers(0, 10**9), st.integers(-5, 100), st.floats(0, 1e9)), max_size=40
    ),
    st.floats(0, 2e9),
)
def test_every_candidate_is_given_exactly_one_turn(rows: list[tuple[str, int, int, float]], now_s: float) -> None:
    candidates = [
        Candidate(key=number, study_instance_uid=study, size_bytes=size, priority=priority, made_s=made_s)
        for number, (study, size, priority, made_s) in enumerate(rows)
    ]
    ordered = order(candidates, now_s=now_s)
    assert sorted(one.key for one in ordered) == list(range(len(rows)))
    priorities = [one.priority_at(now_s) for one in ordered]
    assert priorities == sorted(priorities, reverse=True)
