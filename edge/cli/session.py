"""`edge session …`: what the bedside page does, for scripts."""

from typing import Annotated, Any

import typer

from edge.cli import show
from edge.cli.options import ConfigOption, JsonOption
from edge.config import load_default
from edge.net.local_api import ask

app = typer.Typer(help="Live exams.", no_args_is_help=True)
record = typer.Typer(help="Start and stop a clip.", no_args_is_help=True)
app.add_typer(record, name="record")

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The session.")]


@app.command("open")
def open_session(
    source: Annotated[str, typer.Option(help="Name of the probe in the configuration.")],
    worklist: Annotated[str | None, typer.Option(help="Entry of the worklist.")] = None,
    patient_id: Annotated[str, typer.Option()] = "",
    patient_name: Annotated[str, typer.Option(help="FAMILY^GIVEN.")] = "",
    birth_date: Annotated[str, typer.Option(help="YYYYMMDD.")] = "",
    sex: Annotated[str, typer.Option(help="M, F or O.")] = "",
    size_m: Annotated[float | None, typer.Option(min=0.1, max=3.0)] = None,
    weight_kg: Annotated[float | None, typer.Option(min=0.1, max=500.0)] = None,
    responsible_person: Annotated[str, typer.Option(help="FAMILY^GIVEN, for a child.")] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Start an exam and print its links."""
    body: dict[str, Any] = {"source": source}
    if worklist is not None:
        body["worklist_id"] = worklist
    else:
        body["patient"] = {
            "patient_id": patient_id, "name": patient_name, "birth_date": birth_date, "sex": sex, "size_m": size_m,
            "weight_kg": weight_kg, "responsible_person": responsible_person,
        }  # fmt: skip
    opened = ask(load_default(config), "POST", "/api/v1/sessions", body)
    fields = ("session_id", "study_instance_uid", "bedside_url", "specialist_url", "whep_url", "token")
    _print({name: opened.get(name) for name in fields}, json_wanted=json)


@app.command()
def invite(
    session_id: IdArgument,
    role: Annotated[str, typer.Option(help="specialist, observer or camera.")] = "specialist",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make a link for one more guest."""
    made = ask(load_default(config), "POST", f"/api/v1/sessions/{session_id}/invites", {"role": role})
    _print(
        {name: made.get(name) for name in ("specialist_url", "whep_url", "whip_url", "token", "code")}, json_wanted=json
    )


@record.command("start")
def record_start(session_id: IdArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Begin a clip."""
    _print(ask(load_default(config), "POST", f"/api/v1/sessions/{session_id}/record/start", {}), json_wanted=json)


@record.command("stop")
def record_stop(session_id: IdArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """End the clip."""
    _print(ask(load_default(config), "POST", f"/api/v1/sessions/{session_id}/record/stop", {}), json_wanted=json)


@app.command()
def still(session_id: IdArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Keep the picture of this moment."""
    _print(ask(load_default(config), "POST", f"/api/v1/sessions/{session_id}/still", {}), json_wanted=json)


@app.command("save-last")
def save_last(
    session_id: IdArgument,
    seconds: Annotated[float, typer.Option(min=1, max=600)] = 10,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Keep what has just happened."""
    body = {"seconds": seconds}
    _print(ask(load_default(config), "POST", f"/api/v1/sessions/{session_id}/save-last", body), json_wanted=json)


@app.command()
def close(session_id: IdArgument, config: ConfigOption = None) -> None:
    """End the exam."""
    ask(load_default(config), "POST", f"/api/v1/sessions/{session_id}/close", {})


@app.command("list")
def list_sessions(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Exams, open ones first."""
    rows = ask(load_default(config), "GET", "/api/v1/sessions")
    show.either(rows, json_wanted=json, columns=["session_id", "state", "source", "study_instance_uid"])


def _print(values: dict[str, Any], *, json_wanted: bool) -> None:
    if json_wanted:
        show.as_json(values)
    else:
        show.as_lines(values)
