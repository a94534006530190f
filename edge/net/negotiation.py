"""Who may open an association, and for what: a request in, a decision out; no I/O.  Standard: PS3.8 7.1"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge.core.callers import EVERYBODY, Callers, Service
from edge.net.pdu import APPLICATION_CONTEXT, AssociateRequest, ContextAnswer, ContextResult, Proposal
from edge.net.services import VERIFICATION, is_storage

EXPLICIT, IMPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
_REWRITTEN = (IMPLICIT, BIG_ENDIAN)
Purpose = Literal["echo", "storage", "other", "none"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An association that is rejected. The numbers are those of the standard.  Standard: PS3.8 9.3.4"""

    result: int
    source: int
    reason: int
    words: str


BUSY = Refusal(2, 3, 2, "as many associations as allowed are open")
FULL = Refusal(2, 3, 2, "there is no room for new objects")
_VERSION = Refusal(1, 2, 2, "another protocol version")
_CONTEXT = Refusal(1, 1, 2, "another application context")
_CALLED = Refusal(1, 1, 7, "another AE title was called")
_CALLING = Refusal(1, 1, 3, "this AE title and address may not call")


def only_stores(request: AssociateRequest) -> bool:
    """Tell whether a peer comes to store and for nothing else, an echo aside."""
    wanted = {proposal.abstract_syntax for proposal in request.proposals} - {VERIFICATION}
    return bool(wanted) and all(map(is_storage, wanted))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What this node accepts."""

    ae_title: str
    is_called_title_checked: bool = False
    callers: Callers = EVERYBODY
    """Nobody named: everybody may call."""
    other_services: frozenset[str] = frozenset()
    """Abstract syntaxes of services besides echo and storage that are offered."""

    def judge(self, request: AssociateRequest, host: str) -> Refusal | None:
        """Return why this peer may not call; None when it may."""
        if not request.protocol_version & 1:
            return _VERSION
        if request.application_context != APPLICATION_CONTEXT:
            return _CONTEXT
        if self.is_called_title_checked and request.called_ae_title != self.ae_title:
            return _CALLED
        if self.callers.judge(request.calling_ae_title, host) is None:
            return _CALLING
        return None

    def service(self, abstract_syntax: str) -> Purpose:
        """Return what a context is for. Private and unknown SOP classes are stored like any other."""
        if abstract_syntax == VERIFICATION:
            return "echo"
        if abstract_syntax in self.other_services:
            return "other"
        return "storage" if is_storage(abstract_syntax) else "none"

    def wants_other(self, request: AssociateRequest) -> bool:
        """Tell whether a peer asks for a service besides echo and storage."""
        return any(self.service(proposal.abstract_syntax) == "other" for proposal in request.proposals)

    def may_store(self, request: AssociateRequest, host: str, sop_class_uid: str) -> bool:
        """Tell whether this peer may send such objects."""
        caller = self.callers.judge(request.calling_ae_title, host)
        return caller is not None and caller.may(Service.STORE) and caller.may_exchange(sop_class_uid)

    def answer(self, request: AssociateRequest, host: str) -> list[ContextAnswer]:
        """Decide on every context of a peer that asks for echo and storage only."""
        return [self._context(request, host, proposal) for proposal in request.proposals]

    def _context(self, request: AssociateRequest, host: str, proposal: Proposal) -> ContextAnswer:
        syntaxes = [uid for uid in proposal.transfer_syntaxes if uid]
        if not syntaxes:
            return ContextAnswer(proposal.context_id, ContextResult.UNKNOWN_TRANSFER_SYNTAXES, IMPLICIT)
        service = self.service(proposal.abstract_syntax)
        if service == "none":
            return ContextAnswer(proposal.context_id, ContextResult.UNKNOWN_ABSTRACT_SYNTAX, syntaxes[0])
        if service == "storage" and not self.may_store(request, host, proposal.abstract_syntax):
            return ContextAnswer(proposal.context_id, ContextResult.REFUSED_BY_USER, syntaxes[0])
        return ContextAnswer(proposal.context_id, ContextResult.ACCEPTED, _choose(syntaxes))


def _choose(syntaxes: Sequence[str]) -> str:
    """Return the first that the peer names, in which it is likeliest to have the object already.

    Plain bytes are asked for with explicit VR when that is among them: implicit VR loses what private elements are.
    """
    if syntaxes[0] in _REWRITTEN and EXPLICIT in syntaxes:
        return EXPLICIT
    return syntaxes[0]
