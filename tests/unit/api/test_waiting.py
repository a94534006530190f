"""The waiting room, on a clock of the test's own."""

import msgspec
import pytest

from edge.api.shapes import Joined
from edge.api.waiting import SILENT_S_MAX, WAIT_S_MAX, WAITING_COUNT_MAX, NotLetInError, WaitingRoom
from edge.core.session import Knock
from edge.errors import BusyError, NotFoundError

JOINED = Joined(token="secret", bearer="secret", session_id="s", role="specialist")


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


async def test_no_token_leaves_before_the_bedside_says_yes_and_then_only_once() -> None:
    room = WaitingRoom(Clock())
    waiting = await room.add(JOINED, name="Dr Remote", token_id="t")
    assert "secret" not in str(waiting)
    assert "secret" not in str(room.show("s"))
    assert (await room.ask(waiting.ticket)).is_waiting
    (card,) = room.show("s")
    assert await room.answer("s", card["key"], is_let_in=True) == "t"
    assert (await room.ask(waiting.ticket)).bearer == "secret"
    with pytest.raises(NotLetInError):
        await room.ask(waiting.ticket)


async def test_a_page_that_was_closed_waits_no_more_and_nobody_waits_for_ever() -> None:
    clock = Clock()
    room = WaitingRoom(clock)
    silent = await room.add(JOINED, name="", token_id="t")
    clock.now_s += SILENT_S_MAX
    assert room.show("s") == []
    with pytest.raises(NotLetInError):
        await room.ask(silent.ticket)
    patient = await room.add(JOINED, name="", token_id="t")
    for _ in range(int(WAIT_S_MAX / 10) - 1):
        clock.now_s += 10
        await room.ask(patient.ticket)
    clock.now_s += 10
    with pytest.raises(NotLetInError):
        await room.ask(patient.ticket)


async def test_an_answer_is_for_the_own_exam_and_a_full_room_says_so() -> None:
    room = WaitingRoom(Clock())
    for _ in range(WAITING_COUNT_MAX):
        await room.add(JOINED, name="", token_id="t")
    with pytest.raises(BusyError):
        await room.add(JOINED, name="", token_id="t")
    with pytest.raises(NotFoundError):
        await room.answer("other", room.show("s")[0]["key"], is_let_in=True)
    room.forget("s")
    assert room.show("s") == []


async def test_the_bedside_is_told_of_who_comes_and_who_was_answered() -> None:
    room, told = WaitingRoom(Clock()), []

    async def tell(session_id: str) -> None:
        told.append((session_id, len(room.show(session_id))))

    room.on_change = tell
    await room.add(JOINED, name="", token_id="t")
    await room.answer("s", room.show("s")[0]["key"], is_let_in=False)
    assert told == [("s", 1), ("s", 0)]


async def test_a_restart_forgets_nobody_and_what_is_kept_opens_nothing() -> None:
    clock, kept = Clock(), {}

    def opened() -> WaitingRoom:
        room = WaitingRoom(clock)

        async def keep(session_id: str) -> None:
            kept[session_id] = msgspec.json.decode(msgspec.json.encode(room.knocks(session_id)), type=tuple[Knock, ...])

        room.on_keep = keep
        return room

    room = opened()
    patient = await room.add(JOINED, name="Dr Remote", token_id="t")
    early = await room.add(JOINED, name="Dr Early", token_id="u")
    assert patient.ticket and early.ticket
    await room.answer("s", room.show("s")[1]["key"], is_let_in=True)
    assert not [word for word in ("secret", patient.ticket, early.ticket) if word in str(kept)]
    again = opened()
    again.restore(kept)
    assert [card["name"] for card in again.show("s")] == ["Dr Remote"]
    assert (await again.ask(early.ticket)).bearer == "secret", "let in before, fetched after"
    assert (await again.ask(patient.ticket)).is_waiting
    assert await again.answer("s", again.show("s")[0]["key"], is_let_in=True) == "t"
    assert (await again.ask(patient.ticket)).bearer == "secret"
    assert again.knocks("s") == () and kept["s"] == ()
