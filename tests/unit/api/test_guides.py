"""Decisions are kept, and taken up again."""

from edge.api.guides import Guides
from edge.core.session import Marks

PEERS = [
    {"peer_id": "a.1", "name": "Ann", "role": "specialist"},
    {"peer_id": "b.1", "name": "Ben", "role": "specialist"},
]


async def test_a_decision_is_kept_when_it_is_made() -> None:
    kept: list[tuple[str, Marks]] = []
    guides = Guides(lambda: 0.0, lambda session_id, marks: kept.append((session_id, marks)))
    await guides.follow("s", PEERS[1:])
    await guides.stop_picture("s", is_stopped=True)
    await guides.consent("s", 7.0)
    await guides.publish("s", is_on=True)
    assert kept[0] == ("s", Marks(guide_key="b", guide_name="Ben"))
    assert kept[-1] == (
        "s",
        Marks(guide_key="b", guide_name="Ben", is_stopped=True, is_published=True, consent_s=7.0),
    )


async def test_the_guide_of_before_guides_again_although_another_is_named_first() -> None:
    guides = Guides(lambda: 0.0)
    guides.restore({"s": Marks(guide_key="b", guide_name="Ben", is_stopped=True, consent_s=7.0)})
    assert guides.show("s")["is_away"] and guides.stopped_ids == {"s"} and guides.consents_s == {"s": 7.0}
    await guides.follow("s", PEERS)
    assert (guides.show("s")["key"], guides.show("s")["is_away"]) == ("b", False)


async def test_a_guide_who_does_not_come_back_after_a_restart_loses_the_lease_after_a_minute() -> None:
    now_s = [0.0]
    guides = Guides(lambda: now_s[0])
    guides.restore({"s": Marks(guide_key="b", guide_name="Ben")})
    await guides.follow("s", PEERS[:1])
    assert guides.show("s")["key"] == "b"
    now_s[0] = 61.0
    assert guides.show("s")["key"] is None
