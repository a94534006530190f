"""`edge fetch`: studies from a destination back to this node."""

from typing import Annotated

import typer

from edge.cli import show
from edge.cli.options import ConfigOption, JsonOption
from edge.config import Config, load_default
from edge.errors import EXIT_DONE, EXIT_TRY_AGAIN, BadInputError, NotFoundError

Key = Annotated[str, typer.Option(help="As in a query: wild cards and lists are understood.")]


def fetch(
    source: Annotated[str, typer.Option("--from", help="Name of a [[destination]] of kind dimse.")],
    study: Annotated[str, typer.Option(help="StudyInstanceUID.")] = "",
    patient_id: Key = "",
    accession: Key = "",
    only_list: Annotated[bool, typer.Option("--list", help="Only say what is there.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Have a destination send studies to this node, which must be running."""
    from edge.net import querying
    from edge.net.association import Peer

    asked = {"StudyInstanceUID": study, "PatientID": patient_id, "AccessionNumber": accession}
    keys = {keyword: value for keyword, value in asked.items() if value}
    if not keys:
        raise BadInputError("Nothing is asked for.", next_step="Name --study, --patient-id or --accession.")
    loaded = load_default(config)
    host, port, title = _where(loaded, source)
    peer = Peer(name=source, host=host, port=port, ae_title=title, own_ae_title=loaded.node.ae_title)
    found = querying.require_one(querying.find_studies(peer, keys), peer)
    rows = []
    for one in found:
        moved = None if only_list else querying.move_study(peer, one.study_instance_uid)
        rows.append(
            {
                "study": one.study_instance_uid, "date": one.study_date, "description": one.description,
                "arrived": moved.completed_count if moved else None, "failed": moved.failed_count if moved else None,
            }
        )  # fmt: skip
    show.either(rows, json_wanted=json, columns=["study", "date", "description", "arrived", "failed"])
    raise typer.Exit(EXIT_TRY_AGAIN if any(row["failed"] for row in rows) else EXIT_DONE)


def _where(config: Config, name: str) -> tuple[str, int, str]:
    for one in config.destination:
        if one.name == name and one.kind == "dimse":
            return one.host, one.port, one.ae_title
    raise NotFoundError(f"There is no destination {name!r} of kind dimse.")
