"""Who is who among the peers of a call."""

import pytest

from edge.api.live import NAME_CHARS_MAX, peer_prefix, shown_name
from edge.core.access import Principal, UserRole
from edge.core.session import Role


def person(name: str) -> Principal:
    return Principal(name=name, role=UserRole.SPECIALIST)


def test_nobody_owns_the_peers_of_somebody_with_a_longer_name() -> None:
    names = ("a", "ab", "maria.fernanda.ruiz", "maria.fernanda.ruiz2")
    prefixes = {peer_prefix(person(name)) for name in names}
    assert len(prefixes) == len(names)
    assert not any(one != other and one.startswith(other) for one in prefixes for other in prefixes)


def test_a_guest_keeps_its_peers_through_reconnects() -> None:
    guest = Principal(name="g", role=UserRole.GUEST, session_id="s", session_role=Role.SPECIALIST, token_id="abc")
    assert peer_prefix(guest) == "abc."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  Dr Far ", "Dr Far"),
        ("Dr\nFar\x00", "DrFar"),
        ("डॉ फार", "डॉ फार"),
        ("", ""),
        ("x" * 200, "x" * NAME_CHARS_MAX),
    ],
)
def test_a_name_is_one_short_line(text: str, shown: str) -> None:
    assert shown_name(text) == shown
