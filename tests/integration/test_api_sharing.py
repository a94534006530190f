"""Labels, links to one study, and sending: over HTTP, as the studies page does it."""

from pathlib import Path

import pytest

from edge.api import sharing
from edge.config import Config, Destination, Source
from edge.store import deliveries, shares, turns
from edge.store.instances import Instance
from tests.support.api import ApiNode, Client
from tests.support.objects import write_object


def _config() -> Config:
    return Config(
        source=[Source(name="probe", kind="synthetic")],
        destination=[Destination(name="vna", host="127.0.0.1", port=9), Destination(name="backup", host="127.0.0.1")],
    )


def _keep(node: ApiNode, **values: object) -> Instance:
    temp = node.instances.new_temp()
    write_object(temp, **values)
    return node.instances.keep(temp, source="test").instance


async def test_labels_are_put_found_and_taken_away(tmp_path: Path) -> None:
    async with ApiNode(tmp_path) as node:
        await node.add_person("ada", "operator")
        one, other = _keep(node), _keep(node)
        async with node.client("ada") as client:
            address = f"/api/v1/studies/{one.study_instance_uid}/labels"
            put = await client.ask("PUT", address, {"labels": ["  teaching ", "Urgent", "teaching"]})
            assert put.body == {"labels": ["teaching", "Urgent"]}
            found = await client.get("/api/v1/studies?label=teaching")
            assert [(row["study_instance_uid"], row["labels"]) for row in found["items"]] == [
                (one.study_instance_uid, ["Urgent", "teaching"])
            ]
            assert found["total"] == 1
            seen = await client.get("/api/v1/labels")
            assert {row["label"]: row["study_count"] for row in seen} == {"Urgent": 1, "teaching": 1}
            await client.ask("PUT", address, {"labels": []})
            assert (await client.get("/api/v1/studies?label=teaching"))["items"] == []
            assert (await client.get(f"/api/v1/studies/{other.study_instance_uid}"))["labels"] == []
            too_long = await client.ask("PUT", address, {"labels": ["x" * 41]})
            assert too_long.status == 400
            assert (await client.ask("PUT", "/api/v1/studies/1.2.3/labels", {"labels": ["x"]})).status == 404


async def _made(client: Client, study: str, lasts: str = "week") -> dict[str, object]:
    made = await client.ask("POST", f"/api/v1/studies/{study}/shares", {"lasts": lasts})
    assert made.status == 201, made.data
    body: dict[str, object] = made.body
    return body


async def test_a_shared_link_reads_one_study_and_nothing_else(tmp_path: Path) -> None:
    async with ApiNode(tmp_path) as node:
        await node.add_person("ada", "operator")
        mine, other = _keep(node), _keep(node)
        own = f"/dicom-web/studies/{mine.study_instance_uid}"
        foreign = f"/dicom-web/studies/{other.study_instance_uid}"
        inner = f"/series/{mine.series_instance_uid}/instances/{mine.sop_instance_uid}"
        outer = f"/series/{other.series_instance_uid}/instances/{other.sop_instance_uid}"
        async with node.client("ada") as client:
            url = str((await _made(client, mine.study_instance_uid))["url"])
        address, _, token = url.partition("#token=")
        assert address.endswith("/shared") and len(token) > 40
        async with node.client() as guest:
            opened = await guest.ask("POST", "/api/v1/shared", {"token": token})
            assert opened.status == 200 and opened.body["study_instance_uid"] == mine.study_instance_uid
            assert (await guest.get("/api/v1/me"))["study_instance_uid"] == mine.study_instance_uid
            for path in (
                f"/api/v1/studies/{mine.study_instance_uid}", f"{own}/series", f"{own}/metadata",
                f"{own}{inner}/rendered", f"{own}{inner}/frames/1", f"/api/v1/export?study={mine.study_instance_uid}",
                f"/dicom-web/studies?StudyInstanceUID={mine.study_instance_uid}&includefield=all",
            ):  # fmt: skip
                assert (await guest.ask("GET", path)).status == 200, path
            for method, path in (
                ("GET", "/api/v1/studies"), ("GET", f"/api/v1/studies/{other.study_instance_uid}"),
                ("GET", "/dicom-web/studies"), ("GET", f"/dicom-web/studies?study={mine.study_instance_uid}"),
                ("GET", f"/dicom-web/series?study={mine.study_instance_uid}"),
                ("GET", f"/dicom-web/series?StudyInstanceUID={mine.study_instance_uid}"),
                ("GET", f"/dicom-web/studies?StudyInstanceUID={other.study_instance_uid}"),
                ("GET", f"/dicom-web/studies?StudyInstanceUID={mine.study_instance_uid},{other.study_instance_uid}"),
                ("GET", f"/dicom-web/studies?0020000d={mine.study_instance_uid}&StudyInstanceUID=*"),
                ("GET", f"{foreign}/metadata"), ("GET", f"{foreign}{outer}/rendered"),
                ("GET", f"/api/v1/export?study={other.study_instance_uid}"), ("GET", "/api/v1/slides"),
                ("GET", "/api/v1/outbox"), ("GET", "/api/v1/sessions"), ("GET", "/api/v1/audit"),
                ("POST", "/dicom-web/studies"), ("POST", f"{own}"),
                ("POST", f"/api/v1/studies/{mine.study_instance_uid}/shares"),
                ("PUT", f"/api/v1/studies/{mine.study_instance_uid}/labels"),
                ("POST", f"/api/v1/studies/{mine.study_instance_uid}/send"),
            ):  # fmt: skip
                assert (await guest.ask(method, path)).status == 403, path
            # A place inside the own study that is another's object is not there.
            assert (await guest.ask("GET", f"{own}{outer}/rendered")).status == 404
        async with node.client(token=token) as program:
            assert (await program.ask("GET", f"{own}/metadata")).status == 200


async def test_a_link_ends_when_its_time_is_over_or_somebody_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ApiNode(tmp_path) as node:
        await node.add_person("ada", "specialist")
        study = _keep(node).study_instance_uid
        async with node.client("ada") as client:
            made = {lasts: await _made(client, study, lasts) for lasts in sharing.LASTS_S}
            ends = [float(one["share"]["expires_s"] - one["share"]["made_s"]) for one in made.values()]  # type: ignore[index]
            assert [round(end / sharing.DAY_S) for end in ends] == [1, 7, 30, 365]
            day, week = (str(made[lasts]["url"]).partition("#token=")[2] for lasts in ("day", "week"))
            ended = made["week"]["share"]["share_id"]  # type: ignore[index]
            assert (await client.ask("DELETE", f"/api/v1/studies/{study}/shares/{ended}")).status == 200
            assert len(await client.get(f"/api/v1/studies/{study}/shares")) == 3
            assert (await client.ask("DELETE", f"/api/v1/studies/{study}/shares/{ended}")).status == 404
        later_s = float(made["day"]["share"]["expires_s"]) + 1  # type: ignore[index]
        assert shares.check(node.database, day, now_s=later_s - 2) is not None
        assert shares.check(node.database, day, now_s=later_s) is None
        async with node.client() as guest:
            assert (await guest.ask("POST", "/api/v1/shared", {"token": week})).status == 401
            assert (await guest.ask("GET", f"/api/v1/studies/{study}")).status == 401
        assert token_is_nowhere(node, day)


def token_is_nowhere(node: ApiNode, token: str) -> bool:
    """The index holds no token, only its digest."""
    files = node.config.database_path.parent.glob("edge.db*")
    return all(token.encode() not in path.read_bytes() for path in files)


async def test_guessing_links_is_stopped(tmp_path: Path) -> None:
    async with ApiNode(tmp_path) as node:
        await node.add_person("ada", "operator")
        async with node.client() as guest:
            answers = [
                (await guest.ask("POST", "/api/v1/shared", {"token": f"guess-{number}"})).status
                for number in range(sharing.GUESSES_PER_ADDRESS_MAX + 2)
            ]
    assert answers[0] == 401 and answers[-1] == 429


async def test_sending_makes_deliveries_that_uplink_finds(tmp_path: Path) -> None:
    async with ApiNode(tmp_path, config=_config()) as node:
        await node.add_person("ada", "operator")
        kept = _keep(node)
        study, sop = kept.study_instance_uid, kept.sop_instance_uid
        deliveries.cancel(node.database, now_s=1.0, study_instance_uid=study)
        async with node.client("ada") as client:
            assert (await client.get("/api/v1/studies?delivery=none"))["total"] == 1
            sent = await client.ask("POST", f"/api/v1/studies/{study}/send", {"destination": "vna"})
            assert sent.body == {"count": 1}
            assert (await client.get("/api/v1/studies?delivery=waiting"))["total"] == 1
            assert (await client.get("/api/v1/studies?delivery=held"))["total"] == 0
            assert (await client.ask("GET", "/api/v1/studies?delivery=lost")).status == 400
            unknown = await client.ask("POST", f"/api/v1/studies/{study}/send", {"destination": "mars"})
            assert unknown.status == 404
        due = turns.due(node.database, "vna", now_s=4e9, limit=9)
        assert [(one.delivery.sop_instance_uid, one.delivery.priority) for one in due] == [(sop, 100)]
        assert turns.due(node.database, "backup", now_s=4e9, limit=9) == []
