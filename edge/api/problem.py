"""Every error in one shape: {"code", "message", "next_step"}, with the status of its type."""

import msgspec
from aiohttp import web

from edge.errors import EdgeError

_KNOWN = {
    404: ("thing.unknown", "There is nothing at this address.", "Check the address."),
    405: ("method.unknown", "This address does not answer to that method.", "See /api/v1/openapi.json."),
    413: ("limit.body", "What was sent is larger than this address takes.", "Send less."),
    415: ("input.type", "The content type is not one this address reads.", "Send application/json."),
}


def of_error(error: EdgeError) -> web.Response:
    """Return the answer for one of our errors."""
    waits_s = {429: "60", 503: "5"}
    headers = {"Retry-After": waits_s[error.http_status]} if error.http_status in waits_s else {}
    if error.http_status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="edge"'
    return _response(error.http_status, error.code, error.message, error.advice, headers)


def of_http(error: web.HTTPException) -> web.Response:
    """Return the same shape for what the server library found wrong."""
    code, message, next_step = _KNOWN.get(error.status, ("input.bad", f"{error.reason}.", "Correct the request."))
    headers = {key: error.headers[key] for key in ("Allow",) if key in error.headers}
    return _response(error.status, code, message, next_step, headers)


def _response(status: int, code: str, message: str, next_step: str, headers: dict[str, str]) -> web.Response:
    body = msgspec.json.encode({"code": code, "message": message, "next_step": next_step})
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)
