"""Standard clients against a whole node: GStreamer, FFmpeg, Janus, Firefox, and a relay of coturn's in between."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiortc import RTCConfiguration, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnection

from edge.core.turn import relay_password
from tests.support.coturn import SECRET, Relay, coturn
from tests.support.exam import invite, open_exam, playing_node, probe
from tests.support.firefox import Firefox, firefox
from tests.support.janus import janus, send_on, whip_door
from tests.support.node import Node, free_port
from tests.support.whip import Watcher, ask

pytestmark = [pytest.mark.paired, pytest.mark.usefixtures("here_only")]

SUPPORT = Path(__file__).parents[1] / "support"
ROOT = SUPPORT.parents[1]
DOOR_TOKEN = "the token of the media server"
FIRST_PICTURE_S_MAX = 2.0
GSTREAMER_FRAMES = 60


@pytest.fixture(scope="module")
def relay() -> Iterator[Relay | None]:
    """A relay if there is one; the tests that need it say so themselves."""
    if shutil.which("turnserver") is None:
        yield None
        return
    with coturn() as started:
        yield started


@pytest.fixture(scope="module")
def door_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, relay: Relay | None, door_port: int) -> Iterator[Node]:
    keys = f'publish_url = "http://127.0.0.1:{door_port}/whip"\npublish_token = "{DOOR_TOKEN}"\n'
    keys += relay.config if relay is not None else ""
    with playing_node(tmp_path_factory.mktemp("clients"), f"{probe(fps=25.0)}[live]\n{keys}") as started:
        yield started


@pytest.fixture
def exam(node: Node) -> Iterator[dict[str, Any]]:
    with open_exam(node) as opened:
        yield opened


@pytest.mark.alone
def test_gstreamer_plays_every_frame_within_two_seconds(node: Node, exam: dict[str, Any]) -> None:
    """Of several tries, one on a machine that has nothing else to do proves it."""
    look = "import gi;gi.require_version('GstWebRTC','1.0');from gi.repository import Gst;Gst.init(None);"
    look += "print(*[n for n in ('webrtcbin','nicesrc','avdec_h264') if Gst.ElementFactory.find(n)])"
    found = subprocess.run(["/usr/bin/python3", "-c", look], capture_output=True, text=True)
    if found.stdout.split() != ["webrtcbin", "nicesrc", "avdec_h264"]:
        pytest.skip("GStreamer absent (Debian packages gstreamer1.0-plugins-bad, -nice, -libav, python3-gst-1.0)")
    command = ["/usr/bin/python3", str(SUPPORT / "gst_whep.py"), exam["whep_url"], exam["token"], str(GSTREAMER_FRAMES)]
    for _ in range(3):
        played = subprocess.run(command, capture_output=True, text=True, timeout=60)
        seen = json.loads(played.stdout)
        assert len(seen["seen_s"]) >= GSTREAMER_FRAMES, played.stderr
        assert "width=(int)640, height=(int)480" in seen["caps"]
        steady = seen["seen_s"][GSTREAMER_FRAMES // 2 :]
        fps = (len(steady) - 1) / (steady[-1] - steady[0])
        if seen["seen_s"][0] < FIRST_PICTURE_S_MAX and fps >= 24:
            return
    pytest.fail(f"first frame after {seen['seen_s'][0]} s, then {fps:.1f} fps")


async def test_ffmpegs_own_whip_muxer_sends_a_second_picture(node: Node, exam: dict[str, Any], tmp_path: Path) -> None:
    camera = invite(node, exam, "camera")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-new", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=sender", "-days", "2", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    command = [sys.executable, "-m", "tests.support.ffmpeg_whip", camera["whip_url"], camera["token"]]
    sender = await asyncio.create_subprocess_exec(*command, str(certificate), str(key), cwd=ROOT)
    try:
        async with Watcher(exam["whep_url"], exam["token"], video_count=2) as watcher:
            await watcher.join()
            second = await watcher.see(20, track=1, timeout_s=45)
            red, green, blue = second.frames[-1][1].to_ndarray(format="rgb24").mean(axis=(0, 1))
            assert abs(red - 230) < 8 and abs(green - 180) < 8 and abs(blue - 150) < 8
    finally:
        sender.terminate()
        await sender.wait()


async def test_janus_distributes_a_session_and_sends_a_picture_back(
    node: Node, exam: dict[str, Any], door_port: int
) -> None:
    """The node publishes to Janus by WHIP; what Janus got, it sends to the node as the second picture."""
    camera, place = invite(node, exam, "camera"), f"/api/v1/sessions/{exam['session_id']}"
    with janus() as url:
        async with whip_door(url, DOOR_TOKEN, door_port) as asked:
            await asyncio.to_thread(node.ask, "POST", f"{place}/publish", {"is_on": True})
            view = await _until(node, place, lambda view: (view["publish"] or {}).get("state") == "live")
            assert any(peer["peer_id"] == "outside" for peer in view["peers"])
            async with (
                aiohttp.ClientSession() as http,
                Watcher(exam["whep_url"], exam["token"], video_count=2) as watcher,
            ):
                await send_on(url, camera["whip_url"], camera["token"], http)
                await watcher.join()
                second = await watcher.see(10, track=1, timeout_s=60)
                assert second.frames[-1][1].width > 0
            await asyncio.to_thread(node.ask, "POST", f"{place}/publish", {"is_on": False})
            await _until(node, place, lambda view: view["publish"] is None)
            assert asked == ["POST", "DELETE"]
    actions = [row["action"] for row in node.ask("GET", "/api/v1/audit?limit=20")["items"]]
    assert {"live.publish", "live.unpublish"} <= set(actions)


async def _until(node: Node, place: str, holds: Any) -> Any:
    async with asyncio.timeout(20):
        while True:
            view = await asyncio.to_thread(node.ask, "GET", place)
            if holds(view):
                return view
            await asyncio.sleep(0.1)


async def test_a_media_server_that_is_away_is_asked_again_and_people_are_told(
    node: Node, exam: dict[str, Any], door_port: int
) -> None:
    place = f"/api/v1/sessions/{exam['session_id']}"
    await asyncio.to_thread(node.ask, "POST", f"{place}/publish", {"is_on": True})
    view = await _until(node, place, lambda view: (view["publish"] or {}).get("state") == "waiting")
    assert "does not answer" in view["publish"]["reason"]
    await asyncio.to_thread(node.ask, "POST", f"{place}/publish", {"is_on": False})
    await _until(node, place, lambda view: view["publish"] is None)


@contextlib.asynccontextmanager
async def specialist_in_firefox(exam: dict[str, Any]) -> AsyncIterator[Firefox]:
    async with firefox() as browser:
        await browser.go(exam["specialist_url"])
        await browser.run((SUPPORT / "firefox_join.js").read_text())
        yield browser


async def test_firefox_shows_the_specialists_page_live_and_names_its_frames(node: Node, exam: dict[str, Any]) -> None:
    async with specialist_in_firefox(exam) as browser:
        seen = await browser.run(
            """async () => {
                const video = document.querySelector("video"), seen = [];
                await new Promise((done) => {
                    const step = (now, frame) => {
                        seen.push({at: now, rtp: frame.rtpTimestamp ?? null});
                        seen.length < 50 ? video.requestVideoFrameCallback(step) : done();
                    };
                    video.requestVideoFrameCallback(step);
                });
                return {seen, width: video.videoWidth, height: video.videoHeight};
            }"""
        )
        assert (seen["width"], seen["height"]) == (640, 480)
        elapsed_s = (seen["seen"][-1]["at"] - seen["seen"][0]["at"]) / 1000
        assert 49 / elapsed_s > 15, "frames arrive at the rate of a guidance"
        state = await asyncio.to_thread(node.ask, "GET", f"/api/v1/sessions/{exam['session_id']}")
        assert [peer["codec"] for peer in state["peers"]] == ["vp8"]


def relayed(links: list[str]) -> RTCPeerConnection:
    """Return a client that may only go through the relay its answer named."""
    found = re.fullmatch(r'<([^>]+)>; rel="ice-server"; username="([^"]+)"; credential="([^"]+)"; .*', links[0])
    assert found is not None, links
    server = RTCIceServer(urls=found[1], username=found[2], credential=found[3])
    return RTCPeerConnection(RTCConfiguration([server], iceTransportPolicy=RTCIceTransportPolicy.RELAY))


async def test_a_guest_joins_through_a_relay_with_a_password_that_ends(
    node: Node, exam: dict[str, Any], relay: Relay | None
) -> None:
    if relay is None:
        pytest.skip("coturn absent (Debian package coturn)")
    told = await ask("OPTIONS", exam["whep_url"], exam["token"])
    assert (await ask("OPTIONS", exam["whep_url"])).links == [], "nobody learns a password without a token"
    async with Watcher(exam["whep_url"], exam["token"], connection=relayed(told.links)) as watcher:
        began_s = time.monotonic()
        reply = await watcher.join()
        assert reply.links and "typ relay" in watcher.connection.localDescription.sdp
        assert "typ host" not in watcher.connection.localDescription.sdp
        picture = await watcher.see(1)
        assert picture.frames[0][0] - began_s < 5
        await watcher.see(20)
    assert "realm <edge>" in relay.log_text() and "ALLOCATE processed, success" in relay.log_text()
    username = f"{int(time.time()) - 5}:late"
    late = [
        f'<{relay.url}>; rel="ice-server"; username="{username}"; credential="{relay_password(SECRET, username)}"; x'
    ]
    old = relayed(late)
    old.addTransceiver("video", direction="recvonly")
    await old.setLocalDescription(await old.createOffer())
    assert "a=candidate" not in old.localDescription.sdp, "a password that has ended opens nothing"
    await old.close()


def test_no_packet_leaves_for_an_address_nobody_named(tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a network of its own needs root and unshare")
    if shutil.which("turnserver") is None:
        pytest.skip("coturn absent (Debian package coturn)")
    ran = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "tests.support.silence", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-4000:]
    said = json.loads(ran.stdout)
    assert said["was_relayed"]
    assert set(said["heard"]) <= {"198.51.100.7"}, "only the address that the offer itself gave"
