"""The slide viewer of the built pages, in Chromium, on a slide that is not converted yet."""

import io
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.api import pages
from edge.runtime import clock
from edge.store import jobs
from tests.support.browser import chromium, chromiums
from tests.support.scans import write_svs
from tests.support.slide_node import NAME, PASSWORD, SlideNode
from wsi.colour import srgb_profile

WAIT_MS = 30_000
WHOLE = "() => performance.getEntriesByName('stage.whole').length > 0"
SIZE = {"width": 1280, "height": 800}
COMPLAINTS_ALLOWED = ("401",)
"""Who is signed in is asked once before anybody is."""
DRAWN_BY_A_PROCESSOR = ["--enable-unsafe-swiftshader", "--use-angle=swiftshader"]
TAKEN_FOR_A_REAL_ONE = """(() => {
  const context = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, options) {
    return context.call(this, kind, { ...options, failIfMajorPerformanceCaveat: false });
  };
  const parameter = WebGLRenderingContext.prototype.getParameter;
  WebGLRenderingContext.prototype.getParameter = function (name) {
    const found = parameter.call(this, name);
    return typeof found === "string" ? found.replaceAll(/swiftshader|software/gi, "") : found;
  };
})()"""
"""The pages leave WebGL alone where the main processor would have to draw it, as it must here."""
FRAMES = "() => performance.getEntriesByType('resource').filter(each => each.name.includes('/frames/')).length"


@pytest.fixture(autouse=True)
def built() -> None:
    if pages.find_folder() is None:
        pytest.skip("pages absent: run make setup")


def signed_in(browser: Any, url: str, *, script: str = "") -> tuple[Any, list[str]]:
    complaints: list[str] = []
    page = browser.new_page(viewport=SIZE)
    page.add_init_script(script)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{url}/sign-in")
    page.wait_for_selector("input[type=password]")
    page.fill("input[name=name], input[autocomplete=username]", NAME)
    page.fill("input[type=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: not address.endswith("/sign-in"), timeout=WAIT_MS)
    return page, complaints


def open_slide(page: Any, url: str) -> None:
    page.goto(f"{url}/slides")
    page.wait_for_selector(".slide-card", timeout=WAIT_MS)
    page.click(".slide-card")
    page.wait_for_function(WHOLE, timeout=WAIT_MS)
    page.wait_for_timeout(300)


def pixels(data: bytes) -> NDArray[np.int64]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(np.int64)


def middle(page: Any) -> NDArray[np.int64]:
    """Return the colours in the middle of the stage."""
    return pixels(page.screenshot())[300:600, 300:600]


def swapped_profile() -> bytes:
    """Return a profile that takes red for blue."""
    profile = bytearray(srgb_profile())
    red, blue = profile.find(b"rXYZ"), profile.find(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    assert struct.unpack(">I", profile[:4])[0] == len(profile)
    return bytes(profile)


def test_a_slide_opens_while_it_converts_and_goes_on_when_it_has(tmp_path: Path) -> None:
    scan = tmp_path / "inbox" / "a.svs"
    scan.parent.mkdir()
    write_svs(scan, sizes=((900, 700), (225, 175)))
    with SlideNode(scan) as node, chromium() as browser:
        known = node.announce()
        jobs.save(node.database, jobs.JobRow(
            job_id=known.scan_id, name=scan.name, path=str(scan), state="converting", bytes_done=43, bytes_total=100,
            started_s=clock.wall_s(), series_instance_uid=known.series_instance_uid,
        ))  # fmt: skip
        page, complaints = signed_in(browser, node.url)
        page.goto(f"{node.url}/slides")
        page.wait_for_selector(".slide-card")
        assert "Converting 43" in page.inner_text(".slide-card")
        open_slide(page, node.url)
        assert page.is_visible(".viewer-job")
        before = middle(page)
        assert before.std() > 5, "no tissue is shown"

        page.evaluate("() => { window.isSamePage = true; }")
        node.convert()
        jobs.remove(node.database, known.scan_id)
        time.sleep(0.6)
        page.keyboard.press("2")
        page.wait_for_timeout(800)
        assert page.evaluate("() => window.isSamePage")
        assert middle(page).std() > 5
        open_slide(page, node.url)
        assert not page.is_visible(".viewer-job")
        assert [text for text in complaints if not any(part in text for part in COMPLAINTS_ALLOWED)] == []


def test_the_scanners_colours_are_applied_and_can_be_switched(tmp_path: Path) -> None:
    scan = tmp_path / "inbox" / "a.svs"
    scan.parent.mkdir()
    write_svs(scan, sizes=((900, 700), (225, 175)), extra={"iccprofile": swapped_profile()})
    with SlideNode(scan) as node, chromium() as browser:
        node.announce()
        page, _ = signed_in(browser, node.url)
        open_slide(page, node.url)
        corrected = middle(page)
        page.keyboard.press("i")
        page.wait_for_timeout(1500)
        plain = middle(page)
        assert abs(corrected - plain).mean() > 5, "the profile changes nothing"
        assert abs(corrected - plain[..., ::-1]).mean() < 1.5, "the profile is not applied as it says"


def test_a_graphics_processor_applies_them_to_what_is_drawn_and_no_tile_is_asked_for_again(tmp_path: Path) -> None:
    scan = tmp_path / "inbox" / "a.svs"
    scan.parent.mkdir()
    write_svs(scan, sizes=((900, 700), (225, 175)), extra={"iccprofile": swapped_profile()})
    with SlideNode(scan) as node, chromiums() as launch:
        node.announce()
        page, complaints = signed_in(launch(arguments=DRAWN_BY_A_PROCESSOR), node.url, script=TAKEN_FOR_A_REAL_ONE)
        open_slide(page, node.url)
        page.wait_for_selector(".stage-veil", timeout=WAIT_MS)
        corrected, small = middle(page), pixels(page.locator(".overview-canvas").screenshot())
        asked = page.evaluate(FRAMES)
        page.keyboard.press("i")
        page.wait_for_selector(".stage-veil", state="detached", timeout=WAIT_MS)
        page.wait_for_timeout(300)
        plain, small_plain = middle(page), pixels(page.locator(".overview-canvas").screenshot())
        assert plain.std() > 5, "no tissue is shown"
        assert abs(corrected - plain).mean() > 5, "the profile changes nothing"
        assert abs(corrected - plain[..., ::-1]).mean() < 1.5, "the profile is not applied as it says"
        assert abs(small - small_plain).mean() > 1, "the overview keeps its colours"
        assert page.evaluate(FRAMES) == asked
        page.keyboard.press("i")
        page.wait_for_selector(".stage-veil", timeout=WAIT_MS)
        page.wait_for_timeout(300)
        assert abs(middle(page) - corrected).mean() < 0.1
        assert [text for text in complaints if not any(part in text for part in COMPLAINTS_ALLOWED)] == []
