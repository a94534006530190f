"""Signing in and out, and who may."""

import asyncio

from aiohttp import web

from edge.api import shapes, viewer
from edge.api.guard import COOKIE, SHARE_COOKIE, caller_address
from edge.api.route import Call, Door, Route
from edge.core.access import Action, UserRole
from edge.errors import BadInputError, NotSignedInError
from edge.runtime import clock
from edge.store import users

_ONE = "/api/v1/users/{name}"


def routes() -> list[Route]:
    run = Action.RUN_USERS
    return [
        Route(method="POST", path="/api/v1/sign-in", name="sign_in", gate=Door.OPEN, answer=sign_in,
              body=shapes.SignIn, returns=shapes.SignedIn, summary="Sign in; a cookie comes back"),
        Route(method="POST", path="/api/v1/sign-out", name="sign_out", gate=Door.SIGNED_IN, answer=sign_out,
              summary="Sign out", status=204, audit="user.sign_out"),
        Route(method="GET", path="/api/v1/me", name="me", gate=Door.SIGNED_IN, answer=see_me, returns=shapes.Me,
              summary="Who is signed in, and what that one may do"),
        Route(method="GET", path="/api/v1/users", name="users", gate=run, answer=list_people,
              returns=list[shapes.UserView], summary="Who may sign in"),
        Route(method="POST", path="/api/v1/users", name="users.add", gate=run, answer=add_person,
              body=shapes.NewUser, returns=shapes.UserView, status=201, summary="Add a person"),
        Route(method="POST", path=f"{_ONE}/disable", name="users.disable", gate=run, answer=disable_person,
              returns=shapes.Done, summary="Shut a person out at once", audit="user.disable"),
        Route(method="POST", path=f"{_ONE}/enable", name="users.enable", gate=run, answer=enable_person,
              returns=shapes.Done, summary="Let a person in again", audit="user.enable"),
        Route(method="POST", path=f"{_ONE}/password", name="users.password", gate=run, answer=set_password,
              body=shapes.PasswordChange, returns=shapes.Done, summary="Give a new password", audit="user.password"),
    ]  # fmt: skip


async def sign_in(call: Call) -> web.Response:
    """Set the cookie. A failure is audited with the address, not with the name: people type passwords there."""
    parts, address = call.parts, caller_address(call.request)
    try:
        principal, token = await parts.accounts.sign_in(call.body.name, call.body.password, address=address)
    except NotSignedInError as error:
        await parts.audit(call.principal, "user.sign_in_failed", address, code=error.code)
        raise
    await parts.audit(principal, "user.sign_in", address)
    response = web.Response(
        body=parts.encode(shapes.SignedIn(name=principal.name, role=principal.role.value)),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
    response.set_cookie(
        COOKIE, token, max_age=int(users.LOGIN_S_MAX), httponly=True, samesite="Strict",
        secure=call.request.secure or parts.public_url.startswith("https:"), path="/",
    )  # fmt: skip
    return response


async def sign_out(call: Call) -> web.Response:
    token = call.request.cookies.get(COOKIE) or call.request.headers.get("Authorization", "").partition(" ")[2]
    await call.parts.accounts.sign_out(token)
    call.parts.hub.end_for(lambda principal: principal == call.principal)
    response = web.Response(status=204)
    for name in (COOKIE, SHARE_COOKIE):
        response.del_cookie(name, path="/", httponly=True, samesite="Strict")
    return response


async def see_me(call: Call) -> shapes.Me:
    principal = call.principal
    return shapes.Me(
        name=principal.name,
        role=principal.role.value,
        node_name=call.parts.config.node.name,
        permissions=sorted(action.value for action in principal.actions),
        session_id=principal.session_id,
        session_role=principal.session_role.value if principal.session_role is not None else None,
        study_instance_uid=principal.study_instance_uid,
        viewers=["ohif"] if viewer.installed_version(call.parts.config.viewer_dir) else [],
    )


async def list_people(call: Call) -> list[shapes.UserView]:
    found = await asyncio.to_thread(users.list_users, call.parts.database)
    return [_view(user) for user in found]


async def add_person(call: Call) -> shapes.UserView:
    parts, body = call.parts, call.body
    made = await parts.accounts.passwords.hash(body.password)
    user = await asyncio.to_thread(
        users.add, parts.database, body.name, UserRole(body.role), made, now_s=clock.wall_s()
    )
    await parts.audit(call.principal, "user.add", body.name, role=body.role)
    return _view(user)


async def disable_person(call: Call) -> shapes.Done:
    """Raises: BadInputError for oneself: the last administrator would be outside."""
    name = call.path("name")
    if name == call.principal.name:
        raise BadInputError("Nobody shuts out the own account.", next_step="Ask another administrator.")
    await asyncio.to_thread(users.disable, call.parts.database, name, now_s=clock.wall_s())
    call.parts.hub.end_for(lambda principal: principal.name == name)
    return shapes.Done()


async def enable_person(call: Call) -> shapes.Done:
    await asyncio.to_thread(users.enable, call.parts.database, call.path("name"), now_s=clock.wall_s())
    return shapes.Done()


async def set_password(call: Call) -> shapes.Done:
    made = await call.parts.accounts.passwords.hash(call.body.password)
    await asyncio.to_thread(users.set_password_hash, call.parts.database, call.path("name"), made, now_s=clock.wall_s())
    call.parts.hub.end_for(lambda principal: principal.name == call.path("name"))
    return shapes.Done()


def _view(user: users.User) -> shapes.UserView:
    return shapes.UserView(name=user.name, role=user.role.value, is_disabled=user.is_disabled, created_s=user.made_s)
