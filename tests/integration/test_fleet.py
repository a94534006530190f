"""What the fleet's dashboard and alerts ask for is what a node says; and it says nothing of anybody."""

import json
import math
import re
from pathlib import Path

import pytest

from edge.config import Config, Destination
from edge.runtime.clock import wall_s
from edge.store import links
from edge.store.links import LinkRow
from tests.support.api import ApiNode
from tests.support.objects import make_dataset

FLEET = Path(__file__).parents[2] / "docs" / "fleet"
NAME = re.compile(r"\bedge_[a-z_]+\b")


async def metrics_of(folder: Path) -> str:
    config = Config(destination=[Destination(name="vna", kind="dimse", host="hospital")])
    async with ApiNode(folder, config=config) as node:
        temp = node.instances.new_temp()
        make_dataset(PatientName="Secret^Name", PatientID="SECRET-7").save_as(temp, enforce_file_format=True)
        node.instances.keep(temp, source="test")
        row = LinkRow(destination="vna", state="down", rate_bytes_s=5.0, since_s=wall_s() - 9000, next_try_s=None,
                      reason="no answer", changed_s=wall_s())  # fmt: skip
        links.save_link(node.database, row)
        node.parts.situation.sources = {"probe": {"next_index": 7}}
        async with node.client() as client:
            await client.ask("GET", "/healthz")
            answer = await client.ask("GET", "/metrics")
            assert answer.status == 200
            return answer.data.decode()


@pytest.mark.parametrize("name", ["dashboard.json", "alerts.yml"])
async def test_every_metric_that_is_asked_for_is_told(tmp_path: Path, name: str) -> None:
    said = {line.split("{")[0].split(" ")[0] for line in (await metrics_of(tmp_path)).splitlines() if line[:1] != "#"}
    text = (FLEET / name).read_text()
    asked = set(NAME.findall(text))
    assert len(asked) > 5
    assert asked - said == set()


async def test_what_nobody_can_know_is_no_number_and_no_patient_is_in_it(tmp_path: Path) -> None:
    text = await metrics_of(tmp_path)
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[:1] != "#")
    assert values['edge_link_up{destination="vna"}'] == "0.0"
    assert values['edge_outbox_deliveries{destination="vna",state="waiting"}'] == "1.0"
    assert math.isnan(float(values['edge_outbox_empty_seconds{destination="vna"}']))
    assert float(values['edge_outbox_oldest_seconds{destination="vna"}']) < 60
    assert float(values["edge_store_objects_bytes"]) > 4096
    assert "Secret" not in text and "SECRET" not in text


def test_the_dashboard_is_one_grafana_can_import() -> None:
    board = json.loads((FLEET / "dashboard.json").read_text())
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)) and board["uid"] and board["schemaVersion"] >= 36
    names = {variable["name"] for variable in board["templating"]["list"]}
    assert {"datasource", "node", "destination"} <= names
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= names, panel["title"]
