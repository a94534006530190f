"""What answers the services besides echo and storage, and how the library is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.dimse_primitives import C_FIND, C_GET, C_MOVE, N_ACTION
from pynetdicom.sop_class import _STORAGE_CLASSES

from edge.core.callers import Callers
from edge.net import finding, retrieving
from edge.net.association import Handlers
from edge.net.exchange import Answerer, install
from edge.net.services import COMMITMENTS, FINDS, GETS, MOVES, PROVIDED, WORKLISTS
from edge.net.vouching import Voucher

STORED: Mapping[str, str] = {str(uid): UID(uid).name for uid in _STORAGE_CLASSES.values()}
"""Storage SOP classes by their names; private and unknown ones are stored like any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What answers."""

    find: finding.Search
    schedule: finding.Search
    select: retrieving.Select
    find_destination: retrieving.FindDestination
    voucher: Voucher

    def handlers(self, callers: Callers) -> Handlers:
        """Return the library's event handlers: what a caller may not use is not offered to it."""
        answerers: dict[tuple[type, str], Answerer] = {
            **{(C_FIND, uid): finding.answerer(self.find) for uid in FINDS},
            **{(C_FIND, uid): finding.answerer(self.schedule) for uid in WORKLISTS},
            **{(C_GET, uid): retrieving.getting(self.select) for uid in GETS},
            **{(C_MOVE, uid): retrieving.moving(self.select, self.find_destination) for uid in MOVES},
        }
        own: dict[tuple[type, str], Callable[[Any, Any, Any], None]] = {
            (N_ACTION, uid): self.voucher.answer for uid in COMMITMENTS
        }
        return [
            (evt.EVT_REQUESTED, lambda event: _narrow(event.assoc, callers)),
            (evt.EVT_ESTABLISHED, lambda event: install(event.assoc, answerers, own)),
        ]


def _narrow(assoc: Any, callers: Callers) -> None:
    """Leave only the services that this caller may use.  Whether it may call at all is decided before."""
    caller = callers.judge(str(assoc.requestor.primitive.calling_ae_title), str(assoc.requestor.address))
    assoc.acceptor.supported_contexts = [
        context
        for context in assoc.acceptor.supported_contexts
        if context.abstract_syntax not in PROVIDED
        or (caller is not None and caller.may(PROVIDED[context.abstract_syntax]))
    ]
