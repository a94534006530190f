"""An exam on a whole node through the api, while services are killed under it."""

from collections.abc import Iterator
from typing import Any

import pytest

from edge.errors import EdgeError
from tests.support.node import Node, wait_until

SECTIONS = """
[[source]]
name = "probe"
kind = "synthetic"
width_px = 320
height_px = 240
fps = 20.0
"""
BACK_S = 30.0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("node"), sections=SECTIONS) as node:
        wait_until(
            lambda: [row for row in attempt(node, "GET", "/api/v1/sources") or [] if row["state"] == "live"],
            timeout_s=BACK_S,
            what="the probe is live",
        )
        yield node


def attempt(node: Node, method: str, path: str, body: Any = None) -> Any:
    """Ask; None while the part that answers is away."""
    try:
        return node.ask(method, path, body)
    except EdgeError:
        return None


def objects(node: Node, session_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = node.ask("GET", f"/api/v1/sessions/{session_id}")["objects"]
    return found


def test_an_exam_outlives_the_death_of_record_live_and_api(node: Node) -> None:
    patient = {"patient_id": "K1", "name": "KUDU^KIM", "birth_date": "20240601", "sex": "F"}
    opened = node.ask("POST", "/api/v1/sessions", {"source": "probe", "patient": patient})
    session_id, path = opened["session_id"], f"/api/v1/sessions/{opened['session_id']}"
    assert node.ask("POST", f"{path}/still", {})["still_id"]
    wait_until(lambda: len(objects(node, session_id)) == 1, timeout_s=BACK_S, what="the first still is kept")
    for count, service in enumerate(("record", "live", "api"), 2):
        killed = node.kill(service)
        wait_until(
            lambda s=service, k=killed: (node.is_running(s) or k) != k, timeout_s=BACK_S, what=f"{service} is back"
        )
        wait_until(
            lambda: attempt(node, "POST", f"{path}/still", {}),
            timeout_s=BACK_S,
            what=f"a still can be taken after the death of {service}",
        )
        wait_until(
            lambda n=count: len(objects(node, session_id)) >= n, timeout_s=BACK_S, what=f"a still after {service}"
        )
    view = node.ask("GET", path)
    assert (view["state"], view["study_instance_uid"]) == ("open", opened["study_instance_uid"])
    assert view["source_state"]["state"] == "live"
    assert view["patient"]["name"] == patient["name"]
    study = node.ask("GET", f"/api/v1/studies/{opened['study_instance_uid']}")
    assert study["patient_name"] == patient["name"]
    assert {one["kind"] for series in study["series"] for one in series["instances"]} == {"still"}
    assert node.ask("POST", f"{path}/close", {})["state"] == "closed"
    assert patient["name"] not in node.log_text()
    assert patient["patient_id"] + " " not in node.log_text()


def test_health_turns_green_line_by_line(node: Node) -> None:
    def red() -> list[str]:
        return [line["sentence"] for line in node.ask("GET", "/api/v1/health") if line["level"] == "red"]

    wait_until(lambda: not red(), timeout_s=BACK_S, what="no line of health is red")
