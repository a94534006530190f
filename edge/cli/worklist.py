"""`edge worklist …`."""

import typer

from edge.cli import show
from edge.cli.options import ConfigOption, JsonOption
from edge.config import load_default
from edge.net.local_api import ask

app = typer.Typer(help="What is planned for today.", no_args_is_help=True)


@app.command("list")
def list_worklist(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Planned exams, as last heard from the hospital."""
    view = ask(load_default(config), "GET", "/api/v1/worklist")
    rows = view if json else view["items"]
    show.either(rows, json_wanted=json, columns=["worklist_id", "patient.name", "patient.patient_id", "modality"])


@app.command()
def refresh(config: ConfigOption = None) -> None:
    """Ask the hospital again."""
    ask(load_default(config), "POST", "/api/v1/worklist/refresh", {})
