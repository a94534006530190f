"""QIDO-RS: searching studies, series and instances.  Standard: PS3.18 10.6"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from edge.api.dicomweb_accept import NotAcceptableError, parse_accept
from edge.api.dicomweb_included import ROW_COUNT_MAX, read_included
from edge.api.dicomweb_objects import ROOT, Objects
from edge.api.dicomweb_sending import Parts
from edge.dicom import dicom_xml
from edge.dicom.dicom_json import plain
from edge.errors import BadInputError
from edge.store import index
from edge.store.database import Database

LIMIT_DEFAULT = 1000
LIMIT_MAX = 4999
"""One less than the index gives, to see whether there is more."""
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
_JSON_TYPES = frozenset({DICOM_JSON, "application/json", "application/*", "*/*"})
_HEX_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_LONG = frozenset({"FrameTimeVector"})
"""Sent only when asked for."""
_UNIQUE_KEYS = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID", "instance": "SOPInstanceUID"}
_SEARCHES = {"study": index.search_studies, "series": index.search_series, "instance": index.search_instances}
_NUMBER_VRS = frozenset({"IS", "DS", "US", "UL", "SS", "SL", "FL", "FD"})


class Query:
    """Answers searches from the index."""

    def __init__(self, database: Database, objects: Objects) -> None:
        self._database = database
        self._objects = objects

    async def answer(self, request: web.Request, level: str) -> web.Response:
        """GET …/studies, …/series, …/instances.  Raises: BadInputError, NotAcceptableError."""
        is_xml = wants_xml(request)
        asked = _Asked(request)
        filters = dict(asked.filters)
        for name, keyword in _UNIQUE_KEYS.items():
            if name in request.match_info:
                filters[keyword] = request.match_info[name]
        rows = await self._objects.readers.run(self._search, level, filters, asked)
        warnings = list(asked.warnings)
        if len(rows) > asked.limit:
            rows = rows[: asked.limit]
            warnings.append("There are more results; ask for the next with offset.")
        answer = [_to_json(row, level, asked.included) for row in rows]
        if beyond := asked.included_tags - index.KEPT_TAGS:
            more = await self._objects.readers.run(read_included, self._objects, rows, level, frozenset(beyond))
            answer = [dict(sorted({**found, **one}.items())) for one, found in zip(answer, more, strict=True)]
            if len(rows) > ROW_COUNT_MAX:
                warnings.append(f"Fields that are not indexed are given for the first {ROW_COUNT_MAX} results.")
        headers = {"Cache-Control": "private, no-store"}
        if warnings:
            headers["Warning"] = f'299 edge "{" ".join(warnings)}"'
        if is_xml and answer:
            response = Parts(request, DICOM_XML, None).join([dicom_xml.encode(one) for one in answer], DICOM_XML)
            response.headers.update(headers)
            return response
        return web.Response(body=msgspec.json.encode(answer, enc_hook=plain), content_type=DICOM_JSON, headers=headers)

    def _search(self, level: str, filters: Mapping[str, str], asked: "_Asked") -> list[index.Row]:
        search = _SEARCHES[level]
        return search(
            self._database, filters, limit=asked.limit + 1, offset=asked.offset, fuzzy=asked.is_fuzzy, count=False,
            with_scans=True,
        ).rows  # fmt: skip


class _Asked:
    """The query part of an address, read."""

    def __init__(self, request: web.Request) -> None:
        self.filters: dict[str, str] = {}
        self.included: set[str] = set()
        self.included_tags: set[int] = set()
        self.warnings: list[str] = []
        self.limit, self.offset, self.is_fuzzy = LIMIT_DEFAULT, 0, False
        for name, value in request.query.items():
            match name.lower():
                case "limit":
                    self.limit = min(_whole(name, value), LIMIT_MAX)
                case "offset":
                    self.offset = _whole(name, value)
                case "fuzzymatching":
                    self.is_fuzzy = value.lower() == "true"
                case "includefield":
                    self._include(value.split(","))
                case "accept" | "charset" | "emptyvaluematching" | "multiplevaluematching":
                    continue
                case _:
                    self._add_filter(name, value)

    def _include(self, fields: list[str]) -> None:
        for field in fields:
            if field == "all":
                self.included.add("all")
            elif "." not in field and _HEX_TAG.fullmatch(field):
                self.included_tags.add(int(field, 16))  # Private ones, too.
                self.included.add(_keyword(field) or "")
            elif (keyword := _keyword(field)) is not None:
                # Of an attribute inside a sequence, the whole sequence is given.
                outer = _keyword(field.partition(".")[0]) or keyword
                self.included_tags.add(int(tag_for_keyword(outer) or 0))
                self.included.add(keyword)

    def _add_filter(self, name: str, value: str) -> None:
        keyword = _keyword(name)
        if keyword is None:
            raise BadInputError(f"{name[:64]!r} is no attribute.", next_step="Write a keyword, or a tag of 8 digits.")
        if keyword not in index.SEARCHABLE["study"]:
            self.warnings.append(f"{keyword} is not searched here and was left out.")
        else:
            self.filters[keyword] = value


def _whole(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise BadInputError(f"{name} is a whole number from 0.")
    return int(value)


def _keyword(name: str) -> str | None:
    """Return the keyword of an attribute given as keyword or tag; a path into a sequence gives its last part."""
    if "." in name:
        first, _, rest = name.partition(".")
        return _keyword(rest) if _keyword(first) is not None else None
    if _HEX_TAG.fullmatch(name):
        return keyword_for_tag(int(name, 16)) or None
    return name if tag_for_keyword(name) is not None else None


def wants_xml(request: web.Request) -> bool:
    """Tell whether the client takes XML in parts before JSON.  Raises: NotAcceptableError when it takes neither."""
    for entry in parse_accept(request.query.get("accept") or request.headers.get("Accept", "")):
        if entry.media_type in _JSON_TYPES:
            return False
        if entry.media_type == DICOM_XML and entry.is_multipart:
            return True
    raise NotAcceptableError(
        "This is answered as DICOM JSON, or as XML in parts.",
        next_step=f'Accept {DICOM_JSON}, or multipart/related; type="{DICOM_XML}".',
    )


def require_json(request: web.Request) -> None:
    """Refuse a client that takes no JSON.  Raises: NotAcceptableError."""
    if wants_xml(request):
        raise NotAcceptableError("This is answered as DICOM JSON only.", next_step=f"Accept {DICOM_JSON}.")


def _to_json(row: index.Row, level: str, included: set[str]) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00081190": {"vr": "UR", "Value": [_address(row, level)]},
    }
    for keyword, value in row.items():
        tag = tag_for_keyword(keyword) if keyword[:1].isupper() else None
        if tag is not None and (keyword not in _LONG or included & {keyword, "all"}):
            attributes[f"{tag:08X}"] = _element(dictionary_VR(tag), value)
    return dict(sorted(attributes.items()))


def _address(row: index.Row, level: str) -> str:
    address = f"{ROOT}/studies/{row['StudyInstanceUID']}"
    if level != "study":
        address += f"/series/{row['SeriesInstanceUID']}"
    return address if level != "instance" else f"{address}/instances/{row['SOPInstanceUID']}"


def _element(vr: str, value: Any) -> dict[str, Any]:
    values = value if isinstance(value, list) else [value]
    if vr == "PN":
        groups = ("Alphabetic", "Ideographic", "Phonetic")
        return {"vr": vr, "Value": [dict(_name_groups(str(name), groups)) for name in values]}
    if vr in _NUMBER_VRS:
        values = [_number(one) for one in values]
    return {"vr": vr, "Value": values}


def _name_groups(name: str, groups: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(group, part) for group, part in zip(groups, name.split("="), strict=False) if part]


def _number(value: Any) -> Any:
    """Numbers are JSON numbers, whatever the index kept them as."""
    if isinstance(value, str):
        try:
            return float(value) if "." in value or "e" in value.lower() else int(value)
        except ValueError:
            return value
    return value
