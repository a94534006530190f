"""`/api/v1/studies`: any study, by three letters of anything."""

import asyncio
from typing import Any

from edge.api import object_shapes
from edge.api.route import Call, Route
from edge.api.rows import number, show_instance, text
from edge.core.access import Action
from edge.errors import BadInputError, NotFoundError
from edge.store import deliveries, index, labels
from edge.store.database import Database

PAGE_MAX = 200
OFFSET_MAX = 1_000_000
COLUMNS = {"PatientID": "patient_id", "StudyDescription": "description", "AccessionNumber": "accession_number"}
"""The columns that can be searched by a part of what stands in them, and the parameter of each."""


def routes() -> list[Route]:
    read = Action.READ_IMAGES
    return [
        Route(method="GET", path="/api/v1/studies", name="studies", gate=read, answer=list_studies,
              returns=object_shapes.StudyPage, summary="Studies, newest first", audit="studies.list"),
        Route(method="GET", path="/api/v1/studies/{study}", name="studies.see", gate=read, answer=see_study,
              returns=object_shapes.StudyView, summary="One study with its series and objects"),
    ]  # fmt: skip


async def list_studies(call: Call) -> object_shapes.StudyPage:
    filters = {"StudyDate": _date_range(call), "ModalitiesInStudy": call.text("modality")}
    holding = {keyword: call.text(name).strip() for keyword, name in COLUMNS.items()}
    found = await asyncio.to_thread(
        index.search_studies,
        call.parts.database,
        {keyword: value for keyword, value in filters.items() if value},
        text=call.text("q"),
        holding={keyword: value for keyword, value in holding.items() if value},
        order=call.text("sort") or "-date",
        limit=call.number("limit", 50, largest=PAGE_MAX),
        offset=call.number("offset", 0, largest=OFFSET_MAX),
        with_scans=True,
        delivery=call.text("delivery"),
        label=call.text("label"),
    )
    uids = [row["StudyInstanceUID"] for row in found.rows]
    summaries = await delivery_summaries(call.parts.database, uids)
    marks = await asyncio.to_thread(labels.of_studies, call.parts.database, uids)
    items = [
        object_shapes.StudyRow(**study_fields(row, summaries), labels=marks[row["StudyInstanceUID"]])
        for row in found.rows
    ]
    return object_shapes.StudyPage(total=found.total, items=items)


async def see_study(call: Call) -> object_shapes.StudyView:
    database, uid = call.parts.database, call.path("study")
    row = await asyncio.to_thread(index.find_study, database, uid, with_scans=True)
    if row is None:
        raise NotFoundError(f"The study {uid} is not on this node.")
    of_study = {"StudyInstanceUID": uid}
    all_of_it: dict[str, Any] = {"limit": index.LIMIT_MAX, "with_scans": True}
    series = await asyncio.to_thread(index.search_series, database, of_study, **all_of_it)
    objects = await asyncio.to_thread(index.search_instances, database, of_study, **all_of_it)
    summaries = await delivery_summaries(database, [uid])
    marks = await asyncio.to_thread(labels.of_studies, database, [uid])
    return object_shapes.StudyView(
        **study_fields(row, summaries), labels=marks[uid], series=[_series(one, objects.rows) for one in series.rows],
        away=await call.parts.recall.open(uid),
    )  # fmt: skip


def _date_range(call: Call) -> str:
    """Return the range of dates as DICOM writes it.  Standard: PS3.4 C.2.2.2.5"""
    first, last = (call.text(name).replace("-", "") for name in ("date_from", "date_to"))
    for value in (first, last):
        if value and not (len(value) == 8 and value.isascii() and value.isdigit()):
            raise BadInputError("A date is eight digits: YYYYMMDD.")
    return f"{first}-{last}" if first or last else ""


async def delivery_summaries(database: Database, study_uids: list[str]) -> dict[str, object_shapes.DeliverySummary]:
    """Return how far each study is."""
    found: dict[str, tuple[Any, int, int]] = await asyncio.to_thread(deliveries.of_studies, database, study_uids)
    return {
        uid: object_shapes.DeliverySummary(state=state, done=done, total=total)
        for uid, (state, done, total) in found.items()
    }


def study_fields(row: index.Row, summaries: dict[str, object_shapes.DeliverySummary]) -> dict[str, Any]:
    """Return the fields of a StudyRow."""
    uid = row["StudyInstanceUID"]
    return {
        "study_instance_uid": uid,
        "patient_name": text(row, "PatientName"),
        "patient_id": text(row, "PatientID"),
        "birth_date": text(row, "PatientBirthDate"),
        "sex": text(row, "PatientSex"),
        "study_date": text(row, "StudyDate"),
        "study_time": text(row, "StudyTime"),
        "description": text(row, "StudyDescription"),
        "modalities": list(row.get("ModalitiesInStudy", [])),
        "series_count": int(row.get("NumberOfStudyRelatedSeries", 0)),
        "instance_count": int(row.get("NumberOfStudyRelatedInstances", 0)),
        "size_bytes": int(row.get("size_bytes", 0)),
        "accession_number": text(row, "AccessionNumber"),
        "kept_s": float(row.get("kept_s", 0.0)),
        "complete_s": row.get("complete_s"),
        "delivery": summaries.get(uid) or object_shapes.DeliverySummary(state="none", done=0, total=0),
    }


def _series(row: index.Row, objects: list[index.Row]) -> object_shapes.SeriesView:
    uid = row["SeriesInstanceUID"]
    return object_shapes.SeriesView(
        series_instance_uid=uid,
        modality=text(row, "Modality"),
        number=number(row, "SeriesNumber"),
        description=text(row, "SeriesDescription"),
        instances=[show_instance(one) for one in objects if one["SeriesInstanceUID"] == uid],
    )
