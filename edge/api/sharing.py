"""What people do with a study: label it, share it by a link that ends, send it somewhere."""

import asyncio

import segno
from aiohttp import web

from edge.api import object_shapes
from edge.api.attempts import Attempts
from edge.api.guard import SHARE_COOKIE, caller_address
from edge.api.node_shapes import Count
from edge.api.route import Answer, Call, Door, Route
from edge.api.shapes import Done
from edge.core.access import Action
from edge.errors import NotFoundError, NotSignedInError
from edge.runtime import clock, doorbell
from edge.store import deliveries, index, labels, shares

DAY_S = 24 * 3600.0
LASTS_S = {"day": DAY_S, "week": 7 * DAY_S, "month": 30 * DAY_S, "year": 365 * DAY_S}
GUESS_WINDOW_S = 600.0
GUESSES_PER_ADDRESS_MAX = 20
_STUDY = "/api/v1/studies/{study}"


def routes() -> list[Route]:
    mark, share = Action.MARK_STUDIES, Action.SHARE_STUDIES
    opened = Attempts(count_max=GUESSES_PER_ADDRESS_MAX, window_s=GUESS_WINDOW_S)
    return [
        Route(method="GET", path="/api/v1/labels", name="labels", gate=mark, answer=list_labels,
              returns=list[object_shapes.LabelView], summary="Every label in use"),
        Route(method="PUT", path=f"{_STUDY}/labels", name="studies.labels", gate=mark, answer=put_labels,
              body=object_shapes.Labels, returns=object_shapes.Labels, summary="Give a study these labels",
              audit="study.labels"),
        Route(method="GET", path=f"{_STUDY}/shares", name="shares", gate=share, answer=list_shares,
              returns=list[object_shapes.ShareView], summary="Links to a study that are good now"),
        Route(method="POST", path=f"{_STUDY}/shares", name="shares.make", gate=share, answer=make_share,
              body=object_shapes.ShareWish, returns=object_shapes.ShareMade, status=201, summary="Share a study"),
        Route(method="DELETE", path=f"{_STUDY}/shares/{{share_id}}", name="shares.end", gate=share, answer=end_share,
              returns=Done, summary="End a link at once", audit="study.unshare"),
        Route(method="POST", path="/api/v1/shared", name="shares.open", gate=Door.OPEN, answer=_opener(opened),
              body=object_shapes.SharedToken, returns=object_shapes.Shared, summary="Come by a link"),
        Route(method="POST", path=f"{_STUDY}/send", name="studies.send", gate=Action.RUN_OUTBOX, answer=send_study,
              body=object_shapes.SendWish, returns=Count, summary="Send a study to a destination"),
    ]  # fmt: skip


async def list_labels(call: Call) -> list[object_shapes.LabelView]:
    found = await asyncio.to_thread(labels.list_all, call.parts.database)
    return [object_shapes.LabelView(label=one.label, study_count=one.study_count) for one in found]


async def put_labels(call: Call) -> object_shapes.Labels:
    now_s = clock.wall_s()
    kept = await asyncio.to_thread(
        labels.put, call.parts.database, call.path("study"), call.body.labels, now_s=now_s
    )  # fmt: skip
    return object_shapes.Labels(labels=kept)


async def list_shares(call: Call) -> list[object_shapes.ShareView]:
    found = await asyncio.to_thread(shares.of_study, call.parts.database, call.path("study"), now_s=clock.wall_s())
    return [_view(one) for one in found]


async def make_share(call: Call) -> object_shapes.ShareMade:
    """Make a link. The token stands in its fragment: a browser never sends that, so it never reaches a log."""
    parts, study, now_s = call.parts, call.path("study"), clock.wall_s()
    share, token = await asyncio.to_thread(
        shares.mint, parts.database, study, made_by=call.principal.name, now_s=now_s,
        expires_s=now_s + LASTS_S[call.body.lasts],
    )  # fmt: skip
    await parts.audit(call.principal, "study.share", study, share_id=share.share_id, lasts=call.body.lasts)
    url = f"{parts.public_url}/shared#token={token}"
    qr_svg = segno.make(url, error="m").svg_inline(scale=4, border=2)
    return object_shapes.ShareMade(share=_view(share), url=url, qr_svg=qr_svg)


async def end_share(call: Call) -> Done:
    share_id, now_s = call.path("share_id"), clock.wall_s()
    if not await asyncio.to_thread(
        shares.revoke, call.parts.database, call.path("study"), share_id, now_s=now_s
    ):  # fmt: skip
        raise NotFoundError("There is no such link to this study.")
    call.parts.hub.end_for(lambda principal: principal.token_id == share_id)
    return Done()


def _opener(attempts: Attempts) -> Answer:
    async def open_share(call: Call) -> web.Response:
        """Exchange a link's token for a cookie that reads one study.  Raises: NotSignedInError."""
        parts, now_s, address = call.parts, clock.wall_s(), caller_address(call.request)
        attempts.check(address, now_s=now_s)
        share = await asyncio.to_thread(shares.check, parts.database, call.body.token, now_s=now_s)
        if share is None:
            attempts.fail(address, now_s=now_s)
            raise NotSignedInError(
                "This link is not known, or it has ended.", next_step="Ask who sent it for a new one."
            )
        await parts.audit(call.principal, "study.share_opened", share.study_instance_uid, share_id=share.share_id)
        shown = object_shapes.Shared(study_instance_uid=share.study_instance_uid, expires_s=share.expires_s)
        response = web.Response(
            body=parts.encode(shown), content_type="application/json", headers={"Cache-Control": "no-store"}
        )
        response.set_cookie(
            SHARE_COOKIE, call.body.token, max_age=int(share.expires_s - now_s), httponly=True, samesite="Strict",
            secure=call.request.secure or parts.public_url.startswith("https:"), path="/",
        )  # fmt: skip
        return response

    return open_share


async def send_study(call: Call) -> Count:
    """Make or renew the deliveries of a study.  Raises: NotFoundError (study, destination)."""
    parts, study, destination = call.parts, call.path("study"), call.body.destination
    if destination not in {known.name for known in parts.config.destination}:
        raise NotFoundError(f"There is no destination {destination!r}.")
    if await asyncio.to_thread(index.find_study, parts.database, study) is None:
        raise NotFoundError(f"The study {study} is not on this node.")
    count = await asyncio.to_thread(
        deliveries.send, parts.database, study, destination, now_s=clock.wall_s()
    )  # fmt: skip
    doorbell.ring(parts.config.run_dir / "bells" / "uplink")
    await parts.audit(call.principal, "study.send", study, destination=destination, count=count)
    return Count(count=count)


def _view(share: shares.Share) -> object_shapes.ShareView:
    return object_shapes.ShareView(
        share_id=share.share_id, made_by=share.made_by, made_s=share.made_s, expires_s=share.expires_s,
        used_s=share.used_s,
    )  # fmt: skip
