"""The `edge` command: `edge NOUN VERB`. Every error ends with a sentence, its next step and a fixed exit status."""

import importlib
import sys

import typer

from edge.errors import EXIT_FAULT, EdgeError

_PARTS = {"convert": "slides", "verify": "slides", "run": "node"}


def build() -> typer.Typer:
    """Put the commands together; each noun's file is imported here and nowhere else."""
    from edge.cli import conformance, fetch, node, outbox, people, session, slides, store, studies, viewer, worklist

    app = typer.Typer(
        name="edge",
        help="Telemedicine and digital-pathology edge appliance.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    node.add_to(app)
    slides.add_to(app)
    studies.add_to(app)
    app.command("fetch")(fetch.fetch)
    app.command("conformance")(conformance.print_conformance)
    app.add_typer(session.app, name="session")
    app.add_typer(worklist.app, name="worklist")
    app.add_typer(outbox.app, name="outbox")
    app.add_typer(store.app, name="store")
    app.add_typer(people.audit, name="audit")
    app.add_typer(people.user, name="user")
    app.add_typer(viewer.app, name="viewer")
    return app


def build_part(noun: str) -> typer.Typer:
    """Return the commands of one file only: what runs a service holds no other memory, a slide starts in a moment."""
    part = importlib.import_module(f"edge.cli.{noun}")
    app = typer.Typer(name="edge", no_args_is_help=True, pretty_exceptions_enable=False)
    part.add_to(app)
    return app


def main() -> None:
    """Run the command line and turn our errors into an exit status."""
    part = _PARTS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    try:
        (build_part(part) if part else build())()
    except EdgeError as error:
        sys.stderr.write(f"edge: {error}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(EXIT_FAULT)
