"""A scan is served over DICOMweb before its files are written, and nobody can tell when they take over."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import tifffile

from edge.convert.announce import Announcer
from edge.convert.inbox import describe
from edge.store import scans
from tests.support.api import ApiNode, Client
from tests.support.scans import write_svs
from wsi.convert import convert

PARTS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
REAL_SCANS = (
    "wsi/aperio/CMU-1-Small-Region.svs",
    "wsi/hamamatsu/test3-TRITC_2_560.ndpi",
    "wsi/synthetic-container/philips-like.tiff",
    "wsi/generic/mask_test.tif",
    "wsi/wsic/CMU-1-Small-Region.webp.tiff",
    "wsi/dicom-cytomine/cmu1-small",
    "wsi/dicom-highdicom/sm_image_jpegls_nobot.dcm",
    "wsi/dicom-highdicom/sm_image_numbers.dcm",
)
FRAMES_COMPARED = 400


class Inbox:
    """What the convert service does with a scan, one step after the other, beside a running api."""

    def __init__(self, node: ApiNode, folder: Path, levels: str = "native") -> None:
        self.node, self.folder, self.levels = node, folder, levels
        self.announced: list[scans.Scan] = []
        self.staging = folder / "staging"
        (folder / "inbox").mkdir(parents=True)

    async def announce(self, path: Path, *, times: int = 1, until: Callable[[], bool] | None = None) -> scans.Scan:
        """Wait until the scan was announced so many times, or until something else holds."""
        scan = describe(path.parent, path)
        assert scan is not None
        announcer = Announcer(self.node.database, self.staging, self.levels, self.announced.append)
        running = asyncio.create_task(announcer.run())
        announcer.announce(scan, lambda: True)
        for _ in range(600):
            if until() if until is not None else len(self.announced) >= times:
                break
            await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.wait([running])
        assert len(self.announced) >= times, "the scan was not announced"
        assert not list(self.staging.rglob("*.dcm")), "headers are left behind"
        return self.announced[-1]

    def convert(self, path: Path) -> None:
        levels: Any = self.levels
        made = convert(path, self.folder / "out", levels=levels)
        for file in made.files:
            temp = self.node.instances.new_temp()
            shutil.move(file.path, temp)
            assert self.node.instances.keep(temp, source="convert").outcome == "kept"
        scans.forget(self.node.database, self.announced[-1].scan_id)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[ApiNode, Client]]:
    async with ApiNode(folder) as node, node.local() as client:
        yield node, client


async def pictures(client: Client, slide: dict[str, Any]) -> dict[str, dict[int, bytes]]:
    """Return frames of every object of a slide, as a client gets them: by object and number."""
    root = f"/dicom-web/studies/{slide['study_instance_uid']}/series/{slide['series_instance_uid']}/instances"
    found: dict[str, dict[int, bytes]] = {}
    for row in await client.get(root):
        uid, count = row["00080018"]["Value"][0], int(row["00280008"]["Value"][0])
        step = max(1, count // FRAMES_COMPARED)
        found[uid] = {}
        for number in range(1, count + 1, step):
            reply = await client.ask(
                "GET",
                f"{root}/{uid}/frames/{number}",
                headers={"Accept": "application/octet-stream; transfer-syntax=*"},
            )
            assert reply.status == 200, reply.data[:300]
            found[uid][number] = reply.data
    return found


def without_ratio(header: dict[str, Any]) -> dict[str, Any]:
    """Drop what only the finished file can say: the ratio of a compression that was still to come, its table."""
    return {tag: value for tag, value in header.items() if tag not in ("00282112", "7FE00001", "7FE00002")}


async def headers(client: Client, slide: dict[str, Any]) -> dict[str, dict[str, Any]]:
    address = f"/dicom-web/studies/{slide['study_instance_uid']}/series/{slide['series_instance_uid']}/metadata"
    return {header["00080018"]["Value"][0]: without_ratio(header) for header in await client.get(address)}


@pytest.mark.parametrize("name", REAL_SCANS)
async def test_every_frame_and_header_is_the_same_before_and_after(tmp_path: Path, real_data: Path, name: str) -> None:
    scan = real_data / name
    if not scan.exists():
        pytest.skip(f"real data absent: {name}")
    if scan.is_dir():
        scan = next(path for path in sorted(scan.rglob("*")) if path.is_file())
    async with served(tmp_path / "node") as (node, client):
        inbox = Inbox(node, tmp_path / "scans")
        await inbox.announce(scan)
        (slide,) = await client.get("/api/v1/slides")
        assert slide["job_id"]
        before, said_before = await pictures(client, slide), await headers(client, slide)
        seen_before = await client.get(f"/api/v1/slides/{slide['series_instance_uid']}")
        assert sum(len(frames) for frames in before.values()) > 0

        await asyncio.to_thread(inbox.convert, scan)
        await asyncio.sleep(0.6)  # what was known from the scan may be served from memory for half a second
        (after,) = await client.get("/api/v1/slides")
        assert after["job_id"] is None
        assert await pictures(client, after) == before
        assert await headers(client, after) == said_before
        seen_after = await client.get(f"/api/v1/slides/{slide['series_instance_uid']}")
        assert seen_after["levels"] == seen_before["levels"]


async def test_an_object_is_streamed_from_the_scan_as_its_file_will_be(tmp_path: Path) -> None:
    scan = tmp_path / "scans" / "inbox" / "a.svs"
    async with served(tmp_path / "node") as (node, client):
        inbox = Inbox(node, tmp_path / "scans")
        write_svs(scan)
        known = await inbox.announce(scan)
        root = f"/dicom-web/studies/{known.study_instance_uid}/series/{known.series_instance_uid}/instances"
        before = {}
        for row in await client.get(root):
            uid = row["00080018"]["Value"][0]
            reply = await client.ask("GET", f"{root}/{uid}", headers={"Accept": "application/dicom; transfer-syntax=*"})
            assert reply.status == 200
            assert int(reply.headers["Content-Length"]) == len(reply.data)
            before[uid] = reply.data
        await asyncio.to_thread(inbox.convert, scan)
        for uid, data in before.items():
            assert node.instances.path_of(node.instances.require(uid)).read_bytes() == data


async def test_levels_still_to_be_made_are_served_where_they_can_be(tmp_path: Path) -> None:
    scan = tmp_path / "scans" / "inbox" / "a.svs"
    async with served(tmp_path / "node") as (node, client):
        inbox = Inbox(node, tmp_path / "scans", levels="all")
        write_svs(scan, sizes=((900, 700),))
        known = await inbox.announce(scan)
        slide = {"study_instance_uid": known.study_instance_uid, "series_instance_uid": known.series_instance_uid}
        before = await pictures(client, slide)
        seen = await client.get(f"/api/v1/slides/{known.series_instance_uid}")
        assert [level["width_px"] for level in seen["levels"]] == [900, 450]
        await asyncio.to_thread(inbox.convert, scan)
        await asyncio.sleep(0.6)
        seen = await client.get(f"/api/v1/slides/{known.series_instance_uid}")
        assert [level["width_px"] for level in seen["levels"]] == [900, 450, 225, 112, 56]
        after = await pictures(client, slide)
        assert {uid: after[uid] for uid in before} == before


async def test_what_is_known_from_a_scan_only_is_not_taken_for_kept(tmp_path: Path) -> None:
    scan = tmp_path / "scans" / "inbox" / "a.svs"
    async with served(tmp_path / "node") as (node, client):
        inbox = Inbox(node, tmp_path / "scans")
        write_svs(scan)
        known = await inbox.announce(scan)
        assert node.instances.in_study(known.study_instance_uid) == []
        assert len(node.instances.in_study(known.study_instance_uid, with_scans=True)) == 2
        scans.forget(node.database, known.scan_id)
        assert await client.get("/api/v1/slides") == []
        assert await client.get("/dicom-web/studies") == []
        assert (await client.get("/api/v1/studies"))["total"] == 0


async def test_a_scan_that_is_taken_away_is_refused_in_words(tmp_path: Path) -> None:
    scan = tmp_path / "scans" / "inbox" / "a.svs"
    async with served(tmp_path / "node") as (node, client):
        inbox = Inbox(node, tmp_path / "scans")
        write_svs(scan)
        known = await inbox.announce(scan)
        scan.unlink()
        address = f"/dicom-web/studies/{known.study_instance_uid}/series/{known.series_instance_uid}/metadata"
        reply = await client.ask("GET", address)
        assert reply.status == 400
        assert reply.body["code"] == "scan.unreadable"


async def test_a_slide_says_whose_colours_it_has(tmp_path: Path) -> None:
    scan = tmp_path / "scans" / "inbox" / "a.svs"
    async with served(tmp_path / "node") as (node, client):
        inbox = Inbox(node, tmp_path / "scans")
        write_svs(scan)
        known = await inbox.announce(scan)
        slide = await client.get(f"/api/v1/slides/{known.series_instance_uid}")
        assert slide["colour"]["is_assumed"]
        assert "sRGB" in slide["colour"]["name"]
        reply = await client.ask("GET", slide["colour"]["address"])
        assert reply.status == 200
        assert reply.data[36:40] == b"acsp", "this is no ICC profile"


async def test_a_scan_is_known_before_it_is_searched_and_anew_when_tiles_are_damaged(tmp_path: Path) -> None:
    scan = tmp_path / "scans" / "inbox" / "a.svs"
    async with served(tmp_path / "node") as (node, client):
        inbox = Inbox(node, tmp_path / "scans")
        write_svs(scan)
        damage(scan, [7])
        known = await inbox.announce(scan, times=2)
        assert inbox.announced[0].series_instance_uid != known.series_instance_uid
        (slide,) = await client.get("/api/v1/slides")
        assert slide["series_instance_uid"] == known.series_instance_uid
        before, said_before = await pictures(client, slide), await headers(client, slide)
        assert any("white here: frame 7." in str(header.get("00204000")) for header in said_before.values())
        await asyncio.to_thread(inbox.convert, scan)
        await asyncio.sleep(0.6)  # what was known from the scan may be served from memory for half a second
        (after,) = await client.get("/api/v1/slides")
        assert await pictures(client, after) == before
        assert await headers(client, after) == said_before


async def test_a_scan_of_which_little_is_left_is_not_shown_for_long(tmp_path: Path) -> None:
    scan = tmp_path / "scans" / "inbox" / "a.svs"
    async with served(tmp_path / "node") as (node, client):
        inbox = Inbox(node, tmp_path / "scans")
        write_svs(scan)
        damage(scan, list(range(2, 20)))
        await inbox.announce(scan, until=lambda: bool(inbox.announced) and not scans.list_ids(node.database))
        assert await client.get("/api/v1/slides") == []


def damage(path: Path, frames: list[int]) -> None:
    """Overwrite tiles of the base level with zeros, by frame number."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        places = [(page.dataoffsets[number - 1], page.databytecounts[number - 1]) for number in frames]
    data = bytearray(path.read_bytes())
    for offset, length in places:
        data[offset : offset + length] = bytes(length)
    path.write_bytes(data)


async def test_the_page_says_which_tiles_are_damaged_and_what_was_assumed(tmp_path: Path) -> None:
    scan = tmp_path / "scans" / "inbox" / "a.svs"
    async with served(tmp_path / "node") as (node, client):
        inbox = Inbox(node, tmp_path / "scans")
        write_svs(scan, description="Aperio Image Library v12\r\n{w}x{h}")
        damage(scan, [7])
        known = await inbox.announce(scan, times=2)
        slide = await client.get(f"/api/v1/slides/{known.series_instance_uid}")
        assert "white here: frame" in slide["remarks"]
        assert "0.5 micrometres assumed" in slide["remarks"]
