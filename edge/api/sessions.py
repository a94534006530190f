"""`/api/v1/sessions`: exams and what is kept of them."""

import msgspec

from edge.api import shapes
from edge.api.guard import caller_address
from edge.api.guides import key_of
from edge.api.live import peer_prefix, shown_name
from edge.api.route import Call, Door, Route
from edge.api.views import for_principal
from edge.core.access import Action
from edge.core.session import Role
from edge.errors import NotFoundError
from edge.runtime import clock

LISTED_MAX = 100
_ONE = "/api/v1/sessions/{session_id}"


def routes() -> list[Route]:
    """All of them; `{session_id}` in a path is what a guest is held against."""
    run, ask, join = Action.RUN_SESSION, Action.ASK_CAPTURE, Action.JOIN_SESSION
    return [
        Route(method="GET", path="/api/v1/sessions", name="sessions.list", gate=run, answer=list_sessions,
              returns=list[shapes.SessionView], summary="Exams, open ones first", audit="sessions.list"),
        Route(method="POST", path="/api/v1/sessions", name="sessions.open", gate=run, answer=open_session,
              body=shapes.OpenSession, returns=shapes.SessionOpened, status=201, summary="Start an exam"),
        Route(method="GET", path=_ONE, name="sessions.see", gate=join, answer=see_session,
              returns=shapes.SessionView, summary="One exam"),
        Route(method="POST", path=f"{_ONE}/close", name="sessions.close", gate=run, answer=close_session,
              returns=shapes.SessionView, summary="Finish an exam", audit="session.close"),
        Route(method="POST", path=f"{_ONE}/invites", name="sessions.invite", gate=run, answer=invite_guest,
              body=shapes.InviteRequest, returns=shapes.Invite, status=201, summary="Invite a guest"),
        Route(method="DELETE", path=f"{_ONE}/invites/{{token_id}}", name="sessions.revoke", gate=run,
              answer=revoke_invite, status=204, summary="End an invitation", audit="session.revoke"),
        Route(method="POST", path="/api/v1/join", name="sessions.join", gate=Door.OPEN, answer=join_session,
              body=shapes.Join, returns=shapes.Joined, summary="Come in with a link or six digits"),
        Route(method="GET", path="/api/v1/join/{ticket}", name="sessions.wait", gate=Door.OPEN, answer=ask_to_come_in,
              returns=shapes.Joined, summary="Ask whether the bedside has let one in"),
        Route(method="POST", path=f"{_ONE}/waiting/{{key}}", name="sessions.let_in", gate=run, answer=answer_waiting,
              body=shapes.WaitingAnswer, returns=shapes.Done, summary="Let somebody in who waits, or refuse"),
        Route(method="POST", path=f"{_ONE}/picture", name="sessions.picture", gate=run, answer=show_picture,
              body=shapes.PictureWish, returns=shapes.Done, summary="Stop the guests' picture, or show it again"),
        Route(method="POST", path=f"{_ONE}/publish", name="sessions.publish", gate=run, answer=publish_outside,
              body=shapes.PublishWish, returns=shapes.Done, summary="Show it through the media server, or end that"),
        Route(method="POST", path=f"{_ONE}/consent", name="sessions.consent", gate=run, answer=note_consent,
              returns=shapes.Done, summary="The patient agrees to be watched", audit="session.consent"),
        Route(method="POST", path=f"{_ONE}/record/start", name="sessions.record_start", gate=ask, answer=start_clip,
              returns=shapes.ClipStarted, summary="Begin a clip", audit="clip.start"),
        Route(method="POST", path=f"{_ONE}/record/stop", name="sessions.record_stop", gate=ask, answer=stop_clip,
              returns=shapes.ClipStopped, summary="End the clip", audit="clip.stop"),
        Route(method="POST", path=f"{_ONE}/still", name="sessions.still", gate=ask, answer=take_still,
              body=shapes.StillRequest, returns=shapes.StillTaken, summary="Keep one picture", audit="still"),
        Route(method="POST", path=f"{_ONE}/save-last", name="sessions.save_last", gate=ask, answer=save_last,
              body=shapes.SaveLast, returns=shapes.ClipStopped, summary="Keep what has just happened",
              audit="clip.save_last"),
    ]  # fmt: skip


async def list_sessions(call: Call) -> list[shapes.SessionView]:
    desk = call.parts.desk
    sessions = await desk.list_sessions(limit=LISTED_MAX)
    return [await desk.view(session) for session in sessions]


async def open_session(call: Call) -> shapes.SessionOpened:
    parts = call.parts
    session = await parts.desk.open(call.principal, call.body)
    await parts.audit(call.principal, "session.open", session.study_instance_uid, session=session.session_id)
    invite = await parts.invitations.invite(session, Role.SPECIALIST)
    view = await parts.desk.view(session)
    return msgspec.convert(
        {
            **msgspec.structs.asdict(view),
            "specialist_url": invite.specialist_url,
            "whep_url": invite.whep_url,
            "token": invite.token,
        },
        shapes.SessionOpened,
    )


async def see_session(call: Call) -> shapes.SessionView:
    session = await call.parts.desk.find(call.path("session_id"))
    view = for_principal(await call.parts.desk.view(session), call.principal)
    if view is None:
        raise NotFoundError("There is no such session.")
    if view.patient is not None:
        await call.parts.audit_read(call.principal, session.study_instance_uid)
    return view


async def close_session(call: Call) -> shapes.SessionView:
    session = await call.parts.desk.close(call.path("session_id"))
    call.parts.guides.forget(session.session_id)
    call.parts.waiting.forget(session.session_id)
    return await call.parts.desk.view(session)


async def invite_guest(call: Call) -> shapes.Invite:
    session = await call.parts.desk.find_open(call.path("session_id"))
    invite = await call.parts.invitations.invite(session, Role(call.body.role))
    await call.parts.audit(
        call.principal, "session.invite", session.study_instance_uid,
        session=session.session_id, role=invite.role, token_id=invite.token_id,
    )  # fmt: skip
    return invite


async def revoke_invite(call: Call) -> None:
    session_id, token_id = call.path("session_id"), call.path("token_id")
    ended = await call.parts.invitations.revoke(session_id, token_id)
    if not ended:
        raise NotFoundError("There is no such invitation.")
    call.parts.hub.end_for(lambda principal: principal.token_id in ended)
    for one in ended:
        await call.parts.send_away(session_id, one, words="The bedside has withdrawn this invitation.")


async def join_session(call: Call) -> shapes.Joined:
    joined, principal = await call.parts.invitations.join(call.body, address=caller_address(call.request))
    if not call.body.code or call.parts.config.live.waiting_room == "off":
        await call.parts.audit(principal, "session.join", joined.session_id, role=joined.role)
        return joined
    await call.parts.audit(principal, "session.wait", joined.session_id, role=joined.role)
    return await call.parts.waiting.add(joined, name=shown_name(call.body.name), token_id=principal.token_id)


async def ask_to_come_in(call: Call) -> shapes.Joined:
    """Tell somebody who waits how it stands; the ticket is the proof."""
    return await call.parts.waiting.ask(call.path("ticket"))


async def answer_waiting(call: Call) -> shapes.Done:
    """Let somebody in, or send away; who is refused holds an invitation no more."""
    session_id, is_let_in = call.path("session_id"), call.body.is_let_in
    token_id = await call.parts.waiting.answer(session_id, call.path("key"), is_let_in=is_let_in)
    if not is_let_in:
        await call.parts.invitations.revoke(session_id, token_id)
    verb = "session.let_in" if is_let_in else "session.refuse"
    await call.parts.audit(call.principal, verb, session_id, token_id=token_id)
    return shapes.Done()


async def show_picture(call: Call) -> shapes.Done:
    """Stop the guests' picture, or show it again; the record goes on either way.  Raises: UnreachableError."""
    session_id, guides = call.path("session_id"), call.parts.guides
    await call.parts.desk.find_open(session_id)
    await guides.stop_picture(session_id, is_stopped=not call.body.is_shown)
    await call.parts.audit(call.principal, "live.show" if call.body.is_shown else "live.stop", session_id)
    await call.parts.desk.show_picture(session_id, is_shown=call.body.is_shown)
    await call.parts.desk.publish(session_id)
    return shapes.Done()


async def publish_outside(call: Call) -> shapes.Done:
    """Show an exam through the media server of the configuration, for large audiences, or end that."""
    session_id, guides = call.path("session_id"), call.parts.guides
    await call.parts.desk.find_open(session_id)
    await call.parts.audit(call.principal, "live.publish" if call.body.is_on else "live.unpublish", session_id)
    await call.parts.desk.publish_outside(session_id, is_on=call.body.is_on)
    await guides.publish(session_id, is_on=call.body.is_on)
    return shapes.Done()


async def note_consent(call: Call) -> shapes.Done:
    """Keep in the audit that the patient agrees to be watched from elsewhere."""
    session = await call.parts.desk.find_open(call.path("session_id"))
    await call.parts.guides.consent(session.session_id, clock.wall_s())
    await call.parts.desk.publish(session.session_id)
    return shapes.Done()


async def start_clip(call: Call) -> dict[str, object]:
    return await _record(call, "clip.start")


async def stop_clip(call: Call) -> dict[str, object]:
    return await _record(call, "clip.stop")


async def take_still(call: Call) -> dict[str, object]:
    return await _record(call, "still", frame_index=call.body.frame_index)


async def save_last(call: Call) -> dict[str, object]:
    return await _record(call, "clip.save_last", seconds=call.body.seconds)


async def _record(call: Call, verb: str, **values: object) -> dict[str, object]:
    session_id, principal = call.path("session_id"), call.principal
    if not principal.may(Action.RUN_SESSION, session_id=session_id):
        call.parts.guides.require(session_id, key_of(peer_prefix(principal)))
    return await call.parts.desk.record(verb, session_id, **values)
