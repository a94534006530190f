"""`edge up`, `edge run`, `edge status`, `edge doctor`, `edge demo`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from edge import services
from edge.cli import show
from edge.cli.options import ConfigOption, JsonOption, VerboseOption
from edge.config import load_default
from edge.errors import EXIT_DONE, EXIT_TRY_AGAIN, BadInputError
from edge.net.local_api import ask
from edge.runtime import log

_MARKS = {"green": "[green]ok[/green]   ", "amber": "[yellow]look[/yellow] ", "red": "[red]bad[/red]  "}


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command()(up)
    app.command()(run)
    app.command()(status)
    app.command()(doctor)
    app.command()(demo)


def up(config: ConfigOption = None, verbose: VerboseOption = False) -> None:
    """Run all services in the foreground, until Ctrl-C."""
    from edge.supervise import Supervisor

    log.set_up("up", is_verbose=verbose)
    path = _path_of(config)
    raise typer.Exit(Supervisor(services.NAMES, path, is_verbose=verbose).run())


def run(
    name: Annotated[str, typer.Argument(help="One of: " + ", ".join(services.NAMES))],
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Run one service in the foreground."""
    if name not in services.NAMES:
        raise BadInputError(f"There is no service {name!r}.", next_step=f"Name one of {', '.join(services.NAMES)}.")
    log.set_up(name, is_verbose=verbose)
    services.run(name, load_default(config))


def status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """One screen: what runs, what waits, what is wrong."""
    loaded = load_default(config)
    lines = ask(loaded, "GET", "/api/v1/health")
    outbox = ask(loaded, "GET", "/api/v1/outbox")
    sessions = [row for row in ask(loaded, "GET", "/api/v1/sessions") if row["state"] == "open"]
    if json:
        show.as_json({"health": lines, "outbox": outbox, "sessions": sessions})
        return
    _print_health(lines)
    for destination in outbox["destinations"]:
        show.as_lines({destination["name"]: destination["sentence"]})
    show.as_lines({"open sessions": len(sessions)})


def doctor(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say what is wrong and what to do; exit status 5 when something is."""
    loaded = load_default(config)
    lines = ask(loaded, "GET", "/api/v1/health")
    if json:
        show.as_json(lines)
    else:
        _print_health(lines, with_advice=True)
    raise typer.Exit(EXIT_TRY_AGAIN if any(line["level"] == "red" for line in lines) else EXIT_DONE)


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its data; emptied at each start.")] = Path(".demo"),
    port: Annotated[int, typer.Option(help="Port of the web pages; another is taken if it is busy.")] = 8042,
) -> None:
    """Run the whole appliance on invented patients, until Ctrl-C."""
    from edge.demo import play

    log.set_up("demo")
    raise typer.Exit(play.play(folder, port=port))


def _path_of(config: Path | None) -> Path:
    """Check the file once here, so that a mistake is said once and not by seven services."""
    import os

    from edge.config import DEFAULT_PATH, load

    path = config or Path(os.environ.get("EDGE_CONFIG", DEFAULT_PATH))
    load(path)
    return path


def _print_health(lines: list[dict[str, Any]], *, with_advice: bool = False) -> None:
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False)
    for line in lines:
        console.print(f"{_MARKS.get(line['level'], '')}{line['name']}: {line['sentence']}")
        if with_advice and line.get("next_step") and line["level"] != "green":
            console.print(f"      {line['next_step']}")
