"""Every route against bodies nobody should send: refused in our shape, never a fault of ours."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.api import app
from edge.api.route import Route
from tests.support.api import ApiNode

ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, 1e308, "", "x" * 5000, "\u0000", "\ud800", "../../etc/passwd", "' OR 1=1 --", [], [[]], {},
    {"a": 1}, "٣", 2**70,
)  # fmt: skip
STATUSES = {200, 201, 204, 400, 401, 403, 404, 409, 413, 415, 429, 503}
PATHS = dict.fromkeys(("key", "session_id", "token_id", "job_id", "peer_id"), "x") | {"study": "1.2", "name": "nobody"}


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[ApiNode]:
    async with ApiNode(tmp_path) as node:
        yield node


def posts(node: ApiNode) -> list[Route]:
    return [route for route in app.table(node.parts) if route.method == "POST" and route.path.startswith("/api/v1/")]


async def test_odd_bodies_are_refused_in_our_shape(node: ApiNode) -> None:
    tried = 0
    async with node.local() as local:
        for route in posts(node):
            fields = [field.encode_name for field in msgspec.structs.fields(route.body)] if route.body else []
            bodies: list[Any] = [*ODD_VALUES, *({name: odd} for name in fields for odd in ODD_VALUES)]
            for body in bodies:
                data = json.dumps(body, allow_nan=True).encode("utf-8", "surrogatepass")
                reply = await local.ask("POST", route.path.format(**PATHS), data=data)
                assert reply.status in STATUSES, (route.name, body, reply.data)
                if reply.status >= 400:
                    assert set(reply.body) == {"code", "message", "next_step"}, (route.name, body)
                    assert reply.body["next_step"], (route.name, body)
                tried += 1
    assert tried > 400


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/sessions/%00", "/api/v1/sessions/%F0%9F%92%A9", "/api/v1/studies/%27%20OR%201", "/api/v1/slides/x%2Fy",
        "/api/v1/audit?limit=999999999&offset=999999999", "/api/v1/audit?action=%25", "/api/v1/slides?q=%22",
        "/api/v1/slides?q=*", "/api/v1/studies?q=NEAR(a%20b)", "/api/v1/studies?modality=%5C", "/api/v1/export",
        "/api/v1/studies?q=%ff%fe", "/api/v1/users/%2e%2e/disable",
    ],
)  # fmt: skip
async def test_odd_addresses_are_answered(node: ApiNode, path: str) -> None:
    async with node.local() as local:
        reply = await local.ask("GET", path)
    assert reply.status in STATUSES, reply.data
    assert reply.headers["Content-Type"].startswith("application/json")


async def test_a_wrong_bearer_is_refused_and_not_mistaken_for_a_cookie(node: ApiNode) -> None:
    await node.add_person("operator", "operator")
    async with node.client("operator") as client:
        for value in ("Bearer nope", "Basic b3BlcmF0b3I6eA==", "Bearer", "Bearer \u00e9"):
            reply = await client.ask("GET", "/api/v1/me", headers={"Authorization": value})
            assert (reply.status, reply.body["code"]) == (401, "access.unknown"), value
