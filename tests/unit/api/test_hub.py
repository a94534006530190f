"""Live changes to browsers."""

import asyncio
import json
from typing import Any

import pytest

from edge.api import hub as hub_module
from edge.api.hub import BROWSER_COUNT_MAX, QUEUE_MAX, Hub, encode
from edge.core.access import Principal, UserRole
from edge.errors import BusyError

ADA = Principal(name="ada", role=UserRole.OPERATOR)
BOB = Principal(name="bob", role=UserRole.AUDITOR)


async def test_each_browser_gets_its_own_view_and_none_is_silence() -> None:
    hub = Hub()
    ada, bob = hub.listen(ADA), hub.listen(BOB)
    assert await anext(ada) == await anext(bob) == b"event: hello\ndata: {}\n\n"

    def render(principal: Principal) -> Any:
        return {"for": principal.name} if principal.role is UserRole.OPERATOR else None

    hub.publish("session", render)
    hub.publish("outbox", lambda principal: 1)
    assert await anext(ada) == b'event: session\ndata: {"for":"ada"}\n\n'
    assert await anext(bob) == b"event: outbox\ndata: 1\n\n"
    await ada.aclose()
    await bob.aclose()
    assert hub.browser_count == 0


async def test_a_browser_that_does_not_read_is_sent_away_and_others_go_on() -> None:
    hub = Hub()
    slow, quick = hub.listen(ADA), hub.listen(BOB)
    await anext(slow)
    await anext(quick)
    for number in range(QUEUE_MAX + 1):
        hub.publish("n", lambda principal, number=number: number)
        assert await anext(quick) == encode("n", number)
    assert list(hub.principals()) == [BOB]
    received = [line async for line in slow]
    assert len(received) <= QUEUE_MAX
    await quick.aclose()


async def test_too_many_browsers_are_told_so() -> None:
    hub = Hub()
    listening = [hub.listen(ADA) for _ in range(BROWSER_COUNT_MAX)]
    for one in listening:
        await anext(one)
    with pytest.raises(BusyError):
        await anext(hub.listen(BOB))
    for one in listening:
        await one.aclose()


async def test_whoever_lost_access_hears_no_more() -> None:
    hub = Hub()
    ada, bob = hub.listen(ADA), hub.listen(BOB)
    await anext(ada)
    await anext(bob)
    waiting = asyncio.ensure_future(anext(bob))
    await asyncio.sleep(0)
    hub.end_for(lambda principal: principal == BOB)
    hub.publish("session", lambda principal: 1)
    assert await anext(ada) == encode("session", 1)
    with pytest.raises(StopAsyncIteration):
        await waiting
    await ada.aclose()


async def test_a_line_break_in_a_value_does_not_break_the_event() -> None:
    data = encode("x", {"text": "a\n\nevent: forged\ndata: {}"})
    assert data.count(b"\n") == 3
    assert json.loads(data.split(b"data: ", 1)[1]) == {"text": "a\n\nevent: forged\ndata: {}"}


async def test_a_slow_reader_is_not_cut_off_by_the_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "HEARTBEAT_S", 0.01)
    hub = Hub()
    ada = hub.listen(ADA)
    await anext(ada)
    hub.publish("session", lambda principal: 1)
    assert await anext(ada) == encode("session", 1)
    await asyncio.sleep(0.03)
    assert await anext(ada) == b": still here\n\n"
    await ada.aclose()
