"""`edge store …`: looking after what is kept."""

import socket
from typing import Annotated

import typer

from edge.cli import show
from edge.cli.options import ConfigOption, JsonOption
from edge.config import Config, load_default, split_address
from edge.errors import EXIT_BAD_INPUT, EXIT_DONE, ConflictError

app = typer.Typer(help="Looking after what is kept.", no_args_is_help=True)
MB = 1024 * 1024
_WITH_SOCKETS = ("capture", "record", "live", "convert", "api")


@app.command()
def rebuild(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Make the index anew from the objects alone. The node must be stopped."""
    from edge.store.rebuild import rebuild as rebuild_index

    loaded = load_default(config)
    if (name := _running(loaded)) is not None:
        raise ConflictError(f"The {name} service runs.", next_step="Stop the node first: systemctl stop edge.target.")
    done = rebuild_index(loaded.database_path, loaded.data_dir, destinations=loaded.routing)
    view = {
        "objects": done.object_count, "put_aside": done.aside_count, "waiting_again": done.waiting_count,
        "old_index": str(done.before or ""), "damaged": list(done.damaged), "refused": list(done.refused),
    }  # fmt: skip
    if json:
        show.as_json(view)
    else:
        show.as_lines(view)
    raise typer.Exit(EXIT_BAD_INPUT if done.damaged or done.refused else EXIT_DONE)


@app.command()
def scrub(
    rate: Annotated[float, typer.Option(help="Megabytes a second, at most.", min=0.1)] = 100.0,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Read everything that is kept again, now, and compare it with its digests. The node may run."""
    from edge.store import scrub as store_scrub
    from edge.store.database import Database
    from edge.store.instances import Instances

    loaded = load_default(config)
    database = Database(loaded.database_path)
    try:
        done = store_scrub.walk(database, Instances(database, loaded.data_dir), rate_bytes_s=rate * MB)
        view = {"objects": done.object_count, "bytes": done.size_bytes, "damaged": store_scrub.damaged(database)}
    finally:
        database.close()
    if json:
        show.as_json(view)
    else:
        show.as_lines(view)
    raise typer.Exit(EXIT_BAD_INPUT if view["damaged"] else EXIT_DONE)


def _running(config: Config) -> str | None:
    """Return the name of a service that runs on this configuration."""
    from edge.api.health import has_living_bell

    for name in _WITH_SOCKETS:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(config.socket_path(name))) == 0:
                return name
    host, port = split_address(config.receive.listen)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.settimeout(1.0)
        if probe.connect_ex((host if host != "0.0.0.0" else "127.0.0.1", port)) == 0:
            return "receive"
    return "uplink" if has_living_bell(config.run_dir / "bells" / "uplink") else None
