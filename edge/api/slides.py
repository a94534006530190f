"""`/api/v1/slides`: the slides of this node, and what a viewer must know of one."""

import asyncio
from collections import OrderedDict
from typing import Any

from aiohttp import web

from edge.api import local_time, object_shapes
from edge.api.route import Call, Route
from edge.api.rows import text, texts
from edge.api.scans import Scans
from edge.api.slide_header import SlideHeader, describe, read, read_head
from edge.api.studies import delivery_summaries
from edge.core import dicom_time
from edge.core.access import Action
from edge.errors import BadInputError, NotFoundError
from edge.store import evictions, index, manifests
from edge.store.database import Database
from edge.store.instances import Instances

PAGE_MAX = 500
LISTED = 200
OFFSET_MAX = 1_000_000
HEADER_COUNT_MAX = 4096
ICC_PROFILE = "00480105/0/00282000"
"""The profile of the first optical path.  Standard: PS3.3 C.8.12.5, C.11.15"""
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"


def routes() -> list[Route]:
    see = Action.SEE_SLIDES
    return [
        Route(method="GET", path="/api/v1/slides", name="slides", gate=see, answer=list_slides,
              returns=list[object_shapes.SlideRow], summary="Slides, newest first", audit="slides.list"),
        Route(method="GET", path="/api/v1/slides/{slide}", name="slides.see", gate=see, answer=see_slide,
              returns=object_shapes.SlideView, summary="One slide with its levels"),
        Route(method="GET", path="/api/v1/slides/{slide}/manifest", name="slides.manifest", gate=see,
              answer=see_manifest, returns=dict[str, Any], summary="What was proven of a slide, frame by frame"),
    ]  # fmt: skip


class SlideShelf:
    """Slides from the index, and the headers of their objects, remembered: an object never changes."""

    def __init__(self, database: Database, instances: Instances, scans: Scans) -> None:
        self._database = database
        self._instances = instances
        self._scans = scans
        self._headers: OrderedDict[str, SlideHeader] = OrderedDict()

    def list_series(self, *, words: str, limit: int, offset: int) -> list[index.Row]:
        """Return the series that hold slides; blocks."""
        found = index.search_studies(
            self._database, {"ModalitiesInStudy": "SM"}, text=words, limit=limit, offset=offset, count=False,
            with_scans=True,
        )  # fmt: skip
        rows: list[index.Row] = []
        for study in found.rows:
            filters = {"StudyInstanceUID": study["StudyInstanceUID"], "SOPClassUID": WHOLE_SLIDE}
            rows += index.search_series(self._database, filters, limit=limit, with_scans=True).rows
        return rows[:limit]

    def find_series(self, series_uid: str) -> index.Row:
        """Return one series; blocks.  Raises: NotFoundError."""
        filters = {"SeriesInstanceUID": series_uid, "SOPClassUID": WHOLE_SLIDE}
        found = index.search_series(self._database, filters, limit=1, with_scans=True)
        if not found.rows:
            raise NotFoundError(f"There is no slide {series_uid} on this node.")
        return found.rows[0]

    def view(self, series: index.Row) -> dict[str, Any]:
        """Return all fields of a SlideView but the delivery; blocks.  Raises: NotFoundError without a level."""
        uid = series["SeriesInstanceUID"]
        filters = {"SeriesInstanceUID": uid, "StudyInstanceUID": series["StudyInstanceUID"]}
        objects = index.search_instances(self._database, filters, limit=index.LIMIT_MAX, with_scans=True).rows
        slides = [row for row in objects if row["SOPClassUID"] == WHOLE_SLIDE]
        by_flavour = {flavour_of(row): row for row in reversed(slides) if flavour_of(row) != "VOLUME"}
        levels = sorted(
            (self._level(row) for row in slides if flavour_of(row) == "VOLUME"), key=lambda one: -one.width_px
        )
        if not levels:
            raise NotFoundError(f"The slide {uid} has no level on this node yet.")
        pictures = {name.lower(): self._picture(by_flavour.get(name)) for name in ("LABEL", "OVERVIEW", "THUMBNAIL")}
        base = next(row for row in slides if row["SOPInstanceUID"] == levels[0].sop_instance_uid)
        return {
            **_row_fields(series, base, objects),
            **_header_fields(self._header(base)),
            "colour": _colour(self._header(base), base),
            "remarks": self._remarks(slides),
            **pictures,
            **{f"{name}_sop": one.sop_instance_uid if one else None for name, one in pictures.items()},
            "levels": levels,
        }

    def _remarks(self, slides: list[index.Row]) -> str:
        """Return what is said of the levels: damage found in one stands in the headers of those written after it."""
        said = [self._header(row).remarks for row in slides if flavour_of(row) == "VOLUME"]
        return max(said, key=len, default="")

    def _level(self, row: index.Row) -> object_shapes.LevelView:
        header = self._header(row)
        return object_shapes.LevelView(
            sop_instance_uid=row["SOPInstanceUID"],
            width_px=header.width_px,
            height_px=header.height_px,
            tile_width_px=header.tile_width_px,
            tile_height_px=header.tile_height_px,
            columns=-(-header.width_px // header.tile_width_px),
            rows=-(-header.height_px // header.tile_height_px),
            mpp_x=header.mpp_x,
            mpp_y=header.mpp_y,
            frame_count=int(row.get("NumberOfFrames", 1)),
            transfer_syntax_uid=text(row, "AvailableTransferSyntaxUID"),
            focal_plane_count=header.focal_plane_count,
            channel_count=max(1, len(header.channels)),
        )

    def _picture(self, row: index.Row | None) -> object_shapes.PictureView | None:
        if row is None:
            return None
        header = self._header(row)
        return object_shapes.PictureView(
            sop_instance_uid=row["SOPInstanceUID"], width_px=header.width_px, height_px=header.height_px
        )

    def _header(self, row: index.Row) -> SlideHeader:
        uid = row["SOPInstanceUID"]
        header = self._headers.get(uid)
        if header is None:
            header = self._read(uid)
            self._headers[uid] = header
            while len(self._headers) > HEADER_COUNT_MAX:
                self._headers.popitem(last=False)
        return header

    def _read(self, uid: str) -> SlideHeader:
        instance = self._instances.find(uid, with_scans=True)
        if instance is None:
            raise NotFoundError(f"There is no object {uid}.")
        if instance.scan_id is not None:
            return describe(self._scans.header(instance).dataset)
        if instance.evicted_s is not None:
            remains = evictions.remains_of(self._database, uid)
            if remains is not None:
                return read_head(remains.head, uid)
        return read(self._instances.path_of(instance))


def flavour_of(row: index.Row) -> str:
    """Return VOLUME, LABEL, OVERVIEW or THUMBNAIL.  Standard: PS3.3 C.8.12.4.1.1"""
    image_type = texts(row, "ImageType")
    return image_type[2] if len(image_type) > 2 else "VOLUME"


def _row_fields(series: index.Row, base: index.Row, objects: list[index.Row]) -> dict[str, Any]:
    scanned = text(base, "AcquisitionDateTime") or text(base, "ContentDate") + text(base, "ContentTime")
    return {
        "study_instance_uid": series["StudyInstanceUID"],
        "series_instance_uid": series["SeriesInstanceUID"],
        "name": text(base, "ContainerIdentifier") or text(series, "SeriesDescription") or text(series, "StudyID"),
        "patient_name": text(series, "PatientName"),
        "patient_id": text(series, "PatientID"),
        "scanned_s": dicom_time.to_seconds(scanned, zone=local_time.zone()),
        "size_bytes": sum(int(row["size_bytes"]) for row in objects),
        "kept_s": max(float(row["kept_s"]) for row in objects),
        "job_id": next((str(row["scan_id"]) for row in objects if row.get("scan_id")), None),
    }


def _header_fields(header: SlideHeader) -> dict[str, Any]:
    return {
        "width_px": header.width_px, "height_px": header.height_px, "mpp": header.mpp_x,
        "magnification": header.magnification, "stain": header.stain, "scanner": header.scanner,
        "focus_um": list(header.focus_um),
        "channels": [object_shapes.ChannelView(name=name) for name in header.channels],
    }  # fmt: skip


def _colour(header: SlideHeader, base: index.Row) -> object_shapes.ColourView | None:
    if header.colour is None:
        return None
    address = (
        f"/dicom-web/studies/{base['StudyInstanceUID']}/series/{base['SeriesInstanceUID']}"
        f"/instances/{base['SOPInstanceUID']}/bulkdata/{ICC_PROFILE}"
    )
    return object_shapes.ColourView(name=header.colour.name, is_assumed=header.colour.is_assumed, address=address)


async def list_slides(call: Call) -> list[object_shapes.SlideRow]:
    """A slide that cannot be read is left out here; its study still lists it."""
    limit, offset = call.number("limit", LISTED, largest=PAGE_MAX), call.number("offset", 0, largest=OFFSET_MAX)
    found = await asyncio.to_thread(_views, call.parts.shelf, call.text("q"), limit, offset)
    summaries = await delivery_summaries(call.parts.database, [view["study_instance_uid"] for view in found])
    wanted = set(object_shapes.SlideRow.__struct_fields__)
    return [
        object_shapes.SlideRow(
            **{key: value for key, value in view.items() if key in wanted},
            delivery=summaries[view["study_instance_uid"]],
        )
        for view in found
    ]


def _views(shelf: SlideShelf, words: str, limit: int, offset: int) -> list[dict[str, Any]]:
    views = []
    for series in shelf.list_series(words=words, limit=limit, offset=offset):
        try:
            views.append(shelf.view(series))
        except (NotFoundError, BadInputError):
            continue
    return views


async def see_manifest(call: Call) -> web.FileResponse:
    """Return the manifest as its conversion left it; the audit log holds its digest.  Raises: NotFoundError"""
    series = await asyncio.to_thread(call.parts.shelf.find_series, call.path("slide"))
    path = manifests.path_of(call.parts.config.data_dir, series["SeriesInstanceUID"])
    if not await asyncio.to_thread(path.is_file):
        raise NotFoundError("This slide was not converted here: nothing was proven of it.")
    return web.FileResponse(path, headers={"Content-Type": "application/json", "Cache-Control": "no-cache"})


async def see_slide(call: Call) -> object_shapes.SlideView:
    shelf = call.parts.shelf
    series = await asyncio.to_thread(shelf.find_series, call.path("slide"))
    view = await asyncio.to_thread(shelf.view, series)
    await call.parts.audit_read(call.principal, view["study_instance_uid"])
    summaries = await delivery_summaries(call.parts.database, [view["study_instance_uid"]])
    ask = call.parts.recall.look if call.text("ahead") else call.parts.recall.open  # Hovering is not opening.
    away = await ask(view["study_instance_uid"])
    return object_shapes.SlideView(**view, delivery=summaries[view["study_instance_uid"]], away=away)
