"""Every page of a working node, as people see it: accessible by axe, nothing cut off, no error in the console."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.demo.slide import write_demo_slide
from tests.support.browser import chromium
from tests.support.node import Node, wait_until

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
RUN_AXE = """async () => {
    const result = await axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]});
    return result.violations.map(one => `${one.id}: ${one.nodes.map(node => node.target).join(" ")}`);
}"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SIZES = {"desktop": (1280, 800, "light"), "tablet": (768, 1024, "dark")}
PASSWORD = "a long enough one"
SETTLE_MS = 1200


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, dict[str, str]]]:
    """A node in the middle of its day: an exam with a clip and a still, a slide, everything forwarded to a folder."""
    folder = tmp_path_factory.mktemp("clinic")
    (folder / "scans").mkdir()
    write_demo_slide(folder / "drawn.part", width_px=2560, height_px=2048)
    os.replace(folder / "drawn.part", folder / "scans/drawn.svs")
    sections = f"""
[[source]]
name = "probe"
kind = "synthetic"
width_px = 640
height_px = 480
fps = 20.0
[inbox]
slides = "{folder / "scans"}"
settle_s = 0.2
[[destination]]
name = "shelf"
kind = "folder"
path = "{folder / "shelf"}"
"""
    (folder / "shelf").mkdir()
    with Node(folder / "node", sections=sections) as node:
        node.ask("POST", "/api/v1/users", {"name": "admin", "password": PASSWORD, "role": "admin"})
        wait_until(node.config.ring_path("probe").exists, timeout_s=20, what="the ring")
        body = {"source": "probe", "patient": {"patient_id": "T-1", "name": "Sample^Ada", "birth_date": "20240229"}}
        opened = wait_until(lambda: node.ask("POST", "/api/v1/sessions", body), timeout_s=20, what="an exam")
        session = opened["session_id"]
        wait_until(lambda: node.ask("POST", f"/api/v1/sessions/{session}/still", {}), timeout_s=20, what="a still")
        node.ask("POST", f"/api/v1/sessions/{session}/save-last", {"seconds": 1})
        slide = wait_until(lambda: node.ask("GET", "/api/v1/slides"), timeout_s=60, what="the slide")[0]
        wait_until(
            lambda: len(node.ask("GET", f"/api/v1/sessions/{session}")["objects"]) == 2, timeout_s=30, what="the clip"
        )
        yield node, {
            "clinic": "/", "exam": f"/?session={session}", "slides": "/slides", "studies": "/studies", "sync": "/sync",
            "slide": f"/slides/{slide['series_instance_uid']}", "study": f"/studies/{opened['study_instance_uid']}",
            "admin": "/admin", "join": opened["specialist_url"].removeprefix(node.url),
        }  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_accessible_whole_and_quiet(
    clinic: tuple[Node, dict[str, str]], tmp_path: Path, size: str
) -> None:
    node, places = clinic
    if not AXE.exists():
        pytest.skip("axe-core absent: run make setup")
    width_px, height_px, scheme = SIZES[size]
    complaints: list[str] = []
    faults: dict[str, list[str]] = {}
    with chromium() as browser:
        view = {"width": width_px, "height": height_px}
        context: Any = browser.new_context(viewport=view, color_scheme=scheme)  # type: ignore[attr-defined]
        page = context.new_page()
        page.goto(node.url + "/sign-in")
        faults["sign-in"] = look(page, tmp_path / "sign-in.png")
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "sign-in" not in url)
        # Before the sign-in the page asks who is there and is told nobody: from now on nothing may complain.
        page.on("console", lambda message: complaints.append(complaint(message)) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        for name, path in places.items():
            page.goto(node.url + path)
            faults[name] = look(page, tmp_path / f"{name}.png")
    assert {name: found for name, found in faults.items() if found} == {}
    assert complaints == []


def complaint(message: Any) -> str:
    return f"{message.text} ({message.location.get('url', '')})"


def look(page: Any, shot: Path) -> list[str]:
    """Return what axe finds, and whether something hangs over the edge."""
    page.wait_for_selector("main, [role=main], h1", timeout=15_000)
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=shot)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(RUN_AXE)
    overflow_px = page.evaluate(OVERFLOW)
    return [*found, *([f"{overflow_px} px hang over the edge"] if overflow_px > 0 else [])]
