"""What people in a call ask for over the data channel."""

from typing import Any

import pytest

from edge.api.controls import Controls
from edge.api.guides import Guides
from edge.core.access import Principal
from edge.errors import ConflictError


class Room:
    """Remembers what was asked and told."""

    def __init__(self, *, is_closed: bool = False) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.told: list[tuple[dict[str, Any], str | None]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self._is_closed = is_closed

    async def record(self, verb: str, session_id: str, **values: Any) -> dict[str, Any]:
        if self._is_closed:
            raise ConflictError("The session s is closed.")
        self.asked.append((verb, session_id, values))
        return self.answers.get(verb, {})

    async def tell(self, session_id: str, message: dict[str, Any], *, peer_id: str | None = None) -> None:
        self.told.append((message, peer_id))


class Audit:
    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []

    async def __call__(self, principal: Principal, action: str, target: str, **detail: Any) -> None:
        self.rows.append((principal.name, action))


def controls(room: Room, audit: Audit, guides: Guides | None = None) -> Controls:
    return Controls(room, audit, guides or Guides(lambda: 0.0))


def ctl(
    message: Any, *, role: str = "specialist", frame_index: int | None = None, peer_id: str = "p"
) -> dict[str, Any]:
    return {
        "session_id": "s", "peer_id": peer_id, "role": role, "name": "Dr Far", "message": message,
        "frame_index": frame_index,
    }  # fmt: skip


async def test_a_specialist_gets_the_very_frame_that_was_seen() -> None:
    room, audit = Room(), Audit()
    await controls(room, audit).take(ctl({"type": "still"}, frame_index=41))
    assert room.asked == [("still", "s", {"frame_index": 41})]
    assert audit.rows == [("Dr Far", "still")]


@pytest.mark.parametrize("kind", [
    "still", "clip.start", "clip.stop", "save_last", "request", "request.answer", "hold", "measure", "annotate",
])  # fmt: skip
async def test_an_observer_is_refused_and_only_the_observer_is_told(kind: str) -> None:
    room, audit = Room(), Audit()
    message = {"type": kind, "seconds": 5, "text": "x", "request_id": "1", "answer": "done"}
    await controls(room, audit).take(ctl(message, role="observer"))
    assert room.asked == []
    assert audit.rows == []
    [(told, peer_id)] = room.told
    assert (told["type"], told["code"], peer_id) == ("error", "access.refused", "p")


async def test_a_request_reaches_everybody_with_a_number_to_answer_to() -> None:
    room = Room()
    await controls(room, Audit()).take(ctl({"type": "request", "text": "freeze"}))
    [(told, peer_id)] = room.told
    assert peer_id is None
    assert told["text"] == "freeze"
    assert told["from"]["name"] == "Dr Far"
    await controls(room, Audit()).take(
        ctl({"type": "request.answer", "request_id": told["request_id"], "answer": "done"}, role="bedside")
    )
    assert room.told[1][0]["request_id"] == told["request_id"]


async def test_only_the_bedside_answers_a_request() -> None:
    room = Room()
    await controls(room, Audit()).take(ctl({"type": "request.answer", "request_id": "1", "answer": "done"}))
    assert room.told[0][0]["type"] == "error"


@pytest.mark.parametrize("seconds", [0, -1, 601, "5", True, None, float("nan")])
async def test_a_wrong_number_of_seconds_is_refused_in_words(seconds: Any) -> None:
    room = Room()
    await controls(room, Audit()).take(ctl({"type": "save_last", "seconds": seconds}))
    assert room.asked == []
    assert "seconds" in room.told[0][0]["message"]


@pytest.mark.parametrize("message", [{}, {"type": 5}, {"type": ["still"]}, {"type": "stats"}, "still", None, []])
async def test_messages_of_an_unknown_kind_do_nothing(message: Any) -> None:
    room = Room()
    await controls(room, Audit()).take(ctl(message))
    assert room.asked == []
    assert room.told == []


async def test_what_record_refuses_is_told_with_the_next_step() -> None:
    room = Room(is_closed=True)
    await controls(room, Audit()).take(ctl({"type": "clip.start"}))
    assert room.told[0][0]["message"] == "The session s is closed."
    assert room.told[0][0]["next_step"]


async def test_the_frame_somebody_draws_on_is_held_by_its_exact_index_and_the_page_hears_how_it_is_calibrated() -> None:
    room = Room()
    room.answers["frame.hold"] = {"hold_id": "h1", "frame_index": 41, "regions": []}
    await controls(room, Audit()).take(ctl({"type": "hold", "rtp_timestamp": 90000}, frame_index=41))
    assert room.asked == [("frame.hold", "s", {"frame_index": 41})]
    [(told, peer_id)] = room.told
    assert (told["type"], told["hold_id"], told["rtp_timestamp"], peer_id) == ("held", "h1", 90000, "p")


@pytest.mark.parametrize("kind", ["hold", "annotate"])
async def test_a_picture_that_is_not_known_any_more_is_never_replaced_by_a_neighbour(kind: str) -> None:
    room = Room()
    graphics = [{"kind": "point", "points": [[0.5, 0.5]]}]
    await controls(room, Audit()).take(ctl({"type": kind, "rtp_timestamp": 1, "graphics": graphics}))
    assert room.asked == []
    assert room.told[0][0]["type"] == "error"


async def test_a_drawing_is_kept_with_its_author_and_in_the_audit_with_what_it_refers_to() -> None:
    room, audit = Room(), Audit()
    uids = {"sop_instance_uid": "1.2", "still_sop_instance_uid": "1.3", "report_sop_instance_uid": ""}
    room.answers["annotate"] = {**uids, "frame_index": 41, "measurements": []}
    graphics = [{"kind": "point", "points": [[0.5, 0.5]]}]
    await controls(room, audit).take(ctl({"type": "annotate", "hold_id": "h1", "graphics": graphics}))
    [(verb, _, asked)] = room.asked
    assert (verb, asked["hold_id"], asked["graphics"]) == ("annotate", "h1", graphics)
    assert asked["author"] == {"name": "Dr Far", "role": "specialist"}
    assert "frame_index" not in asked
    assert audit.rows == [("Dr Far", "annotate")]
    assert room.told[0][0]["still_sop_instance_uid"] == "1.3"


@pytest.mark.parametrize("graphics", ["x", [{}] * 100])
async def test_a_drawing_that_is_no_list_of_shapes_is_refused(graphics: Any) -> None:
    room = Room()
    await controls(room, Audit()).take(ctl({"type": "annotate", "graphics": graphics}, frame_index=1))
    assert room.asked == []
    assert room.told[0][0]["type"] == "error"


async def _two_specialists() -> Guides:
    guides = Guides(lambda: 0.0)
    peers = [{"peer_id": "ann.1", "name": "Ann", "role": "specialist"}]
    await guides.follow("s", peers)
    await guides.follow("s", [*peers, {"peer_id": "ben.1", "name": "Ben", "role": "specialist"}])
    return guides


@pytest.mark.parametrize("kind", ["still", "clip.start", "clip.stop", "save_last", "request", "annotate"])
async def test_only_who_guides_changes_something_and_the_others_hear_who_that_is(kind: str) -> None:
    guides, room = await _two_specialists(), Room()
    message = {"type": kind, "seconds": 5, "text": "x", "hold_id": "h"}
    await controls(room, Audit(), guides).take(ctl(message, peer_id="ben.1"))
    assert room.asked == []
    assert (room.told[0][0]["code"], room.told[0][0]["message"]) == ("guide.taken", "Ann guides this exam.")
    room.answers["annotate"] = {
        "sop_instance_uid": "1", "still_sop_instance_uid": "1", "report_sop_instance_uid": "", "frame_index": 1,
        "measurements": [],
    }  # fmt: skip
    for peer_id, role in (("ann.1", "specialist"), ("u-1.1", "bedside")):
        await controls(room, Audit(), guides).take(ctl(message, peer_id=peer_id, role=role))
    assert len(room.asked) == 2 or kind == "request"
    assert [told["type"] for told, _ in room.told].count("error") == 1


async def test_the_lease_is_asked_for_granted_by_the_bedside_and_handed_over_each_in_the_audit() -> None:
    guides, room, audit = await _two_specialists(), Room(), Audit()
    desk = controls(room, audit, guides)
    await desk.take(ctl({"type": "guide.ask"}, peer_id="ben.1"))
    assert guides.show("s")["asking"] == [{"key": "ben", "name": "Dr Far"}]
    await desk.take(ctl({"type": "guide.grant", "key": "ben"}, peer_id="ben.1"))
    assert guides.show("s")["key"] == "ann"
    await desk.take(ctl({"type": "guide.grant", "key": "ben"}, peer_id="u-1.1", role="bedside"))
    assert guides.show("s")["key"] == "ben"
    await desk.take(ctl({"type": "guide.hand_over", "key": "ann"}, peer_id="ben.1"))
    assert (guides.show("s")["key"], guides.show("s")["name"]) == ("ann", "Ann")
    await desk.take(ctl({"type": "guide.release"}, peer_id="ben.1"))
    assert guides.show("s")["key"] == "ann"
    await desk.take(ctl({"type": "guide.release"}, peer_id="ann.1"))
    assert guides.show("s")["key"] is None
    assert [action for _, action in audit.rows] == ["guide.ask", "guide.grant", "guide.hand_over", "guide.release"]


async def test_observers_never_ask_to_guide() -> None:
    room = Room()
    await controls(room, Audit()).take(ctl({"type": "guide.ask"}, role="observer"))
    assert room.told[0][0]["code"] == "access.refused"
