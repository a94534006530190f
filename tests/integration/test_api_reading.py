"""Studies, slides, outbox, health, export and pages over HTTP, from real objects in the real store."""

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from edge.api import openapi, pages
from edge.config import Config, Destination, Source
from edge.core.delivery import Delivery, State
from edge.runtime import doorbell
from edge.store import deliveries, links
from tests.support.api import ApiNode

SLIDE_LEVELS = ((4000, 3000), (1000, 750))
TILE_PX = 256


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[ApiNode]:
    config = Config(
        source=[Source(name="probe", kind="synthetic")],
        destination=[Destination(name="vna", host="127.0.0.1"), Destination(name="hub", kind="stow")],
    )
    async with ApiNode(tmp_path, config=config) as node:
        for name in ("operator", "pathologist", "auditor"):
            await node.add_person(name, name)
        yield node


def keep(node: ApiNode, ds: pydicom.Dataset, *, source: str = "test") -> Any:
    temp = node.instances.new_temp()
    ds.save_as(temp, enforce_file_format=True)
    return node.instances.keep(temp, source=source).instance


def real_clip(**values: Any) -> pydicom.Dataset:
    """A real multi-frame ultrasound object, as another of its kind."""
    ds = pydicom.dcmread(get_testdata_file("examples_ybr_color.dcm"))
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def slide_object(study: str, series: str, flavour: str, width_px: int, height_px: int) -> pydicom.Dataset:
    """The header of one level: what the list and the viewer ask for, and one empty frame."""
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
    ds.PatientName, ds.PatientID, ds.Modality = "TAPIR^TINA", "T1", "SM"
    ds.StudyDate, ds.StudyTime, ds.AcquisitionDateTime = "20260304", "101112", "20260304101112.5+0200"
    ds.ContainerIdentifier = "S26-17 A1"
    ds.Manufacturer, ds.ManufacturerModelName = "Maker", "Scan 1"
    ds.ImageType = ["ORIGINAL", "PRIMARY", flavour, "NONE"]
    ds.Rows = ds.Columns = TILE_PX
    ds.TotalPixelMatrixColumns, ds.TotalPixelMatrixRows = width_px, height_px
    ds.NumberOfFrames = -(-width_px // TILE_PX) * -(-height_px // TILE_PX)
    measures = pydicom.Dataset()
    measures.PixelSpacing = [0.0005 * 4000 / width_px] * 2
    shared = pydicom.Dataset()
    shared.PixelMeasuresSequence = [measures]
    ds.SharedFunctionalGroupsSequence = [shared]
    path = pydicom.Dataset()
    path.ObjectiveLensPower = 20
    ds.OpticalPathSequence = [path]
    ds.SamplesPerPixel, ds.BitsAllocated, ds.BitsStored, ds.HighBit = 1, 8, 8, 7
    ds.PixelRepresentation, ds.PhotometricInterpretation = 0, "MONOCHROME2"
    ds.PixelData = b"\0\0"
    return ds


async def test_a_study_is_found_by_three_letters_and_shows_its_clip(node: ApiNode) -> None:
    kept = keep(node, real_clip(PatientName="NILGAI^NORA", StudyDate="20260304", FrameTime="33.3"))
    keep(node, real_clip(PatientName="BONGO^BEN", StudyInstanceUID=generate_uid(), StudyDate="20240101"))
    async with node.client("operator") as client:
        found = await client.get("/api/v1/studies?q=nil")
        dated = await client.get("/api/v1/studies?date_from=2026-01-01&modality=US")
        nothing = await client.get("/api/v1/studies?q=zzz")
        study = await client.get(f"/api/v1/studies/{kept.study_instance_uid}")
    assert [row["patient_name"] for row in found["items"]] == ["NILGAI^NORA"]
    assert [row["patient_name"] for row in dated["items"]] == ["NILGAI^NORA"]
    assert (found["total"], nothing["total"]) == (1, 0)
    assert found["items"][0]["delivery"] == {"state": "waiting", "done": 0, "total": 2}
    [clip] = study["series"][0]["instances"]
    ds = pydicom.dcmread(node.instances.path_of(kept))
    assert (clip["kind"], clip["frame_count"]) == ("clip", int(ds.NumberOfFrames))
    assert (clip["rows"], clip["columns"]) == (ds.Rows, ds.Columns)
    assert clip["frame_time_ms"] == 33.3


async def test_columns_are_searched_by_a_part_of_them_and_the_list_is_sorted(node: ApiNode) -> None:
    for name, number, said, date in (("A^1", "X-17%", "Lung", "20260101"), ("b^2", "X-170", "LUNG LEFT", "20260102")):
        keep(node, real_clip(PatientName=name, PatientID=number, StudyDescription=said, StudyDate=date,
                             AccessionNumber=f"ACC{date}", StudyInstanceUID=generate_uid()))  # fmt: skip

    async def names(query: str) -> list[str]:
        return [row["patient_name"] for row in (await client.get(f"/api/v1/studies?{query}"))["items"]]

    async with node.client("operator") as client:
        assert await names("description=lung") == ["b^2", "A^1"]
        assert await names("description=left&patient_id=x-17") == ["b^2"]
        assert await names("patient_id=17%25") == ["A^1"], "a per cent sign is itself, not a wild card"
        assert await names("accession_number=20260101") == ["A^1"]
        assert await names("sort=date") == ["A^1", "b^2"]
        assert await names("sort=-patient") == ["b^2", "A^1"]
        assert await names("sort=-kept") == ["b^2", "A^1"]
        reply = await client.ask("GET", "/api/v1/studies?sort=shoe")
    assert reply.status == 400


async def test_a_recovered_clip_and_its_gaps_are_told_in_words(node: ApiNode) -> None:
    said = "Recovered after a power cut or crash: more was lost. At least 3 frames are missing after frame 7 (0.10 s)."
    kept = keep(node, real_clip(ImageComments=said), source="record")
    keep(node, real_clip(ImageComments="Recovered well; patient happy."), source="cart")
    async with node.client("operator") as client:
        study = await client.get(f"/api/v1/studies/{kept.study_instance_uid}")
    told = {row["gaps"]: row["is_recovered"] for row in study["series"][0]["instances"]}
    assert told == {"At least 3 frames are missing after frame 7 (0.10 s).": True, "": False}


@pytest.mark.parametrize(
    "query", ["date_from=tomorrow", "limit=-1", "limit=many", "offset=1e3", f"q={'x' * 300}", "q=%22%27%28%2A"]
)
async def test_odd_queries_are_refused_or_find_nothing_but_never_break(node: ApiNode, query: str) -> None:
    async with node.client("operator") as client:
        reply = await client.ask("GET", f"/api/v1/studies?{query}")
    assert reply.status in (200, 400)
    assert "items" in reply.body or reply.body["code"] == "input.bad"


async def test_a_study_that_is_not_here_is_said_so(node: ApiNode) -> None:
    async with node.client("operator") as client:
        for path in ("/api/v1/studies/1.2.3", "/api/v1/slides/1.2.3", "/api/v1/export?study=1.2.3"):
            reply = await client.ask("GET", path)
            assert (reply.status, reply.body["code"]) == (404, "thing.unknown"), path


async def test_a_slide_is_listed_once_with_its_levels_and_label(node: ApiNode) -> None:
    study, series = generate_uid(), generate_uid()
    levels = [keep(node, slide_object(study, series, "VOLUME", *size)) for size in reversed(SLIDE_LEVELS)]
    label = keep(node, slide_object(study, series, "LABEL", 200, 200))
    keep(node, slide_object(study, series, "OVERVIEW", 600, 200))
    async with node.client("pathologist") as client:
        [row] = await client.get("/api/v1/slides")
        slide = await client.get(f"/api/v1/slides/{series}")
        assert await client.get("/api/v1/slides?q=nobody") == []
    assert (row["name"], row["patient_name"]) == ("S26-17 A1", "TAPIR^TINA")
    assert (row["width_px"], row["height_px"], row["magnification"]) == (4000, 3000, 20.0)
    assert row["mpp"] == pytest.approx(0.5)
    assert row["scanner"] == "Maker Scan 1"
    assert row["scanned_s"] == 1772611872.5
    assert row["label_sop"] == label.sop_instance_uid
    assert row["thumbnail_sop"] is None
    assert [level["sop_instance_uid"] for level in slide["levels"]] == [
        one.sop_instance_uid for one in reversed(levels)
    ]
    assert [(level["columns"], level["rows"]) for level in slide["levels"]] == [(16, 12), (4, 3)]
    assert slide["overview"]["width_px"] == 600


async def test_the_outbox_speaks_in_words_and_names_nobody_to_the_auditor(node: ApiNode) -> None:
    kept = keep(node, real_clip(PatientName="ELAND^EMIL"))
    down = links.LinkRow(
        destination="vna", state="down", rate_bytes_s=0.0, since_s=1.0, next_try_s=2e9, reason="refused", changed_s=1.0
    )
    links.save_link(node.database, down)
    done = Delivery(sop_instance_uid=kept.sop_instance_uid, destination="hub", state=State.SAFE)
    assert deliveries.save(node.database, done, was=State.WAITING, now_s=1.0)
    async with node.client("operator") as operator, node.client("auditor") as auditor:
        view = await operator.get("/api/v1/outbox")
        unnamed = await auditor.get("/api/v1/outbox")
    sentences = {one["name"]: one["sentence"] for one in view["destinations"]}
    assert sentences["vna"].startswith("Out of reach since 1970-01-01")
    assert "next try" in sentences["vna"]
    assert sentences["hub"] == "Up to date"
    assert {row["patient_name"] for row in view["studies"]} == {"ELAND^EMIL"}
    assert {row["patient_name"] for row in unnamed["studies"]} == {""}


async def test_wishes_move_the_outbox_and_wake_uplink(node: ApiNode) -> None:
    kept = keep(node, real_clip())
    keep(node, real_clip(StudyInstanceUID=generate_uid()))
    bell = doorbell.Doorbell(node.config.run_dir / "bells" / "uplink", "uplink")
    try:
        async with node.client("operator") as client:

            async def wish(verb: str, **body: str) -> Any:
                return await client.ask("POST", f"/api/v1/outbox/{verb}", body)

            held = await wish("hold", uid=kept.study_instance_uid, destination="vna")
            assert bell.wait(0.0) or bell.wait(0.05)
            state = deliveries.find(node.database, kept.sop_instance_uid, "vna")
            released = await wish("release", sop_instance_uid=kept.sop_instance_uid)
            everything = await wish("cancel")
            nobody = await wish("retry", destination="moon")
            nothing = await wish("retry", uid="1.2.3")
    finally:
        bell.close()
    assert (held.body, state and state.state) == ({"count": 1}, State.HELD)
    assert released.body == {"count": 1}
    assert (everything.status, everything.body["code"]) == (400, "input.bad")
    assert (nobody.status, nothing.status) == (404, 404)


async def test_an_export_holds_every_object_byte_for_byte(node: ApiNode) -> None:
    kept = [keep(node, real_clip()) for _ in range(3)]
    async with node.client("operator") as client:
        reply = await client.ask("GET", f"/api/v1/export?study={kept[0].study_instance_uid}")
    assert kept[0].study_instance_uid not in reply.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(reply.data)) as archive:
        assert archive.testzip() is None
        sent = sorted(archive.read(name) for name in archive.namelist())
    assert sent == sorted(node.instances.path_of(one).read_bytes() for one in kept)


async def test_health_says_what_is_wrong_and_what_to_do(node: ApiNode) -> None:
    async with node.client("operator") as client:
        lines = await client.get("/api/v1/health")
    by_name = {line["name"]: line for line in lines}
    assert by_name["service record"]["level"] == "red"
    assert "edge-record" in by_name["service record"]["next_step"]
    assert by_name["disk"]["level"] in ("green", "amber")
    assert {"clock", "probe probe", "destination vna"} <= set(by_name)
    assert all(line["next_step"] for line in lines if line["level"] != "green")
    levels = [line["level"] for line in lines]
    assert levels == sorted(levels, key=["red", "amber", "green"].index)


async def test_jobs_of_a_resting_converter_come_from_the_index(node: ApiNode) -> None:
    async with node.client("pathologist") as client:
        assert await client.get("/api/v1/jobs") == []
        reply = await client.ask("POST", "/api/v1/jobs/1/cancel", {})
    assert (reply.status, reply.body["code"]) == (503, "peer.unreachable")


async def test_metrics_count_and_name_nobody(node: ApiNode) -> None:
    keep(node, real_clip(PatientName="ELAND^EMIL"))
    async with node.client("operator") as client:
        await client.ask("GET", "/api/v1/studies?q=ELAND")
        text = (await client.ask("GET", "/metrics")).data.decode()
    assert 'edge_outbox_deliveries{destination="vna",state="waiting"} 1.0' in text
    assert 'edge_http_requests_total{method="GET",route="studies",status="200"} 1.0' in text
    assert "ELAND" not in text


async def test_the_description_knows_every_route_and_resolves_every_reference(node: ApiNode) -> None:
    async with node.client() as client:
        document = await client.get("/api/v1/openapi.json")
    schemas = document["components"]["schemas"]

    def references(part: Any) -> set[str]:
        if isinstance(part, dict):
            own = {part["$ref"].rpartition("/")[2]} if "$ref" in part else set()
            return own.union(*map(references, part.values()))
        return set().union(*map(references, part)) if isinstance(part, list) else set()

    assert references(document) <= set(schemas)
    assert document["paths"]["/api/v1/sessions"]["post"]["x-action"] == "run_session"
    assert openapi.version("edge-appliance") == document["info"]["version"]
    undescribed = [
        f"{method} {path}"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if not operation["summary"]
    ]
    assert undescribed == []


async def test_every_page_path_is_the_one_page_and_hashed_files_never_change(
    node: ApiNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = tmp_path / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html><title>Edge</title>")
    (built / "assets" / "main-Ab3dEf9_.js").write_text("1")
    (built / "theme.js").write_text("2")
    (tmp_path / "secret.txt").write_text("no")
    monkeypatch.setattr(pages, "find_folder", lambda: built)
    async with node.client() as client:
        for path in ("/", "/live/abc", "/slides", "/slides/1.2.3", "/studies", "/studies/1.2.3", "/sync", "/admin"):
            reply = await client.ask("GET", path)
            assert b"<title>Edge" in reply.data, path
            assert reply.headers["Cache-Control"] == "no-cache"
        hashed = await client.ask("GET", "/assets/main-Ab3dEf9_.js")
        plain = await client.ask("GET", "/theme.js")
        outside = [await client.ask("GET", path) for path in ("/..%2fsecret.txt", "/assets/%2e%2e/%2e%2e/secret.txt")]
    assert "immutable" in hashed.headers["Cache-Control"]
    assert plain.headers["Cache-Control"] == "no-cache"
    assert {reply.status for reply in outside} == {404}


async def test_without_a_build_the_page_says_how_to_make_it(node: ApiNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "find_folder", lambda: None)
    async with node.client() as client:
        page = await client.ask("GET", "/")
        file = await client.ask("GET", "/theme.js")
    assert b"make setup" in page.data
    assert file.status == 404
