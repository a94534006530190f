"""Options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration file; default $EDGE_CONFIG, else /etc/edge/edge.toml."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")]
