"""The walk of a drawing: start an exam, invite, join, freeze, draw, measure, saved on both sides."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pytest
from pydicom import dcmread

from edge.dicom.codec import decode
from edge.dicom.frame_index import build
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.browser import chromium
from tests.support.exam import invite, open_exam, playing_node, probe
from tests.support.node import Node, wait_until
from tests.support.pages import AXE, add_user, join, look, sign_in

SIZES = {"desktop": (1280, 800), "tablet": (768, 1024), "phone": (390, 844)}
CALIBRATED_PX = (640, 480)
SECTIONS = probe(
    fps=20.0,
    more="regions = [{min_x_px = 0, min_y_px = 0, max_x_px = 639, max_y_px = 479,"
    " cm_per_px_x = 0.02, cm_per_px_y = 0.02}]",
)
FREEZE_COUNT = 12
EDGE_ROW = 4
EDGE_PX_OFF_MAX = 12
"""Of 640: where a bright field meets a dark one the codec may move the border by a pixel."""
UPPER_EDGE = """() => {
    const canvas = document.querySelector(".draw > canvas");
    const row = canvas.getContext("2d").getImageData(0, 4, canvas.width, 1).data;
    return Array.from({length: canvas.width}, (_, x) => row[4 * x]);
}"""
PATIENT = {"patient_id": "T-1", "name": "Sample^Ada", "birth_date": "20240229"}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with playing_node(tmp_path_factory.mktemp("walk"), SECTIONS) as started:
        add_user(started)
        yield started


@pytest.fixture
def exam(node: Node) -> Iterator[dict[str, Any]]:
    with open_exam(node, patient=PATIENT) as opened:
        yield opened


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    box = page.locator(".draw").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=4)
    page.mouse.up()


@pytest.mark.parametrize("size", SIZES)
def test_a_specialist_measures_on_a_frozen_frame_and_both_sides_see_it_saved(
    node: Node, exam: dict[str, Any], tmp_path: Path, size: str
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core absent: run make setup")
    session = exam["session_id"]
    with chromium() as browser:
        bedside = sign_in(browser, node, SIZES[size])
        bedside.goto(f"{node.url}/?session={session}")
        remote = join(browser, exam["specialist_url"], SIZES[size])
        remote.get_by_role("button", name="Draw", exact=True).click()
        remote.get_by_role("button", name="Caliper").click()
        drag(remote, (0.2, 0.3), (0.7, 0.3))
        remote.get_by_text("64 mm").wait_for(timeout=5_000)
        remote.get_by_role("button", name="Arrow").click()
        drag(remote, (0.2, 0.8), (0.5, 0.5))
        drag(remote, (0.8, 0.8), (0.6, 0.6))
        remote.get_by_role("button", name="Undo").click()
        assert look(remote, tmp_path / f"draw-{size}.png") == []
        small = remote.eval_on_selector_all(
            ".draw-bar button", "found => found.filter(one => one.getBoundingClientRect().height < 44).length"
        )
        assert small == 0
        remote.get_by_role("button", name="Save drawing").click()
        remote.get_by_text("Drawing saved with its lossless picture: 64 mm").wait_for(timeout=15_000)
        bedside.get_by_text("Dr Remote saved a drawing: 64 mm").wait_for(timeout=15_000)
        bedside.get_by_role("link", name="Drawing 64 mm").wait_for(timeout=15_000)
        assert look(bedside, tmp_path / f"strip-{size}.png") == []
        remote.screenshot(path=tmp_path / f"after-{size}.png")
    objects = node.ask("GET", f"/api/v1/sessions/{session}")["objects"]
    assert sorted(one["kind"] for one in objects) == ["annotation", "report", "still"]
    (report,) = (one for one in objects if one["kind"] == "report")
    groups = _read_report(node, report["sop_instance_uid"]).content.get_image_measurement_groups()
    assert groups[0].get_measurements()[0].value == pytest.approx(0.5 * CALIBRATED_PX[0] * 0.2, rel=0.01)
    (row,) = (row for row in node.ask("GET", "/api/v1/audit?limit=50")["items"] if _is_of(row, session))
    assert row["detail"]["report_sop_instance_uid"] == report["sop_instance_uid"]


def stroke(page: Any, *points: tuple[float, float]) -> None:
    box = page.locator(".draw").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_lengths_areas_angles_and_the_heart_rate_come_from_the_node_and_stand_in_one_report(
    node: Node, exam: dict[str, Any], tmp_path: Path, size: str
) -> None:
    session = exam["session_id"]
    with chromium() as browser:
        remote = join(browser, exam["specialist_url"], SIZES[size])
        remote.get_by_role("button", name="Draw", exact=True).click()
        remote.locator(".draw > canvas").wait_for()
        remote.get_by_role("button", name="First beat").click()
        remote.get_by_text("First beat marked").wait_for()
        remote.wait_for_timeout(900)
        remote.get_by_role("button", name="Draw", exact=True).click()
        remote.get_by_text("Heart rate").first.wait_for()
        remote.locator(".draw-beats").get_by_text("2", exact=True).click()
        remote.get_by_role("button", name="Length").click()
        stroke(remote, (0.2, 0.2), (0.4, 0.2), (0.4, 0.4))
        remote.get_by_role("button", name="Area").click()
        stroke(remote, (0.6, 0.2), (0.8, 0.2), (0.8, 0.5), (0.6, 0.5))
        remote.get_by_role("button", name="Angle").click()
        stroke(remote, (0.2, 0.8), (0.4, 0.8))
        remote.get_by_text("Now draw the other side").wait_for()
        stroke(remote, (0.4, 0.8), (0.4, 0.6))
        remote.get_by_text("90 °").wait_for(timeout=5_000)
        assert look(remote, tmp_path / f"measured-{size}.png") == []
        remote.get_by_role("button", name="Save drawing").click()
        remote.get_by_text("Drawing saved with its lossless picture").wait_for(timeout=15_000)
    row = wait_until(lambda: _annotated(node, session), timeout_s=15, what="the audit of it")
    stills = _stills(node, session, 2)
    groups = _read_report(node, row["detail"]["report_sop_instance_uid"]).content.get_image_measurement_groups()
    found = {one.name.meaning: one.value for group in groups for one in group.get_measurements()}
    width_mm, height_mm = (side * 0.2 for side in CALIBRATED_PX)
    assert found["Length"] == pytest.approx(0.2 * width_mm + 0.2 * height_mm, rel=0.02)
    assert found["Area"] == pytest.approx(0.2 * width_mm * 0.3 * height_mm, rel=0.02)
    assert found["Angle"] == pytest.approx(90, abs=1)
    assert found["Heart rate"] == pytest.approx(120 / _apart_s(node, stills), rel=0.01)


def _annotated(node: Node, session: str) -> Any:
    return next((row for row in node.ask("GET", "/api/v1/audit?limit=50")["items"] if _is_of(row, session)), None)


def _apart_s(node: Node, stills: list[str]) -> float:
    """Return the seconds between two stills of the synthetic probe, from the times written in them."""
    store = Instances(Database(node.config.database_path), node.config.data_dir)
    times = []
    for uid in stills:
        instance = store.find(uid)
        assert instance is not None
        text = str(dcmread(store.path_of(instance), stop_before_pixels=True).AcquisitionDateTime)
        times.append(int(text[8:10]) * 3600 + int(text[10:12]) * 60 + float(re.split(r"[+-]", text[12:])[0]))
    return abs(times[1] - times[0])


def _read_report(node: Node, uid: str) -> Any:
    store = Instances(Database(node.config.database_path), node.config.data_dir)
    instance = store.find(uid)
    assert instance is not None
    return highdicom.sr.srread(store.path_of(instance))


def _is_of(row: dict[str, Any], session: str) -> bool:
    return row["action"] == "annotate" and row["detail"]["session"] == session


def test_everything_can_be_drawn_by_keys_alone(node: Node, exam: dict[str, Any]) -> None:
    with chromium() as browser:
        remote = join(browser, exam["specialist_url"], SIZES["desktop"])
        remote.keyboard.press("d")
        remote.get_by_text("Frozen for you").wait_for(timeout=5_000)
        remote.get_by_role("button", name="Caliper").click()
        remote.locator(".draw").focus()
        remote.keyboard.press("Enter")
        for _ in range(10):
            remote.keyboard.press("ArrowRight")
        remote.keyboard.press("Enter")
        remote.get_by_text("12.8 mm").wait_for(timeout=5_000)
        remote.get_by_role("button", name="Back to live").click()
        remote.get_by_role("button", name="Draw", exact=True).wait_for()
    assert node.ask("GET", f"/api/v1/sessions/{exam['session_id']}")["objects"] == []


def test_one_specialist_guides_at_a_time_and_the_bedside_decides_who(
    node: Node, exam: dict[str, Any], tmp_path: Path
) -> None:
    session = exam["session_id"]
    other = invite(node, exam, "specialist")
    with chromium() as browser:
        bedside = sign_in(browser, node, SIZES["tablet"])
        bedside.goto(f"{node.url}/?session={session}")
        first = join(browser, exam["specialist_url"], SIZES["desktop"], "Dr Ann")
        first.get_by_text("You guide").wait_for(timeout=10_000)
        second = join(browser, other["specialist_url"], SIZES["phone"], "Dr Ben")
        second.get_by_text("Dr Ann guides").wait_for(timeout=10_000)
        assert second.get_by_role("button", name="Still").is_disabled()
        second.get_by_role("button", name="Ask to guide").click()
        bedside.get_by_text("Dr Ben asks to guide").wait_for(timeout=10_000)
        second.screenshot(path=tmp_path / "second-phone.png")
        assert look(bedside, tmp_path / "guide-tablet.png") == []
        bedside.get_by_role("button", name="Let guide").click()
        second.get_by_text("You guide").wait_for(timeout=10_000)
        first.get_by_text("Dr Ben guides").wait_for(timeout=10_000)
        second.get_by_role("button", name="Still").click()
        bedside.get_by_text("Still saved").first.wait_for(timeout=10_000)
    actions = [row["action"] for row in node.ask("GET", "/api/v1/audit?limit=50")["items"]]
    assert {"guide.ask", "guide.grant", "still"} <= set(actions)


def test_who_comes_by_six_digits_is_let_in_by_the_bedside_which_can_take_the_picture_away(
    node: Node, exam: dict[str, Any], tmp_path: Path
) -> None:
    session = exam["session_id"]
    code = invite(node, exam, "specialist")["code"]
    with chromium() as browser:
        bedside = sign_in(browser, node, SIZES["desktop"])
        bedside.goto(f"{node.url}/?session={session}")
        guest = browser.new_context(viewport={"width": 390, "height": 844}).new_page()  # type: ignore[attr-defined]
        guest.goto(node.url + "/sign-in")
        guest.get_by_label("Shown to the bedside as").fill("Dr Remote")
        guest.get_by_label("Six digits").fill(code)
        guest.get_by_role("button", name="Join").click()
        guest.get_by_text("Waiting for the bedside").wait_for(timeout=5_000)
        bedside.get_by_text("Dr Remote wants to join").wait_for(timeout=5_000)
        assert look(guest, tmp_path / "wait-phone.png") == []
        assert look(bedside, tmp_path / "door-desktop.png") == []
        bedside.get_by_role("button", name="Let in").click()
        guest.get_by_role("button", name="Join listening only").click(timeout=10_000)
        guest.locator(".picture-layer").wait_for(state="attached", timeout=20_000)
        bedside.get_by_role("button", name="The patient agrees").click()
        bedside.get_by_role("button", name="Stop the live picture").click()
        guest.get_by_text("The bedside has stopped the live picture").wait_for(timeout=5_000)
        assert guest.locator(".picture-video").is_hidden()
        assert look(guest, tmp_path / "stopped-phone.png") == []
        bedside.get_by_text("The guests see no picture").wait_for(timeout=5_000)
        bedside.screenshot(path=tmp_path / "stopped-desktop.png")
        bedside.get_by_role("button", name="Show the live picture").click()
        guest.locator(".picture-video").wait_for(state="visible", timeout=5_000)
    actions = [row["action"] for row in node.ask("GET", "/api/v1/audit?limit=50")["items"]]
    assert {"session.wait", "session.let_in", "session.consent", "live.stop", "live.show"} <= set(actions)


def test_the_still_under_a_drawing_is_the_frame_that_stood_frozen_on_the_screen(
    node: Node, exam: dict[str, Any]
) -> None:
    """The phantom writes its frame index in bright and dark fields along the upper edge."""
    session, frozen = exam["session_id"], []
    with chromium() as browser:
        remote = join(browser, exam["specialist_url"], SIZES["desktop"])
        for _ in range(FREEZE_COUNT):
            remote.get_by_role("button", name="Draw", exact=True).click()
            remote.locator(".draw > canvas").wait_for()
            frozen.append(np.asarray(remote.evaluate(UPPER_EDGE), np.uint8))
            drag(remote, (0.2, 0.3), (0.7, 0.6))
            remote.get_by_role("button", name="Save drawing").click()
            remote.locator(".draw").wait_for(state="detached", timeout=10_000)
    stills = wait_until(lambda: _stills(node, session, FREEZE_COUNT), timeout_s=20, what="all stills")
    seen = [tuple(edge > 128) for edge in frozen]
    kept = [tuple(_upper_edge(node, uid) > 128) for uid in stills]
    assert len(set(kept)) == FREEZE_COUNT
    for screen, record in zip(seen, kept, strict=True):
        assert sum(one != other for one, other in zip(screen, record, strict=True)) <= EDGE_PX_OFF_MAX


def _stills(node: Node, session: str, count: int) -> list[str]:
    objects = [one for one in node.ask("GET", f"/api/v1/sessions/{session}")["objects"] if one["kind"] == "still"]
    found = [one["sop_instance_uid"] for one in sorted(objects, key=lambda one: float(one["at_s"]))]
    return found if len(found) == count else []


def _upper_edge(node: Node, uid: str) -> Any:
    store = Instances(Database(node.config.database_path), node.config.data_dir)
    instance = store.find(uid)
    assert instance is not None
    path = store.path_of(instance)
    ds, index = dcmread(path, stop_before_pixels=True), build(path)
    with open(path, "rb") as file:
        pixels = decode(
            str(ds.file_meta.TransferSyntaxUID), index.read(file.fileno(), 1), width_px=ds.Columns, height_px=ds.Rows,
            channel_count=ds.SamplesPerPixel,
        )  # fmt: skip
    return pixels[EDGE_ROW] if pixels.ndim == 2 else pixels[EDGE_ROW, :, 0]
