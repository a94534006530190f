"""Exams over HTTP: opened, announced, joined, watched, closed; the neighbours answer over their real sockets."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge.api import follower
from edge.config import Config, Source
from edge.config import Worklist as WorklistTable
from edge.core.session import Order, Patient
from edge.core.worklist import WorklistEntry
from edge.store import sessions, worklist
from tests.support.api import PATIENT, ApiNode

OFFER = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n"
SDP = {"Content-Type": "application/sdp"}


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[ApiNode]:
    config = Config(
        source=[Source(name="probe", kind="synthetic"), Source(name="second", kind="synthetic")],
        worklist=WorklistTable(host="127.0.0.1"),
    )
    async with ApiNode(tmp_path, config=config) as node:
        for name in ("operator", "specialist"):
            await node.add_person(name, name)
        yield node


@pytest.fixture
async def busy(node: ApiNode) -> ApiNode:
    await node.neighbours.start("capture", "record", "live")
    return node


async def open_exam(node: ApiNode, **more: Any) -> Any:
    async with node.client("operator") as client:
        reply = await client.ask("POST", "/api/v1/sessions", {"source": "probe", "patient": PATIENT, **more})
        assert reply.status == 201, reply.data
        return reply.body


async def until(look: Any, *, timeout_s: float = 10.0) -> Any:
    async with asyncio.timeout(timeout_s):
        while not (found := look()):
            await asyncio.sleep(0.02)
        return found


async def test_the_study_is_fixed_on_disk_before_record_is_told(busy: ApiNode) -> None:
    seen: list[Any] = []
    begin = busy.neighbours.servers["record"]._answers["session.begin"]

    async def look_first(session: dict[str, Any]) -> Any:
        seen.append(sessions.find(busy.database, session["session_id"]))
        return await begin(session)

    busy.neighbours.servers["record"]._answers = {
        **busy.neighbours.servers["record"]._answers, "session.begin": look_first
    }  # fmt: skip
    opened = await open_exam(busy)
    assert seen[0].study_instance_uid == opened["study_instance_uid"]
    assert opened["study_instance_uid"].startswith("2.25.")
    told = busy.neighbours.sessions[opened["session_id"]]
    assert told["patient"]["name"] == PATIENT["name"]
    assert told["order"]["accession_number"] == ""
    assert ("room.open", {"session_id": opened["session_id"], "source": "probe"}) in busy.neighbours.asked


async def test_an_order_of_the_worklist_brings_its_own_study(busy: ApiNode) -> None:
    entry = WorklistEntry(
        worklist_id="w1",
        patient=Patient(patient_id="P9", name="OKAPI^OTTO"),
        order=Order(study_instance_uid="1.2.3.4", accession_number="A77", requested_procedure_description="Lung"),
        scheduled_at="20260304093000",
        modality="US",
    )
    worklist.replace(busy.database, [entry], now_s=100.0)
    async with busy.client("operator") as client:
        listed = await client.get("/api/v1/worklist")
        opened = await client.ask("POST", "/api/v1/sessions", {"source": "probe", "worklist_id": "w1"})
        unknown = await client.ask("POST", "/api/v1/sessions", {"source": "second", "worklist_id": "w2"})
    assert listed["items"][0]["patient"]["name"] == "OKAPI^OTTO"
    assert listed["refreshed_s"] == 100.0
    assert opened.body["study_instance_uid"] == "1.2.3.4"
    assert opened.body["description"] == "Lung"
    assert busy.neighbours.sessions[opened.body["session_id"]]["order"]["accession_number"] == "A77"
    assert (unknown.status, unknown.body["code"]) == (404, "thing.unknown")


async def test_without_record_there_is_no_exam_and_nothing_stays_open(node: ApiNode) -> None:
    async with node.client("operator") as client:
        reply = await client.ask("POST", "/api/v1/sessions", {"source": "probe", "patient": PATIENT})
        assert (reply.status, reply.body["code"]) == (503, "peer.unreachable")
        assert "record" in reply.body["message"]
    assert sessions.open_sessions(node.database) == []


async def test_without_live_the_exam_is_recorded_all_the_same(node: ApiNode) -> None:
    await node.neighbours.start("record")
    opened = await open_exam(node)
    assert opened["state"] == "open"
    assert list(node.neighbours.sessions) == [opened["session_id"]]


async def test_a_probe_serves_one_exam_at_a_time(busy: ApiNode) -> None:
    await open_exam(busy)
    async with busy.client("operator") as client:
        again = await client.ask("POST", "/api/v1/sessions", {"source": "probe"})
        unknown = await client.ask("POST", "/api/v1/sessions", {"source": "toaster"})
        second = await client.ask("POST", "/api/v1/sessions", {"source": "second"})
    assert (again.status, again.body["code"]) == (409, "state.conflict")
    assert unknown.status == 404
    assert second.status == 201


async def test_services_that_come_back_are_told_of_open_exams(busy: ApiNode) -> None:
    busy.follow()
    opened = await open_exam(busy)
    neighbours = busy.neighbours
    for service, verb in (("record", "session.begin"), ("live", "room.open")):
        await neighbours.stop(service)
        neighbours.sessions.clear()
        neighbours.asked.clear()
        await neighbours.start(service)
        await until(lambda verb=verb: verb in neighbours.verbs())
    assert sessions.open_sessions(busy.database)[0].session_id == opened["session_id"]


async def test_an_end_that_record_missed_is_told_later(busy: ApiNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "RECONCILE_S", 0.05)
    opened = await open_exam(busy)
    await busy.neighbours.stop("record")
    async with busy.client("operator") as client:
        reply = await client.ask("POST", f"/api/v1/sessions/{opened['session_id']}/close", {})
    assert (reply.status, reply.body["state"]) == (200, "closed")
    assert "session.end" not in busy.neighbours.verbs()
    await busy.neighbours.start("record")
    busy.follow()
    await until(lambda: "session.end" in busy.neighbours.verbs())


async def test_a_guest_reaches_only_the_own_session_and_loses_it_when_it_closes(busy: ApiNode) -> None:
    opened = await open_exam(busy)
    other = await open_exam(busy, source="second")
    mine, theirs = (f"/api/v1/sessions/{one['session_id']}" for one in (opened, other))
    async with busy.client(token=opened["token"]) as guest, busy.client("operator") as operator:
        assert (await guest.get(mine))["patient"]["name"] == PATIENT["name"]
        assert (await guest.ask("GET", theirs)).status == 403
        assert (await guest.ask("POST", f"{theirs}/still", {})).status == 403
        assert (await guest.ask("POST", f"{mine}/close", {})).status == 403
        assert (await guest.ask("GET", f"/dicom-web/studies/{opened['study_instance_uid']}/metadata")).status == 403
        own = f"/dicom-web/studies/{opened['study_instance_uid']}/series/{opened['series_instance_uid']}/metadata"
        assert (await guest.ask("GET", own)).status != 403
        assert (await guest.ask("POST", f"{mine}/still", {"frame_index": 41})).body["frame_index"] == 41
        await operator.ask("POST", f"{mine}/close", {})
        assert (await guest.ask("GET", mine)).status == 401


async def test_an_observer_sees_the_exam_and_not_whose_it_is(busy: ApiNode) -> None:
    opened = await open_exam(busy)
    mine = f"/api/v1/sessions/{opened['session_id']}"
    async with busy.client("operator") as operator:
        invite = (await operator.ask("POST", f"{mine}/invites", {"role": "observer"})).body
    async with busy.client(token=invite["token"]) as observer:
        seen = await observer.ask("GET", mine)
        still = await observer.ask("POST", f"{mine}/still", {})
    assert seen.body["patient"] is None
    assert PATIENT["name"].encode() not in seen.data
    assert still.status == 403


async def test_an_invitation_keeps_its_secret_out_of_addresses(busy: ApiNode) -> None:
    opened = await open_exam(busy)
    async with busy.client("operator") as operator:
        invite = (await operator.ask("POST", f"/api/v1/sessions/{opened['session_id']}/invites", {})).body
    address, _, fragment = invite["specialist_url"].partition("#")
    assert address == f"http://clinic.test/live/{opened['session_id']}"
    assert fragment == f"token={invite['token']}"
    assert invite["qr_svg"].startswith("<svg")
    assert len(invite["code"]) == 6
    assert invite["code"].isdigit()


async def test_six_digits_let_one_guest_in_once(busy: ApiNode) -> None:
    opened = await open_exam(busy)
    async with busy.client("operator") as operator:
        invite = (await operator.ask("POST", f"/api/v1/sessions/{opened['session_id']}/invites", {})).body
    spaced = f"{invite['code'][:3]} {invite['code'][3:]}"
    one = f"/api/v1/sessions/{opened['session_id']}"
    async with busy.client() as nobody, busy.client("operator") as operator:
        waiting = await nobody.ask("POST", "/api/v1/join", {"code": spaced, "name": "Dr Remote"})
        again = await nobody.ask("POST", "/api/v1/join", {"code": invite["code"]})
        assert (waiting.status, waiting.body["is_waiting"]) == (200, True)
        assert (waiting.body["token"], waiting.body["bearer"]) == ("", "")
        assert (await nobody.get(f"/api/v1/join/{waiting.body['ticket']}"))["is_waiting"] is True
        (card,) = (await operator.get(one))["waiting"]
        assert card["name"] == "Dr Remote"
        await operator.ask("POST", f"{one}/waiting/{card['key']}", {"is_let_in": True})
        assert (await operator.get(one))["waiting"] == []
        joined = await nobody.ask("GET", f"/api/v1/join/{waiting.body['ticket']}")
        assert (await nobody.ask("GET", f"/api/v1/join/{waiting.body['ticket']}")).status == 401
    assert (joined.status, joined.body["role"]) == (200, "specialist")
    assert joined.body["session_id"] == opened["session_id"]
    assert again.status == 401
    async with busy.client(token=joined.body["bearer"]) as guest:
        assert (await guest.get("/api/v1/me"))["session_id"] == opened["session_id"]


async def test_who_is_refused_at_the_door_gets_nothing_and_only_the_bedside_sees_who_waits(busy: ApiNode) -> None:
    opened = await open_exam(busy)
    one = f"/api/v1/sessions/{opened['session_id']}"
    async with busy.client() as nobody, busy.client("operator") as operator:
        invite = (await operator.ask("POST", f"{one}/invites", {})).body
        ticket = (await nobody.ask("POST", "/api/v1/join", {"code": invite["code"]})).body["ticket"]
        (card,) = (await operator.get(one))["waiting"]
        async with busy.client(token=opened["token"]) as guest:
            assert (await guest.get(one))["waiting"] is None
            refused = await guest.ask("POST", f"{one}/waiting/{card['key']}", {"is_let_in": True})
            assert refused.status == 403
        await operator.ask("POST", f"{one}/waiting/{card['key']}", {"is_let_in": False})
        answer = await nobody.ask("GET", f"/api/v1/join/{ticket}")
        assert (answer.status, answer.body["code"]) == (401, "access.not_let_in")
        assert (await operator.ask("POST", f"{one}/waiting/{card['key']}", {"is_let_in": True})).status == 404


async def test_guests_take_nothing_while_the_bedside_has_stopped_the_picture(busy: ApiNode) -> None:
    opened = await open_exam(busy)
    one = f"/api/v1/sessions/{opened['session_id']}"
    async with busy.client("operator") as operator, busy.client(token=opened["token"]) as guest:
        await operator.ask("POST", f"{one}/picture", {"is_shown": False})
        assert (await guest.get(one))["is_picture_stopped"] is True
        held_up = await guest.ask("POST", f"{one}/still", {})
        assert (held_up.status, held_up.body["code"]) == (409, "live.stopped")
        assert (await operator.ask("POST", f"{one}/still", {})).status == 200
        assert (await guest.ask("POST", f"{one}/picture", {"is_shown": True})).status == 403
        await operator.ask("POST", f"{one}/picture", {"is_shown": True})
        assert (await guest.ask("POST", f"{one}/still", {})).status == 200


async def test_guessing_codes_ends(busy: ApiNode) -> None:
    opened = await open_exam(busy)
    async with busy.client() as nobody:
        statuses = [(await nobody.ask("POST", "/api/v1/join", {"code": f"{n:06d}"})).status for n in range(10)]
        right = await nobody.ask("POST", "/api/v1/join", {"token": opened["token"]})
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert right.status == 429


async def test_a_revoked_guest_is_out_and_the_call_ends(busy: ApiNode) -> None:
    opened = await open_exam(busy)
    mine = f"/api/v1/sessions/{opened['session_id']}"
    async with busy.client("operator") as operator:
        invite = (await operator.ask("POST", f"{mine}/invites", {})).body
        async with busy.client(token=invite["token"]) as guest:
            offered = await guest.ask("POST", f"/whep/{opened['session_id']}", data=OFFER, headers=SDP)
            assert offered.status == 201
            assert (await operator.ask("DELETE", f"{mine}/invites/{invite['token_id']}")).status == 204
            assert (await guest.ask("GET", mine)).status == 401
        assert busy.neighbours.peers == {}
        assert (await operator.ask("DELETE", f"{mine}/invites/{invite['token_id']}")).status == 404


async def test_watching_is_an_offer_an_answer_and_a_place_to_leave(busy: ApiNode) -> None:
    opened = await open_exam(busy)
    path = f"/whep/{opened['session_id']}"
    async with busy.client(token=opened["token"]) as guest, busy.client("operator") as operator:
        answer = await guest.ask("POST", path, data=OFFER, headers=SDP)
        bedside = await operator.ask("POST", path, data=OFFER, headers=SDP)
        foreign = await guest.ask("DELETE", bedside.headers["Location"])
        left = await guest.ask("DELETE", answer.headers["Location"])
    assert (answer.status, answer.headers["Content-Type"]) == (201, "application/sdp")
    assert answer.data.startswith(b"v=0")
    roles = [values["role"] for verb, values in busy.neighbours.asked if verb == "peer.offer"]
    assert roles == ["specialist", "bedside"]
    assert foreign.status == 403
    assert left.status == 200
    assert list(busy.neighbours.peers) == [bedside.headers["Location"].rpartition("/")[2]]


async def test_a_token_is_good_for_one_peer_and_its_reconnects(busy: ApiNode) -> None:
    opened = await open_exam(busy)
    path = f"/whep/{opened['session_id']}"
    async with busy.client(token=opened["token"]) as guest, busy.client("operator") as operator:
        await operator.ask("POST", path, data=OFFER, headers=SDP)
        await guest.ask("POST", path, data=OFFER, headers=SDP)
        await guest.ask("POST", path, data=OFFER, headers=SDP)
    assert sorted(peer["role"] for peer in busy.neighbours.peers.values()) == ["bedside", "specialist"]


async def test_what_is_no_offer_is_refused(busy: ApiNode) -> None:
    opened = await open_exam(busy)
    path = f"/whep/{opened['session_id']}"
    async with busy.client(token=opened["token"]) as guest:
        assert (await guest.ask("POST", path, data=OFFER)).status == 415
        assert (await guest.ask("POST", path, data=b"hello", headers=SDP)).status == 400
        assert (await guest.ask("POST", path, data=b"\xff\xff", headers=SDP)).status == 400
        assert (await guest.ask("POST", path, data=b"v=0" + b"x" * 70_000, headers=SDP)).status == 413
        assert (await guest.ask("POST", "/whep/nowhere", data=OFFER, headers=SDP)).status == 403
    assert "peer.offer" not in busy.neighbours.verbs()


async def test_browsers_hear_of_a_change_and_each_only_what_it_may_see(busy: ApiNode) -> None:
    busy.follow()
    opened = await open_exam(busy)
    async with busy.client("operator") as operator:
        path = f"/api/v1/sessions/{opened['session_id']}/invites"
        invite = (await operator.ask("POST", path, {"role": "observer"})).body
        async with busy.client(token=invite["token"]) as observer:
            heard: dict[str, list[tuple[str, Any]]] = {"operator": [], "observer": []}

            async def listen(name: str, client: Any) -> None:
                async for event in client.events():
                    heard[name].append(event)

            tasks = [
                asyncio.create_task(listen("operator", operator)), asyncio.create_task(listen("observer", observer))
            ]  # fmt: skip
            await until(lambda: busy.parts.hub.browser_count == 2)
            await busy.parts.desk.publish(opened["session_id"])
            await until(lambda: any(name == "session" for name, _ in heard["observer"]))
            await until(lambda: any(name == "outbox" for name, _ in heard["operator"]))
            other = await operator.ask("POST", "/api/v1/sessions", {"source": "second", "patient": PATIENT})
            await until(
                lambda: any(
                    name == "session" and value["session_id"] == other.body["session_id"]
                    for name, value in heard["operator"]
                )
            )
            await operator.ask("POST", f"/api/v1/sessions/{opened['session_id']}/close", {})
            await asyncio.wait_for(tasks[1], 5)
            tasks[0].cancel()
    assert heard["operator"][0] == ("hello", {})
    sessions_heard = [value for name, value in heard["operator"] if name == "session"]
    assert sessions_heard[0]["patient"]["name"] == PATIENT["name"]
    assert {name for name, _ in heard["observer"]} == {"hello", "session"}
    observed = [value for name, value in heard["observer"] if name == "session"]
    assert {value["session_id"] for value in observed} == {opened["session_id"]}
    assert PATIENT["name"] not in str(heard["observer"])


async def test_a_control_of_the_call_is_done_and_its_refusal_told(busy: ApiNode) -> None:
    busy.follow()
    opened = await open_exam(busy)
    await until(lambda: busy.parts.situation.is_up["live"])
    live = busy.neighbours.servers["live"]
    said = {"session_id": opened["session_id"], "peer_id": "p1", "name": "Dr Far", "frame_index": 41}
    live.tell("ctl", **said, role="specialist", message={"type": "still", "rtp_timestamp": 9})
    await until(lambda: "still" in busy.neighbours.verbs())
    live.tell("ctl", **said, role="observer", message={"type": "clip.start"})
    await until(
        lambda: [v for verb, v in busy.neighbours.asked if verb == "room.tell" and v["message"]["type"] == "error"]
    )
    assert ("still", {"session_id": opened["session_id"], "frame_index": 41}) in busy.neighbours.asked
    assert "clip.start" not in busy.neighbours.verbs()


async def test_closing_twice_is_closing_once(busy: ApiNode) -> None:
    opened = await open_exam(busy)
    path = f"/api/v1/sessions/{opened['session_id']}"
    async with busy.client("operator") as operator:
        first = await operator.ask("POST", f"{path}/close", {})
        second = await operator.ask("POST", f"{path}/close", {})
        late = await operator.ask("POST", f"{path}/record/start", {})
    assert first.body["closed_s"] == second.body["closed_s"]
    assert busy.neighbours.verbs().count("session.end") == 1
    assert (late.status, late.body["code"]) == (409, "state.conflict")


async def test_record_is_never_told_of_a_session_twice_at_once(busy: ApiNode) -> None:
    server = busy.neighbours.servers["record"]
    begin, counts = server._answers["session.begin"], {"now": 0, "most": 0, "all": 0}

    async def slow(session: dict[str, Any]) -> Any:
        counts["now"] += 1
        counts["all"] += 1
        counts["most"] = max(counts["most"], counts["now"])
        await asyncio.sleep(0.02)
        counts["now"] -= 1
        return await begin(session)

    server._answers = {**server._answers, "session.begin": slow}
    opened = await open_exam(busy)
    await asyncio.gather(*(busy.parts.desk.announce("record") for _ in range(4)))
    assert (counts["all"], counts["most"]) == (5, 1)
    assert list(busy.neighbours.sessions) == [opened["session_id"]]
