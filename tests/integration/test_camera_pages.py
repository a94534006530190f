"""The second picture on the pages: the bedside's own camera, a phone as camera, and how they lie."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import chromium
from tests.support.exam import invite, open_exam, playing_node, probe
from tests.support.node import Node, wait_until
from tests.support.pages import AXE, add_user, join, look, sign_in

pytestmark = pytest.mark.paired

PLAYING = """() => {
    const video = document.querySelector(".second-video");
    return video !== null && video.videoWidth > 0 && video.getVideoPlaybackQuality().totalVideoFrames > 10;
}"""
PLACES = """() => Object.fromEntries([".picture", ".second"].map((one) => {
    const box = document.querySelector(one).getBoundingClientRect();
    return [one, [box.left, box.top, box.right, box.bottom].map(Math.round)];
}))"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with playing_node(tmp_path_factory.mktemp("camera"), probe(fps=20.0)) as started:
        add_user(started)
        yield started


@pytest.fixture
def exam(node: Node) -> Iterator[dict[str, Any]]:
    with open_exam(node, patient={"patient_id": "T-1", "name": "Sample^Ada"}) as opened:
        yield opened


def covers(places: dict[str, list[int]]) -> bool:
    """Tell whether the two pictures overlap."""
    (left, top, right, bottom), (l2, t2, r2, b2) = places[".picture"], places[".second"]
    return left < r2 and l2 < right and top < b2 and t2 < bottom


def test_the_bedsides_camera_is_seen_beside_the_ultrasound_until_the_bedside_ends_it(
    node: Node, exam: dict[str, Any], tmp_path: Path
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core absent: run make setup")
    session = exam["session_id"]
    with chromium() as browser:
        bedside = sign_in(browser, node, (1280, 800))
        bedside.goto(f"{node.url}/?session={session}")
        remote = join(browser, exam["specialist_url"], (1280, 800))
        bedside.get_by_role("button", name="Show my camera").click()
        for page in (remote, bedside):
            page.wait_for_function(PLAYING, timeout=30_000)
        assert not covers(remote.evaluate(PLACES)), "side by side, nothing lies over the ultrasound"
        assert look(remote, tmp_path / "beside-remote.png") == []
        assert look(bedside, tmp_path / "beside-bedside.png") == []
        assert bedside.evaluate("document.querySelector('.exam-head').getBoundingClientRect().top") == 0
        remote.locator(".second").get_by_role("button", name="Camera large").click()
        large = remote.evaluate(PLACES)
        assert covers(large) and large[".second"][2] > large[".picture"][2]
        remote.screenshot(path=tmp_path / "large.png")
        remote.locator(".second").get_by_role("button", name="In the corner").click()
        corner = remote.evaluate(PLACES)
        assert covers(corner) and corner[".second"][2] < corner[".picture"][2]
        remote.screenshot(path=tmp_path / "corner.png")
        remote.keyboard.press("c")
        remote.wait_for_function(PLAYING)
        remote.locator(".second").get_by_role("button", name="Camera put away").click()
        remote.locator(".second").wait_for(state="detached")
        is_away = lambda: [p for p in peers(node, session) if p["role"] == "specialist" and p["second_rung"] is None]  # noqa: E731
        wait_until(is_away, timeout_s=10, what="what nobody looks at is not sent")
        remote.get_by_role("button", name="Camera").click()
        remote.wait_for_function(PLAYING, timeout=10_000)
        bedside.get_by_role("button", name="Stop the live picture").click()
        wait_until(is_away, timeout_s=10, what="the switch that takes the picture away takes the camera, too")
        bedside.get_by_role("button", name="Show the live picture").click()
        remote.wait_for_function(PLAYING, timeout=10_000)
        bedside.get_by_role("button", name="Stop my camera").click()
        remote.locator(".second").wait_for(state="detached", timeout=10_000)
    actions = [row["action"] for row in node.ask("GET", "/api/v1/audit?limit=50")["items"]]
    assert "live.send" in actions
    assert node.ask("GET", f"/api/v1/sessions/{session}")["objects"] == [], "the camera is in no record"


def peers(node: Node, session: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = node.ask("GET", f"/api/v1/sessions/{session}")["peers"]
    return found


def test_a_phone_that_is_invited_as_a_camera_shows_the_room_and_sees_nothing(
    node: Node, exam: dict[str, Any], tmp_path: Path
) -> None:
    with chromium() as browser:
        phone = browser.new_context(viewport={"width": 390, "height": 844}).new_page()  # type: ignore[attr-defined]
        phone.goto(invite(node, exam, "camera")["specialist_url"])
        phone.get_by_role("button", name="Show my camera").click()
        phone.get_by_text("Everybody in the call sees it").wait_for(timeout=20_000)
        assert look(phone, tmp_path / "camera-phone.png") == []
        assert "T-1" not in phone.content() and "Sample" not in phone.content()
        remote = join(browser, exam["specialist_url"], (390, 844))
        remote.wait_for_function(PLAYING, timeout=30_000)
        assert not covers(remote.evaluate(PLACES)), "one above the other on an upright screen"
        assert look(remote, tmp_path / "beside-phone.png") == []
