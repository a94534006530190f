"""One query or retrieval of a peer, answered by us rather than by the library.

The library would read identifiers with opinions about their values, hold whole objects in memory to send them, and
count a cancelled operation as it likes. It hands its messages over at one place of an association (see `install`);
what it does with the connection stays as it is.  Standard: PS3.7 9.1.2 to 9.1.4
"""

import logging
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from edge.dicom import keys
from edge.dicom.keys import Identifier
from edge.errors import BadInputError, EdgeError
from edge.net.association import bound_sending, cut, is_alive
from edge.runtime.log import event

log = logging.getLogger(__name__)

SUCCESS = 0x0000
CANCELLED = 0xFE00
PENDING = 0xFF00
PENDING_WITHOUT_SOME_KEYS = 0xFF01
NO_ROOM = 0xA700
NOT_COUNTED = 0xA701
NOT_SENT = 0xA702
UNKNOWN_DESTINATION = 0xA801
WRONG_IDENTIFIER = 0xA900
SOME_FAILED = 0xB000
CANNOT_PROCESS = 0xC000
COMMENT_CHARS_MAX = 64


class Exchange:
    """A request and the way to answer it. Used by the one thread that serves the association."""

    def __init__(self, assoc: Any, message: Any, context: Any) -> None:
        """Take over a request of an open association."""
        self.assoc = assoc
        self.message = message
        self._context = context
        self._syntax = str(context.transfer_syntax[0])
        self.sop_class_uid = str(message.AffectedSOPClassUID)
        bound_sending(assoc)

    @property
    def calling_ae_title(self) -> str:
        return str(self.assoc.requestor.ae_title).strip()

    @property
    def address(self) -> str:
        return str(self.assoc.requestor.address)

    @property
    def message_id(self) -> int:
        return int(self.message.MessageID)

    @property
    def is_cancelled(self) -> bool:
        """Tell whether the peer has asked to stop.  Standard: PS3.7 9.3.2.3"""
        return self.message_id in self.assoc.dimse.cancel_req

    @property
    def is_gone(self) -> bool:
        """Tell whether there is nobody left to answer."""
        return not is_alive(self.assoc)

    def identifier(self) -> Identifier:
        """Return what the peer asks for.  Raises: BadInputError."""
        if self.message.Identifier is None:
            raise BadInputError("The request has no identifier.")
        return keys.read(self.message.Identifier.getvalue(), self._syntax)

    def answer(
        self, status: int, found: keys.Keys | None = None, *, terms: tuple[str, ...] = (), comment: str = "",
        counts: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        """Send one response; `counts` are the numbers of sub-operations, by the library's names."""
        response = type(self.message)()
        response.MessageID = self.message.MessageID
        response.MessageIDBeingRespondedTo = self.message.MessageID
        response.AffectedSOPClassUID = self.message.AffectedSOPClassUID
        response.Status = status
        if comment:
            response.ErrorComment = comment[:COMMENT_CHARS_MAX]
        if found is not None:
            response.Identifier = BytesIO(keys.write(found, terms, self._syntax))
        for name, count in (counts or {}).items():
            setattr(response, name, count)
        self.assoc.dimse.send_msg(response, self._context.context_id)

    def leave(self) -> None:
        """Break the association off."""
        cut(self.assoc)


Answerer = Callable[[Exchange], None]


def install(
    assoc: Any,
    answerers: Mapping[tuple[type, str], Answerer],
    own: Mapping[tuple[type, str], Callable[[Any, Any, Any], None]],
) -> None:
    """Let (kind of message, SOP class) pairs of an association be answered here; all else stays the library's.

    `answerers` work on an exchange; `own` take (association, message, context) and do the rest themselves.
    """
    serve = assoc._serve_request

    def serve_or_answer(message: Any, context_id: int) -> None:
        context = assoc._accepted_cx.get(context_id)
        named = getattr(message, "AffectedSOPClassUID", None) or getattr(message, "RequestedSOPClassUID", "")
        kind = (type(message), str(named))
        if (kind not in answerers and kind not in own) or context is None or not message.is_valid_request:
            serve(message, context_id)
            return
        assoc.dimse.cancel_req = {}
        assoc._is_paused = True  # Sending from this thread is allowed.
        assoc.is_answering = True  # See `partner`.
        try:
            if kind in own:
                own[kind](assoc, message, context)
            else:
                _answer(answerers[kind], Exchange(assoc, message, context))
        finally:
            assoc.is_answering = assoc._is_paused = False
        assoc.dimse.cancel_req = {}
        assoc.dul._idle_timer.restart()  # The peer was waiting for us, not we for it.

    assoc._serve_request = serve_or_answer


def _answer(answer: Answerer, exchange: Exchange) -> None:
    """Run one answerer; what fails is answered as a failure."""
    try:
        answer(exchange)
    except BadInputError as error:
        _fail(exchange, WRONG_IDENTIFIER, error)
    except EdgeError as error:
        _fail(exchange, NO_ROOM if error.is_temporary else CANNOT_PROCESS, error)
    except (OSError, RuntimeError, ValueError, LookupError) as error:
        event(log, "exchange.failed", level=logging.ERROR, sop_class=exchange.sop_class_uid, reason=repr(error))
        exchange.leave()


def _fail(exchange: Exchange, status: int, error: EdgeError) -> None:
    event(
        log, "exchange.refused", level=logging.WARNING, calling_ae_title=exchange.calling_ae_title,
        sop_class=exchange.sop_class_uid, status=f"0x{status:04X}", code=error.code,
    )  # fmt: skip
    if not exchange.is_gone:
        # Our own sentences name no patient, but may quote what was asked for.
        exchange.answer(status, comment=type(error).__name__)
