"""An exam on a node of its own: the probe plays, a session is open until the end of the block."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.node import Node, wait_until

RING_S_MAX = 20.0
OPEN_S_MAX = 20.0


def probe(*, fps: float, more: str = "") -> str:
    """Return the section of a synthetic probe of 640 x 480; `more` are further keys of it."""
    return f"""
[[source]]
name = "probe"
kind = "synthetic"
width_px = 640
height_px = 480
fps = {fps}
{more}
"""


@contextmanager
def playing_node(folder: Path, sections: str) -> Iterator[Node]:
    """Run a node whose source `probe` plays already."""
    with Node(folder, sections=sections) as node:
        wait_until(node.config.ring_path("probe").exists, timeout_s=RING_S_MAX, what="the ring")
        yield node


@contextmanager
def open_exam(node: Node, **wish: Any) -> Iterator[dict[str, Any]]:
    """Open an exam of the probe, and close it; `wish` is what else the request says."""
    body = {"source": "probe", **wish}
    opened = wait_until(lambda: node.ask("POST", "/api/v1/sessions", body), timeout_s=OPEN_S_MAX, what="an exam")
    yield opened
    node.ask("POST", f"/api/v1/sessions/{opened['session_id']}/close", {})


def invite(node: Node, exam: dict[str, Any], role: str) -> dict[str, Any]:
    made: dict[str, Any] = node.ask("POST", f"/api/v1/sessions/{exam['session_id']}/invites", {"role": role})
    return made
