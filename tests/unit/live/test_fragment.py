"""What comes after an offer, before anything acts on it."""

import pytest

from edge.errors import BadInputError
from edge.live.fragment import (
    CANDIDATE_COUNT_MAX,
    IceMovedError,
    TagMissingError,
    read_fragment,
    require_tag,
    write_fragment,
)

CANDIDATE = "1 1 udp 2113937151 192.0.2.7 50000 typ host"


def test_candidates_belong_to_the_media_above_them_and_names_are_left_out() -> None:
    text = "\r\n".join(
        ["a=ice-ufrag:abcd", "a=ice-pwd:" + "p" * 22, "m=audio 9 X 0", "a=mid:a", f"a=candidate:{CANDIDATE}",
         "a=candidate:2 1 udp 1 viewer.example 5 typ host", "m=video 9 X 0", "a=mid:v", f"a=candidate:{CANDIDATE}",
         "a=end-of-candidates", ""]
    )  # fmt: skip
    found = read_fragment(text)
    assert (found.ufrag, found.password, found.is_end) == ("abcd", "p" * 22, True)
    assert found.candidates == (("a", CANDIDATE), ("v", CANDIDATE))


def test_our_own_side_is_read_back() -> None:
    found = read_fragment(write_fragment("abcd", "p" * 22, ["0", "1"], [CANDIDATE]))
    assert (found.ufrag, found.candidates) == ("abcd", (("0", CANDIDATE),))


@pytest.mark.parametrize(
    "text",
    ["", "hello", "a=ice-ufrag:ab\r\na=ice-pwd:short", f"a=candidate:{CANDIDATE}\r\n" * (CANDIDATE_COUNT_MAX + 1)],
)  # fmt: skip
def test_what_says_nothing_or_too_much_is_refused(text: str) -> None:
    with pytest.raises(BadInputError):
        read_fragment(text)


def test_a_change_names_its_path_and_a_restart_may_name_any() -> None:
    require_tag('"now"', '"now"', is_restart=False)
    require_tag('"then", "now"', '"now"', is_restart=True)
    require_tag("*", '"now"', is_restart=True)
    with pytest.raises(TagMissingError):
        require_tag("", '"now"', is_restart=True)
    for given in ("*", '"then"'):
        with pytest.raises(IceMovedError):
            require_tag(given, '"now"', is_restart=False)
