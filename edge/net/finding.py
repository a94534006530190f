"""C-FIND as a provider: what is found goes out one by one, as fast as the peer takes it.  Standard: PS3.4 C.4.1, K"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.dicom import character_set, keys
from edge.dicom.keys import Identifier
from edge.net.exchange import CANCELLED, PENDING, PENDING_WITHOUT_SOME_KEYS, SUCCESS, Answerer, Exchange
from edge.runtime.log import event

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """What a query finds."""

    rows: Iterator[keys.Keys]
    """Made as they are asked for."""
    are_all_keys_known: bool = True
    """False: some optional keys were neither matched nor returned."""


Search = Callable[[str, Identifier], Matches]
"""(SOP class of the query, what is asked for) -> what is found.  Raises: BadInputError."""


def answerer(search: Search) -> Answerer:
    """Return what answers C-FIND requests from `search`."""

    def answer(exchange: Exchange) -> None:
        asked = exchange.identifier()
        matches = search(exchange.sop_class_uid, asked)
        status = PENDING if matches.are_all_keys_known else PENDING_WITHOUT_SOME_KEYS
        count = 0
        for row in matches.rows:
            if exchange.is_gone:
                return
            if exchange.is_cancelled:
                exchange.answer(CANCELLED)
                return
            exchange.answer(status, row, terms=character_set.choose(asked.character_set, keys.texts(row)))
            count += 1
        event(log, "query.answered", calling_ae_title=exchange.calling_ae_title, match_count=count)
        exchange.answer(SUCCESS)

    return answer
