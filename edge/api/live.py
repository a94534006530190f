"""`/whep/ID`: the live picture for browsers, and what people in a call ask for over its data channel.

Standard: draft-ietf-wish-whep; reconnecting is a new offer with the same token.
"""

import hashlib
import secrets

from aiohttp import web

from edge.api.route import Call, Route
from edge.core.access import Action, Principal
from edge.errors import BadInputError, RefusedError

SDP_BYTES_MAX = 64 * 1024
REQUEST_CHARS_MAX = 200
NAME_CHARS_MAX = 64
SDP = "application/sdp"


class NotSdpError(BadInputError):
    """The offer has another content type."""

    code = "input.type"
    http_status = 415
    next_step = f"Send the offer as {SDP}."


def routes() -> list[Route]:
    """Offer, and leave."""
    return [
        Route(method="POST", path="/whep/{session_id}", name="whep.offer", gate=Action.JOIN_SESSION,
              answer=take_offer, summary="Watch a session: SDP offer in, answer out", status=201),
        Route(method="DELETE", path="/whep/{session_id}/{peer_id}", name="whep.leave", gate=Action.JOIN_SESSION,
              answer=leave, summary="Leave a session"),
        Route(method="PATCH", path="/whep/{session_id}/{peer_id}", name="whep.patch", gate=Action.JOIN_SESSION,
              answer=refuse_patch, summary="Not offered: candidates are in the offer"),
    ]  # fmt: skip


async def take_offer(call: Call) -> web.Response:
    """Answer an offer. A token is good for one peer at a time: its older peer is sent away."""
    if call.request.content_type != SDP:
        raise NotSdpError("The offer is not SDP.")
    offer = (await call.request.read()).decode("utf-8", "replace")
    if not offer.startswith("v=0") or len(offer) > SDP_BYTES_MAX:
        raise BadInputError("The body is not an SDP offer.", next_step="Send the offer of an RTCPeerConnection.")
    parts, principal, session_id = call.parts, call.principal, call.path("session_id")
    await parts.desk.find_open(session_id)
    prefix = peer_prefix(principal)
    if principal.token_id:
        words = "This invitation was opened in another window or on another device."
        await parts.send_away(session_id, principal.token_id, words=words)
    peer_id = prefix + secrets.token_hex(8)
    role = principal.role_in(session_id)
    name = shown_name(call.text("name")) or principal.name
    answer = await parts.rpc(
        "live", "peer.offer", session_id=session_id, peer_id=peer_id, role=role.value, name=name, sdp=offer
    )
    await parts.audit(principal, "live.watch", session_id, peer=peer_id, role=role.value)
    headers = {"Location": f"/whep/{session_id}/{peer_id}", "Access-Control-Expose-Headers": "Location"}
    return web.Response(status=201, body=str(answer["sdp"]).encode(), content_type=SDP, headers=headers)


def shown_name(text: str) -> str:
    """Return what somebody calls oneself, as others may see it: one short line."""
    return "".join(character for character in text if character.isprintable()).strip()[:NAME_CHARS_MAX]


async def leave(call: Call) -> web.Response:
    """Close one's own peer; the operator may close anybody's."""
    session_id, peer_id = call.path("session_id"), call.path("peer_id")
    is_own = peer_id.startswith(peer_prefix(call.principal))
    if not is_own and not call.principal.may(Action.RUN_SESSION, session_id=session_id):
        raise RefusedError("This is somebody else's connection.")
    await call.parts.rpc("live", "peer.close", session_id=session_id, peer_id=peer_id)
    return web.Response(status=200)


async def refuse_patch(call: Call) -> web.Response:
    raise web.HTTPMethodNotAllowed("PATCH", ["DELETE"])


def peer_prefix(principal: Principal) -> str:
    """Return what every peer of this principal begins with, also after a restart of this service."""
    own = principal.token_id or "u-" + hashlib.sha256(principal.name.encode()).hexdigest()[:16]
    return f"{own}."
