"""`/whep/ID`: the live picture for browsers and other clients; `/whip/ID`: a second picture from them.

Standard: RFC 9725 (WHIP), draft-ietf-wish-whep
"""

import hashlib
import secrets

from aiohttp import web

from edge.api.route import Call, Door, Route
from edge.core.access import Action, Principal
from edge.core.session import Role
from edge.core.turn import ice_servers
from edge.errors import BadInputError, NotSignedInError, RefusedError
from edge.runtime import clock

SDP_BYTES_MAX = 64 * 1024
FRAGMENT_BYTES_MAX = 16 * 1024
REQUEST_CHARS_MAX = 200
NAME_CHARS_MAX = 64
SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
PATHS = ("/whep/", "/whip/")
CORS = {
    # Programs and pages of any origin come with a token; the sign-in cookie of this node's pages is never let through.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, Link, ETag, Accept-Post, Accept-Patch",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Max-Age": "86400",
}


class NotSdpError(BadInputError):
    """The offer has another content type."""

    code = "input.type"
    http_status = 415
    next_step = f"Send the offer as {SDP}."


def routes() -> list[Route]:
    """Offer, change the network path, leave; the same for those who watch and those who send."""
    rows: list[Route] = []
    for kind, gate, answer, words in (
        ("whep", Action.JOIN_SESSION, watch, "Watch a session: SDP offer in, answer out"),
        ("whip", Action.SEND_PICTURE, send, "Send a second picture into a session: SDP offer in, answer out"),
    ):
        one, mine = f"/{kind}/{{session_id}}", f"/{kind}/{{session_id}}/{{peer_id}}"
        rows += [
            Route(method="POST", path=one, name=f"{kind}.offer", gate=gate, answer=answer, summary=words, status=201),
            Route(method="OPTIONS", path=one, name=f"{kind}.options", gate=Door.OPEN, answer=describe,
                  summary="What is taken here; with a token, the ICE servers"),
            Route(method="PATCH", path=mine, name=f"{kind}.patch", gate=gate, answer=change,
                  summary="Further candidates (204), or an ICE restart (200)"),
            Route(method="DELETE", path=mine, name=f"{kind}.leave", gate=gate, answer=leave,
                  summary="Leave a session"),
            Route(method="OPTIONS", path=mine, name=f"{kind}.mine", gate=Door.OPEN, answer=describe,
                  summary="What is taken here"),
        ]  # fmt: skip
    return rows


async def watch(call: Call) -> web.Response:
    """Answer who wants to see. A token is good for one peer at a time: its older peer is sent away."""
    offer = await _read_offer(call)
    parts, principal, session_id = call.parts, call.principal, call.path("session_id")
    peer_id = await _admit(call)
    role = principal.role_in(session_id)
    name = shown_name(call.text("name")) or principal.name
    answer = await parts.rpc(
        "live", "peer.offer", session_id=session_id, peer_id=peer_id, role=role.value, name=name, sdp=offer
    )
    await parts.audit(principal, "live.watch", session_id, peer=peer_id, role=role.value)
    return _created(call, f"/whep/{session_id}/{peer_id}", answer)


async def send(call: Call) -> web.Response:
    """Answer who sends a second picture; the newest one is shown."""
    offer = await _read_offer(call)
    parts, principal, session_id = call.parts, call.principal, call.path("session_id")
    peer_id = await _admit(call)
    # A device that was invited as a camera is nobody.
    name = shown_name(call.text("name")) or ("" if principal.session_role is Role.CAMERA else principal.name)
    answer = await parts.rpc("live", "camera.offer", session_id=session_id, peer_id=peer_id, name=name, sdp=offer)
    await parts.audit(principal, "live.send", session_id, peer=peer_id)
    return _created(call, f"/whip/{session_id}/{peer_id}", answer)


async def change(call: Call) -> web.Response:
    """Take candidates that came after the offer, or another network path.  Standard: RFC 9725 4.3"""
    session_id, peer_id = call.path("session_id"), call.path("peer_id")
    if call.request.content_type != FRAGMENT:
        raise NotSdpError("The change is not an SDP fragment.", next_step=f"Send it as {FRAGMENT}.")
    if not peer_id.startswith(peer_prefix(call.principal)):
        raise RefusedError("This is somebody else's connection.")
    fragment = (await call.request.read()).decode("utf-8", "replace")
    if len(fragment) > FRAGMENT_BYTES_MAX:
        raise BadInputError("The fragment is too long.")
    changed = await call.parts.rpc(
        "live", "peer.path", session_id=session_id, peer_id=peer_id, fragment=fragment,
        if_match=call.request.headers.get("If-Match", ""),
    )  # fmt: skip
    headers = {"ETag": changed["tag"]}
    if not changed["fragment"]:
        return web.Response(status=204, headers=headers)
    body = str(changed["fragment"]).encode()
    return web.Response(status=200, body=body, headers={**headers, "Content-Type": FRAGMENT})


async def leave(call: Call) -> web.Response:
    """Close one's own peer; the operator may close anybody's."""
    session_id, peer_id = call.path("session_id"), call.path("peer_id")
    is_own = peer_id.startswith(peer_prefix(call.principal))
    if not is_own and not call.principal.may(Action.RUN_SESSION, session_id=session_id):
        raise RefusedError("This is somebody else's connection.")
    await call.parts.rpc("live", "peer.close", session_id=session_id, peer_id=peer_id)
    return web.Response(status=200)


async def describe(call: Call) -> web.Response:
    """Say what is taken here. With a token, not for a browser's preflight, the ICE servers too: some clients cannot
    take them later.  Standard: RFC 9725 4.2, 4.6"""
    request = call.request
    headers = {**_PREFLIGHT, "Accept-Post": SDP, "Accept-Patch": FRAGMENT}
    response = web.Response(status=200, headers=headers)
    if "Authorization" in request.headers and "Access-Control-Request-Method" not in request.headers:
        caller = await call.parts.guard.find_caller(request)
        if not caller.principal.actions & {Action.JOIN_SESSION, Action.SEND_PICTURE}:
            raise NotSignedInError("This token lets nobody in here.")
        _add_links(call, caller.principal, response)
    return response


def shown_name(text: str) -> str:
    """Return what somebody calls oneself, as others may see it: one short line."""
    return "".join(character for character in text if character.isprintable()).strip()[:NAME_CHARS_MAX]


def peer_prefix(principal: Principal) -> str:
    """Return what every peer of this principal begins with, also after a restart of this service."""
    own = principal.token_id or "u-" + hashlib.sha256(principal.name.encode()).hexdigest()[:16]
    return f"{own}."


async def _read_offer(call: Call) -> str:
    """Raises: NotSdpError, BadInputError."""
    if call.request.content_type != SDP:
        raise NotSdpError("The offer is not SDP.")
    offer = (await call.request.read()).decode("utf-8", "replace")
    if not offer.startswith("v=0") or len(offer) > SDP_BYTES_MAX:
        raise BadInputError("The body is not an SDP offer.", next_step="Send the offer of an RTCPeerConnection.")
    return offer


async def _admit(call: Call) -> str:
    """Return the name of a new peer; an invitation's older one is sent away.  Raises: ConflictError."""
    parts, principal, session_id = call.parts, call.principal, call.path("session_id")
    await parts.desk.find_open(session_id)
    if principal.token_id:
        words = "This invitation was opened in another window or on another device."
        await parts.send_away(session_id, principal.token_id, words=words)
    return peer_prefix(principal) + secrets.token_hex(8)


def _created(call: Call, place: str, answer: dict[str, str]) -> web.Response:
    headers = {"Location": place, "ETag": answer["tag"], "Accept-Patch": FRAGMENT}
    response = web.Response(status=201, body=answer["sdp"].encode(), content_type=SDP, headers=headers)
    _add_links(call, call.principal, response)
    return response


def _add_links(call: Call, principal: Principal, response: web.Response) -> None:
    """Name the ICE servers, with passwords that end.  Standard: RFC 9725 4.6"""
    live = call.parts.config.live
    # What the relay logs says nothing of who it was.
    name = hashlib.sha256(peer_prefix(principal).encode()).hexdigest()[:12]
    for server in ice_servers(
        live.ice_servers, live.relays, secret=live.relay_secret, name=name, lasts_s=live.relay_s, now_s=clock.wall_s()
    ):
        response.headers.add("Link", server.link)
