"""What this service answers, for clients that ask: JSON, or the WADL of old.  Standard: PS3.18 8.9"""

import re
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

import msgspec
from aiohttp import web

from edge.api.dicomweb_accept import MEDIA_TYPES, parse_accept
from edge.api.route import Route
from edge.dicom.transcode import EXPLICIT_LITTLE
from edge.store import index

WADL = "application/vnd.sun.wadl+xml"
_PATTERN = re.compile(r"{(\w+):(?:[^{}]|{[^}]*})*}")


def answer(request: web.Request, routes: Sequence[Route]) -> web.Response:
    """Describe the service in what the client prefers."""
    header = request.query.get("accept") or request.headers.get("Accept", "")
    for entry in parse_accept(header):
        if entry.media_type in (WADL, "application/xml", "text/xml"):
            return web.Response(body=_wadl(routes), content_type=WADL)
        if entry.media_type in ("application/json", "application/dicom+json", "application/*", "*/*"):
            break
    return web.Response(body=msgspec.json.encode(_json(routes)), content_type="application/json")


def _json(routes: Sequence[Route]) -> dict[str, Any]:
    resources: dict[str, list[dict[str, str]]] = {}
    for route in routes:
        row = {"method": route.method, "name": route.name, "summary": route.summary}
        resources.setdefault(_path(route), []).append(row)
    return {
        "standard": "DICOM PS3.18",
        "resources": [{"path": path, "methods": methods} for path, methods in resources.items()],
        "searchable": sorted(index.SEARCHABLE["study"]),
        "transfer_syntaxes": {"objects": ["as stored", EXPLICIT_LITTLE], "frames": sorted(MEDIA_TYPES)},
    }


def _wadl(routes: Sequence[Route]) -> bytes:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<application xmlns="http://wadl.dev.java.net/2009/02"><resources base="/dicom-web/">',
    ]
    for route in routes:
        path = _path(route).removeprefix("/dicom-web").lstrip("/")
        lines.append(
            f"<resource path={quoteattr(path)}><method name={quoteattr(route.method)} id={quoteattr(route.name)}/>"
            "</resource>"
        )
    return "\n".join([*lines, "</resources></application>"]).encode()


def _path(route: Route) -> str:
    return _PATTERN.sub(r"{\1}", route.path)
