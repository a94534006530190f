"""Which destinations an object goes to.

A destination that no route names gets everything. One that routes name gets what any of them matches. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from edge.core.outbox import ROUTINE


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What goes where. Patterns may hold * and ?; case does not count. An empty list of patterns matches everything."""

    destinations: tuple[str, ...]
    modality: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    """AE titles of senders; `record`, `convert`, `stow` and `import` for what this node made or was given."""
    description: tuple[str, ...] = ()
    """Of the study or the series."""

    def matches(self, *, modality: str, source: str, descriptions: Sequence[str]) -> bool:
        """Tell whether an object is meant."""
        return (
            _any(self.modality, [modality])
            and _any(self.source, [source, source.partition(":")[2] or source])
            and _any(self.description, descriptions)
        )


@dataclass(frozen=True, slots=True)
class Routing:
    """All destinations and all routes."""

    names: tuple[str, ...]
    routes: tuple[Route, ...] = ()
    urgencies: tuple[tuple[Route, int], ...] = ()
    """What is more or less urgent than the rest, and its priority; of these routes only the patterns count."""

    def priority_of(self, *, modality: str, source: str, descriptions: Sequence[str]) -> int:
        """Return how urgent an object is."""
        return next(
            (
                priority
                for route, priority in self.urgencies
                if route.matches(modality=modality, source=source, descriptions=descriptions)
            ),
            ROUTINE,
        )

    def is_narrowed(self, name: str) -> bool:
        """Tell whether a destination gets only what a route sends there."""
        return any(name in route.destinations for route in self.routes)

    def destinations_of(self, *, modality: str, source: str, descriptions: Sequence[str]) -> list[str]:
        """Return where an object goes, in the order of the configuration."""
        matched = {
            name
            for route in self.routes
            if route.matches(modality=modality, source=source, descriptions=descriptions)
            for name in route.destinations
        }
        return [name for name in self.names if name in matched or not self.is_narrowed(name)]


def to_all(names: Iterable[str]) -> Routing:
    """Return a routing without routes."""
    return Routing(tuple(names))


def _any(patterns: Sequence[str], values: Sequence[str]) -> bool:
    return not patterns or any(
        fnmatchcase(value.strip().upper(), pattern.strip().upper()) for pattern in patterns for value in values
    )
