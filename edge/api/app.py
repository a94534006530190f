"""The HTTP application: the route table, and what happens to every request before and after its answer."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import hdrs, web

from edge.api import (
    audit,
    dicomweb,
    events,
    exports,
    health,
    jobs,
    live,
    metrics,
    openapi,
    outbox,
    pages,
    people,
    problem,
    sessions,
    sharing,
    slides,
    studies,
    uploads,
    viewer,
    worklist,
)  # fmt: skip
from edge.api.guard import NOBODY, OUTSIDE, SAFE_METHODS, SECURITY_HEADERS
from edge.api.parts import Parts
from edge.api.route import Call, Door, Route
from edge.core.access import Action, Principal
from edge.errors import BadInputError, EdgeError
from edge.runtime.log import event

JSON_BYTES_MAX = 64 * 1024
ROUTE_NAME = web.RequestKey("route_name", str)
PRINCIPAL = web.RequestKey("principal", Principal)
log = logging.getLogger(__name__)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class NotJsonError(BadInputError):
    """The body has another content type; a form of another site could have sent it."""

    code = "input.type"
    http_status = 415
    next_step = "Send Content-Type: application/json."


def table(parts: Parts) -> list[Route]:
    """Return every route of the node."""
    modules = (people, sessions, live, events, worklist, studies, sharing, slides, jobs, outbox, health, audit, exports)
    rows = [route for module in modules for route in module.routes()]
    rows += uploads.routes(parts.uploads)
    rows += _dicomweb_routes(parts)
    rows += metrics.routes()
    rows += openapi.routes(lambda: rows)
    rows += viewer.routes()
    rows += pages.routes()
    return rows


def build(parts: Parts) -> web.Application:
    """Make the application; `parts` lives as long as it does."""
    app = web.Application(middlewares=[_around(parts)], client_max_size=JSON_BYTES_MAX)
    for route in table(parts):
        app.router.add_route(route.method, route.path, _handler(parts, route))
    app.on_response_prepare.append(_secure)
    return app


def _dicomweb_routes(parts: Parts) -> list[Route]:
    return [row if isinstance(row, Route) else _of_definition(row) for row in dicomweb.routes(parts)]


def _of_definition(row: web.RouteDef) -> Route:
    async def answer(call: Call) -> web.StreamResponse:
        response: web.StreamResponse = await row.handler(call.request)
        return response

    gate = Action.READ_IMAGES if row.method in SAFE_METHODS else Action.STORE
    name = str(row.kwargs.get("name") or f"dicomweb.{row.path}")
    return Route(method=row.method, path=row.path, name=name, gate=gate, answer=answer)


def _handler(parts: Parts, route: Route) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        request[ROUTE_NAME] = route.name
        caller = OUTSIDE if route.gate is Door.OPEN else await parts.guard.find_caller(request)
        await parts.guard.admit(caller, route, request)
        request[PRINCIPAL] = caller.principal
        body = await _read_body(request, route.body) if route.body is not None else None
        call = Call(request=request, parts=parts, principal=caller.principal, body=body)
        study = request.match_info.get("study")
        if study is not None and request.method in SAFE_METHODS:
            await parts.audit_read(caller.principal, study)
        response = _respond(await route.answer(call), route.status)
        if route.audit and response.status < 400:
            await parts.audit(caller.principal, route.audit, _object_of(request))
        return response

    return handle


def _object_of(request: web.Request) -> str:
    """Return what a call was about: the identifiers in its path, never its query or body."""
    return "/".join(value for key, value in request.match_info.items() if key != "file")


async def _read_body(request: web.Request, shape: type[msgspec.Struct]) -> msgspec.Struct:
    data = await request.read()
    if data and request.content_type != "application/json":
        raise NotJsonError("The body is not announced as JSON.")
    try:
        return msgspec.json.decode(data or b"{}", type=shape)
    except msgspec.ValidationError as error:
        raise BadInputError(f"The body does not fit: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError("The body is not JSON.") from error


def _respond(answer: Any, status: int) -> web.StreamResponse:
    if isinstance(answer, web.StreamResponse):
        return answer
    headers = {hdrs.CACHE_CONTROL: "no-store"}
    if answer is None:
        return web.Response(status=204, headers=headers)
    return web.Response(
        body=msgspec.json.encode(answer), status=status, content_type="application/json", headers=headers
    )


def _around(parts: Parts) -> Any:
    """Turn errors into answers, count, and write the access log: route names only, an address may hold a patient."""

    @web.middleware
    async def around(request: web.Request, handler: _Handler) -> web.StreamResponse:
        began_s = time.monotonic()
        status = 500
        try:
            response = await handler(request)
            status = response.status
        except EdgeError as error:
            response, status = problem.of_error(error), error.http_status
        except web.HTTPException as error:
            response, status = problem.of_http(error), error.status
        finally:
            _note(parts, request, status, time.monotonic() - began_s)
        return response

    return around


def _note(parts: Parts, request: web.Request, status: int, elapsed_s: float) -> None:
    name = request.get(ROUTE_NAME, "unknown")
    parts.metrics.count_request(name, request.method, status, elapsed_s)
    level = (
        logging.WARNING
        if status >= 500
        else logging.DEBUG
        if status < 400 and request.method == "GET"
        else logging.INFO
    )
    event(log, "http.request", level=level, route=name, status=status, ms=round(elapsed_s * 1000, 1))


async def _secure(request: web.Request, response: web.StreamResponse) -> None:
    if request.path.startswith(live.PATHS):
        response.headers.update(live.CORS)
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.pop(hdrs.SERVER, None)
    if request.get(PRINCIPAL, NOBODY) is not NOBODY:
        response.headers.setdefault(hdrs.CACHE_CONTROL, "private, no-store")
