"""Who gets in, and what each may do: the real application, the real store, a real connection."""

import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.api import app
from edge.api.accounts import FAILURES_PER_NAME_MAX
from edge.api.route import Door, Route
from edge.core.access import Action, Principal, UserRole
from tests.support.api import PASSWORD, PATIENT, ApiNode

PEOPLE = ("operator", "specialist", "pathologist", "admin", "auditor")
OPEN_ROUTES = {
    "shares.open", "viewer.root", "viewer.file",
    "sign_in", "sessions.join", "sessions.wait", "openapi", "healthz", "readyz", "metrics", "page.file",
    "whep.options", "whep.mine", "whip.options", "whip.mine",
}  # fmt: skip
"""What anybody may ask; a new open route is a decision, written down here."""


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[ApiNode]:
    async with ApiNode(tmp_path) as node:
        await node.neighbours.start("capture", "record", "live")
        yield node


@pytest.fixture
async def staffed(node: ApiNode) -> ApiNode:
    for name in PEOPLE:
        await node.add_person(name, name)
    return node


async def open_exam(node: ApiNode) -> dict[str, str]:
    async with node.local() as local:
        reply = await local.ask("POST", "/api/v1/sessions", {"source": "probe", "patient": PATIENT})
        assert reply.status == 201, reply.data
        opened: dict[str, str] = reply.body
        return opened


async def test_a_new_node_says_how_to_add_the_first_user(node: ApiNode) -> None:
    async with node.client() as client:
        reply = await client.ask("GET", "/api/v1/me")
        tried = await client.ask("POST", "/api/v1/sign-in", {"name": "ada", "password": "x"})
    assert (reply.status, reply.body["code"]) == (401, "access.no_users")
    assert "edge user add" in reply.body["next_step"]
    assert tried.body["code"] == "access.no_users"


async def test_the_first_user_comes_through_the_unix_socket(node: ApiNode) -> None:
    async with node.local() as local:
        assert (await local.get("/api/v1/me"))["name"] == "local"
        added = await local.ask("POST", "/api/v1/users", {"name": "operator", "password": PASSWORD, "role": "operator"})
    assert added.status == 201
    async with node.client("operator") as client:
        me = await client.get("/api/v1/me")
    assert (me["name"], me["role"], me["node_name"]) == ("operator", "operator", "clinic-7")
    assert "run_session" in me["permissions"]
    assert "run_users" not in me["permissions"]


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(staffed: ApiNode) -> None:
    async with staffed.client() as client:
        reply = await client.ask("POST", "/api/v1/sign-in", {"name": "operator", "password": PASSWORD})
    cookie = reply.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert PASSWORD not in cookie


async def test_a_wrong_password_and_an_unknown_name_look_the_same(staffed: ApiNode) -> None:
    async with staffed.client() as client:
        wrong = await client.ask("POST", "/api/v1/sign-in", {"name": "operator", "password": "nope"})
        unknown = await client.ask("POST", "/api/v1/sign-in", {"name": "nobody", "password": "nope"})
    assert wrong.status == unknown.status == 401
    assert wrong.body == unknown.body


async def test_guessing_passwords_ends_and_even_the_right_one_waits(staffed: ApiNode) -> None:
    async with staffed.client() as client:
        for _ in range(FAILURES_PER_NAME_MAX):
            await client.ask("POST", "/api/v1/sign-in", {"name": "operator", "password": "nope"})
        reply = await client.ask("POST", "/api/v1/sign-in", {"name": "operator", "password": PASSWORD})
        other = await client.ask("POST", "/api/v1/sign-in", {"name": "admin", "password": PASSWORD})
    assert (reply.status, reply.body["code"]) == (429, "limit.attempts")
    assert reply.headers["Retry-After"]
    assert other.status == 200


async def test_a_disabled_person_is_out_at_once_and_cannot_return(staffed: ApiNode) -> None:
    async with staffed.client("operator") as operator, staffed.client("admin") as admin:
        assert (await operator.ask("GET", "/api/v1/me")).status == 200
        assert (await admin.ask("POST", "/api/v1/users/operator/disable", {})).status == 200
        assert (await operator.ask("GET", "/api/v1/me")).status == 401
        again = await operator.ask("POST", "/api/v1/sign-in", {"name": "operator", "password": PASSWORD})
        assert again.status == 401
        assert (await admin.ask("POST", "/api/v1/users/operator/enable", {})).status == 200
        again = await operator.ask("POST", "/api/v1/sign-in", {"name": "operator", "password": PASSWORD})
        assert again.status == 200


async def test_signing_out_ends_the_login_itself_not_only_the_cookie(staffed: ApiNode) -> None:
    async with staffed.client() as client:
        reply = await client.ask("POST", "/api/v1/sign-in", {"name": "operator", "password": PASSWORD})
        token = re.match(r"edge_session=([^;]+)", reply.headers["Set-Cookie"])
        assert token
        assert (await client.ask("POST", "/api/v1/sign-out", {})).status == 204
    async with staffed.client(token=token[1]) as stolen:
        assert (await stolen.ask("GET", "/api/v1/me")).status == 401


async def test_a_form_of_another_site_changes_nothing(staffed: ApiNode) -> None:
    async with staffed.client("operator") as client:
        refused = await client.ask("POST", "/api/v1/sessions", {"source": "probe"}, headers={"X-Edge-Request": ""})
        form = await client.ask(
            "POST", "/api/v1/sessions", data=b"source=probe",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )  # fmt: skip
    assert (refused.status, refused.body["code"]) == (403, "access.csrf")
    assert (form.status, form.body["code"]) == (415, "input.type")
    assert staffed.neighbours.sessions == {}


async def test_a_bearer_needs_no_csrf_header(staffed: ApiNode) -> None:
    opened = await open_exam(staffed)
    async with staffed.client(token=opened["token"]) as guest:
        reply = await guest.ask(
            "POST", f"/api/v1/sessions/{opened['session_id']}/still", {}, headers={"X-Edge-Request": ""}
        )
    assert reply.status == 200


@pytest.mark.parametrize("path", ["/", "/api/v1/me", "/api/v1/openapi.json", "/nothing.here", "/dicom-web/studies"])
async def test_every_answer_carries_the_security_headers(node: ApiNode, path: str) -> None:
    async with node.client() as client:
        reply = await client.ask("GET", path)
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert "camera=(self)" in reply.headers["Permissions-Policy"]


async def test_malformed_bodies_are_told_in_our_shape(staffed: ApiNode) -> None:
    async with staffed.client("operator") as client:
        for data in (b"{", b"\xff\xfe", b"[]", b'{"source": 5}', b'{"sauce": "probe"}', b"null"):
            reply = await client.ask("POST", "/api/v1/sessions", data=data)
            assert (reply.status, reply.body["code"]) == (400, "input.bad"), data
            assert set(reply.body) == {"code", "message", "next_step"}


async def test_a_body_over_the_limit_is_refused(staffed: ApiNode) -> None:
    async with staffed.client("operator") as client:
        reply = await client.ask("POST", "/api/v1/sessions", data=b'{"source": "' + b"x" * app.JSON_BYTES_MAX + b'"}')
    assert (reply.status, reply.body["code"]) == (413, "limit.body")


async def test_unknown_addresses_and_methods_have_our_shape(staffed: ApiNode) -> None:
    async with staffed.client("operator") as client:
        nowhere = await client.ask("GET", "/api/v1/nowhere")
        method = await client.ask("PUT", "/api/v1/me")
    assert (nowhere.status, nowhere.body["code"]) == (404, "thing.unknown")
    assert (method.status, method.body["code"]) == (405, "method.unknown")


def routes_of(node: ApiNode) -> list[Route]:
    return app.table(node.parts)


async def test_every_route_is_in_the_table_and_says_who_may_ask(node: ApiNode) -> None:
    listed = {(route.method, route.path) for route in routes_of(node)}
    names = [(route.name, route.method) for route in routes_of(node)]
    served = {(entry.method, entry.resource.canonical) for entry in node.runner.app.router.routes() if entry.resource}
    plain = {(method, re.sub(r"{(\w+):(?:[^{}]|{[^}]*})*}", r"{\1}", path)) for method, path in listed}
    of_get = {("HEAD", path) for method, path in served if method == "GET"}
    assert served - of_get == plain - of_get
    assert len(names) == len(set(names))
    opened = {route.name for route in routes_of(node) if route.gate is Door.OPEN and not route.name.startswith("page/")}
    assert opened == OPEN_ROUTES
    signed_in = {route.name for route in routes_of(node) if route.gate is Door.SIGNED_IN}
    assert signed_in == {"me", "sign_out", "events"}


@pytest.mark.parametrize("role", [*PEOPLE, "guest", "nobody"])
async def test_each_role_gets_exactly_what_the_table_allows(staffed: ApiNode, role: str) -> None:
    opened = await open_exam(staffed)
    token = opened["token"] if role == "guest" else ""
    async with staffed.client(role if role in PEOPLE else "", token=token) as client:
        for route in routes_of(staffed):
            if route.gate is Door.OPEN or route.name in ("events", "sign_out"):
                continue
            # Another session's identifier: nobody loses the own one, and a guest must be refused everywhere.
            path = re.sub(r"{session_id}", "other", route.path)
            path = re.sub(r"{(?:frame|frames)(?::[^{}]*(?:{[^}]*})?[^}]*)?}", "1", path)
            path = re.sub(r"{\w+(?::[^}]*)?}", "1.2.3", path)
            # A body that no answer accepts: the gate stands before the body, so nothing is changed.
            reply = await client.ask(route.method, path, data=b"}" if route.method == "POST" else None)
            # The answer to HEAD has no body.
            is_told = b"may not do this" in reply.data or route.method == "HEAD"
            is_refused = reply.status == 401 or (reply.status == 403 and is_told)
            assert is_refused is not expect_allowed(role, route), (route.name, reply.status, reply.data[:200])


def expect_allowed(role: str, route: Route) -> bool:
    if role == "nobody":
        return False
    if route.gate is Door.SIGNED_IN:
        return True
    if role == "guest":
        return False
    assert isinstance(route.gate, Action)
    return Principal(name=role, role=UserRole(role)).may(route.gate)


async def test_no_patient_reaches_a_log(staffed: ApiNode, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    opened = await open_exam(staffed)
    async with staffed.client("operator") as client:
        await client.ask("GET", f"/api/v1/studies?q={PATIENT['name']}&modality=US")
        await client.ask("GET", f"/dicom-web/studies?PatientID={PATIENT['patient_id']}")
        await client.ask("GET", f"/{PATIENT['name']}.html")
        await client.ask("POST", "/api/v1/sessions", {"source": "probe", "patient": PATIENT})
        await client.ask("POST", f"/api/v1/sessions/{opened['session_id']}/close", {})
        await client.ask("POST", "/api/v1/sign-in", {"name": PATIENT["name"], "password": "x"})
        await client.ask("POST", "/api/v1/sessions", {"source": "probe", "patient": {**PATIENT, "sex": "Q"}})
        rows = (await client.ask("GET", "/api/v1/audit")).data
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("edge"))
    assert "http.request route=sessions.open" in ours
    everything = "\n".join(record.getMessage() for record in caplog.records) + rows.decode()
    for secret in (PATIENT["name"], PATIENT["patient_id"], PATIENT["birth_date"], "QUAGGA", opened["token"], PASSWORD):
        assert secret not in everything


async def test_the_audit_knows_who_signed_in_and_what_was_controlled(staffed: ApiNode) -> None:
    opened = await open_exam(staffed)
    async with staffed.client("operator") as operator, staffed.client("auditor") as auditor:
        await operator.ask("POST", "/api/v1/sign-in", {"name": "operator", "password": "nope"})
        await operator.ask("POST", f"/api/v1/sessions/{opened['session_id']}/still", {})
        await operator.ask("GET", f"/api/v1/sessions/{opened['session_id']}")
        await operator.ask("GET", f"/api/v1/sessions/{opened['session_id']}")
        page = await auditor.get("/api/v1/audit")
        proof = await auditor.get("/api/v1/audit/verify")
    deeds = [(row["actor"], row["action"]) for row in page["items"]]
    assert ("operator", "user.sign_in") in deeds
    assert ("", "user.sign_in_failed") in deeds
    assert ("operator", "still") in deeds
    assert deeds.count(("operator", "study.read")) == 1
    assert ("local", "session.open") in deeds
    assert proof == {"is_intact": True, "broken_at": None}
    assert PATIENT["name"] not in str(page)
