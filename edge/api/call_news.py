"""What the pages in a call are told of their exam: everything when somebody comes, then only what has changed.

It shares the link with the picture, and a poor link carries 300 kbit/s in all: an exam with a hundred stills, told anew
with every further one, would hold up each answer behind it for seconds.
"""

from collections import OrderedDict
from typing import Any

import msgspec

from edge.api.shapes import SessionView
from edge.api.views import without_patient

SESSION_COUNT_MAX = 64
_LISTS = ("objects", "peers")
"""Pages hear of each object as it is saved and, from the live service, of who is there; here, how many there are."""


class CallNews:
    """One a node."""

    def __init__(self) -> None:
        """Nobody was told anything."""
        self._told: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def of(self, view: SessionView, *, is_whole: bool) -> dict[str, Any]:
        """Return what is to be told now, empty when all is known; the whole when somebody has just come."""
        now = _fields(view)
        before = {} if is_whole else self._told.get(view.session_id, {})
        self._told[view.session_id] = now
        self._told.move_to_end(view.session_id)
        while len(self._told) > SESSION_COUNT_MAX:
            self._told.popitem(last=False)
        return {name: value for name, value in now.items() if name not in before or before[name] != value}


def _fields(view: SessionView) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(without_patient(view))
    for name in _LISTS:
        del fields[name]
    source = fields["source_state"]
    if source is not None:
        # What differs with every look is nothing new.
        source = {name: value for name, value in source.items() if name != "next_index"}
        fields["source_state"] = {**source, "fps": round(float(source.get("fps") or 0.0), 1)}
    return fields
