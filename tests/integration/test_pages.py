"""Every page of a working node, as people see it: accessible by axe, nothing cut off, no error in the console."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.demo.slide import write_demo_slide
from tests.support.browser import chromium
from tests.support.exam import playing_node, probe
from tests.support.node import Node, wait_until
from tests.support.pages import AXE, add_user, fill_sign_in, look

SIZES = {"desktop": (1280, 800, "light"), "tablet": (768, 1024, "dark")}


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, dict[str, str]]]:
    """A node in the middle of its day: an exam with a clip and a still, a slide, everything forwarded to a folder."""
    folder = tmp_path_factory.mktemp("clinic")
    (folder / "scans").mkdir()
    write_demo_slide(folder / "drawn.part", width_px=2560, height_px=2048)
    os.replace(folder / "drawn.part", folder / "scans/drawn.svs")
    sections = f"""{probe(fps=20.0)}
[inbox]
slides = "{folder / "scans"}"
settle_s = 0.2
[[destination]]
name = "shelf"
kind = "folder"
path = "{folder / "shelf"}"
"""
    (folder / "shelf").mkdir()
    with playing_node(folder / "node", sections) as node:
        add_user(node)
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
        fill_sign_in(page)
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
