"""What a benchmark found: rows of numbers, the promises they are held against, and what was missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One number that must stay below, or above, a limit."""

    name: str
    measured: float
    limit: float
    is_upper: bool = True

    @property
    def is_kept(self) -> bool:
        """It holds."""
        return self.measured <= self.limit if self.is_upper else self.measured >= self.limit

    def __str__(self) -> str:
        sign = "≤" if self.is_upper else "≥"
        return f"{'kept  ' if self.is_kept else 'BROKEN'} {self.name}: {self.measured:.2f} {sign} {self.limit:.2f}"


@dataclass(slots=True, kw_only=True)
class Table:
    """One table of one benchmark."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[object]] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        """Every promise holds."""
        return all(promise.is_kept for promise in self.promises)

    def __str__(self) -> str:
        cells = [[str(cell) for cell in self.columns]] + [[_text(cell) for cell in row] for row in self.rows]
        widths = [max(len(row[index]) for row in cells) for index in range(len(self.columns))]
        lines = ["", self.title]
        for row in cells:
            aligned = [row[0].ljust(widths[0])] + [
                cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)
            ]
            lines.append("  " + "  ".join(aligned))
        lines += [f"  {promise}" for promise in self.promises]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


def _text(cell: object) -> str:
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)
