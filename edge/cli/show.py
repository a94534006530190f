"""How commands print: JSON for programs, a table for people."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def as_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def as_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print the named fields of each row; a field may be `outer.inner`."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " ").split(".")[-1])
    for row in rows:
        table.add_row(*(_text(_field(row, column)) for column in columns))
    Console().print(table if rows else "Nothing.")


def as_lines(values: Mapping[str, Any]) -> None:
    console = Console(soft_wrap=True)
    for key, value in values.items():
        console.print(f"[bold]{key.replace('_', ' ')}[/bold]  {_text(value)}", highlight=False)


def either(value: Any, *, json_wanted: bool, columns: Sequence[str]) -> None:
    if json_wanted:
        as_json(value)
    else:
        as_table(value, columns)


def _field(row: Mapping[str, Any], path: str) -> Any:
    value: Any = row
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(part) for part in value)
    return str(value)
