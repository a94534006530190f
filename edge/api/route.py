"""One row of the route table: who may ask, with what, and what comes back.

The table is the single list of everything the node answers over HTTP: the guard reads it to decide, the description
in OpenAPI is made from it, and a test walks it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from edge.core.access import Action, Principal
from edge.errors import BadInputError

if TYPE_CHECKING:
    from edge.api.parts import Parts

QUERY_CHARS_MAX = 200


class Door(StrEnum):
    """A gate that asks for no particular action."""

    OPEN = "open"
    """Anybody: pages without data, sign-in, probes of supervisors."""
    SIGNED_IN = "signed_in"
    """Whoever has signed in or was invited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, already checked: the principal passed the gate and the body has its shape."""

    request: web.Request
    parts: "Parts"
    principal: Principal
    body: Any = None

    def path(self, name: str) -> str:
        """Return a variable of the path."""
        return self.request.match_info[name]

    def text(self, name: str, default: str = "") -> str:
        """Return a query parameter.  Raises: BadInputError when it is longer than anybody types."""
        value = self.request.query.get(name, default)
        if len(value) > QUERY_CHARS_MAX:
            raise BadInputError(f"The parameter {name} is longer than {QUERY_CHARS_MAX} characters.")
        return value

    def number(self, name: str, default: int, *, largest: int) -> int:
        """Return a query parameter from 0 to `largest`; more is cut to it.  Raises: BadInputError."""
        value = self.request.query.get(name, "")
        if not value:
            return default
        if not (value.isascii() and value.isdigit() and len(value) <= 9):
            raise BadInputError(f"The parameter {name} is a whole number from 0 to {largest}.")
        return min(int(value), largest)


Answer = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row.

    `answer` returns a Struct, a list or dict of them (sent as JSON), None (204) or a ready response.
    """

    method: str
    path: str
    name: str
    gate: Action | Door
    answer: Answer
    summary: str = ""
    body: type[msgspec.Struct] | None = None
    returns: Any = None
    """The type of what is answered, for OpenAPI."""
    status: int = 200
    audit: str = ""
    """Name of the audit row a successful call leaves; empty for reads without patient data."""
