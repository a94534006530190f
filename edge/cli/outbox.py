"""`edge outbox …`: what is on its way, and what people want of it."""

from typing import Annotated

import typer

from edge.cli import show
from edge.cli.options import ConfigOption, JsonOption
from edge.config import load_default
from edge.core.sync_words import say_duration
from edge.net.local_api import ask

app = typer.Typer(help="What is on its way to the hospital.", no_args_is_help=True)

UidArgument = Annotated[str | None, typer.Argument(metavar="[UID]", help="A study or an instance; none: everything.")]
DestinationOption = Annotated[str | None, typer.Option(help="Only this destination.")]


@app.command("list")
def list_outbox(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Destinations, and the studies that are not there yet."""
    view = ask(load_default(config), "GET", "/api/v1/outbox")
    if json:
        show.as_json(view)
        return
    show.as_table(view["destinations"], ["name", "kind", "sentence", "counts.waiting", "counts.held"])
    for study in view["studies"]:
        study["left"] = say_duration(study["eta_s"]) if study.get("eta_s") else ""
    show.as_table(view["studies"], ["study_instance_uid", "destination", "state", "done", "total", "left", "reason"])
    foretold = {each["name"]: "; ".join(each["forecast"]) for each in view["destinations"] if each["forecast"]}
    back = {each["study_instance_uid"]: each["away"]["sentence"] for each in view["returning"]}
    show.as_lines(foretold | ({"disk": view["disk"]} if view["disk"] else {}) | back)


def _command(verb: str, sentence: str) -> None:
    def ask_node(uid: UidArgument = None, destination: DestinationOption = None, config: ConfigOption = None) -> None:
        # The node tells a study from an instance itself.
        body = {"uid": uid, "destination": destination}
        answer = ask(load_default(config), "POST", f"/api/v1/outbox/{verb}", {k: v for k, v in body.items() if v})
        show.as_lines({"changed": answer["count"]})

    app.command(verb, help=sentence)(ask_node)


_command("retry", "Try again now.")
_command("hold", "Do not send until released.")
_command("release", "Send again what was held.")
_command("cancel", "Never send this there.")
_command("first", "Put this first in line.")
