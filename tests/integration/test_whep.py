"""WHEP and WHIP by the book, against a whole node: tags, candidates, restarts, other origins, the second picture."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import aioice
import pytest

from edge.errors import EdgeError
from tests.support.exam import invite, open_exam, playing_node, probe
from tests.support.node import Node, wait_until
from tests.support.whip import FRAGMENT, SDP, Sender, Watcher, ask

pytestmark = pytest.mark.usefixtures("here_only")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with playing_node(tmp_path_factory.mktemp("whep"), probe(fps=25.0)) as started:
        yield started


@pytest.fixture
def exam(node: Node) -> Iterator[dict[str, Any]]:
    with open_exam(node) as opened:
        yield opened


def fragment_of(sdp: str, *, with_candidates: bool = True) -> str:
    """Return what a client sends after its offer."""
    lines = sdp.split("\r\n")
    found = [line for line in lines if line.startswith(("a=ice-ufrag", "a=ice-pwd"))][:2]
    candidates = sorted({line for line in lines if line.startswith("a=candidate")}) if with_candidates else []
    mid = next(line for line in lines if line.startswith("a=mid"))
    return "\r\n".join([*found, "m=video 9 UDP/TLS/RTP/SAVPF 0", mid, *candidates, "a=end-of-candidates", ""])


def without_candidates(sdp: str) -> str:
    return "\r\n".join(line for line in sdp.split("\r\n") if not line.startswith(("a=candidate", "a=end-of")))


async def test_an_answer_says_where_it_is_kept_and_which_path_it_is_for(node: Node, exam: dict[str, Any]) -> None:
    async with Watcher(exam["whep_url"], exam["token"]) as watcher:
        reply = await watcher.join()
        assert reply.headers["Content-Type"] == SDP
        assert reply.headers["Location"].startswith(f"/whep/{exam['session_id']}/")
        ufrag = re.search(r"a=ice-ufrag:(\S+)", reply.text)
        assert ufrag is not None and reply.headers["ETag"] == f'"{ufrag[1]}"'
        assert reply.links == [], "no server is named unless one is configured"
        assert {line.split()[7] for line in reply.text.split("\r\n") if line.startswith("a=candidate")} == {"host"}
        await watcher.see(10)
        gone = await ask("DELETE", node.url + reply.headers["Location"], exam["token"])
        assert gone.status == 200
        changed = await ask(
            "PATCH", node.url + reply.headers["Location"], exam["token"], fragment_of(reply.text),
            Content_Type=FRAGMENT, If_Match=reply.headers["ETag"],
        )  # fmt: skip
        assert changed.status == 404


async def test_candidates_may_come_after_the_offer(node: Node, exam: dict[str, Any]) -> None:
    async with Watcher(exam["whep_url"], exam["token"]) as watcher:
        reply = await watcher.join(change_offer=without_candidates)
        offered = watcher.connection.localDescription.sdp
        assert "a=candidate" in offered
        sent = await ask(
            "PATCH", node.url + reply.headers["Location"], exam["token"], fragment_of(offered),
            Content_Type=FRAGMENT, If_Match=reply.headers["ETag"],
        )  # fmt: skip
        assert (sent.status, sent.text) == (204, "")
        await watcher.see(5)


REFUSED = [
    ({"Content_Type": FRAGMENT}, "ok", 428),
    ({"Content_Type": FRAGMENT, "If_Match": '"another"'}, "ok", 412),
    ({"Content_Type": FRAGMENT, "If_Match": "*"}, "ok", 412),
    ({"Content_Type": SDP, "If_Match": "same"}, "ok", 415),
    ({"Content_Type": FRAGMENT, "If_Match": "same"}, "nothing", 400),
    ({"Content_Type": FRAGMENT, "If_Match": "same"}, "a=ice-ufrag:x\r\na=ice-pwd:y\r\n", 400),
    ({"Content_Type": FRAGMENT, "If_Match": "same"}, "a=candidate:1 1 udp 1 127.0.0.1 port typ host\r\n", 400),
    ({"Content_Type": FRAGMENT, "If_Match": "same"}, "x" * 20_000, 400),
]


async def test_a_change_for_another_path_or_of_another_kind_is_refused_and_the_picture_goes_on(
    node: Node, exam: dict[str, Any]
) -> None:
    async with Watcher(exam["whep_url"], exam["token"]) as watcher:
        reply = await watcher.join()
        for headers, body, status in REFUSED:
            named = {key: reply.headers["ETag"] if value == "same" else value for key, value in headers.items()}
            text = fragment_of(watcher.connection.localDescription.sdp) if body == "ok" else body
            refused = await ask("PATCH", node.url + reply.headers["Location"], exam["token"], text, **named)
            assert refused.status == status, (headers, body[:40], refused.text)
        await watcher.see(3)


async def test_nobody_changes_or_ends_somebody_elses_connection(node: Node, exam: dict[str, Any]) -> None:
    other = invite(node, exam, "specialist")["token"]
    async with Watcher(exam["whep_url"], exam["token"]) as watcher:
        reply = await watcher.join()
        place = node.url + reply.headers["Location"]
        body = fragment_of(watcher.connection.localDescription.sdp)
        tag = reply.headers["ETag"]
        assert (await ask("PATCH", place, other, body, Content_Type=FRAGMENT, If_Match=tag)).status == 403
        assert (await ask("DELETE", place, other)).status == 403
        assert (await ask("DELETE", place)).status == 401
        assert (await ask("DELETE", place, "wrong")).status == 401
        await watcher.see(3)


async def test_the_path_is_restarted_while_the_picture_goes_on(node: Node, exam: dict[str, Any]) -> None:
    """The client brings another ICE agent, on another port, under the keys of the first."""
    async with Watcher(exam["whep_url"], exam["token"]) as watcher:
        reply = await watcher.join()
        await watcher.see(5)
        transport = watcher.connection.getTransceivers()[0].receiver.transport.transport
        old = transport._connection
        new = aioice.Connection(ice_controlling=True)
        await new.gather_candidates()
        lines = [f"a=ice-ufrag:{new.local_username}", f"a=ice-pwd:{new.local_password}", "m=video 9 X 0", "a=mid:0"]
        lines += [f"a=candidate:{one.to_sdp()}" for one in new.local_candidates]
        place = node.url + reply.headers["Location"]
        answer = await ask(
            "PATCH", place, exam["token"], "\r\n".join([*lines, ""]), Content_Type=FRAGMENT, If_Match="*"
        )
        assert answer.status == 200 and answer.headers["Content-Type"] == FRAGMENT
        assert answer.headers["ETag"] != reply.headers["ETag"]
        told = dict(re.findall(r"a=(ice-ufrag|ice-pwd):(\S+)", answer.text))
        new.remote_username, new.remote_password = told["ice-ufrag"], told["ice-pwd"]
        for line in re.findall(r"a=candidate:(.*)", answer.text):
            await new.add_remote_candidate(aioice.Candidate.from_sdp(line.strip()))
        await new.add_remote_candidate(None)
        new._queue = old._queue
        await new.connect()
        old._queue = asyncio.Queue()
        transport._connection, transport._send, transport._recv = new, new.send, new.recv
        transport._RTCIceTransport__monitor_task.cancel()
        transport._RTCIceTransport__monitor_task = asyncio.ensure_future(transport._monitor())
        await old.close()
        seen = watcher.pictures[0].count
        await watcher.see(seen + 20)
        again = await ask("PATCH", place, exam["token"], lines[-1] + "\r\n", Content_Type=FRAGMENT,
                          If_Match=reply.headers["ETag"])  # fmt: skip
        assert again.status == 412, "the old path's tag is no more"
        assert (await ask("DELETE", place, exam["token"])).status == 200


async def test_other_origins_may_ask_and_learn_what_is_taken(node: Node, exam: dict[str, Any]) -> None:
    asked = {"Origin": "https://viewer.example", "Access_Control_Request_Method": "POST"}
    preflight = await ask("OPTIONS", exam["whep_url"], **asked)
    assert preflight.status == 200 and preflight.headers["Accept-Post"] == SDP
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "If-Match" in preflight.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    refused = await ask("POST", exam["whep_url"], "wrong", "v=0", Content_Type=SDP, Origin="https://viewer.example")
    assert refused.status == 401 and refused.headers["Access-Control-Allow-Origin"] == "*"
    for method in ("GET", "PUT"):
        assert (await ask(method, exam["whep_url"], exam["token"])).status == 405


async def test_a_camera_that_is_sent_appears_beside_the_ultrasound_and_goes_again(
    node: Node, exam: dict[str, Any]
) -> None:
    camera = invite(node, exam, "camera")
    async with Watcher(exam["whep_url"], exam["token"], video_count=2) as watcher:
        await watcher.join()
        await watcher.see(30)
        async with Sender(camera["whip_url"], camera["token"]) as sender:
            second = await watcher.see(10, track=1, timeout_s=60)
            shown = second.frames[-1][1].to_ndarray(format="rgb24")
            red, green, blue = (int(value) for value in shown.mean(axis=(0, 1)))
            assert red > 220 and green < 190 and blue < 160, (red, green, blue)
            assert (shown.shape[1], shown.shape[0]) in ((640, 360), (320, 180))
            before = watcher.pictures[0].count
            await watcher.see(before + 20)
            assert (await ask("DELETE", node.url + sender.place, camera["token"])).status == 200
        assert not list(node.run_dir.glob("second-*")), "the picture leaves nothing behind"
        state = node.ask("GET", f"/api/v1/sessions/{exam['session_id']}")
        assert [one["role"] for one in state["peers"]] == ["specialist"]


async def test_a_camera_sees_nothing_and_a_guest_sends_nothing(node: Node, exam: dict[str, Any]) -> None:
    camera = invite(node, exam, "camera")
    async with Watcher(camera["whep_url"], camera["token"]) as watcher:
        with pytest.raises(AssertionError, match=r"access\.refused"):
            await watcher.join()
    with pytest.raises(AssertionError, match=r"access\.refused"):
        async with Sender(camera["whip_url"], exam["token"]):
            pass


async def test_who_guides_and_what_the_bedside_decided_outlives_the_service_that_knows_it(
    node: Node, exam: dict[str, Any]
) -> None:
    place = f"/api/v1/sessions/{exam['session_id']}"

    def view() -> Any:
        try:
            return node.ask("GET", place)
        except EdgeError:
            return None

    async with Watcher(exam["whep_url"], exam["token"]) as watcher:
        await watcher.join()
        await watcher.see(3)
        other = invite(node, exam, "specialist")
        async with Watcher(other["whep_url"], other["token"]) as second:
            await second.join()
            await second.see(3)
            before = await asyncio.to_thread(lambda: wait_until(lambda: _guided(view()), timeout_s=10, what="a guide"))
            node.ask("POST", f"{place}/consent", {})
            node.ask("POST", f"{place}/picture", {"is_shown": False})
            decided = node.ask("GET", place)
            await asyncio.to_thread(node.kill, "api")
            await asyncio.to_thread(node.wait_ready)
            # Both are still in the call; were it forgotten, whoever is named first would guide.
            is_back = lambda: (found := _guided(view())) and not found["guide"]["is_away"] and found  # noqa: E731
            after = await asyncio.to_thread(lambda: wait_until(is_back, timeout_s=15, what="the guide is back"))
            assert after["guide"] == before["guide"]
            assert after["is_picture_stopped"] and after["consent_s"] == decided["consent_s"]
            node.ask("POST", f"{place}/picture", {"is_shown": True})


def _guided(view: Any) -> Any:
    return view if view and view["guide"]["key"] else None
