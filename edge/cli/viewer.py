"""`edge viewer …`: the full DICOM viewer, OHIF, beside our own pages. Nothing needs it."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from edge.cli import show
from edge.cli.options import ConfigOption, JsonOption
from edge.cli.viewer_package import PACKAGE, VERSION, install, look
from edge.config import load_default

app = typer.Typer(help="The full DICOM viewer, OHIF, served under /ohif/. Optional.", no_args_is_help=True)


@app.command("install", help=f"Install {PACKAGE} {VERSION} from npm, proven by its digest.")
def install_viewer(
    to: Annotated[Path | None, typer.Option("--to", help="Another folder than the node's own.")] = None,
    package: Annotated[
        Path | None, typer.Option("--from", exists=True, dir_okay=False, help="The file that `npm pack` made.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Install the viewer; running it again replaces it."""
    folder = to or load_default(config).viewer_dir
    installed = install(folder, package=package, say=lambda words: None if json else typer.echo(words))
    answer = {"version": installed.version, "files": installed.file_count, "size_mb": installed.size_bytes // 2**20}
    if json:
        show.as_json({**answer, "folder": str(folder)})
    else:
        show.as_lines({**answer, "installed in": folder})


@app.command("show")
def show_viewer(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say whether the viewer is installed."""
    folder = load_default(config).viewer_dir
    installed = look(folder)
    if json:
        show.as_json({"version": installed.version if installed else None, "folder": str(folder)})
    else:
        show.as_lines({"OHIF": installed.version if installed else "not installed: edge viewer install"})


@app.command("remove")
def remove_viewer(config: ConfigOption = None) -> None:
    """Remove the viewer; nothing else is touched."""
    folder = load_default(config).viewer_dir
    if look(folder) is not None:
        shutil.rmtree(folder)
