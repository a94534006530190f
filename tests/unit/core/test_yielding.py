"""When the uplink yields."""

from typing import Any

from edge.core.yielding import FORGET_S, Callers


def peer(peer_id: str, role: str = "specialist") -> dict[str, Any]:
    return {"session_id": "s", "peer_id": peer_id, "role": role}


def test_a_call_begins_when_somebody_from_elsewhere_joins_and_ends_when_the_last_leaves() -> None:
    callers = Callers()
    assert not callers.is_calling(now_s=0.0)
    callers.take("peer.joined", peer("a"), now_s=0.0)
    callers.take("peer.joined", peer("b", "observer"), now_s=0.0)
    callers.take("peer.left", peer("a"), now_s=1.0)
    assert callers.is_calling(now_s=1.0)
    callers.take("peer.left", peer("b"), now_s=1.0)
    assert not callers.is_calling(now_s=1.0)


def test_the_bedside_page_alone_is_no_call() -> None:
    callers = Callers()
    callers.take("peer.joined", peer("a", "bedside"), now_s=0.0)
    callers.take("peer.stats", {"session_id": "s", "peers": [peer("a", "bedside")]}, now_s=1.0)
    assert not callers.is_calling(now_s=1.0)


def test_a_call_that_began_before_we_listened_is_seen_by_its_numbers() -> None:
    callers = Callers()
    callers.take("peer.stats", {"session_id": "s", "peers": [peer("a"), peer("b", "bedside")]}, now_s=1.0)
    assert callers.is_calling(now_s=2.0)
    callers.take("peer.stats", {"session_id": "s", "peers": [peer("b", "bedside")]}, now_s=2.0)
    assert not callers.is_calling(now_s=2.0)


def test_a_live_service_that_dies_does_not_hold_the_uplink_for_ever() -> None:
    callers = Callers()
    callers.take("peer.joined", peer("a"), now_s=0.0)
    assert callers.is_calling(now_s=FORGET_S - 0.1)
    assert not callers.is_calling(now_s=FORGET_S)


def test_other_events_change_nothing() -> None:
    callers = Callers()
    callers.take("ctl", {"session_id": "s", "peer_id": "a", "role": "specialist"}, now_s=0.0)
    assert not callers.is_calling(now_s=0.0)
