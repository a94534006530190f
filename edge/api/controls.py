"""What people in a call ask for over the data channel: authorise, do, tell."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from edge.api.guides import Guides, key_of
from edge.core.access import Action, Principal, UserRole
from edge.core.lease import Person
from edge.core.session import Role
from edge.errors import BadInputError, EdgeError, NotFoundError, RefusedError
from edge.runtime.log import event

TEXT_CHARS_MAX = 200
SECONDS_MAX = 600.0
SHAPE_COUNT_MAX = 64
log = logging.getLogger(__name__)


class Room(Protocol):
    """What controls need of the desk."""

    async def record(self, verb: str, session_id: str, **values: Any) -> dict[str, Any]: ...

    async def tell(self, session_id: str, message: dict[str, Any], *, peer_id: str | None = None) -> None: ...


Audit = Callable[..., Awaitable[None]]


class Controls:
    """Answers the `ctl` events of live."""

    def __init__(self, room: Room, audit: Audit, guides: Guides) -> None:
        self._room = room
        self._guides = guides
        self._audit = audit

    async def take(self, values: dict[str, Any]) -> None:
        """Do what one message asks; a refusal or failure is told to its sender only."""
        session_id, peer_id = str(values["session_id"]), str(values["peer_id"])
        message = values.get("message")
        if not isinstance(message, dict):
            return
        principal = principal_of(values)
        try:
            await self._do(principal, session_id, message, values)
        except EdgeError as error:
            event(log, "control.refused", session=session_id, peer=peer_id, code=error.code, level=logging.WARNING)
            told = {"v": 1, "type": "error", "for": message.get("type"), "code": error.code}
            await self._room.tell(
                session_id, {**told, "message": error.message, "next_step": error.advice}, peer_id=peer_id
            )

    async def _do(self, principal: Principal, session_id: str, message: dict[str, Any], values: dict[str, Any]) -> None:
        match message.get("type"):
            case "still":
                await self._record(principal, values, "still", frame_index=values.get("frame_index"))
            case "clip.start" | "clip.stop" as verb:
                await self._record(principal, values, verb)
            case "save_last":
                await self._record(principal, values, "clip.save_last", seconds=_seconds(message))
            case "guide.ask" | "guide.grant" | "guide.refuse" | "guide.hand_over" | "guide.release" as verb:
                await self._guide(principal, verb, message, values)
            case "hold":
                await self._hold(principal, values)
            case "measure":
                await self._measure(principal, values, message)
            case "annotate":
                await self._annotate(principal, values, message)
            case "request":
                self._require_guide(principal, values)
                await self._tell_request(session_id, message, values)
            case "request.answer":
                _require(principal, Action.RUN_SESSION, session_id)
                await self._tell_answer(session_id, message, values)
            case _:
                # Statistics and kinds of messages newer than this service are no business of ours.
                return

    async def _record(self, principal: Principal, values: dict[str, Any], verb: str, **asked: Any) -> None:
        session_id = str(values["session_id"])
        self._require_guide(principal, values)
        await self._room.record(verb, session_id, **asked)
        # A guest chose the own name; the peer's begins with the invitation it came by.
        await self._audit(principal, verb, session_id, peer=str(values["peer_id"]))

    def _require_guide(self, principal: Principal, values: dict[str, Any]) -> None:
        """Let pass who may change something: the bedside, and of the specialists the one who guides."""
        session_id = str(values["session_id"])
        _require(principal, Action.ASK_CAPTURE, session_id)
        if not principal.may(Action.RUN_SESSION, session_id=session_id):
            self._guides.require(session_id, key_of(str(values["peer_id"])))

    async def _guide(self, principal: Principal, verb: str, message: dict[str, Any], values: dict[str, Any]) -> None:
        """Ask for the lease, or decide about it: the bedside always, the holder about the own one."""
        session_id, key = str(values["session_id"]), key_of(str(values["peer_id"]))
        _require(principal, Action.ASK_CAPTURE, session_id)
        is_bedside = principal.may(Action.RUN_SESSION, session_id=session_id)
        if verb == "guide.ask":
            if is_bedside:
                raise RefusedError("The bedside needs no leave to act.")
            await self._guides.ask(session_id, Person(key=key, name=str(values.get("name", ""))))
        elif not is_bedside and not self._is_own(verb, session_id, key):
            raise RefusedError("The bedside decides who guides.")
        else:
            await self._decide(verb, session_id, message)
        detail = {"key": message["key"]} if isinstance(message.get("key"), str) else {}
        await self._audit(principal, verb, session_id, peer=str(values["peer_id"]), **detail)

    def _is_own(self, verb: str, session_id: str, key: str) -> bool:
        holder = self._guides.lease(session_id).holder
        return verb in ("guide.release", "guide.hand_over") and holder is not None and holder.key == key

    async def _decide(self, verb: str, session_id: str, message: dict[str, Any]) -> None:
        match verb:
            case "guide.grant":
                await self._guides.grant(session_id, _text(message, "key"))
            case "guide.hand_over":
                await self._guides.hand_over(session_id, _text(message, "key"))
            case "guide.refuse":
                await self._guides.refuse(session_id, _text(message, "key"))
            case "guide.release":
                await self._guides.release(session_id)

    async def _hold(self, principal: Principal, values: dict[str, Any]) -> None:
        """Keep the very frame somebody froze on the own screen for as long as the drawing takes."""
        session_id = str(values["session_id"])
        self._require_guide(principal, values)
        held = await self._room.record("frame.hold", session_id, frame_index=_frame_index(values))
        await self._answer(values, {"type": "held", **held})

    async def _measure(self, principal: Principal, values: dict[str, Any], message: dict[str, Any]) -> None:
        session_id = str(values["session_id"])
        _require(principal, Action.ASK_CAPTURE, session_id)
        hold_id, wishes = _text(message, "hold_id"), _list(message, "measurements")
        figures = await self._room.record("frame.measure", session_id, hold_id=hold_id, measurements=wishes)
        await self._answer(values, {"type": "measured", "hold_id": hold_id, "ref": message.get("ref"), **figures})

    async def _annotate(self, principal: Principal, values: dict[str, Any], message: dict[str, Any]) -> None:
        """Keep a drawing; by the hold of its frame, or by the RTP timestamp alone."""
        session_id = str(values["session_id"])
        self._require_guide(principal, values)
        frame: dict[str, Any] = {"hold_id": _text(message, "hold_id")} if message.get("hold_id") else {}
        told = await self._room.record(
            "annotate", session_id, graphics=_list(message, "graphics"), measurements=_list(message, "measurements"),
            author={"name": str(values.get("name", "")), "role": str(values["role"])},
            **(frame or {"frame_index": _frame_index(values)}),
        )  # fmt: skip
        detail = {key: told[key] for key in ("still_sop_instance_uid", "report_sop_instance_uid", "frame_index")}
        await self._audit(
            principal, "annotate", told["sop_instance_uid"], session=session_id, peer=str(values["peer_id"]), **detail
        )
        answered = {"type": "annotated", "sop_instance_uid": told["sop_instance_uid"], **detail}
        await self._answer(values, {**answered, "measurements": told["measurements"]})

    async def _answer(self, values: dict[str, Any], message: dict[str, Any]) -> None:
        """Tell the asker what came of it, with the timestamp the page asked by."""
        stamp = (values.get("message") or {}).get("rtp_timestamp")
        told = {"v": 1, **message, **({} if stamp is None else {"rtp_timestamp": stamp})}
        await self._room.tell(str(values["session_id"]), told, peer_id=str(values["peer_id"]))

    async def _tell_request(self, session_id: str, message: dict[str, Any], values: dict[str, Any]) -> None:
        request = {"v": 1, "type": "request", "request_id": secrets.token_hex(6), "text": _text(message, "text")}
        await self._room.tell(session_id, {**request, "from": _sender(values)})

    async def _tell_answer(self, session_id: str, message: dict[str, Any], values: dict[str, Any]) -> None:
        answer = {key: _text(message, key) for key in ("request_id", "answer")}
        await self._room.tell(session_id, {"v": 1, "type": "request.answer", **answer, "from": _sender(values)})


def principal_of(values: dict[str, Any]) -> Principal:
    """Return who is behind a peer: its role was given by this service when it joined."""
    session_id, name = str(values["session_id"]), str(values.get("name", ""))
    role = Role(values["role"])
    if role is Role.BEDSIDE:
        return Principal(name=name, role=UserRole.OPERATOR)
    return Principal(name=name, role=UserRole.GUEST, session_id=session_id, session_role=role)


def _require(principal: Principal, action: Action, session_id: str) -> None:
    if not principal.may(action, session_id=session_id):
        raise RefusedError("Only watching is allowed here.")


def _frame_index(values: dict[str, Any]) -> int:
    """Return the frame a page named by its RTP timestamp; a neighbour is never guessed.  Raises: NotFoundError."""
    index = values.get("frame_index")
    if index is None:
        raise NotFoundError(
            "It is not known any more which picture that was.", next_step="Freeze a newer picture and draw again."
        )
    return int(index)


def _list(message: dict[str, Any], key: str) -> list[Any]:
    """Return a list of the message, empty when absent; record looks at what is in it.  Raises: BadInputError."""
    value = message.get(key, [])
    if not isinstance(value, list) or len(value) > SHAPE_COUNT_MAX:
        raise BadInputError(f"The field {key} is a list of at most {SHAPE_COUNT_MAX} shapes.")
    return value


def _text(message: dict[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_CHARS_MAX:
        raise BadInputError(f"The field {key} is a text of 1 to {TEXT_CHARS_MAX} characters.")
    return value


def _seconds(message: dict[str, Any]) -> float:
    value = message.get("seconds")
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= SECONDS_MAX:
        raise BadInputError(f"The field seconds is a number up to {SECONDS_MAX:.0f}.")
    return float(value)


def _sender(values: dict[str, Any]) -> dict[str, Any]:
    return {key: values.get(key) for key in ("peer_id", "name", "role")}
