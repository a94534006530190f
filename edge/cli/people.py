"""`edge user …` and `edge audit …`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from edge.cli import show
from edge.cli.options import ConfigOption, JsonOption
from edge.config import load_default
from edge.core.access import UserRole
from edge.errors import EXIT_FAULT, BadInputError
from edge.net.local_api import ask

user = typer.Typer(help="Who may sign in.", no_args_is_help=True)
audit = typer.Typer(help="What was done, by whom.", no_args_is_help=True)
AUDIT_PAGE = 1000


@user.command("add")
def add_user(
    name: str,
    role: Annotated[UserRole, typer.Option(help="What the person is.")],
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    config: ConfigOption = None,
) -> None:
    """Add a person; the password is asked for."""
    if role is UserRole.NODE:
        raise BadInputError("A node is no person.", next_step="Name it under [[hub.node]] in the configuration.")
    if role is UserRole.GUEST:
        raise BadInputError("A guest has no password.", next_step="Use `edge session invite`.")
    password = sys.stdin.readline().rstrip("\n") if password_stdin else _ask_password()
    ask(load_default(config), "POST", "/api/v1/users", {"name": name, "password": password, "role": role})


def _ask_password() -> str:
    answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


@user.command("list")
def list_users(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Who is known here."""
    rows = ask(load_default(config), "GET", "/api/v1/users")
    show.either(rows, json_wanted=json, columns=["name", "role", "is_disabled"])


@user.command()
def disable(name: str, config: ConfigOption = None) -> None:
    """Let this person sign in no more; open sign-ins end."""
    ask(load_default(config), "POST", f"/api/v1/users/{name}/disable", {})


@audit.command("verify")
def verify_audit(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Check that no row of the audit was changed or removed."""
    from edge.store import audit_log
    from edge.store.database import Database

    database = Database(load_default(config).database_path)
    try:
        broken_at = audit_log.verify(database)
    finally:
        database.close()
    show.as_json({"is_whole": broken_at is None, "broken_at": broken_at}) if json else show.as_lines(
        {"audit": "whole" if broken_at is None else f"broken at row {broken_at}"}
    )
    if broken_at is not None:
        raise typer.Exit(EXIT_FAULT)


@audit.command("export")
def export_audit(
    out: Annotated[Path, typer.Option("--out", help="A JSON Lines file.")], config: ConfigOption = None
) -> None:
    """Write all rows, oldest first, as JSON lines."""
    import msgspec

    from edge.store import audit_log
    from edge.store.database import Database

    database = Database(load_default(config).database_path)
    try:
        with out.open("wb") as file:
            left, last = audit_log.count(database), 0
            while left > 0:
                size = min(AUDIT_PAGE, left)
                rows = audit_log.list_rows(database, limit=size, offset=left - size)
                # Rows written meanwhile push the older ones back: none is written out twice.
                file.writelines(msgspec.json.encode(row) + b"\n" for row in reversed(rows) if row.row_number > last)
                last, left = max(row.row_number for row in rows), left - size
    finally:
        database.close()
