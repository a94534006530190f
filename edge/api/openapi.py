"""`/api/v1/openapi.json`, made from the route table and the shapes: it cannot say anything else than the code."""

import functools
import re
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import msgspec

from edge.api.route import Call, Door, Route
from edge.api.shapes import ErrorView

_VARIABLE = re.compile(r"{(\w+)(?::[^}]*)?}")
_REFERENCE = "#/components/schemas/{name}"


def routes(table: Callable[[], list[Route]]) -> list[Route]:
    """`table` is called at the first question, when it is whole."""
    described = functools.cache(lambda: describe(table()))

    async def answer(call: Call) -> dict[str, Any]:
        return described()

    return [
        Route(
            method="GET",
            path="/api/v1/openapi.json",
            name="openapi",
            gate=Door.OPEN,
            answer=answer,
            summary="This description",
        )
    ]


def describe(table: list[Route]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all routes under /api/v1/ and /whep/."""
    rows = [row for row in table if row.path.startswith(("/api/v1/", "/whep/"))]
    shapes = [shape for row in rows for shape in (row.body, row.returns) if shape is not None]
    schemas, components = msgspec.json.schema_components([*shapes, ErrorView], ref_template=_REFERENCE)
    found = iter(schemas)
    error = schemas[-1]
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        body = next(found) if row.body is not None else None
        returns = next(found) if row.returns is not None else None
        path = _VARIABLE.sub(r"{\1}", row.path)
        paths.setdefault(path, {})[row.method.lower()] = _operation(row, body, returns, error)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Edge node", "version": version("edge-appliance"), "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SCHEMES},
    }


_SCHEMES = {
    "cookie": {"type": "apiKey", "in": "cookie", "name": "edge_session"},
    "bearer": {"type": "http", "scheme": "bearer"},
}


def _operation(row: Route, body: Any, returns: Any, error: Any) -> dict[str, Any]:
    success: dict[str, Any] = {"description": row.summary or "Done"}
    if returns is not None:
        success["content"] = {"application/json": {"schema": returns}}
    operation: dict[str, Any] = {
        "operationId": row.name,
        "summary": row.summary,
        "x-action": row.gate.value,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _VARIABLE.findall(row.path)
        ],
        "responses": {
            str(row.status): success,
            "default": {"description": "What is wrong", "content": {"application/json": {"schema": error}}},
        },
        "security": [] if row.gate is Door.OPEN else [{"cookie": []}, {"bearer": []}],
    }
    if body is not None:
        operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return operation
