"""The `edge` command: `edge NOUN VERB`. Every error ends with a sentence, its next step and a fixed exit status."""

import sys

import typer

from edge.errors import EXIT_FAULT, EdgeError


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


def build_slides() -> typer.Typer:
    """Return only what converts and proves slides: run once a slide, it must start in a moment."""
    from edge.cli import slides

    app = typer.Typer(name="edge", no_args_is_help=True, pretty_exceptions_enable=False)
    slides.add_to(app)
    return app


def main() -> None:
    """Run the command line and turn our errors into an exit status."""
    is_slides = len(sys.argv) > 1 and sys.argv[1] in ("convert", "verify")
    try:
        (build_slides() if is_slides else build())()
    except EdgeError as error:
        sys.stderr.write(f"edge: {error}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(EXIT_FAULT)
