"""Who asks, and may they? Every request passes here before any answer is worked out."""

import socket
from dataclasses import dataclass

from aiohttp import web

from edge.api.accounts import Accounts
from edge.api.route import Door, Route
from edge.core.access import Action, Principal, UserRole
from edge.errors import NotSignedInError, RefusedError

COOKIE = "edge_session"
SHARE_COOKIE = "edge_share"
"""Of somebody who came by a link to one study; whoever signs in is that person instead."""
CSRF_HEADER = "X-Edge-Request"
EXPORT_PATH = "/api/v1/export"
SEARCH_PATH = "/dicom-web/studies"
_STUDY_KEYS = frozenset({"studyinstanceuid", "0020000d"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOCAL = Principal(name="local", role=UserRole.ADMIN)
"""Whoever may open the Unix socket: its file permissions are the sign-in."""
NOBODY = Principal(name="", role=UserRole.GUEST, session_id="")

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        "font-src 'self'; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class CsrfError(RefusedError):
    """A page of another site may have sent this."""

    code = "access.csrf"
    next_step = f"Send the header {CSRF_HEADER}: 1, as the pages of this node do."


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal, and how it proved itself."""

    principal: Principal
    is_by_cookie: bool = False


OUTSIDE = Caller(NOBODY)


class Guard:
    """Finds the caller and holds it against the route's gate."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def find_caller(self, request: web.Request) -> Caller:
        """Return who asks; NOBODY without any proof.  Raises: NotSignedInError when a bearer token is wrong or old."""
        if is_local(request):
            return Caller(LOCAL)
        bearer = request.headers.get("Authorization", "")
        if bearer:
            kind, _, token = bearer.partition(" ")
            principal = await self._accounts.find(token.strip()) if kind.lower() == "bearer" else None
            if principal is None:
                raise NotSignedInError("The token is not known, or it has ended.")
            return Caller(principal)
        token = request.cookies.get(COOKIE, "")
        principal = await self._accounts.find_login(token) if token else None
        shared = request.cookies.get(SHARE_COOKIE, "") if principal is None else ""
        principal = await self._accounts.find_share(shared) if shared else principal
        return Caller(principal, is_by_cookie=True) if principal is not None else OUTSIDE

    async def admit(self, caller: Caller, route: Route, request: web.Request) -> None:
        """Let the request pass.  Raises: NotSignedInError, RefusedError."""
        if route.gate is Door.OPEN:
            return
        if caller.principal is NOBODY:
            raise await self._accounts.explain_nobody()
        if caller.is_by_cookie and request.method not in SAFE_METHODS and request.headers.get(CSRF_HEADER) != "1":
            raise CsrfError(f"The header {CSRF_HEADER} is missing.")
        if isinstance(route.gate, Action) and not await self._is_allowed(caller.principal, route, request):
            raise RefusedError(f"{caller.principal.name} ({caller.principal.role}) may not do this.")

    async def _is_allowed(self, principal: Principal, route: Route, request: web.Request) -> bool:
        assert isinstance(route.gate, Action)
        if route.gate is Action.READ_IMAGES and principal.session_id is not None:
            study, series = request.match_info.get("study"), request.match_info.get("series")
            return study is not None and await self._accounts.is_own_series(principal, study, series)
        return principal.may(
            route.gate,
            session_id=request.match_info.get("session_id"),
            study_instance_uid=await self._study_of(principal, request),
        )

    async def _study_of(self, principal: Principal, request: web.Request) -> str | None:
        """Return which study a request is about, for those who may see one only."""
        if principal.study_instance_uid is None:
            return None
        slide = request.match_info.get("slide")
        if slide is not None:
            return await self._accounts.study_of_series(slide)
        # A query names a study only where the route reads nothing else.
        if request.path == EXPORT_PATH:
            return request.query.get("study")
        if request.path == SEARCH_PATH:
            return _only_study(request)
        return request.match_info.get("study")


def _only_study(request: web.Request) -> str | None:
    """Return the one study a search is narrowed to, however it is written; None when it is not, or to several."""
    named = [value for name, value in request.query.items() if name.rpartition(".")[2].lower() in _STUDY_KEYS]
    return named[0] if len(named) == 1 else None


def is_local(request: web.Request) -> bool:
    """Tell whether this came through the Unix socket."""
    connection = request.get_extra_info("socket")
    return connection is not None and connection.family == socket.AF_UNIX


def caller_address(request: web.Request) -> str:
    """Return the peer's address, for rate limits and the audit; headers that a peer may invent are not read."""
    return "local" if is_local(request) else (request.remote or "unknown")
